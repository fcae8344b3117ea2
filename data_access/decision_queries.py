"""Decisions as pages show them; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from data_access.decision_records import RegistryDecisions
from data_access.meeting_conflicts import conflicts
from data_access.tables import DecisionRow, ModelRow
from monitoring.authority import known_actor
from monitoring.lifecycle import Move, State
from monitoring.proposal import waiting_without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from data_access.database import Database
    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.people import Actor

DECISION_COLUMNS = (
    "decision_id",
    "model_id",
    "model",
    "team",
    "owner",
    "tier",
    "action",
    "state",
    "reason",
    "proposed_by",
    "proposed_on",
    "due_on",
    "is_overdue",
    "approvals",
    "verdict",
    "sentence",
    "decided_by",
    "decided_on",
    "approved_by",
    "standing_approval",
    "challenges",
)
WAITING_COLUMNS = (*DECISION_COLUMNS, "is_mine", "can_answer", "is_own", "is_escalated", "waiting_for")
OVERDUE_COLUMNS = (*DECISION_COLUMNS, "days_overdue", "is_escalated", "waiting_for", "tell")
OPEN_COLUMNS = ("model_id", "decision_id", "action", "state", "due_on")


def waiting(registry: Database, *, person: str | None, on: date) -> pd.DataFrame:
    """One row per proposed decision: those this person may answer first, then by the day they are due.

    The columns of ``all_decisions`` and ``is_mine`` (bool: this person may approve or reject it now, or it is escalated to them),
    ``can_answer`` (bool: only the former), ``is_own`` (bool: this person proposed it), ``is_escalated`` (bool: overdue and of tier 1), ``waiting_for`` (str: one sentence on
    who is needed or missing).
    """
    with registry.read() as session:
        records = RegistryDecisions(session)
        actor = known_actor(records, person)
        needed = _WhoIsNeeded(records)
        beside = _challenges(records, on=on)
        rows = [
            _row(decision, beside, on=on)
            | {
                "is_mine": _waits_for(decision, actor, on=on, aside=needed.aside(decision)),
                "can_answer": _can_answer(decision, actor, aside=needed.aside(decision)),
                "is_own": actor is not None and decision.proposed_by == actor.email,
                "is_escalated": decision.is_escalated(on),
                "waiting_for": needed.sentence(decision),
            }
            for decision in _as_of(records, on, DecisionRow.state == State.PROPOSED.value)
        ]
    rows.sort(key=lambda row: (not row["is_mine"], row["due_on"], row["decision_id"]))
    return pd.DataFrame(rows, columns=list(WAITING_COLUMNS))


def waiting_count(registry: Database, *, person: str | None, on: date) -> int:
    """Return how many decisions wait for this person: those to answer now, and those escalated to them."""
    if person is None:
        return 0
    with registry.read() as session:
        records = RegistryDecisions(session)
        actor = known_actor(records, person)
        proposed = _as_of(records, on, DecisionRow.state == State.PROPOSED.value)
        needed = _WhoIsNeeded(records)
        return sum(_waits_for(decision, actor, on=on, aside=needed.aside(decision)) for decision in proposed)


def overdue(registry: Database, *, on: date) -> pd.DataFrame:
    """One row per proposal that should have been answered before ``on``, the longest overdue first; nothing approves it by itself.

    The columns of ``all_decisions`` and ``days_overdue`` (int), ``is_escalated`` (bool: of tier 1), ``waiting_for`` (str: one sentence
    on who is needed or missing), ``tell`` (str: e-mail addresses of those who can answer it, joined by semicolons; of an escalated one
    those of every approver too).
    """
    with registry.read() as session:
        records = RegistryDecisions(session)
        needed, beside = _WhoIsNeeded(records), _challenges(records, on=on)
        late = _as_of(records, on, DecisionRow.state == State.PROPOSED.value, DecisionRow.due_on < on)
        rows = [
            _row(decision, beside, on=on)
            | {
                "days_overdue": (on - decision.due_on).days,
                "is_escalated": decision.is_escalated(on),
                "waiting_for": needed.sentence(decision),
                "tell": needed.to_tell(decision, on=on),
            }
            for decision in late
        ]
    rows.sort(key=lambda row: (row["due_on"], row["decision_id"]))
    return pd.DataFrame(rows, columns=list(OVERDUE_COLUMNS))


def overdue_counts(registry: Database, *, on: date) -> tuple[int, int]:
    """Return how many proposals are overdue on a day, and how many of them are of tier 1 and escalated."""
    strict = sa.or_(DecisionRow.tier == 1, sa.func.coalesce(ModelRow.tier, 1) == 1)
    chosen = (
        sa.select(sa.func.count(), sa.func.count(sa.case((strict, 1))))
        .join(ModelRow, ModelRow.id == DecisionRow.model_id)
        .where(DecisionRow.state == State.PROPOSED.value, DecisionRow.proposed_on <= on, DecisionRow.due_on < on)
    )
    with registry.read() as session:
        late, escalated = session.execute(chosen).one()
    return int(late), int(escalated)


def of_model(registry: Database, model_id: str, *, on: date) -> tuple[Decision, ...]:
    """Return the model's decisions with their answers, newest first."""
    with registry.read() as session:
        return _as_of(RegistryDecisions(session), on, DecisionRow.model_id == model_id)


def decision(registry: Database, decision_id: int) -> Decision:
    """Return one decision with its answers, or raise UnknownDecisionError."""
    with registry.read() as session:
        return RegistryDecisions(session).decision(decision_id)


