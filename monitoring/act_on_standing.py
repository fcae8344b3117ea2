"""The use case of a day: what standing approvals bring about once its verdicts are there.

It runs after the verdicts of the newest complete day, in ``modelfolio assess``, never in the web server and never for a day that
lies behind. Repeating it changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.authority import machine
from monitoring.decision import Decision
from monitoring.errors import OpenDecisionExistsError, StaleDecisionError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Action, Capacity
from monitoring.standing_rules import guard_failure, why_not_now, why_not_start, why_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.standing_approval import StandingApproval
    from monitoring.standing_ports import StandingRecords, StandingRegistry


def act_on_standing(registry: StandingRegistry, *, on: date, now: datetime) -> tuple[Decision, ...]:
    """End what is over or has failed, start the retrainings that are permitted, and return their decisions.

    A day that is not the newest one judged starts nothing: a replay or a backfill is no reason to retrain. Each retraining has a
    transaction of its own, in which everything is looked at again.
    """
    with registry.looking_at_standing() as records:
        is_over = any(_ended(records, each, on=on, now=now) for each in records.approved_standings())
    if is_over:
        with registry.deciding_standing() as records:
            for standing in records.approved_standings():
                if (end := _ended(records, standing, on=on, now=now)) is not None:
                    records.store_standing(*end, before=standing)
    with registry.looking_at_standing() as records:
        wanted = list(_permitted(records, on=on)) if records.newest_day() == on else []
    started = (_started(registry, number, model_id, on=on, now=now) for number, model_id in wanted)
    return tuple(decision for decision in started if decision is not None)


def _permitted(records: StandingRecords, *, on: date) -> Iterator[tuple[int, str]]:
    """Give each standing approval with a model that it would retrain now; the runs that the first ones take are not counted yet."""
    for standing in records.approved_standings():
        if standing.lapsed(records.everyone()) is not None:
            continue
        runs = records.runs_in_month(standing, on=on)
        for candidate in records.candidates(standing, on=on):
            if why_not_start(standing.envelope, candidate, tier=standing.tier, runs_this_month=runs, on=on) is None:
                yield standing.id, candidate.model.subject.model_id


def _ended(
    records: StandingRecords, standing: StandingApproval, *, on: date, now: datetime
) -> tuple[StandingApproval, AuditEvent] | None:
    """Return a standing approval that is over or has failed with the event that ends it; nothing while it goes on."""
    if on > standing.envelope.expires_on:
        return standing.expire(on=on, now=now)
    because = _broken_guard(records, standing, on=on)
    return standing.suspend_itself(because, on=on, now=now) if because is not None else None


def _broken_guard(records: StandingRecords, standing: StandingApproval, *, on: date) -> str | None:
    for decision in records.trained_under(standing):
        measured = records.measured_new_version(decision, on=on)
        if (because := guard_failure(standing.envelope, decision, measured, on=on)) is not None:
            return because
    return None


def _started(registry: StandingRegistry, number: int, model_id: str, *, on: date, now: datetime) -> Decision | None:
    """Start one retraining if everything still holds; somebody who was first, a person or a worker, is no failure."""
    try:
        with registry.deciding_standing() as records:
            return start(records, records.standing(number), model_id, on=on, now=now)
    except (OpenDecisionExistsError, StaleDecisionError):
        return None


def start(
    records: StandingRecords, standing: StandingApproval, model_id: str, *, on: date, now: datetime
) -> Decision | None:
    """Propose and approve a retraining in the caller's transaction, which also takes one of the month's runs.

    Returns nothing when a rule does not hold. Raises OpenDecisionExistsError or StaleDecisionError when somebody else was first.
    """
    model = next((each for each in standing.covered if each.subject.model_id == model_id), None)
    if model is None or records.newest_day() != on or why_not_now(standing, on) is not None:
        return None
    if standing.lapsed(records.everyone()) is not None:
        return None
    candidate, runs = records.candidate(model, on=on), records.runs_in_month(standing, on=on)
    if why_not_start(standing.envelope, candidate, tier=standing.tier, runs_this_month=runs, on=on) is not None:
        return None
    evidence, why = Evidence(dict(candidate.evidence)), why_start(standing, candidate, runs_this_month=runs)
    (proposed,) = records.add(
        [
            Decision.propose(
                model.subject,
                Action.RETRAIN,
                actor=machine(Capacity.POLICY),
                reason=why,
                evidence=evidence,
                on=on,
                now=now,
                standing_approval=standing.id,
            )
        ]
    )
    approved, event = proposed.approve_by_standing(standing.named, comment=why, evidence=evidence, on=on, now=now)
    records.keep_run(standing, approved, on=on)
    records.store(approved, event, before=proposed)
    return approved
