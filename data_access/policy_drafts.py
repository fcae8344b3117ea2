"""Drafts of the policy in the registry: thresholds that somebody tries out, and how far the preview of each has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from data_access import people
from data_access.policy_records import RegistryPolicies, stored_policies
from data_access.tables import PolicyDraftRow
from monitoring.errors import (
    InvalidProposalError,
    NotAuthorisedError,
    PreviewRunningError,
    UnknownPersonError,
    UnknownPolicyError,
)
from monitoring.policy_preview import PolicyPreview
from monitoring.policy_version import (
    Difference,
    check_policy_drafter,
    content_hash,
    differences,
    policies_of,
    tier_values,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from monitoring.policy import Policy
    from monitoring.policy_version import PolicyVersion, Values

PREVIEWED_DAYS = 90
SILENT_AFTER = timedelta(seconds=120)
"""Whoever works out a preview and has said nothing for so long is gone."""
DRAFT = "draft"


class PreviewState(StrEnum):
    """How far the preview of a draft is."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Draft:
    """Thresholds that somebody tries out against the version ``based_on``, and the preview of the days up to ``day``."""

    id: int
    policies: tuple[Policy, Policy, Policy]
    values: Values
    content_hash: str
    based_on: int
    day: date
    drafted_by: str
    state: PreviewState
    done: int = 0
    total: int = 0
    started_at: datetime | None = None
    sentence: str = ""
    preview: PolicyPreview | None = None

    @classmethod
    def of(cls, row: PolicyDraftRow, *, now: datetime) -> Self:
        """Return the row as a value; a preview nobody works on any more is interrupted."""
        state = PreviewState(row.state)
        if state is PreviewState.RUNNING and (row.told_at is None or now - row.told_at > SILENT_AFTER):
            state = PreviewState.INTERRUPTED
        return cls(
            id=row.id,
            policies=stored_policies(row.thresholds, version=DRAFT),
            values=row.thresholds,
            content_hash=row.content_hash,
            based_on=row.based_on,
            day=row.day,
            drafted_by=row.drafted_by,
            state=state,
            done=row.done,
            total=row.total,
            started_at=row.started_at,
            sentence=row.sentence or "",
            preview=PolicyPreview.from_json(row.preview) if row.preview else None,
        )

    def differences(self, base: PolicyVersion) -> tuple[Difference, ...]:
        """Return what the draft sets differently from a version."""
        return differences(before=base.policies, after=self.policies)


def keep_draft(
    registry: Database, values: Mapping[str, Mapping[str, float]], *, based_on: int, day: date, by: str, now: datetime
) -> int:
    """Keep thresholds to be tried out and return the draft's number; the same draft of the same day is the same number.

    Raises:
        NotAuthorisedError: ``by`` is neither an approver nor an independent reviewer for every team.
        InvalidThresholdError: a threshold may not have its value.
        InvalidProposalError: nothing differs from the version it is based on.
    """
    policies = policies_of(values, version=DRAFT)
    digest = content_hash(policies)
    with registry.keep_books() as session:
        check_policy_drafter(people.actor(session, by))
        base = RegistryPolicies(session).version(based_on)
        if base.content_hash == digest:
            raise InvalidProposalError(f"Every threshold is as in version {based_on}: there is nothing to preview.")
        same = session.scalar(
            sa.select(PolicyDraftRow.id)
            .where(
                PolicyDraftRow.content_hash == digest, PolicyDraftRow.based_on == based_on, PolicyDraftRow.day == day
            )
            .order_by(PolicyDraftRow.id.desc())
            .limit(1)
        )
        if same is not None:
            return same
        row = PolicyDraftRow(
            thresholds=tier_values(policies),
            content_hash=digest,
            based_on=based_on,
            day=day,
            state=PreviewState.NOT_STARTED.value,
            drafted_by=by,
            drafted_at=now,
        )
        session.add(row)
        session.flush()
        return row.id


def draft(registry: Database, number: int, *, now: datetime) -> Draft:
    """Return a draft; UnknownPolicyError when there is none."""
    with registry.read() as session:
        return Draft.of(_row(session, number), now=now)


