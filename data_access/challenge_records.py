"""Challenges and questions as rows: read and stored inside one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import audit_trail, people
from data_access.challenge_rows import read_challenges
from data_access.challenge_tables import ChallengeEntryRow, ChallengeRow
from data_access.tables import AssessmentRow, FindingRow, ModelRow
from monitoring.assessment import Finding, FindingKind, Verdict
from monitoring.challenge import Challenge, ChallengedFinding, finding_code
from monitoring.errors import (
    OpenChallengeExistsError,
    StaleDecisionError,
    UnknownChallengeError,
    UnknownFindingError,
    UnknownModelError,
)
from monitoring.evidence import finding_snapshot

if TYPE_CHECKING:
    from datetime import date

    from monitoring.audit import AuditEvent


class RegistryChallenges(people.RegistryPeople):
    """The part of the port ``DecisionRecords`` that is about challenges and questions."""

    def assessed_finding(self, model_id: str, *, day: date, code: str, on: date) -> ChallengedFinding:
        """Return a finding of the assessment of ``day`` as it was known on ``on``; one that it has not is refused."""
        model = self.session.get(ModelRow, model_id)
        if model is None:
            raise UnknownModelError(f"No model has the id {model_id!r}.")
        row = self.session.scalars(
            sa.select(AssessmentRow)
            .where(AssessmentRow.model_id == model_id, AssessmentRow.day == day, AssessmentRow.known_on <= on)
            .order_by(AssessmentRow.known_on.desc(), AssessmentRow.recorded_at.desc())
            .limit(1)
        ).one_or_none()
        if row is None or day > on:
            raise UnknownFindingError(f"{model.name} has no assessment of {day.isoformat()}.")
        found = {
            finding_code(finding.kind, finding.subject): finding
            for finding in self.session.scalars(
                sa.select(FindingRow).where(FindingRow.assessment_id == row.id).order_by(FindingRow.id)
            )
        }
        if code not in found:
            known = ", ".join(found) or "none"
            raise UnknownFindingError(
                f"The assessment of {model.name} for {day.isoformat()} has no finding {code!r}; it has: {known}."
            )
        return ChallengedFinding(day, row.known_on, code, finding_snapshot(as_finding(found[code])))

    def challenge(self, challenge_id: int) -> Challenge:
        """Return a challenge or a question with everything said."""
        found = self.challenges(ChallengeRow.id == challenge_id)
        if not found:
            raise UnknownChallengeError(f"There is no challenge {challenge_id}.")
        return found[0]

    def challenges_of(self, model_id: str, *, on: date) -> tuple[Challenge, ...]:
        """Return the model's challenges and questions as they stood on ``on``, the newest first."""
        found = (each.as_known_on(on) for each in self.challenges(ChallengeRow.model_id == model_id))
        return tuple(each for each in found if each is not None)

    def challenges(self, *conditions: sa.ColumnElement[bool]) -> tuple[Challenge, ...]:
        """Return those for which the conditions hold, the newest first, with everything said."""
        return read_challenges(self.session, *conditions)

    def begin_challenge(self, begun: Challenge, event: AuditEvent) -> Challenge:
        """Store a new one with its audit event and return it numbered; a second open one about the same is refused."""
        self._refuse_second_challenge(begun)
        finding, asked = begun.finding, begun.decision
        row = ChallengeRow(
            model_id=begun.subject.model_id,
            decision_id=asked.id if asked else None,
            day=finding.day if finding else None,
            known_on=finding.known_on if finding else None,
            code=finding.code if finding else None,
            finding=finding.snapshot if finding else None,
            state=begun.state.value,
            is_open=begun.is_open,
            entries=len(begun.entries),
        )
        self.session.add(row)
        self.session.flush()
        self._add_entry(row.id, begun)
        audit_trail.append_event(self.session, replace(event, subject_id=str(row.id)))
        return replace(begun, id=row.id)

    def keep_entry(self, said: Challenge, event: AuditEvent, *, before: Challenge) -> None:
        """Store the newest entry with its audit event; whoever comes second is told."""
        updated = self.session.execute(
            sa.update(ChallengeRow)
            .where(
                ChallengeRow.id == said.id,
                ChallengeRow.state == before.state.value,
                ChallengeRow.entries == len(before.entries),
            )
            .values(state=said.state.value, is_open=said.is_open, entries=len(said.entries))
            .returning(ChallengeRow.id)
        ).all()
        if len(updated) != 1:
            raise StaleDecisionError("Another person wrote at the same moment; look at it again.")
        self._add_entry(said.id, said)
        audit_trail.append_event(self.session, event)

    def _add_entry(self, challenge_id: int, said: Challenge) -> None:
        entry = said.entries[-1]
        self.session.add(
            ChallengeEntryRow(
                challenge_id=challenge_id,
                position=len(said.entries),
                turn=entry.turn.value,
                text=entry.text,
                person=entry.person,
                role=entry.role,
                said_on=entry.said_on,
                said_at=entry.said_at,
            )
        )
        self.session.flush()

    def _refuse_second_challenge(self, begun: Challenge) -> None:
        """Say who asked already; the unique index behind this holds for everybody else."""
        same = (
            ChallengeRow.code == begun.finding.code
            if begun.finding
            else ChallengeRow.decision_id == (begun.decision.id if begun.decision else None)
        )
        found = self.challenges(ChallengeRow.model_id == begun.subject.model_id, same, ChallengeRow.is_open.is_(True))
        if found:
            what = "This finding is challenged" if begun.finding else "A question about this proposal is open"
            first = found[0].began
            raise OpenChallengeExistsError(
                f"{what} already: number {found[0].id}, {found[0].state.value}, by {first.person} on {first.said_on.isoformat()}."
            )


def as_finding(row: FindingRow) -> Finding:
    """Return a stored finding."""
    return Finding(
        kind=FindingKind(row.kind),
        argues_for=Verdict(row.argues_for),
        subject=row.subject,
        since=row.since,
        sentence=row.sentence,
        source=row.source,
        evidence=row.evidence,
    )
