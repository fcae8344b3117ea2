"""Bring a model's profiles up to date: read what changed in its log, count it, keep what was counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitoring.counting import counting_of
from monitoring.history import ProfileKind, StoredProfile
from monitoring.label_profile import count_labels
from monitoring.packing import pack_day, pack_labels, unpack_reference
from monitoring.policy import METHOD_VERSION
from monitoring.portfolio import ModelVersion
from monitoring.profile import count_rows, with_missing, with_replaced
from monitoring.reference import reference_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from monitoring.counting import CountedDays
    from monitoring.label_profile import LabelProfiles
    from monitoring.portfolio import Model
    from monitoring.ports import Days, Flags, LabelledRows, LogRows, PredictionLog
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

DAYS_AT_ONCE = 92


class KeptReference:
    """A reference with the number under which its profiles are kept; where it is given packed, it is unpacked once it is asked for."""

    def __init__(self, number: int, reference: Reference | bytes) -> None:
        self.id = number
        self._given = reference

    @cached_property
    def reference(self) -> Reference:
        """The reference."""
        return unpack_reference(self._given) if isinstance(self._given, bytes) else self._given


@dataclass(frozen=True)
class NewProfiles:
    """Profiles of one version against one reference, to be kept."""

    reference_id: int
    version: str
    profiles: tuple[StoredProfile, ...]


class ProfileStore(Protocol):
    """What is kept of a model's log: references, profiles, days counted."""

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return the reference kept under this key."""

    def keep_reference(
        self, model_id: str, version: str, key: str, reference: Reference, *, now: datetime
    ) -> KeptReference:
        """Keep a reference; the old one and its profiles stay."""

    def add_versions(self, model_id: str, versions: tuple[ModelVersion, ...]) -> None:
        """Register versions that were seen in the log without being announced."""

    def counted_days(self, model_id: str) -> dict[date, tuple[int, int]]:
        """Return rows and labels per day when it was last profiled."""

    def keep_profiles(
        self, model_id: str, new: Iterable[NewProfiles], counted: Mapping[date, tuple[int, int]], *, now: datetime
    ) -> None:
        """Keep profiles and what was counted, in one transaction; a profile equal to the one known is left out."""


def profiled(
    model: Model, *, log: PredictionLog, store: ProfileStore, last: date, now: datetime
) -> tuple[Model, list[tuple[ModelVersion, KeptReference]]]:
    """Read what changed in the log, keep its profiles, and return the model with every version that has a reference."""
    extent = log.extent()
    if extent is None:
        return model, []
    before = store.counted_days(model.id)
    counts = log.day_counts(first=extent[0], last=min(extent[1], last), known=before)
    changed = {day for day, counted in counts.items() if before.get(day) != counted}
    changed |= {day for day in before if day not in counts and extent[0] <= day <= last}
    if changed and before:
        changed |= log.days_replaced(first=min(changed), last=max(changed)) & before.keys()
    references: dict[str, KeptReference] = {}
    renewed = _references(model, log=log, store=store, now=now, into=references)
    if renewed:
        changed, before = set(counts), {}
    for start, end in _stretches(changed):
        counting = counting_of(log, first=start, last=end)
        model = _with_seen_versions(model, counting.versions, store)
        _references(model, log=log, store=store, now=now, into=references)
        here = {day for day in changed if start <= day <= end}
        new = []
        for version, kept in references.items():
            counted_days = counting.counted(version, kept.reference)
            profiles = _profiles(kept.reference, version, counted_days, last=last, before=before, changed=here)
            new.append(NewProfiles(kept.id, version, tuple(profiles)))
        complete = all(version.version in references for version in model.versions)
        counted = {day: counts.get(day, (0, 0)) for day in here} if complete else {}
        store.keep_profiles(model.id, new, counted, now=now)
    by_name = {version.version: version for version in model.versions}
    return model, [(by_name[name], kept) for name, kept in references.items()]


def _references(
    model: Model, *, log: PredictionLog, store: ProfileStore, now: datetime, into: dict[str, KeptReference]
) -> bool:
    """Find or build the reference of every version; return whether any is new."""
    renewed = False
    for version in model.versions:
        if version.version in into:
            continue
        key = reference_key(model, log.reference_key(version.version))
        kept = store.reference(model.id, version.version, key)
        if kept is None:
            rows = log.reference(version.version)
            if rows is None:
                continue
            kept = store.keep_reference(model.id, version.version, key, reference_of(model, rows), now=now)
            renewed = True
        into[version.version] = kept
    return renewed


def reference_key(model: Model, log_key: str) -> str:
    """Return a key that changes with the reference's rows and with everything of the card that its bins depend on."""
    card = (
        model.task,
        model.features,
        model.classes,
        model.decision_threshold,
        model.score_range,
        model.has_probability,
    )
    return sha256(repr((METHOD_VERSION, log_key, model.timezone, card)).encode()).hexdigest()[:24]