def newest_draft_of(registry: Database, version: PolicyVersion, *, now: datetime) -> Draft | None:
    """Return the newest draft with the thresholds of a version; those with a preview come first."""
    query = (
        sa.select(PolicyDraftRow)
        .where(PolicyDraftRow.content_hash == version.content_hash, PolicyDraftRow.based_on == (version.based_on or 1))
        .order_by(PolicyDraftRow.day.desc(), PolicyDraftRow.id.desc())
    )
    with registry.read() as session:
        found = [Draft.of(row, now=now) for row in session.scalars(query)]
    ready = [each for each in found if each.state in {PreviewState.READY, PreviewState.RUNNING}]
    return next(iter(ready or found), None)


def why_not_draft(registry: Database, *, by: str | None) -> str | None:
    """Return nothing when this person may draft a policy, else the sentence to show in place of the form."""
    if by is None:
        return "Only people the registry knows may draft a policy."
    with registry.read() as session:
        try:
            check_policy_drafter(people.actor(session, by))
        except (NotAuthorisedError, UnknownPersonError) as refusal:
            return str(refusal)
    return None


def begin_preview(registry: Database, number: int, *, by: str, now: datetime) -> None:
    """Mark a preview as being worked out; one at a time, for it takes every core there is.

    Raises:
        NotAuthorisedError: ``by`` is neither an approver nor an independent reviewer for every team.
        PreviewRunningError: another one, or this one, is being worked out.
    """
    with registry.keep_books() as session:
        check_policy_drafter(people.actor(session, by))
        running = session.scalars(
            sa.select(PolicyDraftRow).where(
                PolicyDraftRow.state == PreviewState.RUNNING.value, PolicyDraftRow.told_at > now - SILENT_AFTER
            )
        ).first()
        if running is not None:
            share = f"{100 * running.done // running.total} % done" if running.total else "just begun"
            raise PreviewRunningError(
                f"The preview of draft {running.id} is being worked out, {share}: wait or cancel it."
            )
        session.execute(
            sa.update(PolicyDraftRow)
            .where(PolicyDraftRow.id == number)
            .values(
                state=PreviewState.RUNNING.value,
                done=0,
                total=0,
                started_at=now,
                told_at=now,
                sentence=None,
                preview=None,
            )
        )


def tell_progress(registry: Database, number: int, *, done: int, total: int, now: datetime) -> bool:
    """Say how far a preview is; false when it is wanted no longer."""
    return _while_running(registry, number, done=done, total=total, told_at=now)


def finish_preview(registry: Database, number: int, preview: PolicyPreview, *, now: datetime) -> bool:
    """Keep what came out; false when it is wanted no longer."""
    said = {"state": PreviewState.READY.value, "preview": preview.as_json()}
    return _while_running(registry, number, told_at=now, **said)


def fail_preview(registry: Database, number: int, sentence: str, *, now: datetime) -> bool:
    """Say why a preview could not be worked out."""
    return _while_running(registry, number, state=PreviewState.FAILED.value, sentence=sentence, told_at=now)


def cancel_preview(registry: Database, number: int, *, by: str, now: datetime) -> bool:
    """Ask whoever works out a preview to stop; NotAuthorisedError as in ``begin_preview``."""
    with registry.read() as session:
        check_policy_drafter(people.actor(session, by))
    return _while_running(registry, number, state=PreviewState.CANCELLED.value, told_at=now)


def _while_running(registry: Database, number: int, **values: Any) -> bool:
    """Change a preview that is being worked out; pages ask for it themselves, so no cache is old after it."""
    changed = (
        sa.update(PolicyDraftRow)
        .where(PolicyDraftRow.id == number, PolicyDraftRow.state == PreviewState.RUNNING.value)
        .values(values)
        .returning(PolicyDraftRow.id)
    )
    with registry.keep_books() as session:
        return len(session.execute(changed).all()) == 1


def _row(session: Session, number: int) -> PolicyDraftRow:
    row = session.get(PolicyDraftRow, number)
    if row is None:
        raise UnknownPolicyError(f"There is no draft {number} of the policy.")
    return row
