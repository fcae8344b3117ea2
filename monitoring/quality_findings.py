"""Findings about broken data: which feed delivers what wrong since when (METHODS section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.data_quality import CLEAN_DAYS_TO_CLEAR
from monitoring.finding_evidence import A_FACT, BEYOND_CHANCE, evidence, inputs_have_not_moved, skill_is_not_lost
from monitoring.scale_change import MINIMUM_ROWS
from monitoring.window import run_start
from monitoring.wording import capital, day_text, joined, number, percent, plural, reason, with_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitoring.data_quality import QualitySeries
    from monitoring.segment import Segment

# One feature in a finding, several, and the short form for tables.
ONE = {
    FindingKind.NULLS: "{value} of {name} is empty (normally {normal})",
    FindingKind.STUCK: "{name} shows a single value all day",
    FindingKind.UNIT: "{name} left its range or changed its scale ({factor} times its usual mean): has its unit changed?",
    FindingKind.RESCALED: "{name} is {factor} times its usual mean, as after a change of unit",
    FindingKind.UNIT_IN_RANGE: "{name} is {factor} times its usual values, as after a change of unit",
    FindingKind.SWAPPED: "{name} shows the usual values of another column: have two columns been exchanged?",
    FindingKind.STRANGE: "{value} of {name} lies outside the reference's range and the rest is as ever: does a code stand for missing values?",
    FindingKind.NEW_LEVEL: "{value} of {name} shows levels that the reference never had",
    FindingKind.TYPE_CHANGE: "{value} of {name} is not a number",
    FindingKind.MISSING_COLUMN: "the column {name} is missing from the log",
    FindingKind.LEVEL_CHANGE: "{name} changed its level suddenly ({factor} times): check its source and unit",
}
PARTS = {
    FindingKind.NULLS: "{value} of {name} (normally {normal})",
    FindingKind.UNIT: "{name} ({factor} times its usual mean)",
    FindingKind.RESCALED: "{name} ({factor} times)",
    FindingKind.UNIT_IN_RANGE: "{name} ({factor} times)",
    FindingKind.STRANGE: "{value} of {name}",
    FindingKind.NEW_LEVEL: "{value} of {name}",
    FindingKind.TYPE_CHANGE: "{value} of {name}",
    FindingKind.LEVEL_CHANGE: "{name} ({factor} times)",
}
SEVERAL = {
    FindingKind.NULLS: "{parts} are empty",
    FindingKind.STUCK: "{parts} show a single value all day",
    FindingKind.UNIT: "{parts} left their range or changed their scale: has a unit changed?",
    FindingKind.RESCALED: "{parts} are multiples of their usual means, as after a change of unit",
    FindingKind.UNIT_IN_RANGE: "{parts} are multiples of their usual values, as after a change of unit",
    FindingKind.SWAPPED: "{parts} show each other's usual values: have the columns been exchanged?",
    FindingKind.STRANGE: "{parts} lie outside the reference's range and the rest is as ever: does a code stand for missing values?",
    FindingKind.NEW_LEVEL: "{parts} show levels that the reference never had",
    FindingKind.TYPE_CHANGE: "{parts} are not numbers",
    FindingKind.MISSING_COLUMN: "the columns {parts} are missing from the log",
    FindingKind.LEVEL_CHANGE: "{parts} changed their level suddenly: check their source and unit",
}
SHORT = {
    FindingKind.NULLS: "{value} of {name} is empty",
    FindingKind.STUCK: "{name} shows a single value",
    FindingKind.UNIT: "{name} changed its scale (unit?)",
    FindingKind.RESCALED: "{name} \u00d7 {factor} (a change of unit?)",
    FindingKind.UNIT_IN_RANGE: "{name} \u00d7 {factor} (a change of unit?)",
    FindingKind.SWAPPED: "{name} was exchanged with another column",
    FindingKind.STRANGE: "{value} of {name} is outside its range",
    FindingKind.NEW_LEVEL: "{value} of {name} is unknown levels",
    FindingKind.TYPE_CHANGE: "{value} of {name} is not a number",
    FindingKind.MISSING_COLUMN: "column {name} is missing",
    FindingKind.LEVEL_CHANGE: "{name} changed its level suddenly",
}
THRESHOLDS = {
    FindingKind.NULLS: "5 points above its share in the reference, three times that share, and 6 standard errors",
    FindingKind.STUCK: "one value in a whole day, which its reference hardly ever shows",
    FindingKind.UNIT: "half of the rows outside the reference's range, or 8 times the spread and 4 times the mean, and a jump "
    "of 6 standard errors from its last 14 clean days",
    FindingKind.RESCALED: "a known factor between units, and a jump of 10 standard errors from its last 14 clean days",
    FindingKind.UNIT_IN_RANGE: "on two days in a row a known change of unit explains all values far better than its last 14 clean days do",
    FindingKind.SWAPPED: "on two days in a row both columns show the other's last 14 clean days far better than their own",
    FindingKind.STRANGE: "5 points outside the reference's range and 6 standard errors, on two days in a row, the rest of the values unmoved",
    FindingKind.NEW_LEVEL: "5 points above what its reference leads to expect, and 6 standard errors",
    FindingKind.TYPE_CHANGE: "1 % of rows more than in the reference",
    FindingKind.MISSING_COLUMN: "the reference has the column",
    FindingKind.LEVEL_CHANGE: "a jump of 10 standard errors from its last 14 clean days, by no known factor between units",
}
# What is not said again where another finding about the same feature says more.
SAID_BY = {
    FindingKind.NULLS: {FindingKind.MISSING_COLUMN},
    FindingKind.LEVEL_CHANGE: {
        FindingKind.UNIT,
        FindingKind.RESCALED,
        FindingKind.UNIT_IN_RANGE,
        FindingKind.SWAPPED,
    },
    FindingKind.RESCALED: {FindingKind.UNIT},
    FindingKind.UNIT_IN_RANGE: {FindingKind.UNIT, FindingKind.RESCALED},
    FindingKind.SWAPPED: {FindingKind.UNIT, FindingKind.RESCALED},
}
CERTAIN = {FindingKind.TYPE_CHANGE, FindingKind.MISSING_COLUMN}
MOST_FEATURES = 10


@dataclass(frozen=True)
class Broken:
    """An open check of a feature."""

    name: str
    importance: float
    check: QualitySeries

    def last_bad(self, i: int) -> int:
        """Return the newest day up to ``i`` on which the condition held."""
        return last_bad(self.check, i)

    def words(self, template: str, i: int) -> str:
        """Return the feature in words."""
        value = float(self.check.value[self.last_bad(i)])
        normal = 0.0 if np.isnan(self.check.normal) else float(self.check.normal)
        return template.format(name=self.name, value=percent(value), normal=percent(normal), factor=number(value))


def last_bad(check: QualitySeries, i: int) -> int:
    """Return the newest day up to ``i`` on which the condition of a check held."""
    bad = np.flatnonzero(check.bad[: i + 1])
    return int(bad[-1]) if len(bad) else i


def quality(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give open findings of features, one per feed and kind: fix the data, or only watch where it hardly matters."""
    verdict = Verdict.WATCH if segment.minor_quality[i] else Verdict.FIX_DATA
    groups = _grouped(segment, _open(segment, i, level_changes=False))
    for (source, kind), group in groups.items():
        others = [other for key, rest in groups.items() if key != (source, kind) for other in rest]
        yield _finding(segment, i, group, verdict, source=source, others=others)


