"""Signs, portfolio shifts and how far assess has come: values to rows and back, one transaction per call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.put_off import Write
from data_access.tables import (
    AssessProgressRow,
    ModelRow,
    ReferenceRow,
    ShiftDayRow,
    ShiftProgressRow,
    ShiftRow,
    SignRow,
    SourceSetRow,
    Table,
)
from monitoring.assess import Findings, Judged
from monitoring.portfolio_shift import Grouping, ModelSigns, Shift, ShiftKind, Sign
from monitoring.profiling import KeptReference
from monitoring.quiet_days import QuietDays
from monitoring.shift_search import ShiftDay, ShiftRecords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from data_access.read_ahead import ReadAhead
    from monitoring.portfolio import Model

LETTERS = {Sign.UNSEEN: "-", Sign.NORMAL: ".", Sign.MOVED: "m", Sign.BROKEN: "b", Sign.FAULTY: "f"}
SIGNS = {letter: sign for sign, letter in LETTERS.items()}
MODELS_AT_ONCE = 400
PROGRESS, SOURCES, SIGN_ROWS = (
    Table.metadata.tables[name] for name in ("assess_progress", "source_sets", "shift_signs")
)
PROGRESS_OF = sa.select(PROGRESS).where(PROGRESS.c.model_id == sa.bindparam("of_model"))
SOURCES_OF = sa.select(SOURCES.c.id).where(SOURCES.c.names == sa.bindparam("names"))
ADDING = sa.insert(SIGN_ROWS)
JUDGED = (
    sa.update(PROGRESS)
    .where(PROGRESS.c.model_id == sa.bindparam("of_model"))
    .values({name: sa.bindparam(name) for name in ("judged_to", "shift_days", "shifts_to", "policy_number")})
)
_NEW: dict[str, sa.BindParameter[Any]] = {
    name: sa.bindparam(f"new_{name}", type_=PROGRESS.c[name].type)
    for name in (
        "model_id",
        "reference_ids",
        "log_first",
        "log_last",
        "signed_to",
        "signed_at",
        "signs_from",
        "quiet_days",
    )
}
FOUND = (
    sa.update(PROGRESS)
    .where(PROGRESS.c.model_id == _NEW["model_id"])
    .values(
        {name: _NEW[name] for name in ("reference_ids", "log_first", "log_last", "signed_at", "quiet_days")}
        | {
            "signed_to": sa.case(
                (PROGRESS.c.signed_to > _NEW["signed_to"], PROGRESS.c.signed_to), else_=_NEW["signed_to"]
            ),
            "signs_from": sa.case(
                (PROGRESS.c.signs_from.is_(None) | (_NEW["signs_from"] < PROGRESS.c.signs_from), _NEW["signs_from"]),
                else_=PROGRESS.c.signs_from,
            ),
        }
    )
)
TAKEN_IN = (
    sa.update(PROGRESS)
    .where(PROGRESS.c.model_id == sa.bindparam("of_model"))
    .where(PROGRESS.c.signed_at == sa.bindparam("at"))
    .values(signs_from=None)
)


@dataclass
class RegistryShifts:
    """The shift store of a registry; what was said about shifts is read once and again when it grew."""

    registry: Database
    ahead: ReadAhead | None = None
    """What was read of the models before."""
    put_off: list[Write] | None = None
    """Where what is kept last of a model is left when somebody else is to store it."""
    is_settled: bool = False
    """Whether what was read about shifts cannot change any more: the search of the run is over."""
    _records: ShiftRecords = field(default_factory=ShiftRecords)
    _newest_row: int = 0
    _taken_in: list[tuple[str, datetime]] = field(default_factory=list)

    def findings(self, model: Model) -> Findings | None:
        """Return what the last first phase of a model left."""
        if self.ahead and model.id in self.ahead.progress:
            return self._found_before(model, self.ahead)
        with self.registry.read() as session:
            row = session.get(AssessProgressRow, model.id)
            if row is None:
                return None
            query = sa.select(ReferenceRow.id, ReferenceRow.payload).where(
                ReferenceRow.id.in_(list(row.references.values()))
            )
            payloads = {found.id: found.payload for found in session.execute(query)}
            extent = (row.log_first, row.log_last) if row.log_first and row.log_last else None
            by_name = {version.version: version for version in model.versions}
            references = tuple(
                (by_name[name], KeptReference(number, payloads[number]))
                for name, number in row.references.items()
                if name in by_name
            )
            return Findings(references, extent, quiet_days(row.quiet_days))

    def _found_before(self, model: Model, ahead: ReadAhead) -> Findings | None:
        row = ahead.progress[model.id]
        if row is None:
            return None
        by_name = {version.version: version for version in model.versions}
        kept = [(by_name[name], ahead.kept(number)) for name, number in row.reference_ids.items() if name in by_name]
        extent = (row.log_first, row.log_last) if row.log_first and row.log_last else None
        references = tuple((version, reference) for version, reference in kept if reference)
        return Findings(references, extent, quiet_days(row.quiet_days))

    def signed_to(self, model_id: str) -> date | None:
        """Return the last day with signs."""
        if self.ahead and model_id in self.ahead.progress:
            row = self.ahead.progress[model_id]
            return row.signed_to if row else None
        query = sa.select(AssessProgressRow.signed_to).where(AssessProgressRow.model_id == model_id)
        with self.registry.read() as session:
            return session.execute(query).scalar_one_or_none()

    def keep_findings(
        self, model_id: str, found: Findings, signs: Iterable[ModelSigns], *, signed_to: date, now: datetime
    ) -> None:
        """Keep what the first phase found, in one transaction; signs equal to those known are left out.

        Where it may be put off, it is.
        """
        given = list(signs)
        extent = found.extent or (None, None)
        values: dict[str, Any] = {
            "reference_ids": {version.version: kept.id for version, kept in found.references},
            "log_first": extent[0],
            "log_last": extent[1],
            "quiet_days": {
                name: [each.reference_id, each.last.isoformat(), each.key] for name, each in found.quiet.items()
            },
        }
        before = self._progress(model_id)
        # Signs are stored together with the day they go to: later ones are new.
        is_later = before is None or not before.signed_to or all(each.day > before.signed_to for each in given)
        if is_later:
            news = _new_ones(given, {})
        else:
            with self.registry.read() as session:
                news = _news(session, given)
        is_same = before is not None and all(getattr(before, name) == value for name, value in values.items())
        if is_same and not news and before.signed_to and before.signed_to >= signed_to:
            return
        values |= {
            "signed_to": signed_to,
            "signed_at": now,
            "signs_from": min((n.known_on for n in news), default=None),
        }
        kept = _Found(values | {"model_id": model_id}, news, is_first=before is None)
        if self.put_off is not None:
            self.put_off.append(Write(_keep_found, kept))
            return
        with self.registry.write() as session:
            _keep_found(session, [kept])

    def _progress(self, model_id: str) -> Any:
        """Return how far a model is, nothing if it never was assessed."""
        if self.ahead and model_id in self.ahead.progress:
            return self.ahead.progress[model_id]
        with self.registry.read() as session:
            return session.execute(PROGRESS_OF, {"of_model": model_id}).one_or_none()

    def judged(self, model_id: str) -> Judged:
        """Return how far a model's verdicts go."""
        if self.ahead and model_id in self.ahead.progress:
            row = self.ahead.progress[model_id]
            return Judged(row.judged_to, row.shift_days, row.shifts_to, row.policy_number) if row else Judged()
        with self.registry.read() as session:
            row = session.get(AssessProgressRow, model_id)
            return Judged(row.judged_to, row.shift_days, row.shifts_to, row.policy_number) if row else Judged()

    def keep_judged(self, model_id: str, judged: Judged) -> None:
        """Remember how far a model's verdicts go."""
        if self.put_off is not None:
            self.put_off.append(Write(set_judged, (model_id, judged)))
            return
        with self.registry.write() as session:
            set_judged(session, [(model_id, judged)])

    def records(self) -> ShiftRecords:
        """Return everything said about shifts."""
        if self.is_settled:
            return self._records
        with self.registry.read() as session:
            searched_to = session.scalar(sa.select(ShiftProgressRow.searched_to))
            newest = session.scalar(sa.select(sa.func.max(ShiftDayRow.id))) or 0
            if newest > self._newest_row or searched_to != self._records.searched_to:
                rows = session.scalars(
                    sa.select(ShiftDayRow)
                    .where(ShiftDayRow.id > self._newest_row)
                    .order_by(ShiftDayRow.id)
                    .options(sa.orm.selectinload(ShiftDayRow.shifts))
                )
                self._records = ShiftRecords((*self._records.days, *map(shift_day, rows)), searched_to)
                self._newest_row = newest
        return self._records

    def signs_from(self) -> date | None:
        """Return the earliest day on which signs became known that no search has taken in; the search that follows takes them in."""
        query = sa.select(AssessProgressRow.model_id, AssessProgressRow.signs_from, AssessProgressRow.signed_at).where(
            AssessProgressRow.signs_from.is_not(None)
        )
        with self.registry.read() as session:
            self._taken_in = [(row.model_id, row.signed_at) for row in session.execute(query)]
            return session.scalar(sa.select(sa.func.min(AssessProgressRow.signs_from)))

    def signs(self) -> RegistrySigns:
        """Return the signs of all models."""
        return RegistrySigns(self.registry)

    def keep_shifts(self, found: Iterable[ShiftDay], *, searched_to: date, now: datetime) -> int:
        """Append what is new about shifts and remember that the search is done up to a day; return how many.

        A model that got new signs since they were read stays marked for the next search.
        """
        rows = [_shift_day_row(each, now=now) for each in found]
        with self.registry.write() as session:
            for row in rows:
                session.add(row)
                session.flush()  # ids in the order of recording
            if self._taken_in:
                taken_in = [{"of_model": model_id, "at": signed_at} for model_id, signed_at in self._taken_in]
                session.connection().execute(TAKEN_IN, taken_in)
            before = session.scalar(sa.select(ShiftProgressRow.searched_to))
            newest = max(before or searched_to, searched_to)
            if newest != before:
                session.execute(sa.update(ShiftProgressRow).values(searched_to=newest))
        return len(rows)


