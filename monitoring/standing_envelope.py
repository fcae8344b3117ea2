"""The envelope of a standing approval: which models, on what conditions, how often, with which guards, until when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

from monitoring.errors import InvalidProposalError
from monitoring.portfolio import ServiceState
from monitoring.wording import joined, percent, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitoring.authority import Subject

LONGEST_DAYS = 365
MOST_NAMED_MODELS = 200
MOST_RUNS = 100
LONGEST_WAIT_DAYS = 90
DIGITS = 6
"""Numbers are kept with four: what lies beyond six is the computer's, not the model's."""
SKILL = "skill"
LOWER_IS_BETTER = frozenset({"RMSE"})
GUARD_METRICS = (SKILL, "AUC", "accuracy", "RMSE")


class ScopeKind(StrEnum):
    """What the models of a standing approval have in common; which those are is looked up whenever it is used."""

    MODELS = "models"
    TIER = "tier"
    TEAM = "team"
    USE_CASE = "use_case"


@dataclass(frozen=True, slots=True)
class CoveredModel:
    """What decides whether a model is inside an envelope, as the registry knows it now."""

    subject: Subject
    use_case: str | None = None
    service_state: ServiceState = ServiceState.IN_SERVICE


@dataclass(frozen=True, slots=True)
class Scope:
    """Named models by their ids, or those of a tier, a team or a use case (one value then)."""

    kind: ScopeKind
    values: tuple[str, ...]

    def covers(self, model: CoveredModel) -> bool:
        """Whether the model is one of them; a tier that is not set counts as 1."""
        subject = model.subject
        of_model = {
            ScopeKind.MODELS: subject.model_id,
            ScopeKind.TIER: str(subject.effective_tier),
            ScopeKind.TEAM: subject.team,
            ScopeKind.USE_CASE: model.use_case,
        }[self.kind]
        return of_model is not None and of_model in self.values

    def words(self, names: Mapping[str, str] | None = None) -> str:
        """Return the scope as it stands in a sentence; ``names`` are those of models by id.

        >>> Scope(ScopeKind.TIER, ("3",)).words()
        'the models of tier 3'
        """
        if self.kind is ScopeKind.MODELS:
            return joined([(names or {}).get(each, each) for each in self.values])
        return f"the models of {self.kind.value.replace('_', ' ')} {self.values[0]}"

    def check(self) -> None:
        """Refuse a scope that names nothing, too much or a tier that does not exist."""
        if self.kind is ScopeKind.MODELS:
            if not 1 <= len(self.values) <= MOST_NAMED_MODELS:
                raise InvalidProposalError(
                    f"A standing approval names 1 to {MOST_NAMED_MODELS} models; this names {len(self.values)}."
                )
        elif len(self.values) != 1 or not self.values[0].strip():
            raise InvalidProposalError(f"A standing approval is for one {self.kind.value.replace('_', ' ')}.")
        if self.kind is ScopeKind.TIER and self.values[0] not in {"1", "2", "3"}:
            raise InvalidProposalError("The tiers are 1, 2 and 3.")


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric on which the new version may not be worse than the one it replaced by more than ``tolerance``.

    ``tolerance`` is a share: of skill, AUC and accuracy a difference (0.02: two points), of the RMSE a part of the old value.
    """

    metric: str
    tolerance: float

    @property
    def words(self) -> str:
        """The guard as it stands in a sentence."""
        worse = "above" if self.metric in LOWER_IS_BETTER else "below"
        if self.tolerance == 0:
            return f"{self.metric} is not {worse} the old one's"
        how_much = f"{100 * self.tolerance:g}{' %' if self.metric in LOWER_IS_BETTER else ' points'}"
        return f"{self.metric} is at most {how_much} {worse} the old one's"

    def is_broken(self, *, before: float, after: float) -> bool:
        """Whether the new version's value is worse than the guard allows."""
        worse = after / before - 1 if self.metric in LOWER_IS_BETTER and before else before - after
        return round(worse - self.tolerance, DIGITS) > 0

    def check(self) -> None:
        """Refuse a metric that no model has, and a tolerance that guards nothing."""
        if self.metric not in GUARD_METRICS:
            raise InvalidProposalError(
                f"A guard is on {', '.join(GUARD_METRICS)}; {self.metric[:40]!r} is none of them."
            )
        if not (isfinite(self.tolerance) and 0 <= self.tolerance <= 0.5):
            raise InvalidProposalError(
                f"The tolerance of the guard on {self.metric} lies between 0 and 50 points or per cent."
            )


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything a standing approval permits. The verdict Retrain on realised labels is always asked for.

    ``least_days`` is for how many days in a row the verdict must have stood, ``least_loss`` the share of the advantage that must be
    lost. ``most_runs`` counts the runs of a calendar month over all models together, ``most_runs_per_model`` those of one model under
    any standing approval. ``expires_on`` is the last day it holds.
    """

    scope: Scope
    guards: tuple[Guard, ...]
    expires_on: date
    least_days: int = 1
    least_loss: float = 0.0
    most_runs: int = 1
    most_runs_per_model: int = 1

    def check(self, *, on: date) -> None:
        """Refuse what is not bounded.

        Raises:
            InvalidProposalError: names the first part that cannot stand.
        """
        self.scope.check()
        if not on < self.expires_on <= on + timedelta(days=LONGEST_DAYS):
            raise InvalidProposalError("A standing approval ends after today, and within a year.")
        if not 1 <= self.most_runs_per_model <= self.most_runs <= MOST_RUNS:
            raise InvalidProposalError(
                f"At most 1 to {MOST_RUNS} runs a month can be approved, and of one model no more than of all together."
            )
        if not 1 <= self.least_days <= LONGEST_WAIT_DAYS:
            raise InvalidProposalError(f"The verdict must have stood for 1 to {LONGEST_WAIT_DAYS} days.")
        if not (isfinite(self.least_loss) and 0 <= self.least_loss <= 1):
            raise InvalidProposalError("The advantage that must be lost lies between 0 and 100 %.")
        if not self.guards:
            raise InvalidProposalError(
                "A standing approval has at least one guard on what the new version may not lose."
            )
        for guard in self.guards:
            guard.check()
        if len({guard.metric for guard in self.guards}) < len(self.guards):
            raise InvalidProposalError("A metric is guarded once.")

    @property
    def last_day_words(self) -> str:
        """The last day it holds, as it stands in a sentence."""
        return f"{self.expires_on.day} {self.expires_on:%b %Y}"

    def sentence(self, names: Mapping[str, str] | None = None) -> str:
        """Return the whole envelope in one sentence; ``names`` are those of models by id."""
        lost = f" and at least {percent(self.least_loss)} of the advantage is lost" if self.least_loss else ""
        each = f", {self.most_runs_per_model} of one model" if self.most_runs > 1 else ""
        guards = " and its ".join(guard.words for guard in self.guards)
        return (
            f"Retrain {self.scope.words(names)} without a person once the verdict has been Retrain on realised labels for "
            f"{plural(self.least_days, 'day')}{lost}; at most {plural(self.most_runs, 'run')} a month{each}; guard: the new "
            f"version's {guards}; until {self.last_day_words}."
        )

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self) | {
            "expires_on": self.expires_on.isoformat(),
            "scope": {"kind": self.scope.kind.value, "values": list(self.scope.values)},
            "guards": [asdict(guard) for guard in self.guards],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return the envelope that ``plain`` was made from."""
        said = dict(plain)
        scope = said.pop("scope")
        return cls(
            scope=Scope(ScopeKind(scope["kind"]), tuple(scope["values"])),
            guards=tuple(Guard(**guard) for guard in said.pop("guards")),
            expires_on=date.fromisoformat(said.pop("expires_on")),
            **said,
        )
