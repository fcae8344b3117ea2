"""What a model keeps of what it was approved for, day by day: realised with its interval, the estimate drawn apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts import (
    LANE_MARGIN,
    Chart,
    DayMark,
    MarginWords,
    beside_levels,
    drawn_line,
    horizontal,
    interval_area,
    iso,
    layout,
    mark_days,
    note,
    safe,
    shown_days,
    translucent,
)
from dashboard.presentation import is_missing, number, plural, short_date
from monitoring.assessment import Verdict
from monitoring.performance import SMALLEST_SKILL
from monitoring.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from dashboard.palette import Palette
    from monitoring.assessment import Assessment
    from monitoring.policy import Policy
    from monitoring.portfolio import ModelVersion

ESTIMATE_AFTER_DAYS = 3
MARGINS = 36
"""Pixels of a chart's height above and below its plot."""


@dataclass(frozen=True)
class Yardstick:
    """How a measure is drawn: ``base`` + ``slope`` x measure, as a percentage or (``times``) a multiple.

    The measure is the effect, in the reference 0, or the skill (``reference``). Tolerated is ``tolerance_scale`` x the policy's
    tolerance either way. What lies beyond ``lowest`` or ``highest`` stands at the end: a model that is much worse would hide
    everything else.
    """

    name: str
    meaning: str
    base: float
    slope: float
    lowest: float
    highest: float
    naive: float | None = 0.0
    reference: float = 0.0
    tolerance_scale: float = 1.0
    is_times: bool = False

    def level(self, measure: Any) -> float:
        """Return where a measure is drawn."""
        scale = 1 if self.is_times else 100
        return round(scale * min(max(self.base + self.slope * float(measure), self.lowest), self.highest), 3)

    def words(self, measure: Any) -> str:
        """Return a measure as it is written."""
        value = self.base + self.slope * float(measure)
        if value < self.lowest:
            return f"under {self._number(self.lowest)}"
        return f"over {self._number(self.highest)}" if value > self.highest else self._number(value)

    def interval(self, measure: Any, low: Any, high: Any) -> str:
        """Return a measure with its interval, smaller number first."""
        if is_missing(low) or is_missing(high):
            return self.words(measure)
        ends = sorted(self.base + self.slope * float(end) for end in (low, high))
        scale, digits = (1, 1) if self.is_times else (100, 0)
        return f"{self.words(measure)} [{', '.join(number(scale * end, digits=digits) for end in ends)}]"

    def band(self, tolerance: float, *, widened: float = 1.0) -> tuple[float, float]:
        """Return the levels between which the tolerance lies, times ``widened``."""
        half = widened * tolerance * self.tolerance_scale
        low, high = sorted(self.level(self.reference + side * half) for side in (-1, 1))
        return low, high

    def _number(self, value: float) -> str:
        return f"{number(value, digits=1)} times" if self.is_times else f"{number(100 * value)} %"


KEPT = Yardstick(
    "Advantage over the naive forecast that is kept",
    "100 % is the advantage of the reference, 0 % is no better than the naive forecast of the same days.",
    base=1.0,
    slope=-1.0,
    lowest=-1.5,
    highest=2.5,
)


def squared_error_yardstick(policy: Policy = DEFAULT_POLICY) -> Yardstick:
    """Return how the effect of a very good model is drawn: as its squared error, which the policy relates to an effect."""
    return Yardstick(
        "Squared error as a multiple of the reference’s",
        "The model is so good that a lost advantage would hardly show: 1 is the squared error of the reference, 2 twice as much.",
        base=1.0,
        slope=1 / policy.double_loss_effect,
        lowest=0.0,
        highest=10.0,
        naive=None,
        is_times=True,
    )


def yardstick_of(assessment: Assessment | None, policy: Policy = DEFAULT_POLICY) -> Yardstick:
    """Return what an effect is drawn by (METHODS section 4): the advantage kept, of very good models the squared error."""
    details = assessment.details if assessment else {}
    return squared_error_yardstick(policy) if (details.get("performance") or {}).get("second_yardstick") else KEPT


def skill_yardstick(reference: float, *, newest: float) -> Yardstick:
    """Return how plain skill is drawn, for models that hardly beat the naive forecast: a share of no advantage says nothing."""
    return Yardstick(
        "Skill: 1 − its loss / the naive forecast’s",
        "0 % is no better than the naive forecast of the same days, 100 % is never wrong. Shown instead of the share of its "
        "advantage that is kept, for of hardly any advantage a share says nothing.",
        base=0.0,
        slope=1.0,
        lowest=-1.0 if newest > -1 and reference > -1 else float("-inf"),
        highest=1.0,
        reference=reference,
        tolerance_scale=max(reference, SMALLEST_SKILL),
    )


@dataclass(frozen=True)
class PerformanceMarks:
    """What is drawn beside the performance line; whatever is missing is left out."""

    tolerance: float = 0.05
    onset: date | None = None
    verdict: Verdict = Verdict.KEEP
    last_labelled: date | None = None
    versions: tuple[ModelVersion, ...] = field(default=())