@dataclass(frozen=True)
class RegistrySigns:
    """The signs of the portfolio's models, read by model and day."""

    registry: Database

    def signs_becoming_known(self, first: date, last: date) -> Iterator[ModelSigns]:
        """Return the signs with ``known_on`` in the range, in the order of ``known_on`` and of recording."""
        on_time = SignRow.day.between(first, last) & (SignRow.known_on == SignRow.day)
        late = (SignRow.known_on > SignRow.day) & SignRow.known_on.between(first, last)
        return iter(sorted((*self._by_model(on_time), *self._read(late)), key=lambda found: found.known_on))

    def signs_known_on(self, known_on: date, *, first: date) -> Iterator[ModelSigns]:
        """Return the signs of the days from ``first`` on, as known on a day: the newest of each model and day last."""
        return self._by_model(SignRow.day.between(first, known_on) & (SignRow.known_on <= known_on))

    def _by_model(self, wanted: sa.ColumnElement[bool]) -> Iterator[ModelSigns]:
        """Read model by model: the rows lie in the order of models."""
        with self.registry.read() as session:
            models = list(session.scalars(sa.select(AssessProgressRow.model_id).order_by(AssessProgressRow.model_id)))
        for start in range(0, len(models), MODELS_AT_ONCE):
            yield from self._read(SignRow.model_id.in_(models[start : start + MODELS_AT_ONCE]) & wanted)

    def _read(self, wanted: sa.ColumnElement[bool]) -> Iterator[ModelSigns]:
        query = (
            sa.select(SignRow.model_id, SignRow.day, SignRow.known_on, SourceSetRow.names, SignRow.signs)
            .join(SourceSetRow, SourceSetRow.id == SignRow.sources_id)
            .where(wanted)
            .order_by(SignRow.model_id, SignRow.day, SignRow.known_on, SignRow.recorded_at)
        )
        sources: dict[str, tuple[str, ...]] = {}
        signs: dict[str, tuple[Sign, ...]] = {}
        with self.registry.read() as session:
            for model_id, day, known_on, names, letters in session.execute(query):
                if names not in sources:
                    sources[names] = tuple(json.loads(names))
                if letters not in signs:
                    signs[letters] = tuple(SIGNS[letter] for letter in letters)
                yield ModelSigns(model_id, day, known_on, sources[names], signs[letters])


