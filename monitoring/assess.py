"""The use case assess, in the three phases of a day: findings of each model, portfolio shifts, verdicts of each model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Protocol

from monitoring.history import ProfileKind, StoredProfile, VersionHistory, changes_known_later, segments_known_on
from monitoring.policy_timeline import JUDGED_BY_DEFAULT
from monitoring.profiling import KeptReference, ProfileStore, profiled
from monitoring.shift_search import ShiftRecords, found_shifts
from monitoring.shift_signs import signs_of
from monitoring.verdict import assessments_of, not_judged
from monitoring.wording import day_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from monitoring.assessment import Assessment, Verdict
    from monitoring.history import KnownInputs
    from monitoring.policy_timeline import PolicyTimeline
    from monitoring.portfolio import Model, ModelVersion
    from monitoring.portfolio_shift import ModelSigns, Shift
    from monitoring.ports import PredictionLog
    from monitoring.quiet_days import QuietDays
    from monitoring.shift_search import ShiftDay, SignSource

EARLY_PRODUCTION_DAYS = 28
ASSESSMENTS_AT_ONCE = 200
"""Kept in one transaction; whoever goes on after a kill goes on after the last day kept, so they come in the order of knowledge."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the first phase leaves for the others: versions with their references, the extent of the log, and by version quiet days."""

    references: tuple[tuple[ModelVersion, KeptReference], ...] = ()
    extent: tuple[date, date] | None = None
    quiet: Mapping[str, QuietDays] = field(default_factory=dict)

    def quiet_days(self, version: str, reference_id: int) -> QuietDays | None:
        """Return the quiet days of a version, if they were found against this reference."""
        found = self.quiet.get(version)
        return found if found and found.reference_id == reference_id else None


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a model was judged: its newest day, and how much about shifts and policies its verdicts know."""

    last: date | None = None
    shift_days: int = 0
    searched_to: date | None = None
    policy_number: int = 1


class AssessmentStore(ProfileStore, Protocol):
    """What assess keeps of a model: its profiles and its assessments."""

    def profiles(self, reference_id: int, version: str, kind: ProfileKind | None = None) -> list[StoredProfile]:
        """Return every profile kept, or those of a kind, in the order of recording."""

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed."""

    def verdict_run(self, model_id: str, *, day: date, known_on: date) -> tuple[Verdict, date] | None:
        """Return the verdict of a day as known on another, and since when it holds; nothing if the day was not assessed."""

    def keep_assessments(self, assessments: Iterable[Assessment], *, now: datetime) -> int:
        """Append assessments that say something new about their day; return how many."""


class ShiftStore(Protocol):
    """What assess keeps about portfolio shifts."""

    def findings(self, model: Model) -> Findings | None:
        """Return what the last first phase of a model left."""

    def signed_to(self, model_id: str) -> date | None:
        """Return the last day with signs."""

    def keep_findings(
        self, model_id: str, found: Findings, signs: Iterable[ModelSigns], *, signed_to: date, now: datetime
    ) -> None:
        """Keep what the first phase found, in one transaction; signs equal to those known are left out."""

    def judged(self, model_id: str) -> Judged:
        """Return how far a model's verdicts go."""

    def keep_judged(self, model_id: str, judged: Judged) -> None:
        """Remember how far a model's verdicts go."""

    def records(self) -> ShiftRecords:
        """Return everything said about shifts."""

    def signs_from(self) -> date | None:
        """Return the earliest day on which signs became known that no search has taken in."""

    def signs(self) -> SignSource:
        """Return the signs of all models."""

    def keep_shifts(self, found: Iterable[ShiftDay], *, searched_to: date, now: datetime) -> int:
        """Append what is new about shifts and remember that the search is done up to a day; return how many."""


def find(
    model: Model,
    *,
    log: PredictionLog,
    store: AssessmentStore,
    shifts: ShiftStore,
    last: date,
    now: datetime,
    first: date | None = None,
    policies: PolicyTimeline = JUDGED_BY_DEFAULT,
    inputs: dict[str, KnownInputs] | None = None,
) -> None:
    """Phase 1: bring the model's profiles up to ``last`` and keep its signs of every day from ``first`` to ``last``.

    Args:
        model: as registered.
        log: its prediction log.
        store: where references, profiles and assessments are kept.
        shifts: where signs are kept.
        last: the newest complete day.
        now: the machine's clock.
        first: the first day; by default the day after the last one with signs.
        policies: by which policy each day is judged.
        inputs: where what the third phase needs again is left, by version.
    """
    model, references = profiled(model, log=log, store=store, last=last, now=now)
    if first is None:
        signed_before = shifts.signed_to(model.id)
        first = signed_before + DAY if signed_before else date.min
    before, inputs = shifts.findings(model) or Findings(), {} if inputs is None else inputs
    histories = [
        # Shifts are found in the inputs: labels are left out.
        VersionHistory(
            version,
            kept.reference,
            store.profiles(kept.id, version.version, ProfileKind.ROWS),
            before.quiet_days(version.version, kept.id),
        )
        for version, kept in references
        if first <= last
    ]
    signs = list(signed(model, histories, first=first, last=last, policies=policies, inputs=inputs))
    numbers = {version.version: kept.id for version, kept in references}
    quiet = dict(before.quiet)
    for version, known in inputs.items():
        if (now_quiet := known.quiet_days(numbers[version])) is not None:
            quiet[version] = now_quiet
    found = Findings(tuple(references), log.extent(), quiet)
    shifts.keep_findings(model.id, found, signs, signed_to=last, now=now)