def realised_by_day(history: pd.DataFrame) -> pd.DataFrame:
    """Return the realised part of a history by the newest prediction day its labels cover, one row per such day.

    An assessment rests on labels of predictions made earlier; drawing it on its own day would show a fall too late.
    """
    known = history[history["effect"].notna() & history["newest_labelled_day"].notna()]
    return known.drop_duplicates(["version", "newest_labelled_day"], keep="last").sort_values("newest_labelled_day")


def estimated_after(history: pd.DataFrame, last_labelled: date | None) -> pd.DataFrame:
    """Return the estimated part: the days after the last labelled prediction, or all of them without labels."""
    known = history[history["estimated_effect"].notna()]
    if last_labelled is None:
        return known
    if known.empty or (known["day"].max() - last_labelled).days < ESTIMATE_AFTER_DAYS:
        return known.iloc[:0]
    return known[known["day"] > last_labelled]


def performance(
    history: pd.DataFrame,
    colours: Palette,
    *,
    marks: PerformanceMarks,
    yardstick: Yardstick = KEPT,
    height: int = 300,
) -> Chart | None:
    """Draw what is kept of the reference's performance; nothing if it was never measured.

    It covers all days of ``history`` and its plot is as wide as the timeline's, so that the two can be read one above the other.
    ``history`` may have ``estimated_low`` and ``estimated_high``, the interval of the estimate.
    """
    realised = realised_by_day(history)
    estimated = estimated_after(history, marks.last_labelled)
    if yardstick is not KEPT and len(history):
        # Another version has another reference, and with it another yardstick.
        realised = realised[realised["version"] == history["version"].iloc[-1]]
    if realised.empty and estimated.empty:
        return None
    span = shown_days(history)
    traces = [
        trace for _, part in realised.groupby("version", sort=False) for trace in _realised(part, colours, yardstick)
    ]
    traces += _estimated(estimated, colours, yardstick)
    low, high = _range(realised, estimated, marks.tolerance, yardstick)
    band = {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "line": {"width": 0}, "layer": "below"}
    ends = yardstick.band(marks.tolerance)
    shapes = [band | {"y0": ends[0], "y1": ends[1], "fillcolor": colours.reference_band}]
    if yardstick.naive is not None and low <= 100 * yardstick.naive <= high:
        shapes.append(horizontal(yardstick.naive, colours.axis))
    lines, notes = mark_days(_day_marks(marks, colours, has_estimate=not estimated.empty), span)
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            shapes=shapes + lines,
            annotations=[
                *notes,
                *_before_the_estimate(realised, estimated, colours, yardstick),
                *beside_levels(
                    list(_margin_words(realised, estimated, marks, colours, yardstick, low=low)),
                    low=low,
                    high=high,
                    pixels=height - MARGINS,
                ),
            ],
            xaxis={"range": [iso(day) for day in span]},
            yaxis={"range": [low, high], "ticksuffix": "×" if yardstick.is_times else " %", "separatethousands": True},
        ),
    }
    return Chart(figure, _words(realised, estimated, marks, yardstick), height)


def _realised(part: pd.DataFrame, colours: Palette, yardstick: Yardstick) -> Iterator[dict[str, Any]]:
    known = part[part["effect_low"].notna() & part["effect_high"].notna()]
    if len(known) > 1:
        days = list(known["newest_labelled_day"])
        ends = [[yardstick.level(x) for x in known[name]] for name in ("effect_low", "effect_high")]
        yield interval_area(days, ends[0], ends[1], fillcolor=colours.interval)
    values = [yardstick.level(x) for x in part["effect"]]
    said = [
        f"{yardstick.interval(row['effect'], row['effect_low'], row['effect_high'])}, {plural(row['labels_28'], 'label')}"
        for row in part.to_dict("records")
    ]
    yield drawn_line(list(part["newest_labelled_day"]), values, colours.accent, words=said)


def _estimated(estimated: pd.DataFrame, colours: Palette, yardstick: Yardstick) -> Iterator[dict[str, Any]]:
    if estimated.empty:
        return
    if "estimated_low" in estimated and len(known := estimated[estimated["estimated_low"].notna()]) > 1:
        ends = [[yardstick.level(x) for x in known[name]] for name in ("estimated_low", "estimated_high")]
        hatch = {"shape": "/", "size": 5, "solidity": 0.12, "fgcolor": colours.accent, "bgcolor": "rgba(0,0,0,0)"}
        yield interval_area(
            list(known["day"]), ends[0], ends[1], fillcolor=translucent(colours.accent, 0.02), fillpattern=hatch
        )
    levels = [yardstick.level(x) for x in estimated["estimated_effect"]]
    said = [f"{yardstick.words(x)}, estimated" for x in estimated["estimated_effect"]]
    dotted = {
        "line": {"color": colours.accent, "width": 2, "dash": "dot"},
        "marker": {"color": colours.accent, "size": 7, "symbol": "circle-open"},
    }
    yield drawn_line(list(estimated["day"]), levels, colours.accent, words=said) | dotted


