"""Decisions, and what they need, as rows: read and stored inside one transaction."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import audit_trail, standing_rows
from data_access.after_approval import AfterApproval, carry_through
from data_access.answer_rows import answer_columns, answer_of
from data_access.challenge_records import RegistryChallenges, as_finding
from data_access.meeting_conflicts import Proposed, refuse_stepped_back, stepped_back
from data_access.tables import ApprovalRow, AssessmentRow, DecisionRow, FindingRow, ModelRow
from monitoring.assessment import Assessment, Basis, Measures, Verdict
from monitoring.authority import Subject
from monitoring.decision import Decision
from monitoring.errors import OpenDecisionExistsError, StaleDecisionError, UnknownDecisionError, UnknownModelError
from monitoring.evidence import NEVER_ASSESSED, Evidence, snapshot
from monitoring.lifecycle import Action, State
from monitoring.outcome import Judgement, Review
from monitoring.retirement import RetirementPlan
from monitoring.retiring import ENDED_BY_REINSTATING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from data_access.meeting_conflicts import Conflict
    from monitoring.audit import AuditEvent
    from monitoring.quorum import Approval


class RegistryDecisions(RegistryChallenges, AfterApproval):
    """The decisions inside one transaction of the registry (the port ``DecisionRecords``)."""

    def subject(self, model_id: str) -> Subject:
        """Return who answers for the model, as the registry knows it now."""
        row = self.session.get(ModelRow, model_id)
        if row is None:
            raise UnknownModelError(f"No model has the id {model_id!r}.")
        return _subject(row)

    def subjects(self, model_ids: Iterable[str]) -> tuple[Subject, ...]:
        """Return who answers for each of these models that the registry knows."""
        chosen = sa.select(ModelRow).where(ModelRow.id.in_(set(model_ids))).order_by(ModelRow.id)
        return tuple(map(_subject, self.session.scalars(chosen)))

    def evidence(self, model_id: str, *, on: date) -> Evidence:
        """Return the newest assessment as it was known on ``on``."""
        row = self.session.scalars(
            sa.select(AssessmentRow)
            .where(AssessmentRow.model_id == model_id, AssessmentRow.day <= on, AssessmentRow.known_on <= on)
            .order_by(AssessmentRow.day.desc(), AssessmentRow.known_on.desc(), AssessmentRow.recorded_at.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return Evidence(NEVER_ASSESSED)
        findings = self.session.scalars(
            sa.select(FindingRow).where(FindingRow.assessment_id == row.id).order_by(FindingRow.id)
        )
        return assessed_evidence(row, findings)

    def decision(self, decision_id: int) -> Decision:
        """Return the decision with its answers."""
        found = self.decisions(DecisionRow.id == decision_id)
        if not found:
            raise UnknownDecisionError(f"There is no decision {decision_id}.")
        return found[0]

    def stepped_back(self, decision: Decision, among: Sequence[Conflict] | None = None) -> frozenset[str]:
        """Return who may not answer the decision, because they stepped back from it in a meeting; ``among`` are all conflicts."""
        return stepped_back(self.session, _proposed(decision), among)

    def decisions(self, *conditions: sa.ColumnElement[bool]) -> tuple[Decision, ...]:
        """Return the decisions for which the conditions hold, newest first, with their answers."""
        rows = self.session.execute(
            sa.select(DecisionRow, ModelRow)
            .join(ModelRow, ModelRow.id == DecisionRow.model_id)
            .where(*conditions)
            .order_by(DecisionRow.id.desc())
        ).all()
        answers: dict[int, list[Approval]] = {}
        chosen = sa.select(DecisionRow.id).where(*conditions)
        for answer in self.session.scalars(
            sa.select(ApprovalRow).where(ApprovalRow.decision_id.in_(chosen)).order_by(ApprovalRow.id)
        ):
            answers.setdefault(answer.decision_id, []).append(answer_of(answer, evidence_hash=answer.evidence_hash))
        return tuple(_decision(row, model, answers.get(row.id, [])) for row, model in rows)

    def ended_acceptances(self, *, on: date) -> tuple[Decision, ...]:
        """Return the approved acceptances whose date is reached on ``on``."""
        return self.decisions(
            DecisionRow.action == Action.ACCEPT.value,
            DecisionRow.state == State.APPROVED.value,
            DecisionRow.accept_until <= on,
        )

    def decisions_in(self, action: Action, state: State) -> tuple[Decision, ...]:
        """Return the decisions with this action that are in this state."""
        return self.decisions(DecisionRow.action == action.value, DecisionRow.state == state.value)

    def ended_by_reinstating(self, model_id: str) -> tuple[Decision, ...]:
        """Return the approved suspensions and retirements that are over once the model serves again."""
        ended = [
            sa.and_(DecisionRow.action == action.value, DecisionRow.state.in_([state.value for state in states]))
            for action, states in ENDED_BY_REINSTATING.items()
        ]
        return self.decisions(DecisionRow.model_id == model_id, sa.or_(*ended))

    def add(self, proposals: Sequence[tuple[Decision, AuditEvent]]) -> tuple[Decision, ...]:
        """Store new decisions with their audit events and return them numbered; a second open one is refused."""
        added = []
        for proposal, event in proposals:
            self._refuse_second_open(proposal)
            row = DecisionRow(
                model_id=proposal.subject.model_id,
                action=proposal.action.value,
                state=proposal.state.value,
                is_open=proposal.is_open,
                tier=proposal.tier,
                reason=proposal.reason,
                proposed_by=proposal.proposed_by,
                proposed_on=proposal.proposed_on,
                proposed_at=proposal.proposed_at,
                due_on=proposal.due_on,
                accept_until=proposal.accept_until,
                plan=proposal.plan.plain() if proposal.plan else None,
                evidence=proposal.evidence,
                state_on=proposal.state_on,
                state_at=proposal.state_at,
                standing_approval=proposal.standing_approval,
            )
            self.session.add(row)
            self.session.flush()
            audit_trail.append_event(self.session, replace(event, subject_id=str(row.id)))
            added.append(replace(proposal, id=row.id))
        return tuple(added)

    def store(self, moved: Decision, event: AuditEvent, *, before: Decision) -> None:
        """Store a move, or an answer, with its audit event; whoever comes second is told who was first, who stepped back is refused."""
        refuse_stepped_back(self.session, event, _proposed(before))
        updated = self.session.execute(
            sa.update(DecisionRow)
            .where(DecisionRow.id == moved.id, DecisionRow.state == before.state.value)
            .values(
                state=moved.state.value,
                is_open=moved.is_open,
                frozen_evidence=moved.frozen_evidence,
                evidence_hash=moved.evidence_hash,
                decided_by=moved.decided_by,
                decided_on=moved.decided_on,
                decided_at=moved.decided_at,
                plan=moved.plan.plain() if moved.plan else None,
                **_followed(moved),
            )
            .returning(DecisionRow.id)
        ).all()
        if len(updated) != 1:
            raise StaleDecisionError("Another person decided this at the same moment. Nothing was sent twice.")
        for answer in moved.approvals[len(before.approvals) :]:
            self.session.add(
                ApprovalRow(decision_id=moved.id, evidence_hash=answer.evidence_hash, **answer_columns(answer))
            )
        self.session.flush()
        carry_through(self.session, moved, event, before=before)
        audit_trail.append_event(self.session, event)
        standing_rows.suspend_after(self.session, moved, event)

    def _refuse_second_open(self, proposal: Decision) -> None:
        """Say which decision is open already; the unique index behind this holds for everybody else."""
        row = self.session.execute(
            sa.select(DecisionRow.id, DecisionRow.state, DecisionRow.proposed_by).where(
                DecisionRow.model_id == proposal.subject.model_id,
                DecisionRow.action == proposal.action.value,
                DecisionRow.is_open,
            )
        ).one_or_none()
        if row:
            action, state = proposal.action.value.replace("_", " "), State(row.state).words
            raise OpenDecisionExistsError(
                f"{proposal.subject.name} has an open decision to {action} already: "
                f"number {row.id}, {state}, proposed by {row.proposed_by}."
            )


def _proposed(decision: Decision) -> Proposed:
    return Proposed(decision.proposed_at, frozenset({decision.subject.model_id}), decision_id=decision.id)


def _subject(row: ModelRow) -> Subject:
    return Subject(model_id=row.id, name=row.name, owner=row.owner, team=row.team, tier=row.tier)


def _decision(row: DecisionRow, model: ModelRow, answers: list[Approval]) -> Decision:
    return Decision(
        id=row.id,
        subject=_subject(model),
        action=Action(row.action),
        state=State(row.state),
        tier=row.tier,
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_on=row.proposed_on,
        proposed_at=row.proposed_at,
        due_on=row.due_on,
        accept_until=row.accept_until,
        plan=RetirementPlan.of(row.plan) if row.plan else None,
        evidence=row.evidence,
        frozen_evidence=row.frozen_evidence,
        evidence_hash=row.evidence_hash,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        decided_at=row.decided_at,
        approvals=tuple(answers),
        state_on=row.state_on,
        state_at=row.state_at,
        assigned_to=row.assigned_to,
        sunset_on=row.sunset_on,
        new_version=row.new_version,
        active_from=row.active_from,
        settles_on=row.settles_on,
        review=_review(row),
        measured=row.measured,
        standing_approval=row.standing_approval,
    )


def _review(row: DecisionRow) -> Review | None:
    if row.outcome is None or row.outcome_by is None or row.outcome_on is None:
        return None
    return Review(
        Judgement(row.outcome), row.outcome_reason or "", row.outcome_by, row.outcome_on, row.outcome_confirmed_by
    )


def _followed(moved: Decision) -> dict[str, Any]:
    """Return the columns for what followed the approval."""
    names = ("state_on", "state_at", "assigned_to", "sunset_on", "new_version", "active_from", "settles_on", "measured")
    values = {name: getattr(moved, name) for name in names}
    if (review := moved.review) is not None:
        values |= {
            "outcome": review.judgement.value,
            "outcome_reason": review.reason,
            "outcome_by": review.proposed_by,
            "outcome_on": review.proposed_on,
            "outcome_confirmed_by": review.confirmed_by,
        }
    return values


def assessed_evidence(row: AssessmentRow, findings: Iterable[FindingRow]) -> Evidence:
    """Return an assessment with its findings as evidence."""
    return Evidence(snapshot(_assessment(row, findings)), assessment_id=row.id)


def _assessment(row: AssessmentRow, findings: Iterable[FindingRow]) -> Assessment:
    return Assessment(
        model_id=row.model_id,
        version=row.version,
        day=row.day,
        known_on=row.known_on,
        verdict=Verdict(row.verdict),
        basis=Basis(row.basis),
        sentence=row.sentence,
        reason=row.reason,
        in_verdict_since=row.in_verdict_since,
        findings=tuple(as_finding(finding) for finding in findings),
        against=tuple(row.against),
        measures=Measures(**{field.name: getattr(row, field.name) for field in fields(Measures)}),
        policy_version=row.policy_version,
        method_version=row.method_version,
    )