def _stretches(days: set[date]) -> Iterator[tuple[date, date]]:
    """Yield unbroken runs of days, none longer than can be read at once."""
    start: date | None = None
    end = date.min
    for day in sorted(days):
        if start is not None and (day - end > timedelta(days=1) or (day - start).days >= DAYS_AT_ONCE):
            yield start, end
            start = None
        start, end = start or day, day
    if start is not None:
        yield start, end


def _with_seen_versions(model: Model, seen: Mapping[str, date], store: ProfileStore) -> Model:
    """Register versions seen in the log but not announced, in service from the day they were seen."""
    known = {version.version for version in model.versions}
    found = tuple(
        ModelVersion(name, active_from=day, announced=False) for name, day in sorted(seen.items()) if name not in known
    )
    if not found:
        return model
    store.add_versions(model.id, found)
    return replace(model, versions=(*model.versions, *found))


def _profiles(
    reference: Reference,
    version: str,
    counted: CountedDays,
    *,
    last: date,
    before: Mapping[date, tuple[int, int]],
    changed: set[date],
) -> Iterator[StoredProfile]:
    """Yield the profiles of one version: each day as known at its end, and again on every later day that changed it.

    Of a day that was profiled before and has changed since, only its new form is of interest, known from ``last`` on.
    """
    seen: set[tuple[ProfileKind, date]] = set()
    days = counted.profiles
    if days is not None:
        days = with_missing(days, reference.layout, counted.rows.missing_columns)
    for profile in (
        *_of_days(days, last=last),
        *_row_profiles(reference, version, counted.rows, last=last),
        *_of_arrivals(reference, counted.labels, last=last),
        *_label_profiles(reference, version, counted.labelled, last=last),
    ):
        if profile.day in before and not profile.is_final:
            continue
        known_on = max(profile.known_on, last) if profile.day in before else profile.known_on
        seen.add((profile.kind, profile.day))
        yield StoredProfile(profile.kind, profile.day, known_on, profile.rows, profile.payload)
    for kind in ProfileKind:
        for day in changed & before.keys():
            if (kind, day) not in seen:
                yield StoredProfile(kind, day, last, 0, b"")


@dataclass(frozen=True)
class _Counted:
    """One packed day as known from ``known_on`` on; ``is_final`` when nothing later changed it."""

    kind: ProfileKind
    day: date
    known_on: date
    rows: int
    payload: bytes
    is_final: bool


def _of_days(counted: DayProfiles | None, *, last: date) -> Iterator[_Counted]:
    """Yield the days that were never changed after their end."""
    for i, day in enumerate(counted.day if counted is not None else ()):
        at = day.astype(object)
        if counted is not None and at <= last:
            yield _Counted(ProfileKind.ROWS, at, at, int(counted.rows[i]), pack_day(counted, i), is_final=True)


