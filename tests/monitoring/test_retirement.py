from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.assessment import Verdict
from monitoring.errors import InvalidProposalError
from monitoring.retirement import ARCHIVED, Acknowledgement, Notified, RetirementPlan, check_sunset, plan_changes
from monitoring.zombie import Zombie

DAY = date(2026, 3, 2)
SAID = Acknowledgement("Gail", DAY, "ada@example.org", datetime(2026, 3, 2, 10, 42, tzinfo=UTC))
GATES = Notified("Gates", "gates@example.org", SAID)
WHOLE = RetirementPlan(
    replacement="next", sunset_on=DAY, consumers=(GATES,), artefact="s3", code="git", training_data="tape"
)
GAPS: dict[str, RetirementPlan] = {
    "a replacement or the reason why there is none": replace(WHOLE, replacement=None),
    "the last day of service": replace(WHOLE, sunset_on=None),
    "its consumers or the word that nobody uses it": replace(WHOLE, consumers=()),
    "a contact of Gates": replace(WHOLE, consumers=(replace(GATES, contact=None),)),
    "the acknowledgement of Gates": replace(WHOLE, consumers=(replace(GATES, acknowledgement=None),)),
    "where the artefact is archived": replace(WHOLE, artefact=None),
    "where the code is archived": replace(WHOLE, code=None),
    "where the training data are archived": replace(WHOLE, training_data=None),
}

texts = st.one_of(st.none(), st.text(min_size=1, max_size=20))
acknowledgements = st.builds(
    Acknowledgement,
    st.text(min_size=1),
    st.dates(),
    st.text(min_size=1),
    st.datetimes(timezones=st.just(UTC)),
)
plans = st.builds(
    RetirementPlan,
    replacement=texts,
    why_no_replacement=texts,
    sunset_on=st.one_of(st.none(), st.dates()),
    consumers=st.lists(
        st.builds(Notified, st.text(min_size=1, max_size=5), texts, st.one_of(st.none(), acknowledgements)),
        max_size=3,
        unique_by=lambda each: each.name,
    ).map(tuple),
    nobody_uses_it=st.booleans(),
    **dict.fromkeys(ARCHIVED, texts),
)


@pytest.mark.parametrize("gap", GAPS)
def test_each_gap_is_named_and_nothing_else(gap: str) -> None:
    assert GAPS[gap].missing() == (gap,)


def test_a_whole_plan_lacks_nothing() -> None:
    assert WHOLE.missing() == ()
    assert replace(WHOLE, replacement=None, why_no_replacement="A rule does it.").missing() == ()
    assert replace(WHOLE, consumers=(), nobody_uses_it=True).missing() == ()


@given(plans)
def test_a_plan_comes_back_from_plain_json_as_it_was(plan: RetirementPlan) -> None:
    assert RetirementPlan.of(plan.plain()) == plan


@given(plans)
def test_whatever_adds_to_a_plan_leaves_what_was_settled(plan: RetirementPlan) -> None:
    assert plan.only_adds_to(plan)
    assert plan.only_adds_to(RetirementPlan())
    if plan.missing() != RetirementPlan().missing() and (plan.replacement or plan.code or plan.consumers):
        assert not RetirementPlan().only_adds_to(plan)


@given(plans, plans)
def test_a_change_is_said_exactly_when_there_is_one(before: RetirementPlan, after: RetirementPlan) -> None:
    def content(plan: RetirementPlan) -> RetirementPlan:
        return replace(plan, nobody_uses_it=False, consumers=tuple(sorted(plan.consumers, key=lambda each: each.name)))

    said = plan_changes(before.plain(), after.plain())
    assert bool(said) >= (content(before) != content(after))
    assert plan_changes(before.plain(), before.plain()) == ()


def test_the_last_day_is_bounded() -> None:
    for day, approved in ((date(2026, 3, 1), None), (date(2029, 3, 2), None), (DAY, date(2026, 3, 3))):
        with pytest.raises(InvalidProposalError, match="The sunset date is"):
            check_sunset(day, on=DAY, approved=approved)
    check_sunset(DAY, on=DAY, approved=DAY)


def test_a_zombie_is_counted_and_says_since_when() -> None:
    asked = ((date(2026, 4, 2), 1_000), (date(2026, 4, 4), 200), (date(2026, 4, 5), 4))
    zombie = Zombie("m", "M", None, None, 1, date(2026, 4, 1), asked)
    found = zombie.finding()
    assert found.sentence == zombie.sentence
    assert found.sentence == (
        "It is retired and still scored: 1,204 predictions on 3 days since its last day of service, 1 Apr, the newest on 5 Apr."
    )
    assert (found.since, found.argues_for) == (date(2026, 4, 2), Verdict.RETIRE)
    assert (found.evidence["rows"], found.evidence["days_in_a_row"]) == (1_204, 2)
    assert len(zombie.short) <= 62