def level_change(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give sudden changes of level that are no known change of unit: watch, and check the source."""
    for (source, _), group in _grouped(segment, _open(segment, i, level_changes=True)).items():
        yield _finding(segment, i, group, Verdict.WATCH, source=source, others=[])


def _open(segment: Segment, i: int, *, level_changes: bool) -> list[Broken]:
    """Return the open checks of features, the most important first, each fault said once."""
    found = []
    for name, quality in segment.quality.items():
        kinds = {check.kind for check in quality.seen if check.open[i]}
        for check in quality.seen:
            is_level = check.kind is FindingKind.LEVEL_CHANGE
            if check.open[i] and is_level == level_changes and not kinds & SAID_BY.get(check.kind, set()):
                found.append(Broken(name, segment.reference.importance[name], check))
    return sorted(found, key=lambda broken: -broken.importance)


def _grouped(segment: Segment, found: Iterable[Broken]) -> dict[tuple[str | None, FindingKind], list[Broken]]:
    groups: dict[tuple[str | None, FindingKind], list[Broken]] = {}
    for broken in found:
        groups.setdefault((segment.reference.sources.get(broken.name), broken.check.kind), []).append(broken)
    return groups


def _finding(
    segment: Segment, i: int, group: list[Broken], verdict: Verdict, *, source: str | None, others: list[Broken]
) -> tuple[Finding, str]:
    """Return the finding about one feed and one kind of fault, naming all its features."""
    worst, kind = group[0], group[0].check.kind
    start = min(run_start(broken.check.open, i) for broken in group)
    since, names = segment.day_at(start), [broken.name for broken in group]
    if len(group) == 1:
        what, short = worst.words(ONE[kind], i), worst.words(SHORT[kind], i)
    else:
        parts = [broken.words(PARTS.get(kind, "{name}"), i) for broken in group]
        what = SEVERAL[kind].format(parts=joined(parts))
        short = f"{plural(len(group), 'feature')}: {worst.words(SHORT[kind], i)}"
    feed = f"{capital(source)} has delivered broken data" if source else "Data have been broken"
    if kind is FindingKind.LEVEL_CHANGE:
        feed = f"{capital(source)} has changed" if source else "The data have changed"
    text = (
        f"{feed} since {day_text(since)}: {what}{'' if what.endswith('?') else '.'}{_also(segment, i, names, others)}"
    )
    if verdict is Verdict.WATCH and kind is not FindingKind.LEVEL_CHANGE:
        text += " Of minor importance to this model."
    subject = worst.name if len(group) == 1 else source or joined(names)
    found = _evidence(segment, i, group, start=start)
    note = with_note(f"{short} since {day_text(since)}", source or "")
    return Finding(kind, verdict, subject, since, text, source, found), note


def _also(segment: Segment, i: int, names: list[str], others: list[Broken]) -> str:
    """Return what else is broken, and how many clean days there have been since."""
    rest = list(dict.fromkeys(other.name for other in others if other.name not in names))
    said = f" Also broken: {joined(rest)}." if rest else ""
    newest = max(last_bad(check, i) for name in names for check in segment.quality[name].seen if check.open[i])
    clean = int((segment.daily.rows[newest + 1 : i + 1] >= MINIMUM_ROWS).sum())
    if clean:
        said += f" Clean for {clean} of the {CLEAN_DAYS_TO_CLEAR} days that clear it."
    return said


def _evidence(segment: Segment, i: int, group: list[Broken], *, start: int) -> dict[str, Any]:
    worst, kind = group[0], group[0].check.kind
    last = worst.last_bad(i)
    return evidence(
        segment,
        window=day_text(segment.day_at(last)),
        prediction_days=day_text(segment.day_at(last)),
        rows=int(segment.daily.rows[last]),
        value=stored(worst.check.value[last]),
        reference_value=stored(worst.check.normal),
        threshold=_threshold(segment, worst.check),
        threshold_source=THRESHOLDS[kind],
        false_alarms=A_FACT if kind in CERTAIN else BEYOND_CHANCE,
        days_in_a_row=i - start + 1,
        importance=stored(sum({broken.name: broken.importance for broken in group}.values())),
        has_importance=segment.reference.has_importance,
        features=[
            {
                "name": broken.name,
                "value": stored(broken.check.value[broken.last_bad(i)]),
                "reference_value": stored(broken.check.normal),
                "importance": stored(broken.importance),
            }
            for broken in group[:MOST_FEATURES]
        ],
        ruled_out=(*skill_is_not_lost(segment, i), *inputs_have_not_moved(segment, i)),
    )


def _threshold(segment: Segment, check: QualitySeries) -> float | None:
    """Return the share or factor from which the kind is raised, where it is one number."""
    normal = 0.0 if np.isnan(check.normal) else float(check.normal)
    return {
        FindingKind.NULLS: stored(normal + max(segment.policy.null_rise, 2 * normal)),
        FindingKind.NEW_LEVEL: stored(normal + 0.05),
        FindingKind.STRANGE: 0.05,
        FindingKind.TYPE_CHANGE: stored(normal + 0.01),
        FindingKind.RESCALED: 1.25,
        FindingKind.UNIT_IN_RANGE: 1.5,
        FindingKind.LEVEL_CHANGE: 1.25,
        FindingKind.UNIT: 0.5,
    }.get(check.kind)


def whole_log(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give what is wrong with the rows as such: scores outside their range, timestamps in the future. Fix the data."""
    for check in (segment.score_range, segment.future_rows):
        if not check.open[i]:
            continue
        last, start = last_bad(check, i), run_start(check.open, i)
        share, since = percent(float(check.value[last])), segment.day_at(start)
        is_range = check.kind is FindingKind.SCORE_RANGE
        words = (
            "of its predictions have been outside their range"
            if is_range
            else "of its predictions have been stamped in the future"
        )
        source = "the range of the model's card; a probability lies between 0 and 1"
        found = evidence(
            segment,
            window=day_text(segment.day_at(last)),
            prediction_days=day_text(segment.day_at(last)),
            rows=int(segment.daily.rows[last]),
            value=stored(check.value[last]),
            reference_value=stored(check.normal),
            threshold=0.0,
            threshold_source=source if is_range else "any, where the reference has none; a day ahead of their arrival",
            false_alarms=A_FACT,
            days_in_a_row=i - start + 1,
            ruled_out=(*skill_is_not_lost(segment, i), *inputs_have_not_moved(segment, i)),
        )
        subject = "score" if is_range else "timestamps"
        text = f"{share} {words} since {day_text(since)}."
        short = f"{share} of predictions {'outside their range' if is_range else 'stamped in the future'} since {day_text(since)}."
        yield Finding(check.kind, Verdict.FIX_DATA, subject, since, text, evidence=found), reason(short)
