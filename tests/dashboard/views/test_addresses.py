"""An address that is old, cut short or made up: one sentence says so, and the page is there."""

import pytest

from data_access.registry import Registry
from tests.dashboard.conftest import Open
from tests.dashboard.views.test_retraining import approved

MADE_UP = ("abc", "-1", "1.5", "999999", "9" * 40, "![x](https://x.example)")
ASKED = (
    ("approvals", "decision", "decision"),
    ("retraining", "decision", "retraining"),
    ("policies", "version", "version of the policy"),
    ("meeting", "meeting", "meeting"),
    ("audit", "event", "event"),
)


@pytest.mark.parametrize(("view", "name", "noun"), ASKED)
def test_what_the_address_asks_for_and_is_not_there_is_said_once(
    registry: Registry, open_page: Open, view: str, name: str, noun: str
) -> None:
    approved(registry)
    for asked in MADE_UP:
        page = open_page(view, acting_as="marie@example.org", **{name: asked})
        assert page.title[0].value
        if asked == "999999" and view in {"approvals", "meeting"}:
            continue  # Said where the decision or the meeting would be.
        (said,) = [each.value for each in page.warning]
        assert said.startswith(f"The address asks for a {noun} with the number “")
        assert "![x]" not in said


def test_number_of_what_is_there_is_no_complaint(registry: Registry, open_page: Open) -> None:
    decision = approved(registry)
    for view in ("approvals", "retraining"):
        assert not open_page(view, acting_as="marie@example.org", decision=str(decision.id)).warning
    assert not open_page("audit", event="1").warning
    assert not open_page("policies", version="1").warning
