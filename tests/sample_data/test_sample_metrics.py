"""The committed predictions are as good, and as bad, as when the sample was designed: month by month, from March 2013 on."""

from collections.abc import Callable

import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from tests.sample_data.committed import card, labelled_rows

Metric = Callable[[pd.DataFrame], float]


def by_month(model_id: str, metric: Metric) -> list[float]:
    return [metric(rows) for _, rows in labelled_rows(model_id).groupby("month")]


def between(model_id: str, first_day: str, last_day: str) -> pd.DataFrame:
    rows = labelled_rows(model_id)
    return rows[rows["day"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))]


def auc(probability: str) -> Metric:
    return lambda rows: float(roc_auc_score(rows["label"], rows[probability]))


def brier(probability: str) -> Metric:
    return lambda rows: float(((rows[probability] - rows["label"]) ** 2).mean())


def bias(rows: pd.DataFrame) -> float:
    return float((rows["air_minutes"] - rows["label"]).mean())


def mean_absolute_error(rows: pd.DataFrame) -> float:
    return float((rows["air_minutes"] - rows["label"]).abs().mean())


def accuracy(rows: pd.DataFrame) -> float:
    return float((rows["band"] == rows["label"]).mean())


def macro_f1(rows: pd.DataFrame) -> float:
    return float(f1_score(rows["label"], rows["band"], average="macro"))


def band_log_loss(rows: pd.DataFrame) -> float:
    bands = sorted(card("lga-delay-band")["classes"])
    said = rows[[f"p_{band}" for band in bands]].astype("float64")
    return float(log_loss(rows["label"], said.div(said.sum(axis=1), axis=0), labels=bands))


def percentage_error(rows: pd.DataFrame) -> float:
    return float(((rows["views"] - rows["label"]).abs() / rows["label"]).mean() * 100)


@pytest.mark.parametrize(
    ("model_id", "probability", "expected"),
    [
        ("jfk-late-at-pushback", "p_late", [0.898, 0.874, 0.892, 0.890, 0.893, 0.869, 0.881, 0.869, 0.844, 0.860]),
        ("lga-late-weather", "p_late", [0.919, 0.854, 0.904, 0.908, 0.893, 0.895, 0.904, 0.872, 0.878, 0.904]),
        # The second version is in service from October: worse than the first (.696, .671).
        ("ewr-late-preflight", "p_late", [0.727, 0.699, 0.741, 0.713, 0.719, 0.685, 0.670, 0.668, 0.597, 0.678]),
        ("lga-cancel", "p_cancelled", [0.747, 0.754, 0.779, 0.646, 0.602, 0.747, 0.820, 0.702, 0.689, 0.836]),
    ],
)
def test_roc_auc_by_month(model_id: str, probability: str, expected: list[float]) -> None:
    assert by_month(model_id, auc(probability)) == pytest.approx(expected, abs=0.002)


def test_brier_score_of_the_good_model_moves_with_the_base_rate() -> None:
    expected = [0.076, 0.095, 0.079, 0.099, 0.107, 0.097, 0.058, 0.062, 0.075, 0.121]
    assert by_month("jfk-late-at-pushback", brier("p_late")) == pytest.approx(expected, abs=0.002)


def test_the_second_version_before_the_flight_harms_in_december() -> None:
    rows = between("ewr-late-preflight", "2013-12-01", "2013-12-31")
    assert set(rows["version"]) == {"v2"}
    assert brier("p_late")(rows) > 0.221 + 0.01  # the first version's, in the table of the design


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("ewr-air-time", [9.5, 9.5, 14.5, 13.3, 16.7, 14.9, 16.3, 11.3, 8.5, 9.2]),
        ("lga-air-time-linear", [9.5, 8.7, 13.0, 12.3, 14.2, 40.4, 77.1, 72.0, 69.2, 66.7]),
    ],
)
def test_mean_absolute_error_by_month(model_id: str, expected: list[float]) -> None:
    assert by_month(model_id, mean_absolute_error) == pytest.approx(expected, abs=0.1)


def test_bias_of_the_winter_model_by_month() -> None:
    expected = [5.5, 4.8, 13.1, 11.3, 15.3, 13.4, 15.6, 9.0, 2.8, -2.0]
    assert by_month("ewr-air-time", bias) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("metric", "expected", "tolerance"),
    [
        (accuracy, [0.737, 0.660, 0.759, 0.733, 0.719, 0.711, 0.803, 0.722, 0.706, 0.663], 0.002),
        (macro_f1, [0.596, 0.508, 0.586, 0.588, 0.576, 0.562, 0.595, 0.559, 0.554, 0.568], 0.002),
        (band_log_loss, [0.69, 0.89, 0.70, 0.76, 0.80, 0.78, 0.60, 0.75, 0.77, 0.86], 0.01),
    ],
)
def test_delay_bands_by_month(metric: Metric, expected: list[float], tolerance: float) -> None:
    assert by_month("lga-delay-band", metric) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("first_day", "last_day", "expected_auc", "expected_nulls"),
    [
        ("2013-08-12", "2013-09-08", 0.882, 0.0),
        ("2013-09-09", "2013-10-06", 0.642, 0.595),
        ("2013-10-07", "2013-11-03", 0.875, 0.0),
    ],
)
def test_broken_feed_costs_the_model_its_skill_for_four_weeks(
    first_day: str, last_day: str, expected_auc: float, expected_nulls: float
) -> None:
    rows = between("jfk-late-feed", first_day, last_day)
    assert auc("p_late")(rows) == pytest.approx(expected_auc, abs=0.002)
    assert rows["dep_delay"].isna().mean() == pytest.approx(expected_nulls, abs=0.001)


def test_shuttle_route_fades() -> None:
    months = [rows for _, rows in labelled_rows("bwi-shuttle-late").groupby("month")]
    assert [len(rows) for rows in months] == [164, 101, 96, 94, 110, 140, 127, 123, 97, 75]
    assert all(0.86 <= auc("p_late")(rows) <= 0.995 for rows in months)


def test_forecast_of_page_views_breaks_in_spring_2020() -> None:
    expected = [5.7, 7.4, 4.6, 5.7, 7.6, 4.5, 5.4, 2.2, 6.6, 22.1, 19.6, 12.0, 13.3, 11.6, 8.9, 9.3, 13.9, 8.1]
    assert by_month("wiki-capacity", percentage_error)[: len(expected)] == pytest.approx(expected, abs=0.1)