def _range(
    realised: pd.DataFrame, estimated: pd.DataFrame, tolerance: float, yardstick: Yardstick
) -> tuple[float, float]:
    """Return the shown range: what the lines and most of the interval need, never less than the reference's band."""
    # The first days of a version rest on few labels; their wide intervals may leave the picture.
    settled = realised[realised["labels_28"] >= realised["labels_28"].median() / 4]
    lines = [yardstick.level(x) for x in [*settled["effect"], *estimated["estimated_effect"]]]
    ends = settled[["effect_low", "effect_high"]].dropna().to_numpy().ravel()
    intervals = [yardstick.level(x) for x in ends]
    band = yardstick.band(tolerance, widened=1.5)
    spread = max(max(lines) - min(lines), (band[1] - band[0]) * 4 / 3)
    low = min(max(min([*lines, *intervals]), min(lines) - spread), *band)
    high = max(min(max([*lines, *intervals]), max(lines) + spread), *band)
    gap = 0.06 * (high - low)
    return round(low - gap, 3), round(high + gap, 3)


def version_marks(versions: tuple[ModelVersion, ...], colours: Palette) -> list[DayMark]:
    """Return the days on which versions went into service."""
    return [
        DayMark(version.active_from, f"{safe(version.version, longest=16)} live", colours.axis, colours.muted)
        for version in versions
        if version.active_from is not None
    ]


def onset_marks(marks: PerformanceMarks, colours: Palette) -> list[DayMark]:
    """Return the estimated first day of a change, in the colour of what it argues for."""
    if marks.onset is None or marks.verdict not in {Verdict.RETRAIN, Verdict.WATCH, Verdict.RETIRE}:
        return []
    colour = colours.verdicts[marks.verdict]
    return [DayMark(marks.onset, f"onset {short_date(marks.onset)}", colour, colour)]


def _day_marks(marks: PerformanceMarks, colours: Palette, *, has_estimate: bool) -> list[DayMark]:
    found = version_marks(marks.versions, colours)
    if has_estimate and marks.last_labelled is not None:
        words = f"estimated since {short_date(marks.last_labelled + timedelta(days=1))}"
        found.append(DayMark(marks.last_labelled, words, colours.muted, colours.muted, "dash"))
    return found + onset_marks(marks, colours)


def _margin_words(
    realised: pd.DataFrame,
    estimated: pd.DataFrame,
    marks: PerformanceMarks,
    colours: Palette,
    yardstick: Yardstick,
    *,
    low: float,
) -> Iterator[MarginWords]:
    """Yield what stands in the right margin: the last value, the reference and the naive forecast."""
    if not estimated.empty:
        end = estimated.iloc[-1]["estimated_effect"]
        yield MarginWords(yardstick.level(end), f"{yardstick.words(end)} est.", colours.accent)
    else:
        end = realised.iloc[-1]["effect"]
        yield MarginWords(yardstick.level(end), yardstick.words(end), colours.accent)
    middle = yardstick.level(yardstick.reference)
    half = yardstick.band(marks.tolerance)[1] - middle
    around = (
        f"± {number(half, digits=1)}×" if yardstick.is_times else f"± {number(half, digits=0 if half >= 1 else 1)} %"
    )
    yield MarginWords(middle, f"reference<br>{around}", colours.muted, lines=2)
    if yardstick.naive is not None and low <= 100 * yardstick.naive:
        yield MarginWords(yardstick.naive, "naive<br>forecast", colours.muted, lines=2)


def _before_the_estimate(
    realised: pd.DataFrame, estimated: pd.DataFrame, colours: Palette, yardstick: Yardstick
) -> list[dict[str, Any]]:
    """Return the last realised value at its point where the estimate goes on; else it stands in the margin."""
    if realised.empty or estimated.empty:
        return []
    end = realised.iloc[-1]
    at, level = iso(end["newest_labelled_day"]), yardstick.level(end["effect"])
    place = {"xanchor": "right", "xshift": -6, "yshift": -12, "bgcolor": colours.page}
    return [note(at, level, yardstick.words(end["effect"]), colours.accent, **place)]


def _words(realised: pd.DataFrame, estimated: pd.DataFrame, marks: PerformanceMarks, yardstick: Yardstick) -> str:
    parts = []
    if not realised.empty:
        end = realised.iloc[-1]
        value = yardstick.interval(end["effect"], end["effect_low"], end["effect_high"])
        parts.append(f"{yardstick.name}, on predictions up to {short_date(end['newest_labelled_day'])}: {value}")
    if not estimated.empty:
        name = "since then" if parts else yardstick.name
        parts.append(f"{name} {yardstick.words(estimated.iloc[-1]['estimated_effect'])}, estimated")
    parts.append(f"{yardstick.words(yardstick.reference)} in the reference")
    if marks.onset is not None and marks.verdict is not Verdict.KEEP:
        parts.append(f"onset {short_date(marks.onset)}")
    return "; ".join(parts) + "."