def quiet_days(said: dict[str, list[Any]] | None) -> dict[str, QuietDays]:
    """Return what is kept per version as values."""
    return {
        name: QuietDays(number, date.fromisoformat(last), key) for name, (number, last, key) in (said or {}).items()
    }


def set_judged(session: Session, given: list[tuple[str, Judged]]) -> None:
    """Store how far the verdicts of models go."""
    session.connection().execute(
        JUDGED,
        [
            {
                "of_model": model_id,
                "judged_to": judged.last,
                "shift_days": judged.shift_days,
                "shifts_to": judged.searched_to,
                "policy_number": judged.policy_number,
            }
            for model_id, judged in given
        ],
    )


def shift_day(row: ShiftDayRow) -> ShiftDay:
    """Return a row with its shifts as a value."""
    return ShiftDay(row.day, row.known_on, tuple(shift_value(shift) for shift in row.shifts))


def shift_value(row: ShiftRow) -> Shift:
    """Return a row as a value."""
    return Shift(
        day=row.began,
        kind=ShiftKind(row.kind),
        grouping=Grouping(row.grouping),
        source=row.source,
        k=row.k,
        n=row.n,
        base=row.base,
        log10_p=row.log10_p,
        models=tuple(row.models),
        cleared=tuple(row.cleared),
        confirmed=row.confirmed,
    )