def approved(registry: Database, *, on: date) -> tuple[Decision, ...]:
    """Return the open decisions that were approved, the longest in their state first."""
    with registry.read() as session:
        found = _as_of(
            RegistryDecisions(session), on, DecisionRow.is_open.is_(True), DecisionRow.state != State.PROPOSED.value
        )
    return tuple(sorted(found, key=lambda decision: (decision.state_on or decision.proposed_on, decision.id)))


def open_decisions(registry: Database, *, on: date) -> pd.DataFrame:
    """One row per open decision: ``model_id`` (str), ``decision_id`` (int), ``action``, ``state`` (str), ``due_on`` (date)."""
    chosen = (
        sa.select(DecisionRow.model_id, DecisionRow.id, DecisionRow.action, DecisionRow.state, DecisionRow.due_on)
        .where(DecisionRow.is_open, DecisionRow.proposed_on <= on)
        .order_by(DecisionRow.model_id, DecisionRow.id)
    )
    with registry.read() as session:
        return pd.DataFrame([tuple(row) for row in session.execute(chosen)], columns=list(OPEN_COLUMNS))


def all_decisions(registry: Database, *, on: date, state: State | None = None) -> pd.DataFrame:
    """One row per decision, newest first.

    ``decision_id`` (int), ``model_id``, ``model``, ``team``, ``owner`` (str), ``tier`` (int, at the proposal), ``action``, ``state``,
    ``reason``, ``proposed_by`` (str), ``proposed_on``, ``due_on`` (date), ``is_overdue`` (bool), ``approvals`` (int), ``verdict``,
    ``sentence`` (str, at the proposal), ``decided_by`` (str), ``decided_on`` (date), missing while it is proposed, ``approved_by`` (str,
    comma-joined), ``standing_approval`` (Int64, its number; missing for decisions of people), ``challenges`` (str: the questions about it
    and the challenges of the findings it rests on, with what was answered; empty without any).
    """
    chosen = [] if state is None else [DecisionRow.state == state.value]
    with registry.read() as session:
        records = RegistryDecisions(session)
        beside = _challenges(records, on=on)
        rows = [_row(decision, beside, on=on) for decision in _as_of(records, on, *chosen)]
    return pd.DataFrame(rows, columns=list(DECISION_COLUMNS)).astype({"standing_approval": "Int64"})


def _as_of(records: RegistryDecisions, on: date, *conditions: sa.ColumnElement[bool]) -> tuple[Decision, ...]:
    """Return decisions that had been proposed by ``on``: what is later is invisible."""
    return records.decisions(DecisionRow.proposed_on <= on, *conditions)


class _WhoIsNeeded:
    """Says who a proposal waits for; a bulk proposal has hundreds of decisions that wait for the same people."""

    def __init__(self, records: RegistryDecisions) -> None:
        self.records, self.everyone = records, records.everyone()
        self.conflicts = conflicts(records.session)
        self.sentences: dict[object, str] = {}

    def aside(self, decision: Decision) -> frozenset[str]:
        """Return who stepped back from the proposal in a meeting."""
        return self.records.stepped_back(decision, self.conflicts)

    def sentence(self, decision: Decision) -> str:
        aside = self.aside(decision)
        alike = (decision.quorum, decision.subject.team, decision.proposed_by, decision.approvals, aside)
        if alike not in self.sentences:
            self.sentences[alike] = waiting_without(decision, self.everyone, aside)
        return self.sentences[alike]

    def to_tell(self, decision: Decision, *, on: date) -> str:
        """Return the e-mail addresses of those it waits for, joined by semicolons."""
        aside = self.aside(decision)
        return ";".join(sorted(each.email for each in self.everyone if _waits_for(decision, each, on=on, aside=aside)))


def _waits_for(decision: Decision, actor: Actor | None, *, on: date, aside: frozenset[str]) -> bool:
    if actor is None:
        return False
    escalated = decision.escalates_to(actor, on) and decision.proposed_by != actor.email
    return escalated or _can_answer(decision, actor, aside=aside)


def _can_answer(decision: Decision, actor: Actor | None, *, aside: frozenset[str]) -> bool:
    return (
        actor is not None
        and actor.email not in aside
        and (decision.may(Move.APPROVE, actor) or decision.may(Move.REJECT, actor))
    )


def _challenges(records: RegistryDecisions, *, on: date) -> dict[str, list[Challenge]]:
    """Return every challenge and question by model, as it stood on a day, the oldest first."""
    found: dict[str, list[Challenge]] = {}
    for each in reversed(records.challenges()):
        if (known := each.as_known_on(on)) is not None:
            found.setdefault(known.subject.model_id, []).append(known)
    return found


def _row(decision: Decision, beside: Mapping[str, Sequence[Challenge]], *, on: date) -> dict[str, Any]:
    findings = (decision.frozen_evidence or decision.evidence).get("findings") or []
    said = [each for each in beside.get(decision.subject.model_id, ()) if each.is_about(decision.id, findings)]
    return {
        "decision_id": decision.id,
        "model_id": decision.subject.model_id,
        "model": decision.subject.name,
        "team": decision.subject.team,
        "owner": decision.subject.owner,
        "tier": decision.tier,
        "action": decision.action.value,
        "state": decision.state.value,
        "reason": decision.reason,
        "proposed_by": decision.proposed_by,
        "proposed_on": decision.proposed_on,
        "due_on": decision.due_on,
        "is_overdue": decision.is_overdue(on),
        "approvals": len(decision.approvers),
        "verdict": decision.evidence.get("verdict"),
        "sentence": decision.evidence.get("sentence"),
        "decided_by": decision.decided_by,
        "decided_on": decision.decided_on,
        "approved_by": ",".join(decision.approvers),
        "standing_approval": decision.standing_approval,
        "challenges": " ".join(each.told() for each in said),
    }
