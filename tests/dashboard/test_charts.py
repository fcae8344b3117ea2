import itertools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard import charts, drift_charts, metric_charts, performance_chart, quality_charts
from dashboard.charts import Chart, DayMark, MarginWords
from dashboard.metric_charts import MetricWords
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.performance_chart import KEPT, PerformanceMarks, skill_yardstick, squared_error_yardstick
from dashboard.timeline_chart import DecisionMark, Spell, timeline
from data_access.distributions import Distribution
from data_access.performance_queries import ScoreBin
from monitoring.assessment import Verdict
from monitoring.policy import Policy
from monitoring.portfolio import ModelVersion
from tests.builders import HOSTILE_NAMES

SQUARED_ERROR = squared_error_yardstick()
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


def metric_days(name: str) -> pd.DataFrame:
    """A metric that falls from 0.84 to 0.79 at the onset."""
    fallen = [0.79 if day >= ONSET else 0.84 for day in DAYS]
    return pd.DataFrame(
        {
            "day": DAYS,
            "labelled_to": [day - timedelta(days=1) for day in DAYS],
            "version": name,
            "value": fallen,
            "low": [value - 0.01 for value in fallen],
            "high": [value + 0.01 for value in fallen],
            "cases": 8_680,
            "labels": 8_680,
            "reference": 0.84,
        }
    )


def score_bins(*came_true: float) -> list[ScoreBin]:
    width = 1 / len(came_true)
    return [
        ScoreBin(at * width, (at + 1) * width, (at + 0.5) * width, 100, share, share - 0.05, share + 0.05, 900, share)
        for at, share in enumerate(came_true)
    ]


def quality_days(**different: Any) -> pd.DataFrame:
    """Sixty days of which the last ten have 40 % missing values and an open finding."""
    broken = [day >= DAYS[-10] for day in DAYS]
    frame = pd.DataFrame(
        {
            "day": DAYS,
            "rows": 1_000,
            "nulls": [0.4 if bad else 0.0 for bad in broken],
            "unseen": np.nan,
            "out_of_range": 0.01,
            "is_single": False,
            "is_open": broken,
        }
    )
    return frame.assign(**different)


SPAN = (DAYS[0], DAYS[-1] + timedelta(days=1))