def signed(
    model: Model,
    histories: list[VersionHistory],
    *,
    first: date,
    last: date,
    policies: PolicyTimeline,
    inputs: dict[str, KnownInputs] | None = None,
) -> Iterator[ModelSigns]:
    """Yield the model's signs of every day from ``first`` to ``last``, each from what was known on it, no shift being known.

    Where late rows became known on a day, the days before it that they changed are given again, as known on that day.
    """
    changes = changes_known_later(histories)
    for start, until in _spans(changes, first=first, last=last):
        again = min(start, changes.get(start, start))
        for begin, end, policy in policies.spans(again, until):
            for segment in segments_known_on(model, histories, until, policy, inputs=inputs):
                for signs in signs_of(segment, first=begin):
                    if signs.day <= end:
                        yield replace(signs, known_on=start) if signs.day < start else signs


def search_shifts(
    crowds: Mapping[str, tuple[str | None, str | None]], *, shifts: ShiftStore, last: date, now: datetime
) -> int:
    """Phase 2: search every day up to ``last`` for portfolio shifts, from the signs known on it; return how much is new.

    ``crowds`` gives use case and team of every model.
    """
    records, new = shifts.records(), shifts.signs_from()
    begins = [day for day in (new, records.searched_to and records.searched_to + DAY) if day]
    if not begins or min(begins) > last:
        return 0
    found = found_shifts(crowds, shifts.signs(), records, first=min(begins), last=last)
    return shifts.keep_shifts(found, searched_to=last, now=now)


def judge(
    model: Model,
    *,
    store: AssessmentStore,
    shifts: ShiftStore,
    last: date,
    now: datetime,
    first: date | None = None,
    policies: PolicyTimeline = JUDGED_BY_DEFAULT,
    inputs: dict[str, KnownInputs] | None = None,
) -> int:
    """Phase 3: judge every day from ``first`` to ``last`` from what the first phase kept and the shifts that are known.

    Args:
        model: as registered.
        store: where profiles and assessments are kept.
        shifts: where findings and shifts are kept.
        last: the newest complete day.
        now: the machine's clock.
        first: the first day to judge; by default the day after the last one judged, or the first one that shifts found
            or policies approved since then change.
        policies: by which policy each day is judged.
        inputs: what the first phase left, by version.

    Returns:
        The number of assessments that are new.
    """
    found, records, judged_before = shifts.findings(model) or Findings(), shifts.records(), shifts.judged(model.id)
    histories = [
        VersionHistory(
            version,
            kept.reference,
            store.profiles(kept.id, version.version),
            found.quiet_days(version.version, kept.id),
        )
        for version, kept in found.references
    ]
    assessed = store.last_assessed(model.id)
    following = assessed + DAY if assessed else date.min
    begin = min(
        first or following,
        _first_changed(model, records, judged_before) or date.max,
        policies.changed_since(judged_before.policy_number) or date.max,
    )
    assessments = chain(
        _before_judging(model, histories, extent=found.extent, first=begin, last=last, policies=policies),
        judged(
            model, histories, store=store, first=begin, last=last, policies=policies, records=records, inputs=inputs
        ),
    )
    new = 0
    while some := list(islice(assessments, ASSESSMENTS_AT_ONCE)):
        new += store.keep_assessments(some, now=now)
    judged_now = Judged(max(assessed or last, last), len(records.days), records.searched_to, policies.newest)
    if judged_now != judged_before:
        shifts.keep_judged(model.id, judged_now)
    return new


def _first_changed(model: Model, records: ShiftRecords, before: Judged) -> date | None:
    """Return the first day whose verdict may have to change because of what was found about shifts since it was given."""
    if before.last is None:
        return None
    changed = []
    if records.searched_to is not None and (before.searched_to or date.min) < min(records.searched_to, before.last):
        changed.append(before.searched_to + DAY if before.searched_to else date.min)
    known: dict[date, list[tuple[date, int, tuple[Shift, ...]]]] = {}
    for number, each in enumerate(records.days):
        relevant = tuple(shift for shift in each.shifts if _concerns(shift, model))
        if number >= before.shift_days:
            earlier = sorted(pair for pair in known.get(each.day, []) if pair[0] <= each.known_on)
            if (earlier[-1][2] if earlier else ()) != relevant:
                changed.append(each.known_on)
        known.setdefault(each.day, []).append((each.known_on, number, relevant))
    return min(changed, default=None)


