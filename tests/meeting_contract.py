"""What a registry promises about meetings, on whatever database it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from data_access import audit_trail, decision_queries, meeting_queries, people, policy_queries, standing_queries
from data_access.meeting_guards import missing_meeting_guards
from data_access.meeting_room import MeetingRoom
from data_access.meeting_tables import MeetingItemRow
from data_access.registry import Registry
from data_access.retired_tables import WatchedDayRow
from data_access.schema import alembic_config, upgrade
from data_access.tables import AuditEventRow, DecisionRow, ModelRow
from monitoring import (
    ask,
    carry_out,
    decide,
    decide_policy,
    decide_standing,
    hold_meeting,
    meeting_follow_up,
    prepare_meeting,
)
from monitoring.anchor import anchors_in
from monitoring.challenge import Turn
from monitoring.errors import (
    AuditChainError,
    ForbiddenMoveError,
    InvalidMeetingError,
    InvalidReasonError,
    NotAuthorisedError,
    UnknownItemError,
    UnknownMeetingError,
    UnknownPersonError,
)
from monitoring.lifecycle import Action, Move, State
from monitoring.meeting import Choice, EntryKind, Item, Meeting, MeetingState, Scope
from monitoring.meeting_action import ActionState, MeetingAction
from monitoring.meeting_agenda import Rule
from monitoring.people import COMMAND_LINE, Role
from monitoring.standing_envelope import Envelope, Guard, ScopeKind
from monitoring.standing_envelope import Scope as Inside
from tests.fresh import fresh_registry
from tests.listening import statements
from tests.registry_contract import (
    ADA,
    BEN,
    CLEO,
    DANA,
    DAY,
    KEY,
    NOW,
    VIC,
    add_assessment,
    add_everybody,
    add_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = timedelta(days=1)
REASON = "It lost a third of its skill."
WHEN: Any = {"on": DAY, "now": NOW}


def propose(
    registry: Registry | MeetingRoom, action: Action = Action.RETRAIN, *, by: str = ADA, model: str = "m"
) -> int:
    until = DAY + 30 * ONE if action is Action.ACCEPT else None
    made = decide.propose(registry, model_id=model, action=action, reason=REASON, by=by, accept_until=until, **WHEN)
    return made.id


def call(registry: Registry, *, people: tuple[str, ...] = (ADA, CLEO, DANA), by: str = BEN, **more: Any) -> Meeting:
    asked: dict[str, Any] = {
        "title": "Model-risk committee",
        "length_minutes": 60,
        "chair": BEN,
        "guests": ["Rosa Guest"],
    } | more
    return prepare_meeting.call_meeting(registry, people=people, by=by, **asked, **WHEN)


def opened(registry: Registry, **more: Any) -> Meeting:
    return hold_meeting.open_meeting(registry, call(registry, **more).id, by=BEN, **WHEN)


def approve(registry: Registry | MeetingRoom, number: int, *, by: str) -> State:
    seen = decide.review(registry, number, by=by, on=DAY).present.hash
    return decide.approve(registry, number, comment="Only on May.", seen_evidence=seen, by=by, **WHEN).state


def steps_back(registry: Registry, meeting: Meeting, item: Item, person: str = CLEO) -> Meeting:
    return hold_meeting.step_back(registry, meeting.id, item.id, person=person, reason="Built it.", by=person, **WHEN)


def policy_proposed(registry: Registry, effect: float = 0.2) -> int:
    values = {"1": {"effect_retrain": effect}, "2": {}, "3": {}}
    why: Any = {"reason": REASON, "wanted_from": None}
    return decide_policy.propose_policy(registry, values=values, based_on=1, by=BEN, **why, **WHEN).number


def standing_proposed(registry: Registry | MeetingRoom, *, runs: int = 1) -> int:
    wanted = Envelope(Inside(ScopeKind.MODELS, ("m",)), (Guard("skill", 0.02),), DAY + 90 * ONE, most_runs=runs)
    return decide_standing.propose_standing(registry, wanted, reason=REASON, by=BEN, **WHEN).id


def stored(registry: Registry, meeting: Meeting) -> Meeting:
    with registry.meeting_records() as records:
        return records.meeting(meeting.id)


def given(registry: Registry, meeting: Meeting, *, assignee: str = ADA, item: int | None = None) -> MeetingAction:
    return hold_meeting.give_action(
        registry,
        meeting.id,
        what="Ask the feed's owner.",
        assignee=assignee,
        due_on=DAY + ONE,
        item_id=item,
        by=BEN,
        **WHEN,
    )


def _instead(wanted: tuple[Item, ...], items: tuple[Item, ...]) -> tuple[Item, ...]:
    del items
    return wanted


class MeetingContract:
    """Subclasses give ``address`` (an empty database) and ``replaces``: statements of that database that slip past a DELETE."""

    def replaces(self) -> list[str]:
        raise NotImplementedError

    @pytest.fixture
    def registry(self, address: str) -> Iterator[Registry]:
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        add_model(registry)
        add_assessment(registry)
        yield registry
        registry.close()

    @pytest.fixture
    def number(self, registry: Registry) -> int:
        return propose(registry)

    @pytest.fixture
    def running(self, registry: Registry, number: int) -> Meeting:
        return opened(registry)

    @pytest.fixture
    def item(self, running: Meeting) -> Item:
        return running.items[0]

    @pytest.fixture
    def room(self, registry: Registry, running: Meeting, item: Item) -> MeetingRoom:
        return MeetingRoom(registry, meeting_id=running.id, item_id=item.id)

    def test_meeting_is_kept_with_its_agenda_from_the_rules(self, registry: Registry, number: int) -> None:
        meeting = call(registry, scope=Scope(teams=("flights",)))
        assert [(each.rule, each.decision_id, each.minutes) for each in meeting.items] == [(Rule.APPROVAL, number, 5)]
        assert [each.name for each in meeting.attendees] == ["Ben", "Ada", "Cleo", "Dana", "Rosa Guest"]
        assert (meeting.state, meeting.since, meeting.scope.words) == (MeetingState.PLANNED, None, "flights")

    def test_models_outside_the_scope_are_not_on_the_agenda(self, registry: Registry, number: int) -> None:
        assert call(registry, scope=Scope(tiers=(1,))).items == ()

    def test_retired_model_whose_log_still_grows_is_on_the_agenda(self, registry: Registry) -> None:
        with registry.write() as session:
            gone = {"service_state": "retired", "sunset_on": DAY - 5 * ONE}
            session.execute(sa.update(ModelRow).values(**gone))
            session.add(WatchedDayRow(model_id="m", day=DAY - ONE, rows=7))
        (item,) = call(registry).items
        assert (item.rule, item.model_id) == (Rule.ZOMBIE, "m")

    @pytest.mark.parametrize("by", [ADA, VIC])
    def test_only_who_answers_for_decisions_or_keeps_minutes_calls_a_meeting(self, registry: Registry, by: str) -> None:
        with pytest.raises(NotAuthorisedError, match="may call a meeting"):
            call(registry, by=by)

    def test_somebody_without_a_vote_cannot_chair(self, registry: Registry) -> None:
        with pytest.raises(InvalidMeetingError, match="cannot chair"):
            call(registry, chair=ADA)

    def test_stranger_cannot_be_invited_as_a_person(self, registry: Registry) -> None:
        with pytest.raises(UnknownPersonError):
            call(registry, people=("nobody@example.org",))

    def test_agenda_is_put_in_order_and_what_is_dropped_stays_in_the_database(
        self, registry: Registry, number: int
    ) -> None:
        meeting = call(registry)
        added = prepare_meeting.add_item(registry, meeting.id, title="Budget", why="Asked for.", by=BEN, **WHEN)
        turned = prepare_meeting.edit_agenda(
            registry, meeting.id, change=lambda items: [replace(items[1], minutes=7)], by=BEN, **WHEN
        )
        assert [each.title for each in added.items] == ["Model m", "Budget"]
        assert [(each.title, each.minutes) for each in turned.items] == [("Budget", 7)]
        with registry.read() as session:
            assert session.scalar(sa.text("SELECT count(*) FROM meeting_items")) == 2

    def test_what_an_item_is_about_cannot_be_changed_nor_an_item_stand_twice(
        self, registry: Registry, number: int
    ) -> None:
        meeting = call(registry)
        edited = prepare_meeting.edit_agenda(
            registry,
            meeting.id,
            change=lambda items: [replace(items[0], why="Other.", decision_id=None, remark="First.")],
            by=BEN,
            **WHEN,
        )
        assert [(each.why, each.decision_id, each.remark) for each in edited.items] == [
            (meeting.items[0].why, number, "First.")
        ]
        new = Item(rule=Rule.APPROVAL.value, title="Slipped in", why="", minutes=5)
        for wrong in ((edited.items[0], edited.items[0]), (edited.items[0], new)):
            with pytest.raises(InvalidMeetingError):
                prepare_meeting.edit_agenda(registry, meeting.id, change=partial(_instead, wrong), by=BEN, **WHEN)

    def test_agenda_made_anew_keeps_places_takes_what_is_new_and_leaves_what_is_settled(
        self, registry: Registry, number: int
    ) -> None:
        meeting = call(registry)
        prepare_meeting.edit_agenda(
            registry, meeting.id, change=lambda items: [replace(items[0], minutes=9)], by=BEN, **WHEN
        )
        second = propose(registry, Action.SUSPEND)
        renewed = prepare_meeting.renew_agenda(registry, meeting.id, by=BEN, **WHEN)
        assert [(each.decision_id, each.minutes) for each in renewed.items] == [(number, 9), (second, 5)]
        decide.withdraw(registry, number, by=ADA, **WHEN)
        assert [
            each.decision_id for each in prepare_meeting.renew_agenda(registry, meeting.id, by=BEN, **WHEN).items
        ] == [second]

    def test_a_challenge_that_came_after_the_agenda_is_added_beside_the_verdict_of_its_model(
        self, registry: Registry
    ) -> None:
        meeting = call(registry)
        verdict = meeting.items[0]
        assert (verdict.rule, verdict.model_id) == (Rule.NEW_VERDICT.value, "m")
        ask.challenge_finding(
            registry,
            model_id="m",
            day=DAY,
            code="performance:AUC",
            text="Is the window not too short?",
            by=DANA,
            **WHEN,
        )
        renewed = prepare_meeting.renew_agenda(registry, meeting.id, by=BEN, **WHEN)
        assert [each.rule for each in renewed.items] == [Rule.NEW_VERDICT.value, Rule.CHALLENGE.value]
        assert renewed.items[0] == verdict

    def test_attendee_who_does_not_lead_changes_no_agenda(self, registry: Registry) -> None:
        with pytest.raises(NotAuthorisedError, match="Only the chair"):
            prepare_meeting.add_item(registry, call(registry).id, title="Mine", by=CLEO, **WHEN)

    def test_screen_is_turned_without_touching_the_record_and_the_followers_notice(
        self, registry: Registry, running: Meeting
    ) -> None:
        rows, revision = audit_trail.verify(registry).rows, registry.revision()
        hold_meeting.turn_to(registry, running.id, position=1, by=BEN)
        shown = stored(registry, running)
        assert (shown.position, shown.revision > running.revision) == (1, True)
        assert (audit_trail.verify(registry).rows, registry.revision()) == (rows, revision + 1)  # the reading above

    @pytest.mark.parametrize("by", [CLEO, ADA])
    def test_who_follows_does_not_turn_the_screen(self, registry: Registry, running: Meeting, by: str) -> None:
        with pytest.raises(NotAuthorisedError):
            hold_meeting.turn_to(registry, running.id, position=1, by=by)

    def test_position_beyond_the_close_is_refused(self, registry: Registry, running: Meeting) -> None:
        with pytest.raises(ForbiddenMoveError, match="has 1 item"):
            hold_meeting.turn_to(registry, running.id, position=3, by=BEN)

    def test_decision_in_a_meeting_is_an_ordinary_one_that_names_the_meeting(
        self, registry: Registry, running: Meeting, item: Item, room: MeetingRoom, number: int
    ) -> None:
        assert approve(room, number, by=CLEO) is State.APPROVED
        event = self.newest_event(registry)
        assert (event.actor, event.action, event.reason) == (CLEO, "approve", "Only on May.")
        assert (event.after or {})["meeting"] == {
            "id": running.id,
            "item": item.id,
            "chair": BEN,
            "attendees": [BEN, ADA, CLEO, DANA, "Rosa Guest"],
        }
        (entry,) = stored(registry, running).of_item(item.id, EntryKind.DECISION)
        assert (entry.person, entry.choice, entry.decision_id) == (CLEO, "approve", number)
        audit_trail.verify(registry)

    def test_vote_recorded_for_somebody_gives_no_approval(
        self, registry: Registry, running: Meeting, item: Item, number: int
    ) -> None:
        hold_meeting.record_vote(registry, running.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        decision = decision_queries.decision(registry, number)
        assert (decision.state, decision.approvals) == (State.PROPOSED, ())
        vote = stored(registry, running).votes(item.id)[CLEO]
        assert (vote.choice, vote.recorded_by) == (Choice.FOR, BEN)

    def test_only_who_leads_records_a_vote_for_somebody_else(
        self, registry: Registry, running: Meeting, item: Item
    ) -> None:
        with pytest.raises(NotAuthorisedError):
            hold_meeting.record_vote(registry, running.id, item.id, person=DANA, choice=Choice.FOR, by=CLEO, **WHEN)
        hold_meeting.record_vote(
            registry, running.id, item.id, person=CLEO, choice=Choice.AGAINST, reason="Too early.", by=CLEO, **WHEN
        )
        assert stored(registry, running).votes(item.id)[CLEO].text == "Too early."

    @pytest.mark.parametrize("person", [ADA, VIC])
    def test_proposer_and_who_is_not_there_do_not_vote(
        self, registry: Registry, running: Meeting, item: Item, person: str
    ) -> None:
        with pytest.raises(NotAuthorisedError):
            hold_meeting.record_vote(registry, running.id, item.id, person=person, choice=Choice.FOR, by=BEN, **WHEN)

    def test_approver_who_proposed_steps_back_from_voting(self, registry: Registry) -> None:
        propose(registry, by=BEN)
        meeting = opened(registry)
        with pytest.raises(NotAuthorisedError, match="proposed this"):
            hold_meeting.record_vote(
                registry, meeting.id, meeting.items[0].id, person=BEN, choice=Choice.FOR, by=BEN, **WHEN
            )

    def test_vote_needs_the_role_at_that_moment(self, registry: Registry, running: Meeting, item: Item) -> None:
        people.revoke(registry, email=CLEO, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        with pytest.raises(NotAuthorisedError, match="Only approvers"):
            hold_meeting.record_vote(registry, running.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        assert stored(registry, running).votes(item.id) == {}

    def test_vote_needs_the_role_for_the_team_of_the_model(
        self, registry: Registry, running: Meeting, item: Item
    ) -> None:
        people.revoke(registry, email=CLEO, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        people.grant(registry, email=CLEO, role=Role.APPROVER, team="cards", by=COMMAND_LINE, now=NOW)
        with pytest.raises(NotAuthorisedError, match=r"neither an approver nor .* the team of this model"):
            hold_meeting.record_vote(registry, running.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        people.grant(registry, email=CLEO, role=Role.APPROVER, team="flights", by=COMMAND_LINE, now=NOW)
        voted = hold_meeting.record_vote(registry, running.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        assert set(voted.votes(item.id)) == {CLEO}

    def test_who_proposed_a_version_of_the_policy_does_not_vote_on_it(self, registry: Registry) -> None:
        number = policy_proposed(registry)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.policy_number == number]
        with pytest.raises(NotAuthorisedError, match="Ben proposed this"):
            hold_meeting.record_vote(registry, meeting.id, item.id, person=BEN, choice=Choice.FOR, by=BEN, **WHEN)
        hold_meeting.record_vote(registry, meeting.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        (said,) = meeting_queries.minutes(registry, stored(registry, meeting), on=DAY)["items"][-1:]
        assert said["aside"] == "Ben proposed it and steps back from approving."
        assert said["quorum"].startswith("Quorum: Cleo as approver;")

    def test_who_proposed_a_standing_approval_does_not_vote_on_what_was_started_under_it(
        self, registry: Registry
    ) -> None:
        envelope = Envelope(Inside(ScopeKind.MODELS, ("m",)), (Guard("skill", 0.02),), DAY + 90 * ONE, most_runs=2)
        made = decide_standing.propose_standing(registry, envelope, reason=REASON, by=BEN, **WHEN)
        number = propose(registry)
        with registry.write() as session:
            session.execute(sa.update(DecisionRow).values(standing_approval=made.id))
        meeting = opened(registry)
        for item in meeting.items:
            if item.decision_id == number or item.rule == Rule.STANDING:
                with pytest.raises(NotAuthorisedError, match="Ben proposed this"):
                    hold_meeting.record_vote(
                        registry, meeting.id, item.id, person=BEN, choice=Choice.FOR, by=BEN, **WHEN
                    )
        assert {Rule.STANDING, Rule.APPROVAL} <= {item.rule for item in meeting.items}

    def test_who_stepped_back_decides_neither_in_the_meeting_nor_afterwards(
        self, registry: Registry, running: Meeting, item: Item, room: MeetingRoom, number: int
    ) -> None:
        hold_meeting.step_back(registry, running.id, item.id, person=CLEO, reason="She built it.", by=CLEO, **WHEN)
        for where in (room, registry):
            with pytest.raises(NotAuthorisedError, match="You stepped back"):
                approve(where, number, by=CLEO)
            with pytest.raises(NotAuthorisedError, match="You stepped back"):
                decide.reject(where, number, comment="No.", by=CLEO, **WHEN)
        hold_meeting.take_part_again(registry, running.id, item.id, person=CLEO, reason="A mistake.", by=BEN, **WHEN)
        assert approve(room, number, by=CLEO) is State.APPROVED

    def test_who_stepped_back_is_neither_offered_an_answer_nor_waited_for(
        self, registry: Registry, running: Meeting, item: Item, number: int
    ) -> None:
        assert "Ben or Cleo" in decide.review(registry, number, by=CLEO, on=DAY).waiting_for
        steps_back(registry, running, item)
        review = decide.review(registry, number, by=CLEO, on=DAY)
        assert review.may == frozenset()
        assert review.waiting_for.startswith("Waiting for Ben or Eve as approver.")
        assert review.waiting_for.endswith("Cleo stepped back from it in a meeting.")
        assert Move.APPROVE in decide.review(registry, number, by=BEN, on=DAY).may
        (row,) = decision_queries.waiting(registry, person=CLEO, on=DAY).to_dict("records")
        assert (row["is_mine"], row["can_answer"], row["waiting_for"]) == (False, False, review.waiting_for)
        assert decision_queries.waiting_count(registry, person=CLEO, on=DAY) == 0

    def test_who_stepped_back_answers_no_version_of_the_policy(self, registry: Registry) -> None:
        number, other = policy_proposed(registry), policy_proposed(registry, 0.3)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.policy_number == number]
        steps_back(registry, meeting, item)
        review = decide_policy.review_policy(registry, number, by=CLEO)
        assert (review.may, review.why_not[:16]) == (frozenset(), "You stepped back")
        assert review.waiting_for.endswith("Cleo stepped back from it in a meeting.")
        assert policy_queries.waiting_count(registry, person=CLEO, on=DAY) == 1
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            decide_policy.approve_policy(registry, number, comment="", by=CLEO, **WHEN)
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            decide_policy.reject_policy(registry, number, comment="No.", by=CLEO, **WHEN)
        assert decide_policy.approve_policy(registry, number, comment="", by=DANA, **WHEN).approvers == (DANA,)
        assert decide_policy.approve_policy(registry, other, comment="", by=CLEO, **WHEN).approvers == (CLEO,)

    def test_conflict_about_a_model_holds_for_what_is_proposed_until_the_next_meeting_about_it(
        self, registry: Registry
    ) -> None:
        add_model(registry, "k")
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.model_id == "m"]
        assert item.decision_id is None
        steps_back(registry, meeting, item)
        first = propose(registry)
        hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        assert approve(registry, propose(registry, model="k"), by=CLEO) is State.APPROVED
        later: Any = {"on": DAY, "now": NOW + ONE}
        following = call(registry)
        hold_meeting.open_meeting(registry, following.id, by=BEN, **later)
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            approve(registry, first, by=CLEO)
        second = decide.propose(registry, model_id="m", action=Action.SUSPEND, reason=REASON, by=ADA, **later).id
        assert approve(registry, second, by=CLEO) is State.APPROVED

    def test_conflict_about_a_model_outlives_what_the_item_says_of_its_decision(
        self, registry: Registry, running: Meeting, item: Item, number: int
    ) -> None:
        steps_back(registry, running, item)
        with registry.write() as session:
            session.execute(sa.update(MeetingItemRow).values(decision_id=None, model_id=None, model_ids=["m"]))
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            approve(registry, number, by=CLEO)

    def test_who_stepped_back_from_a_model_approves_no_standing_approval_over_it(
        self, registry: Registry, running: Meeting, item: Item
    ) -> None:
        steps_back(registry, running, item)
        envelope = Envelope(Inside(ScopeKind.MODELS, ("m",)), (Guard("skill", 0.02),), DAY + 90 * ONE, most_runs=2)
        made = decide_standing.propose_standing(registry, envelope, reason=REASON, by=BEN, **WHEN)
        review = decide_standing.review_standing(registry, made.id, by=CLEO, on=DAY)
        assert (review.may, review.why_not[:16]) == (frozenset(), "You stepped back")
        assert standing_queries.waiting(registry, person=CLEO, on=DAY) == ()
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            decide_standing.approve_standing(registry, made.id, comment="Bounded.", by=CLEO, **WHEN)
        eve = decide_standing.approve_standing(registry, made.id, comment="Bounded.", by="eve@example.org", **WHEN)
        assert eve.state is State.APPROVED
        stopped = decide_standing.stop_standing(registry, made.id, reason="Something is off.", by=CLEO, **WHEN)
        assert stopped.state is State.STOPPED

    def test_who_approved_already_cannot_step_back_from_it(self, registry: Registry) -> None:
        add_model(registry, "k", tier=1)
        number = propose(registry, model="k")
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.decision_id == number]
        approve(registry, number, by=CLEO)
        with pytest.raises(ForbiddenMoveError, match=f"Cleo approved decision {number} about Model k already"):
            steps_back(registry, meeting, item)
        decide.reject(registry, number, comment="She built it.", by=CLEO, **WHEN)
        assert CLEO in steps_back(registry, meeting, item).conflicts(item.id)

    def test_who_approved_a_version_of_the_policy_cannot_step_back_from_it(self, registry: Registry) -> None:
        number = policy_proposed(registry)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.policy_number == number]
        decide_policy.approve_policy(registry, number, comment="", by=CLEO, **WHEN)
        with pytest.raises(ForbiddenMoveError, match=f"Cleo approved version {number} of the policy already"):
            steps_back(registry, meeting, item)

    def test_who_stepped_back_ends_no_acceptance(self, registry: Registry) -> None:
        number = propose(registry, Action.ACCEPT)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.decision_id == number]
        steps_back(registry, meeting, item)
        approve(registry, number, by=BEN)
        with pytest.raises(NotAuthorisedError, match="You stepped back"):
            carry_out.end_early(registry, number, reason="No longer acceptable.", by=CLEO, **WHEN)
        ended = carry_out.end_early(registry, number, reason="No longer acceptable.", by=BEN, **WHEN)
        assert ended.state is State.CLOSED

    def test_item_takes_no_decision_about_another_model(
        self, registry: Registry, running: Meeting, item: Item, room: MeetingRoom
    ) -> None:
        add_model(registry, "k")
        other = propose(registry, model="k")
        with pytest.raises(ForbiddenMoveError, match="not about Model k"):
            approve(room, other, by=CLEO)
        with pytest.raises(ForbiddenMoveError, match="not about Model k"):
            propose(room, Action.SUSPEND, model="k", by=CLEO)
        assert propose(room, Action.SUSPEND, by=CLEO)
        assert decision_queries.decision(registry, other).approvals == ()

    def test_item_takes_decisions_about_each_of_its_models(self, registry: Registry) -> None:
        add_model(registry, "k")
        meeting = opened(registry)
        prepare_meeting.edit_agenda(
            registry,
            meeting.id,
            change=lambda items: [
                *items,
                Item(rule=Rule.BY_HAND, title="Both", why="", minutes=5, model_ids=("k", "m")),
            ],
            by=BEN,
            **WHEN,
        )
        item = stored(registry, meeting).items[-1]
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id)
        made = propose(room, model="k", by=ADA)
        assert approve(room, made, by=CLEO) is State.APPROVED

    def test_standing_approval_is_decided_in_the_meeting_and_stands_in_its_minutes(self, registry: Registry) -> None:
        version, number, other = (
            policy_proposed(registry),
            standing_proposed(registry),
            standing_proposed(registry, runs=2),
        )
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.standing_number == number]
        assert (item.title, item.model_ids, item.policy_number) == ("Standing approval 1", ("m",), None)
        assert [each.policy_number for each in meeting.items if each.policy_number] == [version]
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id)
        with pytest.raises(ForbiddenMoveError, match="not about standing approval 2"):
            decide_standing.approve_standing(room, other, comment="Bounded.", by=CLEO, **WHEN)
        with pytest.raises(ForbiddenMoveError, match="not about standing approval 3"):
            standing_proposed(room, runs=3)
        with pytest.raises(NotAuthorisedError, match="Only who is there"):
            decide_standing.reject_standing(room, number, comment="No.", by="eve@example.org", **WHEN)
        with pytest.raises(InvalidReasonError, match="why you approve"):
            decide_standing.approve_standing(room, number, comment=" ", by=CLEO, **WHEN)
        approved = decide_standing.approve_standing(room, number, comment="Two a month.", by=CLEO, **WHEN)
        assert approved.state is State.APPROVED
        meeting = hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        meeting = hold_meeting.confirm_minutes(registry, meeting.id, by=BEN, **WHEN)
        assert meeting.decided == meeting_queries.meetings(registry, on=DAY)[0].decisions == 1
        told = next(each for each in (meeting.minutes or {})["items"] if each["title"] == item.title)
        assert [(each["move"], each["standing"], each["reason"]) for each in told["decisions"]] == [
            ("approve", number, "Two a month.")
        ]
        audit_trail.verify(registry)

    def test_who_proposed_a_standing_approval_does_not_vote_on_it_and_a_vote_approves_nothing(
        self, registry: Registry
    ) -> None:
        number = standing_proposed(registry)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.standing_number == number]
        with pytest.raises(NotAuthorisedError, match="Ben proposed this"):
            hold_meeting.record_vote(registry, meeting.id, item.id, person=BEN, choice=Choice.FOR, by=BEN, **WHEN)
        hold_meeting.record_vote(registry, meeting.id, item.id, person=CLEO, choice=Choice.FOR, by=BEN, **WHEN)
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id)
        with pytest.raises(NotAuthorisedError):
            decide_standing.approve_standing(room, number, comment="Mine.", by=BEN, **WHEN)
        assert decide_standing.review_standing(registry, number, by=CLEO, on=DAY).standing.approvals == ()

        decide_standing.approve_standing(room, number, comment="Two a month.", by=CLEO, **WHEN)
        with registry.read() as session:
            newest = sa.select(AuditEventRow).order_by(AuditEventRow.sequence.desc()).limit(1)
            event = session.scalars(newest).one()
            said = event.subject_kind, (event.after or {})["meeting"]["id"]
        assert said == ("standing approval", meeting.id)
        (told,) = [
            each
            for each in meeting_queries.minutes(registry, stored(registry, meeting), on=DAY)["items"]
            if each["title"] == item.title
        ]
        assert told["aside"] == "Ben proposed it and steps back from approving."
        assert told["quorum"].startswith("Quorum: Cleo as approver")
        assert [(each["person"], each["vote"]) for each in told["votes"]] == [("Cleo", "for")]

    def test_numbers_of_standing_approvals_move_to_their_column_in_locked_minutes_too(
        self, address: str, registry: Registry
    ) -> None:
        number = standing_proposed(registry)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.standing_number == number]
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id)
        decide_standing.approve_standing(room, number, comment="Two a month.", by=CLEO, **WHEN)
        hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        before = hold_meeting.confirm_minutes(registry, meeting.id, by=BEN, **WHEN)
        with registry.writer.begin() as connection:
            command.downgrade(alembic_config(connection), "0013")
            old = connection.execute(sa.text("SELECT policy_number FROM meeting_items ORDER BY id")).scalars().all()
        assert old == [each.standing_number for each in before.items]

        upgrade(address)

        assert stored(registry, meeting) == before
        with registry.writer.connect() as connection:
            assert missing_meeting_guards(connection) == []
        audit_trail.verify(registry)
        with pytest.raises(sa.exc.DBAPIError, match="minutes cannot be changed"), registry.writer.begin() as connection:
            connection.execute(sa.text("UPDATE meeting_items SET standing_number = 7"))

    def test_who_stepped_back_answers_no_standing_approval_and_the_version_with_its_number(
        self, registry: Registry
    ) -> None:
        number = standing_proposed(registry)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.standing_number == number]
        steps_back(registry, meeting, item)
        with pytest.raises(NotAuthorisedError, match="You stepped back from this"):
            decide_standing.approve_standing(registry, number, comment="Yes.", by=CLEO, **WHEN)
        for version in (policy_proposed(registry), policy_proposed(registry, 0.3)):
            decide_policy.approve_policy(registry, version, comment="", by=CLEO, **WHEN)

    def test_agenda_made_anew_keeps_the_standing_approval_and_the_version_apart(self, registry: Registry) -> None:
        number, version = standing_proposed(registry), policy_proposed(registry)
        meeting = call(registry)
        decide_standing.withdraw_standing(registry, number, by=BEN, **WHEN)
        renewed = prepare_meeting.renew_agenda(registry, meeting.id, by=BEN, **WHEN)
        assert [each.policy_number for each in renewed.items if each.policy_number] == [version]
        assert [each for each in renewed.items if each.standing_number] == []

    def test_item_takes_no_answer_about_another_version_of_the_policy(self, registry: Registry) -> None:
        number, other = policy_proposed(registry), policy_proposed(registry, 0.3)
        meeting = opened(registry)
        (item,) = [each for each in meeting.items if each.policy_number == number]
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id)
        with pytest.raises(ForbiddenMoveError, match=f"not about version {other}"):
            decide_policy.approve_policy(room, other, comment="", by=CLEO, **WHEN)
        assert decide_policy.approve_policy(room, number, comment="", by=CLEO, **WHEN).approvers == (CLEO,)

    def test_who_is_absent_decides_nothing_in_the_meeting(
        self, registry: Registry, running: Meeting, room: MeetingRoom, number: int
    ) -> None:
        prepare_meeting.set_attendance(registry, running.id, present=[BEN, ADA, DANA], guests=[], by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError, match="Only who is there"):
            approve(room, number, by=CLEO)
        assert decision_queries.decision(registry, number).approvals == ()

    def test_nothing_is_decided_in_a_meeting_that_is_over(
        self, registry: Registry, running: Meeting, room: MeetingRoom, number: int
    ) -> None:
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        with pytest.raises(ForbiddenMoveError, match="is ended"):
            approve(room, number, by=CLEO)

    def test_action_closes_with_evidence_and_by_another_person(self, registry: Registry, running: Meeting) -> None:
        action = given(registry, running, assignee=CLEO)
        with pytest.raises(ForbiddenMoveError, match="nothing to confirm"):
            meeting_follow_up.confirm_done(registry, action.id, by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError, match="given to"):
            meeting_follow_up.report_done(registry, action.id, evidence="The feed is back.", by=BEN, **WHEN)
        with pytest.raises(InvalidReasonError):
            meeting_follow_up.report_done(registry, action.id, evidence="Done.", by=CLEO, **WHEN)
        meeting_follow_up.report_done(registry, action.id, evidence="The feed is back.", by=CLEO, **WHEN)
        for by in (CLEO, ADA):
            with pytest.raises(NotAuthorisedError):
                meeting_follow_up.confirm_done(registry, action.id, by=by, **WHEN)
        meeting_follow_up.send_back(registry, action.id, comment="Since when is it?", by=BEN, **WHEN)
        meeting_follow_up.report_done(registry, action.id, evidence="Since 1 March, see the log.", by=CLEO, **WHEN)
        closed = meeting_follow_up.confirm_done(registry, action.id, by=DANA, **WHEN)
        assert (closed.state, closed.closed_by) == (ActionState.CLOSED, DANA)
        assert self.newest_event(registry).action == "confirm_action"
        with pytest.raises(ForbiddenMoveError):
            meeting_follow_up.confirm_done(registry, action.id, by=BEN, **WHEN)

    def test_open_action_stands_at_the_top_of_the_next_agenda(self, registry: Registry, running: Meeting) -> None:
        action = given(registry, running)
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        following = call(registry)
        assert [each.rule for each in following.items] == [Rule.ACTION, Rule.APPROVAL]
        assert (following.items[0].action_id, following.since) == (action.id, DAY)

    def test_list_of_meetings_asks_as_much_for_many_as_for_one_and_reads_heads_only(
        self, registry: Registry, running: Meeting
    ) -> None:
        def listed() -> list[tuple[int, int, int]]:
            return [(each.id, each.items, each.decisions) for each in meeting_queries.meetings(registry, on=DAY)]

        approve(MeetingRoom(registry, meeting_id=running.id, item_id=running.items[0].id), 1, by=CLEO)
        with statements(registry.engine) as few:
            assert listed() == [(running.id, 1, 1)]
        others = [opened(registry, title=f"Committee {number}") for number in range(5)]
        hold_meeting.end_meeting(registry, others[-1].id, by=BEN, **WHEN)
        with statements(registry.engine) as many:
            assert [each[0] for each in listed()] == [*(each.id for each in reversed(others)), running.id]
        assert len(many) == len(few)
        assert not [each for each in many if "recorded_at" in each or "meeting_attendees" in each]

    def test_meeting_about_one_team_is_not_the_last_one_about_everything(self, registry: Registry) -> None:
        meeting = opened(registry, scope=Scope(teams=("flights",)))
        hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        assert call(registry).since is None
        assert call(registry, scope=Scope(teams=("flights",), tiers=(1,))).since == DAY

    def test_ended_meeting_can_be_resumed_until_its_minutes_are_confirmed(
        self, registry: Registry, running: Meeting
    ) -> None:
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        assert hold_meeting.resume_meeting(registry, running.id, by=BEN, **WHEN).state is MeetingState.RUNNING
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        hold_meeting.confirm_minutes(registry, running.id, by=BEN, **WHEN)
        with pytest.raises(ForbiddenMoveError):
            hold_meeting.resume_meeting(registry, running.id, by=BEN, **WHEN)

    def test_only_the_chair_confirms_and_the_minutes_hold_the_head_of_the_trail(
        self, registry: Registry, running: Meeting
    ) -> None:
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError, match="Only the chair"):
            hold_meeting.confirm_minutes(registry, running.id, by=CLEO, **WHEN)
        head = audit_trail.verify(registry)
        confirmed = hold_meeting.confirm_minutes(registry, running.id, by=BEN, **WHEN)
        assert confirmed.minutes is not None
        (anchor,) = anchors_in(confirmed.minutes["anchor"])
        assert (anchor.sequence, anchor.hash) == (head.head_sequence, head.head_hash)
        assert self.newest_event(registry).evidence_hash == confirmed.minutes_hash
        assert audit_trail.verify(registry, anchors=[anchor]).anchors

    def test_minutes_confirmed_later_hold_what_stood_when_the_meeting_was_over(self, registry: Registry) -> None:
        add_model(registry, "k", tier=1)
        add_assessment(registry, "k")
        number = propose(registry, model="k")
        meeting = opened(registry)
        room = MeetingRoom(registry, meeting_id=meeting.id, item_id=meeting.items[0].id)
        approve(room, number, by=CLEO)
        ended = hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        draft = meeting_queries.minutes(registry, ended, on=DAY)
        later: Any = {"on": DAY + 7 * ONE, "now": NOW + 7 * ONE}
        seen = decide.review(registry, number, by=DANA, on=DAY).present.hash
        decide.approve(registry, number, comment="Elsewhere.", seen_evidence=seen, by=DANA, **later)
        add_assessment(registry, "k", day=DAY + 7 * ONE)
        people.revoke(registry, email=CLEO, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        minutes = hold_meeting.confirm_minutes(registry, meeting.id, by=BEN, **later).minutes or {}
        (decided,) = minutes["items"][0]["decisions"]
        assert (decided["state"], decided["approvals"]) == ("proposed", "1 of 2")
        for about in ("items", "data_day", "policy", "quorum"):
            assert minutes[about] == draft[about]

    @pytest.mark.parametrize("is_auditor", [False, True])
    def test_chair_without_the_role_ends_and_confirms_nothing(
        self, registry: Registry, running: Meeting, is_auditor: bool
    ) -> None:
        ended = opened(registry)
        hold_meeting.end_meeting(registry, ended.id, by=BEN, **WHEN)
        if is_auditor:
            people.grant(registry, email=BEN, role=Role.AUDITOR, by=COMMAND_LINE, now=NOW)
        else:
            people.revoke(registry, email=BEN, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        with pytest.raises(NotAuthorisedError, match="confirms minutes"):
            hold_meeting.confirm_minutes(registry, ended.id, by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError):
            hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)

    def test_ended_meeting_gets_another_chair_who_was_there_and_confirms(
        self, registry: Registry, running: Meeting
    ) -> None:
        prepare_meeting.set_attendance(registry, running.id, present=[BEN, ADA, CLEO], guests=[], by=BEN, **WHEN)
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        people.revoke(registry, email=BEN, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        for by in (BEN, ADA, DANA):  # without a role, not a member, not there
            with pytest.raises(NotAuthorisedError, match="Only the chair"):
                prepare_meeting.hand_over_chair(registry, running.id, chair=CLEO, by=by, **WHEN)
        with pytest.raises(InvalidMeetingError, match="was not there"):
            prepare_meeting.hand_over_chair(registry, running.id, chair=DANA, by=CLEO, **WHEN)
        before = stored(registry, running).attendees
        named = prepare_meeting.hand_over_chair(registry, running.id, chair=CLEO, by=CLEO, **WHEN)
        assert (named.chair, set(named.attendees)) == (CLEO, set(before))
        assert self.newest_event(registry).action == "hand_over_chair"
        confirmed = hold_meeting.confirm_minutes(registry, running.id, by=CLEO, **WHEN)
        assert (confirmed.confirmed_by, (confirmed.minutes or {})["chair"]) == (CLEO, "Cleo")
        with pytest.raises(ForbiddenMoveError, match="chair stays"):
            prepare_meeting.hand_over_chair(registry, running.id, chair=CLEO, by=CLEO, **WHEN)

    def test_while_somebody_leads_nobody_else_names_the_chair(self, registry: Registry, running: Meeting) -> None:
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError, match="Only the chair"):
            prepare_meeting.hand_over_chair(registry, running.id, chair=CLEO, by=CLEO, **WHEN)
        assert prepare_meeting.hand_over_chair(registry, running.id, chair=CLEO, by=BEN, **WHEN).chair == CLEO

    def test_minutes_name_what_is_asked_and_not_settled_with_what_was_answered_in_time(
        self, registry: Registry, running: Meeting, number: int
    ) -> None:
        asked = ask.ask_about(registry, number, text="Which labels are these?", by=CLEO, **WHEN)
        said = ask.say(registry, asked.id, Turn.ANSWER, text="Those of February.", seen=1, by=ADA, **WHEN)
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        later: Any = {"on": DAY, "now": NOW + timedelta(hours=1)}
        ask.say(registry, asked.id, Turn.SETTLE, text="", seen=2, by=CLEO, **later)
        minutes = hold_meeting.confirm_minutes(registry, running.id, by=BEN, **later).minutes or {}
        assert minutes["items"][0]["challenges"] == [said.told()]

    def test_database_refuses_to_change_confirmed_minutes(
        self, registry: Registry, running: Meeting, item: Item
    ) -> None:
        hold_meeting.write_note(registry, running.id, item.id, text="Discussed.", by=BEN, **WHEN)
        given(registry, running)
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        hold_meeting.confirm_minutes(registry, running.id, by=BEN, **WHEN)
        before = audit_trail.verify(registry)
        for statement in (
            "UPDATE meetings SET title = 'Other'",
            "UPDATE meetings SET state = 'running'",
            "DELETE FROM meetings",
            "UPDATE meeting_items SET why = 'Other'",
            "DELETE FROM meeting_items",
            "UPDATE meeting_attendees SET is_present = false",
            "DELETE FROM meeting_attendees",
            "INSERT INTO meeting_attendees (meeting_id, name, roles, is_present) VALUES (1, 'Eve', '', true)",
            "UPDATE meeting_entries SET text = 'Other'",
            "DELETE FROM meeting_entries",
            (
                "INSERT INTO meeting_entries (meeting_id, kind, text, recorded_by, recorded_on, recorded_at) "
                "VALUES (1, 'note', 'Other', 'eve', '2026-03-02', '2026-03-02 10:00:00')"
            ),
            "UPDATE meeting_actions SET what = 'Nothing at all'",
            "UPDATE meeting_actions SET due_on = '2030-01-01'",
            "DELETE FROM meeting_actions",
            *self.replaces(),
        ):
            with (
                pytest.raises(sa.exc.DBAPIError, match="minutes cannot be changed"),
                registry.writer.begin() as connection,
            ):
                connection.execute(sa.text(statement))
        assert audit_trail.verify(registry) == before

    def test_entries_cannot_be_changed_while_the_meeting_runs_either(
        self, registry: Registry, running: Meeting, item: Item
    ) -> None:
        hold_meeting.write_note(registry, running.id, item.id, text="First.", by=BEN, **WHEN)
        hold_meeting.write_note(registry, running.id, item.id, text="Second.", by=CLEO, **WHEN)
        assert stored(registry, running).note(item.id) == "Second."
        with pytest.raises(sa.exc.DBAPIError, match="minutes cannot be changed"), registry.writer.begin() as connection:
            connection.execute(sa.text("UPDATE meeting_entries SET text = 'Third.'"))

    def test_correction_is_a_new_entry_beside_what_was_confirmed(self, registry: Registry, running: Meeting) -> None:
        with pytest.raises(ForbiddenMoveError, match="not confirmed yet"):
            hold_meeting.correct_minutes(registry, running.id, text="It was May.", by=CLEO, **WHEN)
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        confirmed = hold_meeting.confirm_minutes(registry, running.id, by=BEN, **WHEN)
        with pytest.raises(NotAuthorisedError):
            hold_meeting.correct_minutes(registry, running.id, text="It was May.", by=VIC, **WHEN)
        hold_meeting.correct_minutes(registry, running.id, text="It was May.", by=CLEO, **WHEN)
        after = stored(registry, running)
        assert after.minutes == confirmed.minutes
        assert [(each.text, each.recorded_by) for each in after.corrections] == [("It was May.", CLEO)]
        audit_trail.verify(registry)

    def test_minutes_changed_behind_the_back_of_the_program_are_named(
        self, registry: Registry, running: Meeting
    ) -> None:
        hold_meeting.end_meeting(registry, running.id, by=BEN, **WHEN)
        hold_meeting.confirm_minutes(registry, running.id, by=BEN, **WHEN)
        with registry.writer.begin() as connection:
            drop = "DROP TRIGGER meetings_no_update"
            connection.execute(sa.text(drop if connection.dialect.name == "sqlite" else f"{drop} ON meetings"))
            connection.execute(sa.text("UPDATE meetings SET minutes = '{}'"))
            assert missing_meeting_guards(connection) == ["meetings_no_update"]
        with pytest.raises(AuditChainError, match="minutes of meeting 1 are not what was confirmed"):
            audit_trail.verify(registry)

    def test_what_does_not_exist_is_one_sentence(self, registry: Registry, running: Meeting) -> None:
        with pytest.raises(UnknownMeetingError, match="no meeting 77"):
            hold_meeting.open_meeting(registry, 77, by=BEN, **WHEN)
        with pytest.raises(UnknownItemError, match="no item 77"):
            hold_meeting.write_note(registry, running.id, 77, text="What?", by=BEN, **WHEN)
        with pytest.raises(UnknownItemError, match="no action 77"):
            meeting_follow_up.report_done(registry, 77, evidence="Long enough.", by=BEN, **WHEN)

    def newest_event(self, registry: Registry) -> AuditEventRow:
        with registry.read() as session:
            newest = sa.select(AuditEventRow).order_by(AuditEventRow.sequence.desc()).limit(1)
            row = session.scalars(newest).one()
            session.expunge(row)
            return row
