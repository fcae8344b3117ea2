import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard import charts, drift_charts
from dashboard.charts import Chart, PerformanceMarks
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.timeline_chart import DecisionMark, timeline
from data_access.model_queries import Distribution
from monitoring.assessment import Verdict
from monitoring.portfolio import ModelVersion
from tests.builders import HOSTILE_NAMES

FIRST = date(2026, 9, 1)
DAYS = [FIRST + timedelta(days=ahead) for ahead in range(60)]
ONSET = FIRST + timedelta(days=40)
HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b")
RGBA = re.compile(r"rgba?\(([^)]*)\)")
OURS = re.compile(r"<br>|<extra></extra>")


def history(**different: Any) -> pd.DataFrame:
    """Sixty days of one version that loses 31 % from the onset on, on labels a day late."""
    lost = [0.31 if day >= ONSET else 0.0 for day in DAYS]
    frame = pd.DataFrame(
        {
            "day": DAYS,
            "version": "v1",
            "verdict": ["retrain" if day >= ONSET else "keep" for day in DAYS],
            "effect": lost,
            "effect_low": [loss - 0.09 for loss in lost],
            "effect_high": [loss + 0.09 for loss in lost],
            "estimated_effect": np.nan,
            "newest_labelled_day": [day - timedelta(days=1) for day in DAYS],
            "labels_28": 8_680,
            "metric_value": 0.79,
            "metric_reference": 0.84,
        }
    )
    return frame.assign(**different)


def features(*names: str) -> pd.DataFrame:
    """Features of which the first has drifted to twice its threshold, the others not at all."""
    rows = [
        {
            "day": day,
            "feature": name,
            "psi": 0.4 if not at else 0.01,
            "threshold": 0.2,
            "ratio": 2.0 if not at else 0.05,
            "importance": 1 / len(names),
            "rows": 1_000,
        }
        for day in DAYS[-14:]
        for at, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


def shares(name: str) -> Distribution:
    return Distribution(
        feature=name,
        bins=(name, "age", "other"),
        reference=(0.6, 0.3, 0.1),
        current=(0.2, 0.5, 0.3),
        reference_rows=8_400,
        current_rows=700,
        first=DAYS[-7],
        last=DAYS[-1],
        reference_first=FIRST - timedelta(days=28),
        reference_last=FIRST - timedelta(days=1),
    )


def every_chart(colours: Palette, *, name: str = "income") -> dict[str, Chart | None]:
    """One chart of each kind, with ``name`` wherever text of a database may stand."""
    past = history(version=name)
    estimated = past.assign(effect=np.nan, effect_low=np.nan, effect_high=np.nan, estimated_effect=0.2)
    marks = PerformanceMarks(onset=ONSET, verdict=Verdict.RETRAIN, versions=(ModelVersion(name, active_from=DAYS[5]),))
    days = features(name, "age")
    return {
        "performance": charts.performance(past, colours, marks=marks),
        "estimate": charts.performance(estimated, colours, marks=marks),
        "metric": charts.metric(past, colours, name="AUC"),
        "traffic": charts.daily_bars(DAYS, [100.0] * len(DAYS), colours, what="predictions", reference=110.0),
        "calibration": charts.calibration([(100, 10), (100, 60)], colours),
        "timeline": timeline(
            past, colours, versions={name: name}, decisions=[DecisionMark(DAYS[50], name, Verdict.RETRAIN)]
        ),
        "ranked": drift_charts.ranked_drift(days[days["day"] == DAYS[-1]], colours, selected=name),
        "distribution": drift_charts.distribution(shares(name), colours, height=250),
        "map": drift_charts.feature_map(days, colours),
    }


def drawn(chart: Chart | None, *, beside: tuple[str, ...] = ()) -> Iterator[str]:
    """Every text of a figure except those under the keys ``beside``."""
    assert chart is not None
    yield from _texts(chart.figure, beside)


def _texts(value: Any, beside: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in beside:
                yield from _texts(part, beside)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part, beside)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    ("kind", "conclusion"),
    [
        ("performance", "it has lost 31 % [22, 40] of its advantage over the naive forecast; onset 11 Oct."),
        ("estimate", "estimated to have lost 20 % since then"),
        ("metric", "AUC 0.790 on 8,680 labels, 0.840 in the reference."),
        ("traffic", "100 predictions on 30 Oct, usually 110 a day."),
        ("calibration", "From 10 % positive at the lowest scores to 60 % at the highest."),
        ("timeline", "Retrain since 11 Oct; 1 change of verdict since 1 Sep, 1 decision."),
        ("ranked", "income counts most: PSI 0.40 × 50 % of importance; 1 feature above its own threshold."),
        ("distribution", "the largest change is at income, 60 % then, 20 % now."),
        ("map", "2.0 times its threshold; on 30 Oct 1 of 2 features are above theirs."),
    ],
)
def test_alternative_text_says_the_conclusion(kind: str, conclusion: str) -> None:
    chart = every_chart(LIGHT)[kind]

    assert chart is not None
    assert conclusion in chart.alt


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_comes_from_the_palette_of_the_mode(colours: Palette) -> None:
    texts = [text for chart in every_chart(colours).values() for text in drawn(chart)]
    known = {str(colour).upper() for colour in _texts([getattr(colours, n) for n in colours.__slots__], ())}
    known |= {colour.upper() for colour in colours.verdicts.values()}
    parts = {tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in known if HEX.fullmatch(colour)}

    solid = {colour.upper() for text in texts for colour in HEX.findall(text)}
    mixed = {text for text in texts if RGBA.search(text)} - {colours.reference_band, colours.interval}
    channels = {tuple(int(part) for part in RGBA.findall(text)[0].split(",")[:3]) for text in mixed}

    assert len(solid) > 8
    assert solid <= known
    assert channels <= parts | {(0, 0, 0)}
    assert {text for text in mixed if text.startswith("rgba(0,0,0")} <= {"rgba(0,0,0,0)", "rgba(0,0,0,0.01)"}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_text_of_a_database_is_never_markup(name: str) -> None:
    for kind, chart in every_chart(LIGHT, name=name).items():
        # What a click gives back is never drawn, and must be the name as it is.
        texts = list(drawn(chart, beside=("customdata",)))
        assert not [text for text in texts if "<" in OURS.sub("", text)], kind