def _concerns(shift: Shift, model: Model) -> bool:
    sources = {feature.source for feature in model.features}
    return model.id in shift.models or any(shift.exposes(model, source) for source in sources)


def assess_model(
    model: Model,
    *,
    log: PredictionLog,
    store: AssessmentStore,
    last: date,
    now: datetime,
    first: date | None = None,
    policies: PolicyTimeline = JUDGED_BY_DEFAULT,
) -> int:
    """Bring a single model's profiles up to ``last`` and judge every day from ``first`` to ``last``, without a portfolio around it.

    Returns:
        The number of assessments that are new.
    """
    model, references = profiled(model, log=log, store=store, last=last, now=now)
    histories = [
        VersionHistory(version, kept.reference, store.profiles(kept.id, version.version))
        for version, kept in references
    ]
    if first is None:
        assessed = store.last_assessed(model.id)
        first = assessed + DAY if assessed else date.min
    found = chain(
        _before_judging(model, histories, extent=log.extent(), first=first, last=last, policies=policies),
        judged(model, histories, store=store, first=first, last=last, policies=policies),
    )
    return store.keep_assessments(found, now=now)


def _before_judging(
    model: Model,
    histories: list[VersionHistory],
    *,
    extent: tuple[date, date] | None,
    first: date,
    last: date,
    policies: PolicyTimeline,
) -> Iterator[Assessment]:
    """Yield "not judged" for the days of the log before any version can be judged, and for an empty log."""
    if extent is None or extent[0] > last:
        sentence = "Its prediction log is empty."
        if extent is not None:
            sentence = f"Its prediction log begins later, on {day_text(extent[0])} {extent[0].year}."
        yield not_judged(model, version="", day=last, since=last, sentence=sentence, policy=policies.on(last))
        return
    starts = [day for history in histories if (day := history.first_day()) is not None]
    until = min([last, *(day - DAY for day in starts)])
    sentence = (
        f"It can be judged from {day_text(min(starts))} on: the days before are its reference or before its first version."
        if starts
        else f"Its reference is not complete: it is the first {EARLY_PRODUCTION_DAYS} days of its log."
    )
    for i in range((until - max(first, extent[0])).days + 1):
        day = max(first, extent[0]) + timedelta(days=i)
        yield not_judged(model, version="", day=day, since=extent[0], sentence=sentence, policy=policies.on(day))


def judged(
    model: Model,
    histories: list[VersionHistory],
    *,
    store: AssessmentStore,
    first: date,
    last: date,
    policies: PolicyTimeline,
    records: ShiftRecords | None = None,
    inputs: dict[str, KnownInputs] | None = None,
) -> Iterator[Assessment]:
    """Yield the assessment of every day from ``first`` to ``last``, each from what was known on it.

    Where something late became known on a day, the days before it that it changed are judged again, as known on that day.
    Since when a verdict holds is known from the assessment of the day before; where there is none, the days before are judged
    too, only to find out.
    """
    records = records or ShiftRecords()
    changes = changes_known_later(histories)
    for known_on, day in records.changes_known_later().items():
        changes[known_on] = min(changes.get(known_on, day), day)
    runs: dict[date, tuple[Verdict, date]] = {}
    for start, until in _spans(changes, first=first, last=last):
        begin = min(start, changes.get(start, start))
        shifts = records.known_on(until)
        for under_one, last_under_one, policy in policies.spans(begin, until):
            segments = segments_known_on(model, histories, until, policy, shifts, inputs=inputs)
            since: dict[str, object] = {}
            if segments and segments[0].first < under_one:
                before = under_one - DAY
                run = runs.get(before) or store.verdict_run(model.id, day=before, known_on=start)
                since = {"verdict": run[0], "day": run[1]} if run else {}
            for segment in segments:
                for assessment in assessments_of(
                    segment, first=under_one, last=last_under_one, known_on=None, since=since
                ):
                    runs[assessment.day] = (assessment.verdict, assessment.in_verdict_since)
                    late = assessment.day < start
                    yield replace(assessment, known_on=start) if late else assessment


def _spans(changes: Mapping[date, date], *, first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield runs of days within which nothing late became known, but on the first of them."""
    if first > last:
        return
    starts = sorted({first, *(day for day in changes if first <= day <= last)})
    for start, following in pairwise([*starts, last + DAY]):
        yield start, following - DAY