def _of_arrivals(reference: Reference, counted: LabelProfiles | None, *, last: date) -> Iterator[_Counted]:
    """Yield the days of arrival that were never changed after their end."""
    if counted is None:
        return
    n = reference.label_layout.field(counted.vectors, "n")
    for day in np.unique(counted.arrival):
        here = np.flatnonzero(counted.arrival == day)
        at = day.astype(object)
        if at <= last:
            yield _Counted(
                ProfileKind.LABELS,
                at,
                at,
                int(n[here].sum()),
                pack_labels(reference.label_layout, counted, here),
                is_final=True,
            )


def _row_profiles(reference: Reference, version: str, rows: LogRows, *, last: date) -> Iterator[_Counted]:
    chosen = (rows.version == version) & (rows.day <= np.datetime64(last))
    plain, changing = _split(rows.day, rows.valid_from, rows.valid_to, chosen, last=last)
    counted = _with_replaced(reference, count_rows(reference.layout, rows, counted=plain), rows, version)
    yield from _of_days(counted, last=last)
    for state in changing:
        profiles = count_rows(reference.layout, rows, counted=state.counted)
        profiles = _with_replaced(reference, profiles, rows, version, known_on=state.known_on)
        n = int(profiles.rows.sum())
        payload = pack_day(profiles, 0) if n else b""
        yield _Counted(ProfileKind.ROWS, state.day, state.known_on, n, payload, state.is_final)


def _with_replaced(
    reference: Reference, profiles: DayProfiles, rows: LogRows, version: str, *, known_on: date | None = None
) -> DayProfiles:
    """Return the profiles with the rows replaced as known on a day, by default each day's own."""
    replaced = rows.replaced
    if replaced is None or not len(replaced.day):
        return profiles
    known = replaced.known_on <= (replaced.day if known_on is None else np.datetime64(known_on))
    return with_replaced(profiles, reference.layout, replaced.day[known & (replaced.version == version)])


def _label_profiles(reference: Reference, version: str, labelled: LabelledRows, *, last: date) -> Iterator[_Counted]:
    chosen = (labelled.version == version) & (labelled.arrival <= np.datetime64(last))
    plain, changing = _split(labelled.arrival, labelled.arrival, labelled.valid_to, chosen, last=last)
    layout = reference.label_layout
    counted = count_labels(layout, labelled, counted=plain, losses_by_score=False)
    yield from _of_arrivals(reference, counted, last=last)
    for state in changing:
        labels = count_labels(layout, labelled, counted=state.counted, losses_by_score=False)
        rows = int(layout.field(labels.vectors, "n").sum()) if len(labels) else 0
        payload = pack_labels(layout, labels, np.arange(len(labels))) if rows else b""
        yield _Counted(ProfileKind.LABELS, state.day, state.known_on, rows, payload, state.is_final)


@dataclass(frozen=True)
class _State:
    """The rows of a day that count from ``known_on`` on; ``is_final`` when nothing later changed them."""

    day: date
    known_on: date
    counted: Flags
    is_final: bool


def _split(day: Days, valid_from: Days, valid_to: Days, chosen: Flags, *, last: date) -> tuple[Flags, Iterator[_State]]:
    """Return the rows of days that were never changed after their end, and the states of those that were."""
    until = np.datetime64(last)
    late = (valid_from > day) | ((valid_to > day) & (valid_to <= until))
    changed = np.unique(day[chosen & late])
    plain = chosen & ~np.isin(day, changed)
    return plain & ~(valid_to <= day), _states(day, valid_from, valid_to, chosen, changed, until=until)


def _states(
    day: Days, valid_from: Days, valid_to: Days, chosen: Flags, changed: Days, *, until: np.datetime64
) -> Iterator[_State]:
    """Yield every changed day at its end and on each later day that changed it."""
    for this in changed:
        here = chosen & (day == this)
        changes = np.concatenate((valid_from[here], valid_to[here]))
        later = np.unique(changes[~np.isnat(changes) & (changes > this) & (changes <= until)])
        known = [this, *later]
        for known_on in known:
            counted = here & (valid_from <= known_on) & ~(valid_to <= known_on)
            yield _State(this.astype(object), known_on.astype(object), counted, bool(known_on == known[-1]))
