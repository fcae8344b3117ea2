"""Findings about broken data: what is wrong with which feature since when (METHODS section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.window import run_start
from monitoring.wording import day_text, joined, number, percent, reason, with_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.data_quality import QualitySeries
    from monitoring.segment import Segment

SHORT_QUALITY_WORDS = {
    FindingKind.NULLS: "{value} of {name} is empty",
    FindingKind.STUCK: "{name} shows a single value",
    FindingKind.UNIT: "{name} changed its scale: unit?",
    FindingKind.RESCALED: "{name} \u00d7 {factor}: a change of unit?",
    FindingKind.NEW_LEVEL: "{value} of {name} is unknown levels",
    FindingKind.TYPE_CHANGE: "{value} of {name} is not a number",
}
QUALITY_WORDS = {
    FindingKind.NULLS: "{value} of {name} is empty (normally {normal})",
    FindingKind.STUCK: "{name} shows a single value",
    FindingKind.UNIT: "{name} left its range or changed its scale ({factor} times its usual mean): unit?",
    FindingKind.RESCALED: "{name} is {factor} times its usual mean, as after a change of unit",
    FindingKind.NEW_LEVEL: "{value} of {name} shows levels never seen in the reference",
    FindingKind.TYPE_CHANGE: "{value} of {name} is not a number",
}


def _last_bad(check: QualitySeries, i: int) -> int:
    bad = np.flatnonzero(check.bad[: i + 1])
    return int(bad[-1]) if len(bad) else i


def _quality_words(words: dict[FindingKind, str], check: QualitySeries, name: str, i: int) -> str:
    value = float(check.value[_last_bad(check, i)])
    normal = 0.0 if np.isnan(check.normal) else check.normal
    return words[check.kind].format(name=name, value=percent(value), normal=percent(normal), factor=number(value))


def quality(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give open findings of features: fix the data; together below the gate of importance they only ask to watch."""
    minor = bool(segment.minor_quality[i])
    verdict = Verdict.WATCH if minor else Verdict.FIX_DATA
    opened = [
        (segment.reference.importance[name], name, check)
        for name, quality in segment.quality.items()
        for check in quality.breaking
        if check.open[i]
    ]
    opened.sort(key=lambda found: -found[0])
    for share, name, check in opened:
        start, source = run_start(check.open, i), segment.reference.sources.get(name)
        words = _quality_words(QUALITY_WORDS, check, name, i)
        short = _quality_words(SHORT_QUALITY_WORDS, check, name, i)
        since = segment.day_at(start)
        feed = f": {source}" if source else ""
        rest = list(dict.fromkeys(other for _, other, _ in opened if other != name))
        others = f" Also affected: {joined(rest)}." if rest else ""
        note = " Of minor importance to this model." if minor else ""
        last = _last_bad(check, i)
        evidence = {
            "window": day_text(segment.day_at(last)),
            "rows": int(segment.daily.rows[last]),
            "value": stored(check.value[last]),
            "reference_value": stored(check.normal),
            "importance": stored(share),
            "days_in_a_row": i - start + 1,
            "threshold_source": "METHODS section 6, against the reference and the last 14 clean days",
        }
        finding = Finding(
            check.kind, verdict, name, since, f"{words} since {day_text(since)}{feed}.{others}{note}", source, evidence
        )
        yield finding, with_note(f"{short} since {day_text(since)}", source or "")


def score_range(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give scores outside their range: fix the data."""
    check = segment.score_range
    if not check.open[i]:
        return
    last, since = _last_bad(check, i), segment.day_at(run_start(check.open, i))
    share = percent(float(check.value[last]))
    evidence = {
        "window": day_text(segment.day_at(last)),
        "rows": int(segment.daily.rows[last]),
        "value": stored(check.value[last]),
        "threshold": 0.0,
        "threshold_source": "the range of the model's card; a probability lies between 0 and 1",
    }
    text = f"{share} of its predictions lie outside their range since {day_text(since)}."
    finding = Finding(FindingKind.SCORE_RANGE, Verdict.FIX_DATA, "score", since, text, evidence=evidence)
    yield finding, reason(f"{share} of predictions outside their range since {day_text(since)}.")


def level_change(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a sudden change of level that is no known change of unit: watch, and check the source."""
    for name, quality in segment.quality.items():
        for check in quality.checks:
            if check.kind is FindingKind.LEVEL_CHANGE and check.open[i]:
                since, source = segment.day_at(run_start(check.open, i)), segment.reference.sources.get(name)
                factor = number(float(check.value[_last_bad(check, i)]))
                text = f"{name} changed its level suddenly ({factor} times) on {day_text(since)}: check its source and unit."
                evidence = {"value": stored(check.value[_last_bad(check, i)]), "rows": int(segment.daily.rows[i])}
                finding = Finding(FindingKind.LEVEL_CHANGE, Verdict.WATCH, name, since, text, source, evidence)
                yield finding, reason(f"{name} changed its level suddenly ({factor} times): check unit.")
