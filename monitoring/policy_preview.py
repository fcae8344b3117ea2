"""What a draft of the policy would have changed: counts of verdicts per day, spells of Retrain, and the models concerned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from monitoring.replay import DayVerdict, ReplayedModel

VERDICTS = tuple(Verdict)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ModelChange:
    """A model judged differently: today (equal verdicts: only on earlier days), with reasons, and on how many days since when."""

    model_id: str
    name: str
    tier: int
    before: str
    after: str
    reason_before: str
    reason_after: str
    days: int
    first_day: str
    last_day: str

    @property
    def is_today(self) -> bool:
        """Whether today's verdict is another one."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Outlook:
    """One policy over the days: models per day with each verdict, lengths of its spells of Retrain, and changes of verdict.

    ``counts`` has a list per verdict with a number per day. A spell that began before the first day counts from there.
    """

    counts: dict[str, list[int]]
    retrain_spells: tuple[int, ...] = ()
    retrained_models: int = 0
    verdict_changes: int = 0

    def __add__(self, other: Outlook) -> Outlook:
        """Return both together; the days have to be the same."""
        return Outlook(
            {
                name: [a + b for a, b in zip(days, other.counts[name], strict=True)]
                for name, days in self.counts.items()
            },
            self.retrain_spells + other.retrain_spells,
            self.retrained_models + other.retrained_models,
            self.verdict_changes + other.verdict_changes,
        )

    @property
    def median_spell(self) -> float | None:
        """Days that a spell of Retrain usually lasts; nothing without one."""
        return median(self.retrain_spells) if self.retrain_spells else None

    @classmethod
    def of(cls, verdicts: dict[date, DayVerdict], *, first: date, days: int) -> Self:
        """Return the outlook of one model."""
        counts = {str(verdict): [0] * days for verdict in VERDICTS}
        for day, found in verdicts.items():
            counts[str(found.verdict)][(day - first).days] += 1
        runs = [
            (verdict, len(list(run))) for verdict, run in groupby(verdicts[day].verdict for day in sorted(verdicts))
        ]
        spells = tuple(length for verdict, length in runs if verdict is Verdict.RETRAIN)
        return cls(counts, spells, int(bool(spells)), max(len(runs) - 1, 0))


@dataclass(frozen=True, slots=True)
class PolicyPreview:
    """The days from ``first`` to ``last`` under the policy in force (``before``) and under a draft (``after``).

    ``models`` were replayed, ``failures`` could not be: model and reason. ``changed`` has those judged differently on any day.
    """

    first: date
    last: date
    before: Outlook
    after: Outlook
    models: int = 0
    changed: tuple[ModelChange, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, *, first: date, last: date) -> Self:
        """Return the preview of no model; it is what ``+`` begins with."""
        nothing = Outlook.of({}, first=first, days=(last - first).days + 1)
        return cls(first, last, nothing, nothing)

    @classmethod
    def of(cls, found: ReplayedModel, *, first: date, last: date) -> Self:
        """Return the preview of one model."""
        days = (last - first).days + 1
        before, after = (Outlook.of(verdicts, first=first, days=days) for verdicts in (found.before, found.after))
        change = _change(found)
        return cls(first, last, before, after, models=1, changed=(change,) if change else ())

    def __add__(self, other: PolicyPreview) -> PolicyPreview:
        """Return the preview of the models of both; the days have to be the same."""
        if (self.first, self.last) != (other.first, other.last):
            raise ValueError(f"{self.first} to {self.last} and {other.first} to {other.last} do not add up")
        return PolicyPreview(
            self.first,
            self.last,
            self.before + other.before,
            self.after + other.after,
            self.models + other.models,
            self.changed + other.changed,
            self.failures | other.failures,
        )

    @property
    def changed_today(self) -> tuple[ModelChange, ...]:
        """The models whose verdict of the last day is another one, by their names."""
        return tuple(sorted((each for each in self.changed if each.is_today), key=lambda each: each.name))

    @property
    def days(self) -> list[date]:
        """Every day, in order."""
        return [self.first + i * DAY for i in range((self.last - self.first).days + 1)]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self) | {"first": self.first.isoformat(), "last": self.last.isoformat()}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        """Return what ``as_json`` gave."""
        before, after = (
            Outlook(**(said[which] | {"retrain_spells": tuple(said[which]["retrain_spells"])}))
            for which in ("before", "after")
        )
        return cls(
            first=date.fromisoformat(said["first"]),
            last=date.fromisoformat(said["last"]),
            before=before,
            after=after,
            models=said["models"],
            changed=tuple(ModelChange(**each) for each in said["changed"]),
            failures=dict(said["failures"]),
        )


def _change(found: ReplayedModel) -> ModelChange | None:
    differing = sorted(day for day, said in found.before.items() if found.after[day].verdict is not said.verdict)
    if not differing:
        return None
    newest = max(found.before)
    before, after = found.before[newest], found.after[newest]
    return ModelChange(
        model_id=found.model.id,
        name=found.model.name,
        tier=found.model.effective_tier,
        before=str(before.verdict),
        after=str(after.verdict),
        reason_before=before.reason,
        reason_after=after.reason,
        days=len(differing),
        first_day=differing[0].isoformat(),
        last_day=differing[-1].isoformat(),
    )
