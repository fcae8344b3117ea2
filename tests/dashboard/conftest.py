"""A small real registry and the pages opened on it, without a browser."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard import session
from data_access.registry import Registry
from tests import builders
from tests.listening import statements

APP = Path(dashboard.__file__).with_name("app.py")
PATIENCE_SECONDS = 60
Open = Callable[..., AppTest]


@pytest.fixture
def empty_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry without any model, which the pages take as theirs; served on this machine only, as `serve` does."""
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path))
    monkeypatch.setenv("MODELFOLIO_AS_OF", builders.TODAY.isoformat())
    monkeypatch.setenv("MODELFOLIO_DEMO_SIGN_IN", "1")
    monkeypatch.delenv("MODELFOLIO_REGISTRY_URL", raising=False)
    registry = builders.new_registry(tmp_path)
    yield registry
    registry.close()


@pytest.fixture
def registry(empty_registry: Registry) -> Registry:
    """A registry with one model per verdict and people of every role."""
    builders.small_portfolio(empty_registry)
    return empty_registry


@pytest.fixture
def open_page() -> Open:
    """Open a page as somebody, with parameters in its address, and return it after its first run."""

    def opened(view: str = "portfolio", *, acting_as: str | None = None, **parameters: str | list[str]) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
        if acting_as:
            page.session_state["acting_as"] = acting_as
        for name, value in parameters.items():
            page.query_params[name] = value
        if view != "portfolio":
            page.switch_page(f"views/{view}.py")
        page.run()
        assert not page.exception, page.exception
        return page

    return opened


def page_statements() -> AbstractContextManager[list[str]]:
    """What the page asks the registry meanwhile."""
    return statements(session.registry().engine)
