"""Versions of the policy, and what deciding about them needs, as rows: read and stored inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import audit_trail, people
from data_access.answer_rows import answer_columns, answer_of
from data_access.meeting_conflicts import Proposed, refuse_stepped_back, stepped_back
from data_access.tables import PolicyAnswerRow, PolicyRow
from monitoring.errors import StaleDecisionError, UnknownPolicyError
from monitoring.lifecycle import State
from monitoring.policy import Policy
from monitoring.policy_version import FIRST_VERSION, TIERS, PolicyHistory, PolicyVersion

if TYPE_CHECKING:
    from data_access.database import Database
    from monitoring.audit import AuditEvent
    from monitoring.policy_version import Values
    from monitoring.quorum import Approval


class RegistryPolicies(people.RegistryPeople):
    """The versions of the policy inside one transaction of the registry (the port ``PolicyRecords``)."""

    def version(self, number: int) -> PolicyVersion:
        """Return a version with its answers; UnknownPolicyError when there is none."""
        found = [each for each in self.versions(PolicyRow.number == number) if each.number == number]
        if number == FIRST_VERSION.number:
            return FIRST_VERSION
        if not found:
            raise UnknownPolicyError(f"There is no version {number} of the policy.")
        return found[0]

    def versions(self, *conditions: sa.ColumnElement[bool]) -> tuple[PolicyVersion, ...]:
        """Return the versions in the table for which the conditions hold, newest first, with their answers."""
        rows = self.session.scalars(sa.select(PolicyRow).where(*conditions).order_by(PolicyRow.number.desc())).all()
        answers: dict[int, list[Approval]] = {}
        chosen = sa.select(PolicyRow.number).where(*conditions)
        for answer in self.session.scalars(
            sa.select(PolicyAnswerRow).where(PolicyAnswerRow.number.in_(chosen)).order_by(PolicyAnswerRow.id)
        ):
            answers.setdefault(answer.number, []).append(answer_of(answer, evidence_hash=answer.content_hash))
        return tuple(_version(row, answers.get(row.number, [])) for row in rows)

    def history(self) -> PolicyHistory:
        """Return the approved versions."""
        approved = self.versions(PolicyRow.state == State.APPROVED.value)
        return PolicyHistory((FIRST_VERSION, *reversed(approved)))

    def proposed(self) -> tuple[PolicyVersion, ...]:
        """Return the versions that wait for an answer, newest first."""
        return self.versions(PolicyRow.state == State.PROPOSED.value)

    def stepped_back(self, version: PolicyVersion) -> frozenset[str]:
        """Return who may not answer the version, because they stepped back from it in a meeting."""
        return stepped_back(self.session, _proposed(version))

    def next_number(self) -> int:
        """Return the number of the next version; version 1 is the method's own."""
        return (self.session.scalar(sa.select(sa.func.max(PolicyRow.number))) or FIRST_VERSION.number) + 1

    def add(self, version: PolicyVersion, event: AuditEvent) -> None:
        """Store a new version with its audit event."""
        self.session.add(
            PolicyRow(
                number=version.number,
                thresholds=version.values,
                content_hash=version.content_hash,
                based_on=version.based_on,
                state=version.state.value,
                reason=version.reason,
                proposed_by=version.proposed_by,
                proposed_on=version.proposed_on,
                proposed_at=version.proposed_at,
                wanted_from=version.wanted_from,
            )
        )
        self.session.flush()
        audit_trail.append_event(self.session, event)

    def store(self, moved: PolicyVersion, event: AuditEvent, *, before: PolicyVersion) -> None:
        """Store a move, or an answer, with its audit event; whoever comes second is told who was first, who stepped back is refused."""
        refuse_stepped_back(self.session, event, _proposed(before))
        updated = self.session.execute(
            sa.update(PolicyRow)
            .where(PolicyRow.number == moved.number, PolicyRow.state == before.state.value)
            .values(
                state=moved.state.value,
                in_force_from=moved.in_force_from,
                decided_by=moved.decided_by,
                decided_on=moved.decided_on,
                decided_at=moved.decided_at,
            )
            .returning(PolicyRow.number)
        ).all()
        if len(updated) != 1:
            raise StaleDecisionError("Another person decided this at the same moment. Nothing was changed twice.")
        for answer in moved.approvals[len(before.approvals) :]:
            self.session.add(
                PolicyAnswerRow(number=moved.number, content_hash=answer.evidence_hash, **answer_columns(answer))
            )
        self.session.flush()
        audit_trail.append_event(self.session, event)


def policy_history(registry: Database) -> PolicyHistory:
    """Return the approved versions of the policy."""
    with registry.read() as session:
        return RegistryPolicies(session).history()


def stored_policies(values: Values, *, version: str) -> tuple[Policy, Policy, Policy]:
    """Return stored thresholds of the three tiers as they were checked when they were stored."""
    first, second, third = (Policy(version=version, **values[str(tier)]) for tier in TIERS)  # type: ignore[arg-type]  # days were stored as whole numbers
    return first, second, third


def _proposed(version: PolicyVersion) -> Proposed:
    return Proposed(version.proposed_at, policy_number=version.number)


def _version(row: PolicyRow, answers: list[Approval]) -> PolicyVersion:
    return PolicyVersion(
        number=row.number,
        policies=stored_policies(row.thresholds, version=str(row.number)),
        state=State(row.state),
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_on=row.proposed_on,
        proposed_at=row.proposed_at,
        based_on=row.based_on,
        wanted_from=row.wanted_from,
        in_force_from=row.in_force_from,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        decided_at=row.decided_at,
        approvals=tuple(answers),
    )
