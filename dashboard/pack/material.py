"""What an evidence pack is made from: read once, by the functions the pages read with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from dashboard.presentation import one_line, person_words
from dashboard.tables import records
from data_access import (
    audit_queries,
    decision_queries,
    meeting_queries,
    model_queries,
    people,
    policy_queries,
    portfolio_filter,
    portfolio_queries,
    portfolio_standing,
    retirement_queries,
    retraining_queries,
    shift_queries,
)
from data_access.pack_queries import audit_head
from data_access.policy_records import policy_history
from data_access.portfolio_filter import NEEDS_SOMEONE, TIER_NOT_SET, PortfolioFilter
from data_access.portfolio_standing import COMPARED_DAYS
from monitoring.lifecycle import Action, Move, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from data_access.portfolio_standing import Ranked, Ranking
    from data_access.registry import Registry
    from data_access.retraining_queries import Retraining
    from data_access.shift_queries import KnownShift
    from monitoring.decision import Decision
    from monitoring.people import Actor
    from monitoring.policy_version import PolicyHistory, PolicyVersion
    from monitoring.zombie import Zombie

USUAL_TOP, MOST_TOP = 10, 50
LOCAL_ADDRESS = "http://127.0.0.1:8501/"
NEW_MODEL = "register_model"
RETIRING = (Move.TRAFFIC_GONE.value, Move.CONFIRM_OUT_OF_SERVICE.value)
"""Moves by which a decision to retire ends; the second ends a suspension's way, too."""
MOST_EVENTS = 5_000
WORST = tuple(verdict.value for verdict in NEEDS_SOMEONE)
SCOPE_WORDS = 60


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action of a meeting that is not closed: what, by whom, until when, about which model, and the address where it stands."""

    what: str
    who: str
    due_on: date | None
    model_id: str | None = None
    at: str = ""


def open_actions(registry: Registry, *, on: date) -> tuple[OpenAction, ...]:
    """Return the actions of meetings that nobody has closed by ``on``, the first due first."""
    return tuple(
        OpenAction(each.what, each.assignee, each.due_on, each.model_id, f"meeting?meeting={each.meeting_id}")
        for each in meeting_queries.actions(registry, on=on)
    )


def usual_since(registry: Registry, *, on: date) -> date:
    """Return the day a pack is compared with where nobody says which: that of the last meeting before ``on``, else a week ago."""
    last = meeting_queries.last_meeting(registry, on=on - timedelta(days=1))
    return last.ended_on if last and last.ended_on else on - timedelta(days=COMPARED_DAYS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pack that is asked for: as known on ``day``, with what changed since ``since``, for the models of a scope.

    Of ``scope`` only teams, use cases and tiers count. ``portfolio`` is what an address says to show another one than the real one.
    """

    day: date
    since: date
    scope: PortfolioFilter = field(default_factory=PortfolioFilter)
    top: int = USUAL_TOP
    address: str = LOCAL_ADDRESS
    portfolio: str = ""
    actions: tuple[OpenAction, ...] = ()

    @property
    def models(self) -> PortfolioFilter:
        """The scope and nothing else."""
        return PortfolioFilter(tiers=self.scope.tiers, teams=self.scope.teams, use_cases=self.scope.use_cases)

    def at(self, page: str = "", **asked: str | Iterable[str]) -> str:
        """Return the address of a page, relative to the pack's."""
        given = {name: value for name, value in asked.items() if value}
        if self.portfolio:
            given["portfolio"] = self.portfolio
        return f"{page}?{urlencode(given, doseq=True)}" if given else page

    def at_portfolio(self, **asked: str | Iterable[str]) -> str:
        """Return the address of the portfolio, with the models of the scope."""
        scope: dict[str, Any] = {"team": self.scope.teams, "use_case": self.scope.use_cases}
        if "tier" not in asked:
            scope["tier"] = tuple(str(tier) for tier in self.scope.tiers)
        return self.at(**(scope | asked))

    def at_model(self, model_id: str, tab: str = "") -> str:
        """Return the address of a model as it was known on the pack's day."""
        return self.at("model", model=model_id, as_known_on=self.day.isoformat(), tab=tab)

    @property
    def scope_words(self) -> str:
        """The scope as people say it."""
        tiers = ["tier not set" if tier == TIER_NOT_SET else f"tier {tier}" for tier in self.scope.tiers]
        teams = [f"team {one_line(team, longest=SCOPE_WORDS)}" for team in self.scope.teams]
        cases = [f"use case {one_line(case, longest=SCOPE_WORDS)}" for case in self.scope.use_cases]
        parts = [" or ".join(part) for part in (tiers, teams, cases) if part]
        said = "; ".join(parts)
        return f"{said[:1].upper()}{said[1:]}" if said else "Every model"


