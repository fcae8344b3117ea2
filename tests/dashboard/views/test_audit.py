import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from data_access.registry import Registry
from monitoring import decide
from monitoring.lifecycle import Action
from tests import builders
from tests.dashboard.conftest import Open


@pytest.fixture
def proposals(registry: Registry) -> Registry:
    """A registry in which two people have proposed something."""
    for model_id, action, by in (
        ("sme-default", Action.RETRAIN, "ada@example.org"),
        ("next-product", Action.RETIRE, "max@example.org"),
    ):
        decide.propose(
            registry,
            model_id=model_id,
            action=action,
            reason="It lost too much.",
            by=by,
            on=builders.TODAY,
            now=builders.NOW,
        )
    return registry


def models(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["About"])


def test_empty_trail_says_so(registry: Registry, open_page: Open) -> None:
    assert open_page("audit").title[0].value == "Nothing is on record yet"


def test_everybody_reads_newest_first(proposals: Registry, open_page: Open) -> None:
    page = open_page("audit", acting_as="vera@example.org")

    assert page.title[0].value == "2 events on record"
    assert models(page) == ["next-product", "sme-default"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"model": "sme-default"}, ["sme-default"]),
        ({"actor": "max@example.org"}, ["next-product"]),
        ({"action": "propose", "days": "7"}, ["next-product", "sme-default"]),
        ({"model": "no such model"}, ["next-product", "sme-default"]),
    ],
)
def test_link_carries_the_filters(
    proposals: Registry, open_page: Open, parameters: dict[str, str], expected: list[str]
) -> None:
    assert models(open_page("audit", **parameters)) == expected


def test_ticked_event_shows_before_and_after(proposals: Registry, open_page: Open) -> None:
    page = open_page("audit")
    key = page.dataframe[0].proto.id.split("-", 2)[-1]
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()

    assert '"state": "proposed"' in page.json[0].value.replace('":"', '": "')


def test_untouched_trail_verifies(proposals: Registry, open_page: Open) -> None:
    page = open_page("audit")
    next(button for button in page.button if button.label == "Verify").click().run()

    assert page.success[0].value.startswith("2 events verified")


def test_changed_row_is_named(proposals: Registry, open_page: Open) -> None:
    with proposals.writer.begin() as connection:
        for (trigger,) in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(sa.text(f"DROP TRIGGER {trigger}"))
        connection.execute(sa.text("UPDATE audit_events SET reason = 'nothing happened' WHERE sequence = 1"))
    page = open_page("audit")
    next(button for button in page.button if button.label == "Verify").click().run()

    assert page.error


@pytest.mark.parametrize(
    ("email", "may"), [("tim@example.org", True), ("ann@example.org", True), ("vera@example.org", False)]
)
def test_only_some_may_take_the_trail_away(proposals: Registry, open_page: Open, email: str, may: bool) -> None:
    page = open_page("audit", acting_as=email)

    assert ({"CSV", "JSON"} <= {getattr(element, "label", "") for element in page.get("download_button")}) is may