def every_chart(colours: Palette, *, name: str = "income") -> dict[str, Chart | None]:
    """One chart of each kind, with ``name`` wherever text of a database may stand."""
    past = history(version=name)
    estimated = past.assign(effect=np.nan, effect_low=np.nan, effect_high=np.nan, estimated_effect=0.2)
    marks = PerformanceMarks(onset=ONSET, verdict=Verdict.RETRAIN, versions=(ModelVersion(name, active_from=DAYS[5]),))
    days = features(name, "age")
    shift = Spell(DAYS[45], DAYS[55], charts.safe(name), "x", colours.reference_band, colours.text)
    predictions = pd.DataFrame(
        {"day": DAYS, "version": name, "psi": [0.1] * 50 + [0.3] * 10, "threshold": 0.2, "rows": 700}
    )
    facts = {"feature": name, "nulls_threshold": 0.05, "unseen_threshold": np.nan}
    labels = pd.DataFrame({"day": DAYS, "predictions": 100, "labelled": [100] * 40 + [0] * 20})
    return {
        "performance": performance_chart.performance(past, colours, marks=marks),
        "estimate": performance_chart.performance(estimated, colours, marks=marks),
        "metric": metric_charts.metric(
            metric_days(name), colours, words=MetricWords("AUC", "labels"), span=SPAN, marks=marks
        ),
        "traffic": charts.daily_bars(DAYS, [100.0] * len(DAYS), colours, what="predictions", reference=110.0),
        "by score": metric_charts.by_score(score_bins(0.1, 0.5, 0.6), colours, is_share=True),
        "labels": metric_charts.label_coverage(labels, colours, span=SPAN),
        "quality": quality_charts.quality_days(quality_days(), facts, colours, span=SPAN),
        "timeline": timeline(
            past,
            colours,
            versions={name: name},
            decisions=[DecisionMark(DAYS[50], name, Verdict.RETRAIN)],
            shifts=[shift],
        ),
        "ranked": drift_charts.ranked_drift(days[days["day"] == DAYS[-1]], colours, selected=name),
        "distribution": drift_charts.distribution(shares(name), colours, height=250),
        "predictions": drift_charts.prediction_drift(predictions, colours, span=SPAN),
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
        ("performance", "kept, on predictions up to 29 Oct: 69 % [60, 78]; 100 % in the reference; onset 11 Oct."),
        ("estimate", "Advantage over the naive forecast that is kept 80 %, estimated"),
        ("metric", "AUC 0.790 [0.780, 0.800] on 8,680 labels, predictions up to 29 Oct; 0.840 in the reference."),
        ("traffic", "100 predictions on 30 Oct, usually 110 a day."),
        ("by score", "From 10 % at the lowest scores to 60 % at the highest; it rises in 2 of 2 steps"),
        ("labels", "67 % of 6,000 predictions have their label."),
        ("quality", "40 % missing on 30 Oct, 10 days with an open finding, 0 days with a single value."),
        ("timeline", "Retrain since 11 Oct; 1 change of verdict since 1 Sep, 1 step of decisions, 1 portfolio shift."),
        ("predictions", "PSI of the predictions 0.30 on 30 Oct, threshold 0.20; above it on 10 of 60 days."),
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


def test_every_figure_is_one_that_plotly_accepts() -> None:
    for kind, chart in every_chart(LIGHT).items():
        assert chart is not None
        checked = go.Figure(chart.figure).to_plotly_json()
        assert len(checked["data"]) == len(chart.figure["data"]), kind
        assert charts.Checked(chart.figure).to_dict() is chart.figure


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
    chart = performance_chart.performance(late, LIGHT, marks=PerformanceMarks())

    assert chart is not None
    line = next(trace for trace in chart.figure["data"] if trace.get("hovertext"))
    fallen = [x for x, y in zip(line["x"], line["y"], strict=True) if y < 90]
    assert fallen[0] == (ONSET - timedelta(days=30)).isoformat()


def test_charts_by_day_share_one_time_axis() -> None:
    drawn_charts = every_chart(LIGHT)
    kinds = ("performance", "metric", "labels", "quality", "timeline", "predictions")
    by_day = [chart for kind in kinds if (chart := drawn_charts[kind])]

    ranges = {tuple(chart.figure["layout"]["xaxis"]["range"]) for chart in by_day}
    sides = {(chart.figure["layout"]["margin"]["l"], chart.figure["layout"]["margin"]["r"]) for chart in by_day}

    assert ranges == {(DAYS[0].isoformat(), (DAYS[-1] + timedelta(days=1)).isoformat())}
    assert len(by_day) == 6
    assert len(sides) == 1


def test_an_estimate_never_looks_like_a_measurement() -> None:
    past = history(
        estimated_effect=[0.2 if day > DAYS[39] else np.nan for day in DAYS],
        estimated_low=0.1,
        estimated_high=0.3,
        newest_labelled_day=[min(day, DAYS[39]) for day in DAYS],
    )
    chart = performance_chart.performance(past, LIGHT, marks=PerformanceMarks(last_labelled=DAYS[39]))

    assert chart is not None
    (dotted,) = [trace for trace in chart.figure["data"] if trace["line"].get("dash") == "dot"]
    (hatched,) = [trace for trace in chart.figure["data"] if "fillpattern" in trace]
    assert min(dotted["x"]) == min(hatched["x"]) == DAYS[40].isoformat()
    assert "80 % est." in list(drawn(chart))
    assert "estimated since 11 Oct" in list(drawn(chart))


def test_no_estimate_is_drawn_where_labels_say_it() -> None:
    past = history(estimated_effect=0.2)
    chart = performance_chart.performance(past, LIGHT, marks=PerformanceMarks(last_labelled=DAYS[-2]))

    assert chart is not None
    assert not [text for text in drawn(chart) if "est" in text.lower() and "estimated" in text]


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_measured_draws_nothing(empty: bool) -> None:
    past = history(effect=np.nan, metric_value=np.nan)
    past = past.iloc[:0] if empty else past
    days = features("income").assign(ratio=np.nan, psi=np.nan)
    metric = metric_days("v1").assign(value=np.nan)
    words, marks = MetricWords("AUC", "labels"), PerformanceMarks()
    labels = pd.DataFrame({"day": DAYS, "predictions": 0, "labelled": 0})

    assert performance_chart.performance(past, LIGHT, marks=marks) is None
    assert metric_charts.metric(metric.iloc[: -60 * empty or None], LIGHT, words=words, span=SPAN, marks=marks) is None
    assert metric_charts.by_score([], LIGHT, is_share=True) is None
    assert metric_charts.label_coverage(labels.iloc[:0] if empty else labels, LIGHT, span=SPAN) is None
    assert quality_charts.quality_days(quality_days(rows=0), {"feature": "x"}, LIGHT, span=SPAN) is None
    assert drift_charts.feature_map(days.iloc[:0] if empty else days, LIGHT) is None
    assert drift_charts.ranked_drift(days.iloc[:0] if empty else days, LIGHT, selected=None) is None


@pytest.mark.parametrize("value", [-150.0, -5.0, 0.0, 2.0, 50.0, 97.0, 100.0, 250.0])
@pytest.mark.parametrize(("low", "high"), [(-160.0, 260.0), (-20.0, 120.0), (0.0, 101.0), (-1.0, 3.0)])
@pytest.mark.parametrize("pixels", [90.0, 218.0])
def test_words_in_the_margin_never_lie_on_each_other(value: float, low: float, high: float, pixels: float) -> None:
    entries = [
        MarginWords(min(max(value, low), high), "value", "#000000"),
        MarginWords(min(max(100.0, low), high), "reference<br>± 5 %", "#000000", lines=2),
        MarginWords(min(max(0.0, low), high), "naive<br>forecast", "#000000", lines=2),
    ]
    notes = charts.beside_levels(entries, low=low, high=high, pixels=pixels)

    middles = [(high - each["y"]) / (high - low) * pixels - each["yshift"] for each in notes]
    tall = [charts.LINE_HEIGHT * (1 + each["text"].count("<br>")) for each in notes]
    boxes = sorted((middle - height / 2, middle + height / 2) for middle, height in zip(middles, tall, strict=True))
    assert all(after[0] >= before[1] - 1.5 for before, after in itertools.pairwise(boxes))
    assert boxes[0][0] >= -charts.LINE_HEIGHT - 1
    assert boxes[-1][1] <= pixels + charts.LINE_HEIGHT + 1


def test_words_that_have_room_stand_at_their_level() -> None:
    entries = [MarginWords(90.0, "a", "#000000"), MarginWords(10.0, "b", "#000000")]

    assert [note["yshift"] for note in charts.beside_levels(entries, low=0, high=100, pixels=200)] == [0, 0]


def test_marked_days_outside_the_axis_are_not_drawn() -> None:
    marks = [
        DayMark(DAYS[5], "in", "#000000", "#000000"),
        DayMark(DAYS[0] - timedelta(days=1), "before", "#000000", "#000000"),
    ]
    shapes, notes = charts.mark_days(marks, SPAN)

    assert len(shapes) == 1
    assert [note["text"] for note in notes] == ["in"]


def test_percent_of_the_reference_band_is_the_tolerance() -> None:
    chart = performance_chart.performance(history(), LIGHT, marks=PerformanceMarks(tolerance=0.1))

    assert chart is not None
    assert "reference<br>± 10 %" in list(drawn(chart))


@pytest.mark.parametrize(
    ("yardstick", "measure", "words"),
    [
        (KEPT, 0.31, "69 %"),
        (KEPT, 1.0, "0 %"),
        (KEPT, 9.0, "under \u2212150 %"),
        (SQUARED_ERROR, 0.0, "1.0 times"),
        (SQUARED_ERROR, 0.15, "2.0 times"),
        (SQUARED_ERROR, 3.0, "over 10.0 times"),
        (squared_error_yardstick(Policy(double_loss_effect=0.3)), 0.15, "1.5 times"),
        (skill_yardstick(0.05, newest=-0.02), -0.02, "\u22122 %"),
        (skill_yardstick(-0.3, newest=-26.0), -26.0, "\u22122,600 %"),
    ],
)
def test_a_measure_is_written_by_its_yardstick(
    yardstick: performance_chart.Yardstick, measure: float, words: str
) -> None:
    assert yardstick.words(measure) == words


def test_an_interval_is_written_with_the_smaller_number_first() -> None:
    assert KEPT.interval(0.31, 0.22, 0.40) == "69 % [60, 78]"
    assert SQUARED_ERROR.interval(0.15, 0.12, 0.18) == "2.0 times [1.8, 2.2]"
    assert KEPT.interval(0.31, np.nan, np.nan) == "69 %"


def test_skill_is_drawn_with_the_naive_forecast_at_zero_and_the_reference_at_its_own() -> None:
    past = history(effect=-0.02, effect_low=-0.05, effect_high=0.01)
    yardstick = skill_yardstick(0.12, newest=-0.02)
    chart = performance_chart.performance(past, LIGHT, marks=PerformanceMarks(tolerance=0.1), yardstick=yardstick)

    assert chart is not None
    places = {note["text"]: note["y"] for note in chart.figure["layout"]["annotations"]}
    assert places["naive<br>forecast"] == 0
    assert places["reference<br>± 1 %"] == 12
    assert places["\u22122 %"] == -2


def test_metric_of_a_share_is_written_as_a_percentage() -> None:
    words = MetricWords("recall", "cases that came true", is_share=True)
    days = metric_days("v1").iloc[-1]

    assert words.interval(days) == "79.0 % [78.0, 80.0]"
    assert MetricWords("AUC", "labels").interval(days) == "0.790 [0.780, 0.800]"
    assert MetricWords("R²", "labels").interval(days.to_dict() | {"low": None}) == "0.790"


def test_scores_that_are_all_small_fill_the_picture() -> None:
    small = [
        ScoreBin(0, 0.01, 0.005, 100, 0.004, 0.0, 0.02, 900, 0.005),
        ScoreBin(0.01, 1, 0.06, 100, 0.05, 0.02, 0.1, 900, 0.06),
    ]
    chart = metric_charts.by_score(small, LIGHT, is_share=True)

    assert chart is not None
    assert chart.figure["layout"]["yaxis"]["range"][1] < 0.15


def test_an_open_end_of_the_scores_is_drawn_finite() -> None:
    bins = [
        ScoreBin(-np.inf, 10, 8, 5, 9, np.nan, np.nan, 5, 8),
        ScoreBin(10, np.inf, 13, 5, 14, np.nan, np.nan, 5, 12),
    ]
    chart = metric_charts.by_score(bins, LIGHT, is_share=False)

    assert chart is not None
    current = chart.figure["data"][1]
    assert np.isfinite([*current["error_x"]["array"], *current["error_x"]["arrayminus"], *current["x"]]).all()
    assert "error_y" not in current


def test_the_estimate_of_another_versions_reference_is_not_drawn_by_this_ones_yardstick() -> None:
    past = history(version=["v1" if day < ONSET else "v2" for day in DAYS])
    marks = PerformanceMarks()

    kept = performance_chart.performance(past, LIGHT, marks=marks)
    times = performance_chart.performance(past, LIGHT, marks=marks, yardstick=SQUARED_ERROR)

    assert kept is not None
    assert times is not None
    lines = [[trace for trace in chart.figure["data"] if trace.get("hovertext")] for chart in (kept, times)]
    assert [len(part) for part in lines] == [2, 1]


def test_timeline_without_a_shift_has_no_lane_for_it() -> None:
    past = history()
    bare = timeline(past, LIGHT, versions={}, decisions=[])
    with_shift = every_chart(LIGHT)["timeline"]

    assert bare is not None
    assert with_shift is not None
    assert bare.figure["layout"]["yaxis"]["ticktext"] == ["verdict", "version", "decisions"]
    assert with_shift.figure["layout"]["yaxis"]["ticktext"] == ["verdict", "version", "shift", "decisions"]


def test_words_of_decisions_close_together_do_not_lie_on_each_other() -> None:
    marks = [DecisionMark(DAYS[30 + at], f"retraining step {at}", Verdict.RETRAIN) for at in range(4)]
    chart = timeline(history(), LIGHT, versions={}, decisions=marks)

    assert chart is not None
    shown = [text for text in drawn(chart, beside=("hovertext",)) if text.startswith("retraining step")]
    assert len(shown) < 4
    assert len([trace for trace in chart.figure["data"] if "retraining step" in str(trace.get("hovertext"))]) == 4


def test_days_with_an_open_finding_are_shaded() -> None:
    chart = every_chart(LIGHT)["quality"]

    assert chart is not None
    shaded = [shape for shape in chart.figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert [(shape["x0"], shape["x1"]) for shape in shaded] == [(DAYS[-10].isoformat(), DAYS[-1].isoformat())]


def test_words_of_a_decision_are_no_template_and_keep_their_quotes() -> None:
    mark = DecisionMark(DAYS[50], 'because "%{x}" <b>', Verdict.RETRAIN)
    chart = timeline(history(), LIGHT, versions={}, decisions=[mark])
    assert chart is not None
    (trace,) = [trace for trace in chart.figure["data"] if "because" in str(trace.get("hovertext"))]

    assert trace["hovertemplate"] == "%{hovertext}<extra></extra>"
    assert trace["hovertext"][0].startswith('because "%{x}" &lt;b&gt;<br>')
