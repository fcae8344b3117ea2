import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from data_access import audit_trail
from data_access.registry import Registry
from monitoring import decide, prepare_meeting
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
        ({"action": "propose"}, ["next-product", "sme-default"]),
        ({"model": "no such model"}, ["next-product", "sme-default"]),
    ],
)
def test_link_carries_the_filters(
    proposals: Registry, open_page: Open, parameters: dict[str, str], expected: list[str]
) -> None:
    assert models(open_page("audit", **parameters)) == expected


def test_meetings_are_called_so_and_people_by_their_names(registry: Registry, open_page: Open) -> None:
    prepare_meeting.call_meeting(
        registry,
        title="Committee",
        length_minutes=60,
        chair="marie@example.org",
        people=["max@example.org"],
        by="marie@example.org",
        on=builders.TODAY,
        now=builders.NOW,
    )
    page = open_page("audit", event="1")
    (row,) = page.dataframe[0].value.to_dict("records")
    assert (row["Who"], row["About"]) == ("Marie Novak", "Meeting 1")
    assert page.selectbox(key="au_actor").options == ["Marie Novak"]
    texts = "\n".join(element.value for element in page.markdown)
    assert "| Attendees | Marie Novak and Max Rao |" in texts
    assert "@" not in texts


def test_period_is_in_the_link(proposals: Registry, open_page: Open) -> None:
    day = builders.TODAY.isoformat()
    assert len(models(open_page("audit", **{"from": day, "to": day}))) == 2
    page = open_page("audit", **{"from": "2001-01-01", "to": "2001-12-31"})
    assert page.title[0].value == "No event matches"


def test_long_trail_is_paged_in_the_link(proposals: Registry, open_page: Open) -> None:
    with proposals.write() as session:
        for number in range(120):
            audit_trail.append(
                session,
                at=builders.NOW,
                recorded_at=builders.NOW,
                actor="clock",
                role="clock",
                action="test",
                subject_kind="test",
                subject_id=str(number),
            )
    page = open_page("audit", page="2")
    assert page.title[0].value == "122 events on record"
    assert len(models(page)) == 22
    assert "Events 101 to 122 of 122" in page.markdown[-1].value
    next(button for button in page.button if button.label == "Newer").click().run()
    assert len(models(page)) == 100
    assert len(models(open_page("audit", page="99"))) == 22


def test_event_in_the_link_shows_what_changed_field_by_field(proposals: Registry, open_page: Open) -> None:
    decide.withdraw(proposals, 1, by="ada@example.org", on=builders.TODAY, now=builders.NOW)
    texts = [element.value for element in open_page("audit", event="3").markdown]

    assert any("| State | Proposed | Withdrawn |" in text for text in texts)
    assert any("As before: Action Retrain" in text for text in texts)
    assert any("decision 1" in text and "by Ada" in text for text in texts)


def test_ticked_event_is_in_the_link(proposals: Registry, open_page: Open) -> None:
    page = open_page("audit")
    key = page.dataframe[0].proto.id.split("-", 2)[-1]
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()

    assert list(page.query_params["event"]) == ["2"]
    assert any("Set to" in element.value for element in page.markdown)


def test_untouched_trail_verifies(proposals: Registry, open_page: Open) -> None:
    page = open_page("audit")
    next(button for button in page.button if button.label == "Verify").click().run()

    assert page.success[0].value.startswith("**2 events verified:**")


def test_changed_row_is_named(proposals: Registry, open_page: Open) -> None:
    with proposals.writer.begin() as connection:
        for (trigger,) in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(sa.text(f"DROP TRIGGER {trigger}"))
        connection.execute(sa.text("UPDATE audit_events SET reason = 'nothing happened' WHERE sequence = 1"))
    page = open_page("audit")
    next(button for button in page.button if button.label == "Verify").click().run()

    assert page.error[0].value.startswith("**The record does not verify.** Audit row 1 was changed")


@pytest.mark.parametrize(
    ("email", "may"), [("tim@example.org", True), ("ann@example.org", True), ("vera@example.org", False)]
)
def test_only_some_may_take_the_trail_away(proposals: Registry, open_page: Open, email: str, may: bool) -> None:
    page = open_page("audit", acting_as=email)

    assert ("Export" in {getattr(element, "label", "") for element in page.get("download_button")}) is may
