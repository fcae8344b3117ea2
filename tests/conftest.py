"""What tests of every part may ask for."""

import os
import shutil
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Dialog, Page, sync_playwright
from streamlit.components.v2 import manifest_scanner

from tests.postgres import PostgresServer, running_postgres

# How long an example takes says how busy the machine is.
settings.register_profile("modelfolio", deadline=None)
settings.load_profile("modelfolio")

pytest_plugins = ["tests.experimental_engines", "tests.sample_portfolio"]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
LONGEST = {"journeys", "sample_data"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that at the end no core waits for the last of them."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Keep the main module: an ``AppTest`` leaves its script in the place of it, and every process spawned later would run that."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session", autouse=True)
def no_search_for_components() -> Iterator[None]:
    """Keep every ``AppTest`` from reading what every installed package says of itself, half its time; the product has no such component."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", list)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of our own, started when the first test asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database, gone after the test."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed Chromium; without one the test is skipped, with CI set it fails."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("no Chromium, and CI must not skip the browser tests")
    pytest.skip("no Chromium")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for the journeys of a module: while it runs, no other test could run an event loop.

    A Chromium that root starts needs to be told to do without its sandbox.
    """
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh window without cookies; a request to another host, an error in its console or a dialog fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    complaints: list[str] = []

    def refuse(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context.on("request", lambda request: complaints.append(request.url) if _leaves_this_machine(request.url) else None)
    context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("dialog", refuse)
    yield context.new_page()
    context.close()
    assert complaints == []


def _leaves_this_machine(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).hostname != "127.0.0.1"
