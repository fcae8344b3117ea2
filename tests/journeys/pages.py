"""Every page there is, read from the program itself, so that a new one is tried without being listed here."""

import re
from pathlib import Path

from playwright.sync_api import Page

import dashboard

APP = Path(dashboard.__file__).with_name("app.py").read_text()
MENU = tuple(
    "/" if name == "portfolio" else f"/{name}" for name in re.findall(r'url_path="([\w-]+)"', APP) if name != "model"
)
"""The addresses of the menu's pages; the page of a model needs a model."""


def model_tabs(page: Page) -> list[str]:
    """Return the names of the tabs of the model page that is open."""
    tabs = page.get_by_role("tab")
    tabs.first.wait_for()
    return [tab.strip() for tab in tabs.all_inner_texts()]
