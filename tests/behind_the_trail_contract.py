"""What ``audit verify`` promises about the tables beside the trail, on whatever database they are kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from data_access import audit_trail
from data_access.meeting_room import MeetingRoom
from data_access.meeting_tables import MeetingActionRow, MeetingEntryRow, MeetingRow
from data_access.registry import Registry
from data_access.standing_tables import StandingAnswerRow, StandingApprovalRow, StandingRunRow
from data_access.tables import ApprovalRow, DecisionRow
from monitoring import carry_out, hold_meeting, meeting_follow_up
from monitoring.errors import AuditChainError
from monitoring.lifecycle import Action
from monitoring.meeting import Choice
from monitoring.outcome import Judgement
from tests.fresh import fresh_registry
from tests.meeting_contract import approve as approve_in
from tests.meeting_contract import given, opened
from tests.registry_contract import (
    ADA,
    BEN,
    CLEO,
    DAY,
    EVE,
    KEY,
    NOW,
    add_assessment,
    add_everybody,
    add_model,
    approve,
    propose,
)
from tests.standing_contract import act, active, stop, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = DAY + timedelta(days=40)
AFTER = NOW + timedelta(hours=1)
WHEN: Any = {"on": DAY, "now": NOW}
CHANGES: dict[type[Any], dict[str, Any]] = {
    DecisionRow: {
        "state": "withdrawn",
        "is_open": True,
        "tier": 3,
        "model_id": "other",
        "reason": "Another reason.",
        "proposed_by": EVE,
        "proposed_on": LATER,
        "due_on": LATER,
        "accept_until": LATER,
        "frozen_evidence": None,
        "evidence_hash": "0" * 64,
        "decided_by": EVE,
        "decided_on": LATER,
        "decided_at": AFTER,
        "state_on": DAY,
        "assigned_to": EVE,
        "sunset_on": LATER,
        "new_version": "v9",
        "active_from": LATER,
        "settles_on": DAY,
        "outcome": "not_fixed",
        "outcome_reason": "Another reason.",
        "outcome_by": EVE,
        "outcome_on": DAY,
        "outcome_confirmed_by": EVE,
        "standing_approval": None,
    },
    ApprovalRow: {
        "person": EVE,
        "role": "approver",
        "answer": "reject",
        "comment": "Another comment.",
        "evidence_hash": None,
        "answered_on": LATER,
        "answered_at": AFTER,
    },
    StandingApprovalRow: {
        "reason": "Another reason.",
        "proposed_by": EVE,
        "proposed_on": LATER,
        "decided_by": EVE,
        "decided_on": LATER,
        "ended_by": EVE,
        "ended_on": LATER,
        "ended_because": "Another reason.",
        "past": None,
    },
    StandingAnswerRow: {
        "person": EVE,
        "role": "approver,independent_reviewer",
        "answer": "reject",
        "comment": "Another comment.",
        "evidence_hash": None,
        "answered_on": LATER,
    },
    StandingRunRow: {"month": "2020-01", "day": date(2020, 1, 1), "model_id": "other", "place": 2},
    MeetingRow: {
        "state": "ended",
        "chair": ADA,
        "called_by": ADA,
        "held_on": LATER,
        "opened_at": AFTER,
        "ended_on": LATER,
        "confirmed_by": ADA,
        "minutes": {},
        "minutes_hash": "0" * 64,
        "scope": {"teams": ["other"], "use_cases": [], "tiers": []},
    },
    MeetingActionRow: {
        "what": "Do nothing at all.",
        "assignee": BEN,
        "due_on": LATER,
        "state": "closed",
        "evidence": "Other evidence.",
        "model_id": "other",
        "given_by": ADA,
        "given_on": LATER,
        "reported_by": BEN,
        "reported_on": LATER,
        "closed_by": BEN,
        "closed_on": LATER,
        "answer": "Another answer.",
    },
    MeetingEntryRow: {
        "kind": "note",
        "person": EVE,
        "choice": "against",
        "text": "Another text.",
        "decision_id": 1,
        "recorded_by": EVE,
        "recorded_on": LATER,
        "recorded_at": AFTER,
    },
}
"""What somebody with every right on the database changes: another value for each of these columns."""


class BehindTheTrailContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def full(self, address: str) -> Iterator[Registry]:
        """A registry in which every column of ``CHANGES`` has been written by the program."""
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        for model_id in ("m", "n", "other"):
            add_model(registry, model_id)
            add_assessment(registry, model_id)
        active(registry)
        (trained,) = act(registry)
        settled = succeeds(registry, trained).settles_on or DAY
        for by in (ADA, BEN):
            carry_out.review_outcome(
                registry, 1, judgement=Judgement.FIXED, reason="The skill is back.", by=by, on=settled, now=NOW
            )
        stop(registry, 1, by=ADA)
        approve(registry, propose(registry, "n", action=Action.ACCEPT), by=BEN)
        waiting = propose(registry, "n")
        meeting = opened(registry)
        item = next(each for each in meeting.items if each.decision_id == waiting.id)
        hold_meeting.record_vote(
            registry, meeting.id, item.id, person=CLEO, choice=Choice.FOR, reason="It helps.", by=CLEO, **WHEN
        )
        hold_meeting.write_note(registry, meeting.id, item.id, text="As discussed.", by=BEN, **WHEN)
        approve_in(MeetingRoom(registry, meeting_id=meeting.id, item_id=item.id), waiting.id, by=CLEO)
        action = given(registry, meeting, item=item.id)
        hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
        hold_meeting.confirm_minutes(registry, meeting.id, by=BEN, **WHEN)
        hold_meeting.correct_minutes(registry, meeting.id, text="It was May.", by=CLEO, **WHEN)
        meeting_follow_up.report_done(registry, action.id, evidence="See the ticket.", by=ADA, **WHEN)
        yield registry
        registry.close()

    @pytest.mark.parametrize("table", CHANGES, ids=lambda table: table.__tablename__)
    def test_every_column_changed_behind_the_trail_is_found(self, full: Registry, table: type[Any]) -> None:
        audit_trail.verify(full)
        _without_guards(full, table)
        key = next(iter(sa.inspect(table).primary_key))
        with full.read() as session:
            numbers = list(session.scalars(sa.select(key).order_by(key)))
        for name, value in CHANGES[table].items():
            changed = 0
            for number in numbers:
                row = key == number
                with full.read() as session:
                    before = session.scalar(sa.select(getattr(table, name)).where(row))
                if before == value:
                    continue
                _set(full, table, row, {name: value})
                changed += 1
                with pytest.raises(AuditChainError) as raised:
                    audit_trail.verify(full)
                assert "no longer refuses" not in str(raised.value), (name, number)
                _set(full, table, row, {name: before})
            assert changed, name

    @pytest.mark.parametrize(
        "table", [ApprovalRow, StandingAnswerRow, StandingRunRow, MeetingEntryRow, MeetingActionRow]
    )
    def test_a_row_that_is_gone_is_found(self, full: Registry, table: type[Any]) -> None:
        _without_guards(full, table)
        with full.write() as session:
            session.execute(sa.delete(table))
        with pytest.raises(AuditChainError, match=r"is not what the audit trail says|is in the audit trail, and gone"):
            audit_trail.verify(full)

    def test_a_run_moved_to_another_month_is_one_sentence(self, full: Registry) -> None:
        with full.write() as session:
            session.execute(sa.update(StandingRunRow).values(month="2020-01"))
        with pytest.raises(AuditChainError, match="The run that decision 1 took is not what the audit trail says"):
            audit_trail.verify(full)

    def test_an_approver_who_never_approved_is_one_sentence(self, full: Registry) -> None:
        with full.write() as session:
            session.execute(sa.update(StandingAnswerRow).values(person=EVE))
        with pytest.raises(AuditChainError, match=f"The approval of standing approval 1 by {CLEO} is not what"):
            audit_trail.verify(full)


def _set(registry: Registry, table: type[Any], row: sa.ColumnElement[bool], values: dict[str, Any]) -> None:
    with registry.write() as session:
        session.execute(sa.update(table).where(row).values(**values).execution_options(synchronize_session=False))


def _without_guards(registry: Registry, table: type[Any]) -> None:
    with registry.writer.begin() as connection:
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql(f"ALTER TABLE {table.__tablename__} DISABLE TRIGGER USER")
            return
        of_the_table = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        for name in connection.exec_driver_sql(of_the_table, (table.__tablename__,)).scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
