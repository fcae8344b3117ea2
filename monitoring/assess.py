"""The use case assess: bring a model's profiles up to date and judge its days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Protocol

from monitoring.history import StoredProfile, VersionHistory, changes_known_later, segments_known_on
from monitoring.policy import DEFAULT_POLICY
from monitoring.profiling import ProfileStore, profiled
from monitoring.verdict import assessments_of, not_judged
from monitoring.wording import day_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitoring.assessment import Assessment, Verdict
    from monitoring.policy import Policy
    from monitoring.portfolio import Model
    from monitoring.ports import PredictionLog

EARLY_PRODUCTION_DAYS = 28


class AssessmentStore(ProfileStore, Protocol):
    """What assess keeps of a model: its profiles and its assessments."""

    def profiles(self, reference_id: int, version: str) -> list[StoredProfile]:
        """Return every profile kept, in the order of recording."""

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed."""

    def verdict_run(self, model_id: str, *, day: date, known_on: date) -> tuple[Verdict, date] | None:
        """Return the verdict of a day as known on another, and since when it holds; nothing if the day was not assessed."""

    def keep_assessments(self, assessments: Iterable[Assessment], *, now: datetime) -> int:
        """Append assessments that say something new about their day; return how many."""


def assess_model(
    model: Model,
    *,
    log: PredictionLog,
    store: AssessmentStore,
    last: date,
    now: datetime,
    first: date | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> int:
    """Bring the model's profiles up to ``last`` and judge every day from ``first`` to ``last``.

    Args:
        model: as registered.
        log: its prediction log.
        store: where references, profiles and assessments are kept.
        last: the newest complete day, in the model's zone.
        now: the machine's clock.
        first: the first day to judge; by default the day after the last one judged.
        policy: the thresholds.

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
        first = assessed + timedelta(days=1) if assessed else date.min
    found = chain(
        _before_judging(model, histories, extent=log.extent(), first=first, last=last, policy=policy),
        judged(model, histories, store=store, first=first, last=last, policy=policy),
    )
    return store.keep_assessments(found, now=now)


def _before_judging(
    model: Model,
    histories: list[VersionHistory],
    *,
    extent: tuple[date, date] | None,
    first: date,
    last: date,
    policy: Policy,
) -> Iterator[Assessment]:
    """Yield "not judged" for the days of the log before any version can be judged, and for an empty log."""
    if extent is None or extent[0] > last:
        sentence = "Its prediction log is empty."
        yield not_judged(model, version="", day=last, since=last, sentence=sentence, policy=policy)
        return
    starts = [day for history in histories if (day := history.first_day()) is not None]
    until = min([last, *(day - timedelta(days=1) for day in starts)])
    sentence = (
        f"It can be judged from {day_text(min(starts))} on: the days before are its reference or before its first version."
        if starts
        else f"Its reference is not complete: it is the first {EARLY_PRODUCTION_DAYS} days of its log."
    )
    for i in range((until - max(first, extent[0])).days + 1):
        day = max(first, extent[0]) + timedelta(days=i)
        yield not_judged(model, version="", day=day, since=extent[0], sentence=sentence, policy=policy)


def judged(
    model: Model, histories: list[VersionHistory], *, store: AssessmentStore, first: date, last: date, policy: Policy
) -> Iterator[Assessment]:
    """Yield the assessment of every day from ``first`` to ``last``, each from what was known on it.

    Where something late became known on a day, the days before it that it changed are judged again, as known on that day.
    Since when a verdict holds is known from the assessment of the day before; where there is none, the days before are judged
    too, only to find out.
    """
    changes = {day: changed for day, changed in changes_known_later(histories).items() if first <= day <= last}
    starts = sorted({first, *changes})
    runs: dict[date, tuple[Verdict, date]] = {}
    for start, following in pairwise([*starts, last + timedelta(days=1)]):
        begin = min(start, changes.get(start, start))
        segments = segments_known_on(model, histories, following - timedelta(days=1), policy)
        since: dict[str, object] = {}
        if segments and segments[0].first < begin:
            before = begin - timedelta(days=1)
            run = runs.get(before) or store.verdict_run(model.id, day=before, known_on=start)
            since = {"verdict": run[0], "day": run[1]} if run else {}
        for segment in segments:
            for assessment in assessments_of(segment, first=begin, known_on=None, since=since):
                runs[assessment.day] = (assessment.verdict, assessment.in_verdict_since)
                late = assessment.day < start
                yield replace(assessment, known_on=start) if late else assessment