def _shift_day_row(found: ShiftDay, *, now: datetime) -> ShiftDayRow:
    row = ShiftDayRow(day=found.day, known_on=found.known_on, recorded_at=now)
    row.shifts = [
        ShiftRow(
            began=shift.day,
            kind=str(shift.kind),
            grouping=str(shift.grouping),
            source=shift.source,
            k=shift.k,
            n=shift.n,
            base=shift.base,
            log10_p=shift.log10_p,
            models=list(shift.models),
            cleared=list(shift.cleared),
            confirmed=shift.confirmed,
        )
        for shift in found.shifts
    ]
    return row


def _letters(signs: ModelSigns) -> tuple[str, str]:
    return json.dumps(signs.sources, ensure_ascii=False), "".join(LETTERS[sign] for sign in signs.signs)


def _news(session: Session, given: list[ModelSigns]) -> list[ModelSigns]:
    """Return those of a model's signs that say something new about their day; a day without rows says nothing at first."""
    if not given:
        return []
    days = [each.day for each in given]
    query = (
        sa.select(SignRow.day, SignRow.known_on, SourceSetRow.names, SignRow.signs)
        .join(SourceSetRow, SourceSetRow.id == SignRow.sources_id)
        .where(SignRow.model_id == given[0].model_id, SignRow.day.between(min(days), max(days)))
        .order_by(SignRow.day, SignRow.known_on, SignRow.recorded_at)
    )
    known: dict[date, list[tuple[date, tuple[str, str]]]] = {
        day: [(row.known_on, (row.names, row.signs)) for row in rows]
        for day, rows in groupby(session.execute(query), key=lambda row: row.day)
    }
    return _new_ones(given, known)


def _new_ones(given: list[ModelSigns], known: dict[date, list[tuple[date, tuple[str, str]]]]) -> list[ModelSigns]:
    news = []
    for each in given:
        said = _letters(each)
        before = [words for known_on, words in known.get(each.day, []) if known_on <= each.known_on]
        if (before and before[-1] == said) or (not before and not said[1].strip("-")):
            continue
        known.setdefault(each.day, []).append((each.known_on, said))
        news.append(each)
    return news


@dataclass(frozen=True, slots=True)
class _Found:
    """What the first phase found of a model: ``progress`` as a row, and the signs that are new."""

    progress: dict[str, Any]
    news: list[ModelSigns]
    is_first: bool


def _keep_found(session: Session, given: list[_Found]) -> None:
    """Store what the first phase found of many models."""
    first = [each.progress | {"shift_days": 0} for each in given if each.is_first]
    if first:
        session.execute(sa.insert(PROGRESS), first)
    if further := [each.progress for each in given if not each.is_first]:
        renamed = [{f"new_{name}": value for name, value in progress.items()} for progress in further]
        session.connection().execute(FOUND, renamed)
    news = [signs for each in given for signs in each.news]
    said = [_letters(each) for each in news]
    ids = {names: _source_set(session, names) for names in sorted({names for names, _ in said})}
    rows = [
        {
            "model_id": each.model_id,
            "day": each.day,
            "known_on": each.known_on,
            "recorded_at": found.progress["signed_at"],
            "sources_id": ids[names],
            "signs": letters,
        }
        for (found, each), (names, letters) in zip(
            ((found, each) for found in given for each in found.news), said, strict=True
        )
    ]
    if rows:
        session.execute(ADDING, rows)


def _source_set(session: Session, names: str) -> int:
    """Return the number of a set of sources; two workers may need the same new one at the same time."""
    found = session.execute(SOURCES_OF, {"names": names}).scalar_one_or_none()
    if found is None:
        try:
            with session.begin_nested():
                session.execute(sa.insert(SourceSetRow).values(names=names))
        except sa.exc.IntegrityError:
            pass  # the other one was faster
        found = session.execute(SOURCES_OF, {"names": names}).scalar_one()
    return int(found)


def crowds(registry: Database) -> dict[str, tuple[str | None, str | None]]:
    """Return use case and team of every model."""
    with registry.read() as session:
        rows = session.execute(sa.select(ModelRow.id, ModelRow.use_case, ModelRow.team))
        return {row.id: (row.use_case, row.team) for row in rows}