@dataclass(frozen=True)
class Material:
    """Everything a pack is written from; ``tiers`` are the rankings of the tiers that occur, ``models`` the ids of the scope."""

    wanted: Wanted
    registry: Registry
    ranking: Ranking
    tiers: dict[int, Ranking]
    models: frozenset[str]
    decisions: pd.DataFrame
    approved: tuple[Decision, ...]
    retrainings: dict[int, Retraining]
    new: pd.DataFrame
    retired: pd.DataFrame
    zombies: tuple[Zombie, ...]
    policies: PolicyHistory
    policy_versions: tuple[PolicyVersion, ...]
    shifts: tuple[KnownShift, ...]
    everyone: tuple[Actor, ...]
    audit_head: str

    @property
    def policy(self) -> PolicyVersion:
        """The version in force on the pack's day."""
        return self.policies.on(self.wanted.day)

    def worst(self) -> list[Ranked]:
        """Return the models that need someone, in the order of the portfolio page."""
        return self.ranking.of(WORST)

    def changed(self) -> list[Ranked]:
        """Return the models whose verdict is another than on the day compared with."""
        return [row for row in self.ranking.rows if row.verdict != row.before and not row.is_retired]

    def rows(self, ranked: list[Ranked]) -> list[Any]:
        """Return what the portfolio page knows of some models."""
        return records(portfolio_queries.overview(self.registry.engine, day=self.wanted.day, ranked=ranked))

    def name(self, email: str) -> str:
        """Return a person's name; who is not known, and a policy, stay as they are. In a standing approval's name people are named."""
        return person_words(email, {each.email: each.name for each in self.everyone})

    def names_of(self, model_ids: Iterable[str]) -> dict[str, str]:
        """Return names by id."""
        return model_queries.model_names(self.registry, model_ids)


def read(registry: Registry, wanted: Wanted, report: Callable[[str], None]) -> Material:
    """Read what the pack needs about the portfolio as a whole."""
    engine, day = registry.engine, wanted.day

    def ranking(scope: PortfolioFilter) -> Ranking:
        return portfolio_standing.ranking(engine, day=day, wanted=scope, compared_with=wanted.since)

    report("verdicts")
    everything = ranking(wanted.models)
    models = frozenset(row.model_id for row in everything.rows)
    offered = [
        tier for tier in portfolio_filter.filter_options(engine).tiers if tier in (wanted.scope.tiers or (tier,))
    ]
    tiers = {tier: ranking(replace(wanted.models, tiers=(tier,))) for tier in offered}
    report("decisions")
    decisions = decision_queries.all_decisions(registry, on=day)
    new, retired = _registered_and_retired(registry, wanted)
    report("policies and shifts")
    return Material(
        wanted=wanted,
        registry=registry,
        ranking=everything,
        tiers={tier: found for tier, found in tiers.items() if found.rows},
        models=models,
        decisions=decisions[decisions["model_id"].isin(models)],
        approved=tuple(each for each in decision_queries.approved(registry, on=day) if each.subject.model_id in models),
        retrainings={
            each.decision.id: each
            for each in retraining_queries.retrainings(registry, on=day)
            if each.decision.subject.model_id in models
        },
        new=new[new["model_id"].isin(models)],
        retired=retired[retired["model_id"].isin(models)],
        zombies=tuple(each for each in retirement_queries.zombies(registry, on=day) if each.model_id in models),
        policies=policy_history(registry),
        policy_versions=policy_queries.versions(registry, on=day),
        shifts=tuple(
            each
            for each in shift_queries.known_shifts(registry, day=day)
            if (each.is_open or each.last_day >= wanted.since) and not models.isdisjoint(each.shift.models)
        ),
        everyone=people.everyone(registry),
        audit_head=audit_head(registry),
    )


def _registered_and_retired(registry: Registry, wanted: Wanted) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the events since the day compared with by which models were registered, and those by which they were retired."""
    new, *gone = (
        audit_queries.audit_events(registry, limit=MOST_EVENTS, action=action, first=wanted.since, last=wanted.day)
        for action in (NEW_MODEL, *RETIRING)
    )
    retired = pd.concat(gone, ignore_index=True).sort_values("sequence", ascending=False)
    is_over = [
        (each or {}).get("action") == Action.RETIRE and each["state"] == State.CLOSED for each in retired["after"]
    ]
    return new, retired[np.array(is_over, dtype=bool)]
