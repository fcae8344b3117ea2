from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring.decision import Decision
from monitoring.errors import InvalidMeetingError
from monitoring.lifecycle import State
from monitoring.meeting import (
    MEETING_MOVES,
    Attendee,
    Choice,
    Entry,
    EntryKind,
    Item,
    Meeting,
    MeetingMove,
    MeetingState,
    Scope,
    checked_attendees,
    checked_length,
    checked_title,
)
from monitoring.meeting_agenda import Rule
from monitoring.meeting_matter import Matter
from monitoring.meeting_quorum import aside_sentence, item_quorum, meeting_quorum
from monitoring.minutes import AsDecided, MinutesFacts, document_hash, minutes_document
from monitoring.people import Actor
from tests.monitoring.test_decision import ADA, BEN, CLEO, DANA, DAY, EVE, NOW, proposed

PEOPLE = (ADA, BEN, CLEO, DANA, EVE)
ITEM = Item(id=5, rule=Rule.APPROVAL.value, title="Late?", why="It waits.", minutes=5, model_id="m", decision_id=1)


def meeting(*present: Actor, entries: tuple[Entry, ...] = ()) -> Meeting:
    return Meeting(
        id=3,
        title="Committee",
        state=MeetingState.RUNNING,
        held_on=DAY,
        length_minutes=60,
        chair=BEN.email,
        called_by=BEN.email,
        attendees=tuple(Attendee.of(each) for each in present),
        items=(ITEM,),
        entries=entries,
    )


def entry(kind: EntryKind, person: Actor, choice: str, text: str = "") -> Entry:
    return Entry(
        kind=kind,
        recorded_by=BEN.email,
        recorded_on=DAY,
        recorded_at=NOW,
        item_id=ITEM.id,
        person=person.email,
        choice=choice,
        text=text,
    )


def seats(held: Meeting, decision: Decision) -> str:
    return item_quorum(held, ITEM, Matter(decisions=(decision,)), people=PEOPLE)


def test_quorum_of_tier_1_needs_an_approver_and_another_person_as_reviewer() -> None:
    assert meeting_quorum(meeting(BEN, DANA), PEOPLE).startswith("Quorum for every tier")
    assert meeting_quorum(meeting(EVE), PEOPLE).startswith("Quorum for tiers 2 and 3 only")
    assert meeting_quorum(meeting(DANA, ADA), PEOPLE).startswith("No quorum")


def test_quorum_of_an_item_names_who_present_can_fill_each_seat() -> None:
    assert (
        seats(meeting(BEN, CLEO, DANA), proposed()) == "Quorum: Ben and Cleo as approver; Dana as independent reviewer."
    )


def test_proposer_and_who_stepped_back_fill_no_seat() -> None:
    held = meeting(BEN, CLEO, DANA, entries=(entry(EntryKind.CONFLICT, CLEO, "stepped_back", "She built it."),))
    decision = proposed(by=BEN)
    assert seats(held, decision) == "No quorum on this item: nobody present can answer as approver."
    aside = aside_sentence(held, ITEM, Matter(decisions=(decision,)), names={each.email: each.name for each in PEOPLE})
    assert aside == "Ben proposed it and steps back from approving; Cleo steps back (She built it.)."


def test_one_person_does_not_sit_on_both_seats() -> None:
    assert "two different people" in seats(meeting(EVE), proposed())


def test_who_is_absent_fills_no_seat() -> None:
    held = meeting(BEN, DANA)
    absent = replace(held, attendees=(replace(held.attendees[0], is_present=False), held.attendees[1]))
    assert "answer as approver" in seats(absent, proposed())


def test_newest_vote_counts_and_of_who_steps_back_none() -> None:
    votes = (entry(EntryKind.VOTE, CLEO, "for"), entry(EntryKind.VOTE, CLEO, "against", "Too early."))
    assert meeting(CLEO, entries=votes).votes(ITEM.id)[CLEO.email].choice == Choice.AGAINST
    aside = entry(EntryKind.CONFLICT, CLEO, "stepped_back", "She built it.")
    assert meeting(CLEO, entries=(*votes, aside)).votes(ITEM.id) == {}
    back = entry(EntryKind.CONFLICT, CLEO, "withdrawn", "A mistake.")
    assert set(meeting(CLEO, entries=(*votes, aside, back)).votes(ITEM.id)) == {CLEO.email}


def test_confirmed_minutes_lead_nowhere() -> None:
    assert not [move for state, move in MEETING_MOVES if state in {MeetingState.CONFIRMED, MeetingState.CALLED_OFF}]
    assert MEETING_MOVES[MeetingState.ENDED, MeetingMove.CONFIRM] is MeetingState.CONFIRMED


@pytest.mark.parametrize("minutes", [4, 481])
def test_impossible_length_is_refused(minutes: int) -> None:
    with pytest.raises(InvalidMeetingError):
        checked_length(minutes)


@pytest.mark.parametrize("title", ["", "  ", "x" * 121])
def test_title_that_says_nothing_or_too_much_is_refused(title: str) -> None:
    with pytest.raises(InvalidMeetingError):
        checked_title(title)


def test_everybody_is_listed_once_the_chair_first_guests_last() -> None:
    listed = checked_attendees(
        [Attendee("Zoe"), Attendee.of(CLEO), Attendee.of(BEN), Attendee("zoe ")], chair=CLEO.email
    )
    assert [each.name.strip().lower() for each in listed] == ["cleo", "ben", "zoe"]
    with pytest.raises(InvalidMeetingError, match="has a name"):
        checked_attendees([Attendee(" ")], chair=BEN.email)


def test_scope_holds_models_of_each_of_its_parts() -> None:
    scope = Scope(teams=("Cards",), tiers=(0, 1))
    assert scope.holds(team="Cards", use_case=None, tier=None)
    assert not scope.holds(team="Cards", use_case=None, tier=2)
    assert not scope.holds(team=None, use_case=None, tier=1)
    assert (scope.words, Scope().words) == ("tier not set or tier 1, Cards", "every model")
    assert Scope.of(scope.plain()) == scope


def test_minutes_say_everything_that_was_recorded_and_change_their_hash_with_any_of_it() -> None:
    entries = (
        entry(EntryKind.VOTE, CLEO, "against", "Too early."),
        entry(EntryKind.NOTE, BEN, "", "Ask again in May."),
        entry(EntryKind.DECISION, DANA, "approve", "Only on May."),
    )
    decision = replace(proposed(), id=1)
    held = meeting(BEN, CLEO, DANA, entries=tuple(replace(each, decision_id=1) for each in entries))
    facts = MinutesFacts(
        {1: decision},
        {ITEM.id: Matter(decisions=(decision,))},
        (),
        PEOPLE,
        "2026-03-01",
        "version 1",
        {0: AsDecided(State.PROPOSED, 1, 2, None)},
    )
    document = minutes_document(held, facts, anchor="modelfolio audit head 9 ab 20261125T010203Z")
    (item,) = document["items"]
    assert item["votes"] == [{"person": "Cleo", "vote": "against", "reason": "Too early.", "recorded_by": "Ben"}]
    assert (item["note"], item["aside"]) == ("Ask again in May.", "Ada proposed it and steps back from approving.")
    assert item["decisions"][0] | {"by": "Dana", "move": "approve", "approvals": "1 of 2"} == item["decisions"][0]
    later = replace(held, ended_at=NOW + timedelta(minutes=1))
    assert document_hash(document) != document_hash(
        minutes_document(later, facts, anchor="modelfolio audit head 9 ab 20261125T010203Z")
    )
