"""Standing approvals, and what was decided under them, as pages, commands and minutes show them; nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from data_access import standing_rows
from data_access.standing_records import RegistryStanding
from data_access.standing_tables import StandingApprovalRow
from data_access.tables import DecisionRow
from monitoring.authority import known_actor
from monitoring.lifecycle import Move, State
from monitoring.standing_approval import strictest
from monitoring.standing_rules import why_not_now, why_not_start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from data_access.database import Database
    from monitoring.decision import Decision
    from monitoring.people import Actor
    from monitoring.standing_approval import StandingApproval
    from monitoring.standing_envelope import Envelope
    from monitoring.standing_rules import Candidate

STANDING_COLUMNS = (
    *("number", "state", "envelope", "models", "runs_this_month", "most_runs", "expires_on"),
    *("proposed_by", "proposed_on", "approved_by", "approved_on", "ended_by", "ended_on", "ended_because", "reason"),
)


@dataclass(frozen=True, slots=True)
class Held:
    """A model inside an active standing approval whose verdict is Retrain, and why it was not retrained today."""

    model_id: str
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A standing approval as a page lists it: the month's runs, the models held back today, everything decided under it.

    ``lapsed`` says that those who approved it could not do so today: then it starts nothing.
    """

    standing: StandingApproval
    runs_this_month: int
    held: tuple[Held, ...]
    decisions: tuple[Decision, ...]
    lapsed: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """The names of the models inside by their ids."""
        return {model.subject.model_id: model.subject.name for model in self.standing.covered}


def listed(registry: Database, *, on: date) -> tuple[Listed, ...]:
    """Return every standing approval proposed by ``on``, newest first; the statements are as many for a thousand models as for one."""
    with registry.read() as session:
        records = RegistryStanding(session)
        found = standing_rows.standings(session, StandingApprovalRow.proposed_on <= on)
        facts = _facts(records, [each for each in found if why_not_now(each, on) is None], on=on)
        return tuple(_listed(standing, facts, on=on) for standing in found)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the list says of all of them: people, the month's runs, decisions, and what is known of every model to retrain."""

    people: tuple[Actor, ...]
    runs: dict[int, int]
    decisions: dict[int, list[Decision]]
    candidates: tuple[Candidate, ...]


def _facts(records: RegistryStanding, active: Sequence[StandingApproval], *, on: date) -> _Facts:
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in records.decisions(DecisionRow.standing_approval.is_not(None), DecisionRow.decided_on <= on):
        decisions[decision.standing_approval or 0].append(decision)
    inside = [model for standing in active for model in standing.covered]
    candidates = records.candidates_among(inside, on=on) if inside else ()
    return _Facts(records.everyone(), records.runs_of_month(on), decisions, candidates)


def _listed(standing: StandingApproval, facts: _Facts, *, on: date) -> Listed:
    runs = facts.runs.get(standing.id, 0)
    lapsed = standing.lapsed(facts.people) if standing.state is State.APPROVED else None
    held = []
    if why_not_now(standing, on) is None:
        for candidate in facts.candidates:
            if not standing.envelope.scope.covers(candidate.model):
                continue
            because = lapsed or why_not_start(
                standing.envelope, candidate, tier=standing.tier, runs_this_month=runs, on=on
            )
            subject = candidate.model.subject
            held.append(Held(subject.model_id, subject.name, because or "It starts with the next run of assess."))
    return Listed(standing, runs, tuple(held), tuple(facts.decisions.get(standing.id, ())), lapsed)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an envelope that nobody has proposed yet is about: its models by id, their strictest tier, what it would have done."""

    names: dict[str, str]
    tier: int
    past: dict[str, Any]


def preview(registry: Database, envelope: Envelope, *, on: date) -> Preview:
    """Return what an envelope would be about; InvalidProposalError or UnknownModelError when it cannot be proposed."""
    with registry.read() as session:
        records = RegistryStanding(session)
        envelope.check(on=on)
        inside = records.covered(envelope.scope)
        tier = strictest(inside)
        names = {model.subject.model_id: model.subject.name for model in inside}
        return Preview(names, tier, records.past_of(envelope, tier=tier, on=on))


def waiting(registry: Database, *, person: str | None, on: date) -> tuple[StandingApproval, ...]:
    """Return the proposed standing approvals that this person may approve or reject now, newest first."""
    with registry.read() as session:
        records = RegistryStanding(session)
        actor = known_actor(records, person)
        if actor is None:
            return ()
        found = standing_rows.standings(
            session, StandingApprovalRow.state == State.PROPOSED.value, StandingApprovalRow.proposed_on <= on
        )
        return tuple(
            each
            for each in found
            if (each.may(Move.APPROVE, actor) or each.may(Move.REJECT, actor))
            and actor.email not in records.stepped_back_from_standing(each)
        )


def frame(registry: Database, *, on: date) -> pd.DataFrame:
    """One row per standing approval, newest first.

    ``number`` (int), ``state``, ``envelope`` (str, one sentence), ``models`` (int, inside now), ``runs_this_month``, ``most_runs`` (int),
    ``expires_on`` (date), ``proposed_by`` (str), ``proposed_on`` (date), ``approved_by`` (str, comma-joined), ``approved_on`` (date),
    ``ended_by`` (str), ``ended_on`` (date), ``ended_because``, ``reason`` (str); what has not happened is missing.
    """
    rows = []
    for each in listed(registry, on=on):
        standing, is_approved = each.standing, each.standing.state not in {State.REJECTED, State.WITHDRAWN}
        rows.append(
            (
                *(standing.id, standing.state.value, standing.envelope.sentence(each.names), len(standing.covered)),
                *(each.runs_this_month, standing.envelope.most_runs, standing.envelope.expires_on),
                *(standing.proposed_by, standing.proposed_on, ",".join(standing.approvers)),
                *(standing.decided_on if is_approved else None, standing.ended_by, standing.ended_on),
                *(standing.ended_because, standing.reason),
            )
        )
    return pd.DataFrame(rows, columns=list(STANDING_COLUMNS))