def test_names_cut_to_the_same_text_stay_different_rows() -> None:
    names = drift_charts.axis_names(["n" * 100 + "a", "n" * 100 + "b"])

    assert len(set(names)) == 2


def test_click_gives_back_the_name_as_it_is() -> None:
    chart = every_chart(LIGHT, name=HOSTILE_NAMES[0])["map"]

    assert chart is not None
    assert [HOSTILE_NAMES[0], DAYS[-1].isoformat()] in chart.figure["data"][1]["customdata"]


def test_a_fall_is_drawn_on_the_day_of_the_prediction_not_of_the_assessment() -> None:
    late = history(newest_labelled_day=[day - timedelta(days=30) for day in DAYS])
    chart = charts.performance(late, LIGHT, marks=PerformanceMarks())

    assert chart is not None
    line = next(trace for trace in chart.figure["data"] if trace.get("hovertext"))
    fallen = [x for x, y in zip(line["x"], line["y"], strict=True) if y < 0.9]
    assert fallen[0] == (ONSET - timedelta(days=30)).isoformat()


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_measured_draws_nothing(empty: bool) -> None:
    past = history(effect=np.nan, metric_value=np.nan)
    past = past.iloc[:0] if empty else past
    days = features("income").assign(ratio=np.nan, psi=np.nan)

    assert charts.performance(past, LIGHT, marks=PerformanceMarks()) is None
    assert charts.metric(past, LIGHT, name="AUC") is None
    assert charts.calibration([(0, 0)], LIGHT) is None
    assert drift_charts.feature_map(days.iloc[:0] if empty else days, LIGHT) is None
    assert drift_charts.ranked_drift(days.iloc[:0] if empty else days, LIGHT, selected=None) is None


@pytest.mark.parametrize("end", [-0.4, -0.05, 0.0, 0.02, 0.3, 0.97, 1.0, 1.04, 1.8])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_words_in_the_margin_stand_clear_of_the_last_value(end: float, level: float) -> None:
    per_pixel = 0.005
    place = charts.margin_place(level, end, per_pixel=per_pixel)

    distance = (level - end) / per_pixel + place.get("yshift", 0)
    half_words, half_value = 15, 8
    if place.get("yanchor") == "bottom":
        assert distance >= half_value
    elif place.get("yanchor") == "top":
        assert distance <= -half_value
    else:
        assert abs(distance) >= half_words + half_value


def test_percent_of_the_reference_band_is_the_tolerance() -> None:
    chart = charts.performance(history(), LIGHT, marks=PerformanceMarks(tolerance=0.1))

    assert chart is not None
    assert "reference<br>± 10 %" in list(drawn(chart))
