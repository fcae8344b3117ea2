"""A portfolio of small models whose logs are in memory, kept in a real registry: a feed breaks, later the world changes.

Eight models read a number from the core feed and a region from the table of regions. From day 12 to 15 the core feed is half
empty for six of them; from day 24 on nearly everybody comes from the north for six of them, and the relation they learnt is gone.
Some rows come five days late, labels take one to nine days, and some are corrected.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.assessment_store import RegistryAssessments
from data_access.put_off import Write
from data_access.put_off import store as store_all
from data_access.read_ahead import ReadAhead
from data_access.shift_store import RegistryShifts, crowds
from data_access.tables import AssessmentRow, ModelRow
from monitoring.assess import find, judge, search_shifts
from monitoring.portfolio import Feature, FeatureKind, Model, ModelVersion, Task
from monitoring.ports import LabelledRows, LogRows
from tests.monitoring.memory import MemoryLog, reference_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from data_access.registry import Registry
    from monitoring.history import KnownInputs

FIRST, DAYS, ROWS_A_DAY = date(2026, 3, 2), 40, 40
LAST = FIRST + timedelta(days=DAYS - 1)
FEED, FEED_END, WORLD = 12, 16, 24
FED, MOVED = range(6), range(2, 8)
NAT = np.datetime64("NaT", "D")
NAMES = [f"m{number}" for number in range(8)]


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def model(name: str) -> Model:
    return Model(
        id=name,
        name=name.title(),
        task=Task.BINARY,
        features=(
            Feature("x", FeatureKind.NUMERIC, source="core feed", importance=0.6),
            Feature("region", FeatureKind.CATEGORICAL, source="regions", importance=0.4),
        ),
        versions=(ModelVersion("v1", active_from=FIRST),),
        classes=("0", "1"),
        label_delay_days=1,
        use_case="credit",
    )


def rows_and_pairs(first: date, days: int, *, seed: int) -> tuple[LogRows, LabelledRows]:
    rng = np.random.default_rng(seed)
    n = days * ROWS_A_DAY
    day = np.repeat(np.datetime64(first) + np.arange(days), ROWS_A_DAY)
    x, region = rng.normal(size=n), rng.choice(np.array(["north", "south", "west"], dtype=object), n, p=[0.2, 0.4, 0.4])
    score = 1 / (1 + np.exp(-2 * x))
    label = (rng.random(n) < score).astype(float)
    version, never = np.full(n, "v1", dtype=object), np.full(n, NAT)
    features: dict[str, Any] = {"x": x, "region": region}
    rows = LogRows(day, version, day.copy(), never, features, {}, score)
    arrival = day + rng.choice([1, 1, 1, 2, 9], n)
    return rows, LabelledRows(day, version, arrival, never.copy(), score, (score > 0.5).astype(float), label)


def log(number: int, *, late: bool = True) -> MemoryLog:
    """Return the complete log of a model; without ``late`` every row comes on its day and no label is corrected."""
    rows, pairs = rows_and_pairs(FIRST, DAYS, seed=100 + number)
    since = (rows.day - np.datetime64(FIRST)).astype(int)
    rng = np.random.default_rng(number)
    if number in FED:
        rows.features["x"][(since >= FEED) & (since < FEED_END) & (rng.random(len(since)) < 0.5)] = np.nan
    if number in MOVED:
        moved = since >= WORLD
        rows.features["region"][moved & (rng.random(len(since)) < 0.8)] = "north"
        pairs.label[moved] = (rng.random(moved.sum()) < 0.5).astype(float)
    if late:
        chosen = np.arange(number, len(rows.day), 61)
        rows.valid_from[chosen] = rows.day[chosen] + 5
        corrected = np.arange(20 + number, len(pairs.day), 173)
        pairs.valid_to[corrected] = pairs.arrival[corrected] + 9
        if number == 2:  # the whole first day of the broken feed comes three days late
            rows.valid_from[since == FEED] = rows.day[since == FEED] + 3
    reference = reference_from(*rows_and_pairs(FIRST - timedelta(days=60), 60, seed=200 + number))
    return MemoryLog(rows, pairs, reference, known_until=LAST)


@dataclass
class SmallPortfolio:
    """The models in a registry, and their logs as they are known on a day."""

    registry: Registry
    late: bool = True
    by_workers: bool = False
    """Whether many models are read ahead, what is kept last is put off, and the first phase leaves its inputs for the third."""
    logs: dict[str, MemoryLog] = field(init=False)
    inputs: dict[str, dict[str, KnownInputs]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logs = {name: log(number, late=self.late) for number, name in enumerate(NAMES)}
        self._full = {name: log(number, late=self.late) for number, name in enumerate(NAMES)}
        with self.registry.write() as session:
            for name in NAMES:
                known: dict[str, Any] = {
                    "card": {"id": name, "name": name},
                    "has_log": False,
                    "card_hash": "",
                    "use_case": "credit",
                }
                at = datetime(2026, 1, 1, tzinfo=UTC)
                session.add(ModelRow(id=name, name=name, task="binary", created_at=at, updated_at=at, **known))

    def known(self, name: str, until: date) -> MemoryLog:
        """Return a log as its tables are on a day: what comes later is not there, nor is what it will replace."""
        full, shown = self._full[name], self.logs[name]
        shown.known_until = until
        for given, seen in ((full.all_rows, shown.all_rows), (full.all_pairs, shown.all_pairs)):
            seen.valid_to[:] = np.where(given.valid_to <= np.datetime64(until), given.valid_to, NAT)
        return shown

    def finds(self, last: date, *names: str, first: date | None = None) -> None:
        with self._stores(ReadAhead.for_findings, names or NAMES) as (store, shifts):
            for name in names or NAMES:
                asked: dict[str, Any] = {"first": first, "last": last, "now": datetime.now(UTC)}
                found = self.inputs.setdefault(name, {}) if self.by_workers else None
                find(model(name), log=self.known(name, last), store=store, shifts=shifts, inputs=found, **asked)

    @contextmanager
    def _stores(
        self, read_ahead: Callable[[Registry, Sequence[str]], ReadAhead], names: Sequence[str]
    ) -> Iterator[tuple[RegistryAssessments, RegistryShifts]]:
        if not self.by_workers:
            yield RegistryAssessments(self.registry), RegistryShifts(self.registry)
            return
        ahead, put_off = read_ahead(self.registry, names), list[Write]()
        yield RegistryAssessments(self.registry, ahead, put_off), RegistryShifts(self.registry, ahead, put_off)
        with self.registry.write() as session:
            store_all(session, put_off)

    def searches(self, last: date) -> int:
        shifts = RegistryShifts(self.registry)
        return search_shifts(crowds(self.registry), shifts=shifts, last=last, now=datetime.now(UTC))

    def judges(self, last: date, *names: str, first: date | None = None) -> int:
        asked: dict[str, Any] = {"first": first, "last": last, "now": datetime.now(UTC)}
        with self._stores(ReadAhead.for_verdicts, names or NAMES) as (store, shifts):
            return sum(
                judge(model(name), store=store, shifts=shifts, inputs=self.inputs.pop(name, None), **asked)
                for name in names or NAMES
            )

    def assesses(self, last: date, first: date | None = None) -> int:
        """Run the three phases up to a day; return how many assessments are new."""
        self.finds(last, first=first)
        self.searches(last)
        return self.judges(last, first=first)

    def said(self) -> dict[tuple[str, date, date], tuple[Any, ...]]:
        """What was said of every day of every model on each day from it on."""
        order = (AssessmentRow.known_on, AssessmentRow.recorded_at, AssessmentRow.id)
        found: dict[tuple[str, date, date], tuple[Any, ...]] = {}
        with self.registry.read() as session:
            loaded = sa.select(AssessmentRow).options(sa.orm.selectinload(AssessmentRow.findings))
            for row in session.scalars(loaded.order_by(*order)):
                kinds = tuple(sorted((each.kind, each.argues_for, each.sentence) for each in row.findings))
                said = (row.verdict, row.sentence, row.in_verdict_since, row.effect, row.cusum, row.drift_score, kinds)
                for number in range(DAYS):
                    if on(number) >= row.known_on:
                        found[row.model_id, row.day, on(number)] = said
        return found

    def verdicts(self, name: str) -> dict[int, str]:
        """The verdict of each day of a model, as known on the last."""
        order = (AssessmentRow.known_on, AssessmentRow.recorded_at, AssessmentRow.id)
        query = (
            sa.select(AssessmentRow.day, AssessmentRow.verdict).where(AssessmentRow.model_id == name).order_by(*order)
        )
        with self.registry.read() as session:
            return {(row.day - FIRST).days: row.verdict for row in session.execute(query)}
