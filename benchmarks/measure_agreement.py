"""Scores from stored counts against the same scores from the rows: how far apart, on shapes that are hard for bins."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from benchmarks.home import FIRST_DAY, Size, day_of, imported, log_of, reference_of
from benchmarks.measuring import Claim, Measured, print_table, short
from benchmarks.workload import LEVELS, SHAPES, categorical_names, numeric_names
from data_access import distributions, model_queries
from data_access.judged_versions import judged_versions
from monitoring.profile import STORED_LEVELS, NumericBins
from monitoring.scores import NumericCounts, kolmogorov_smirnov_within_range, normed_wasserstein_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from monitoring.ports import Floats

SHIFTS = np.linspace(0, 1, 7)
WINDOW_DAYS = 7
HEAVY_TAIL = "Student t2"
"""Its variance is infinite: what lies beyond the outer edges decides, and a bound in standard deviations says little."""


def counted(bins: NumericBins, values: Floats) -> NumericCounts:
    """Return rows as a profile keeps them."""
    code, last = np.searchsorted(bins.edges, values, side="right"), len(bins.edges)
    outside = [0, (values < bins.lowest).sum(), (values > bins.highest).sum(), 0]
    sums = [len(values), values.sum(), (values**2).sum(), values[code == 0].sum(), values[code == last].sum()]
    return NumericCounts.of(bins, np.append(np.bincount(code, minlength=last + 1), outside), np.array(sums))


def shape_errors(*, reference_rows: int, rows: int, trials: int) -> dict[str, tuple[float, float, float]]:
    """Return per shape the largest error of Wasserstein / sd and of Kolmogorov-Smirnov, and the largest exact Wasserstein / sd."""
    errors = {}
    for shape, draw in SHAPES.items():
        reference = draw(np.random.default_rng(0), reference_rows, 0.0)
        bins = NumericBins.of(reference)
        then, found = counted(bins, reference), []
        for trial in range(trials):
            for at, shift in enumerate(SHIFTS):
                values = draw(np.random.default_rng(100 * trial + at + 1), rows, float(shift))
                now = counted(bins, values)
                exact = stats.wasserstein_distance(reference, values) / reference.std()
                statistic = stats.ks_2samp(reference, values).statistic
                found.append(
                    (
                        abs(float(normed_wasserstein_distance(then, now)) - exact),
                        abs(float(kolmogorov_smirnov_within_range(then, now)) - statistic),
                        exact,
                    )
                )
        errors[shape] = tuple(np.array(found).max(axis=0).tolist())
    return errors


def stored_errors(size: Size) -> dict[str, float]:
    """Return the largest error by score on what ``assess`` stored: a week of one model against the rows of that week."""
    last = FIRST_DAY + timedelta(days=size.days - 1)
    log, reference = log_of(0, size), reference_of(0, size)
    errors = dict.fromkeys(("Wasserstein / sd", "Kolmogorov-Smirnov", "Jensen-Shannon", "chi-square p", "AUC"), 0.0)

    def worse(score: str, ours: float, exact: float) -> None:
        errors[score] = max(errors[score], abs(ours - exact))

    with imported(size) as home:
        home.assess(until=size.days - 1)
        week = log[log["ts"] >= day_of(log, size.days - WINDOW_DAYS)["ts"].min()]
        judged = judged_versions(home.registry, "model-00000", known_on=last)
        for name in (*numeric_names(size.features), *categorical_names(size.features)):
            shares = distributions.distribution(judged, name, last=last)
            assert shares is not None
            then, now = reference[name].dropna(), week[name].dropna()
            if name.startswith("n"):
                worse(
                    "Wasserstein / sd",
                    shares.scores["normed_wasserstein"],
                    stats.wasserstein_distance(then, now) / then.std(ddof=0),
                )
                worse("Kolmogorov-Smirnov", shares.scores["kolmogorov_smirnov"], stats.ks_2samp(then, now).statistic)
            elif LEVELS[int(name[1:]) % len(LEVELS)] <= STORED_LEVELS:
                distance, p_value = from_rows(then, now)
                worse("Jensen-Shannon", shares.scores["jensen_shannon"], distance)
                worse("chi-square p", shares.scores["chi_square_p"], p_value)
        assessment = model_queries.assessment(home.registry, "model-00000", known_on=last)
        assert assessment is not None
        assert assessment.measures.metric == "AUC"
        arrived = log[log["label_ts"] < day_of(log, size.days - 1)["ts"].min().normalize() + np.timedelta64(1, "D")]
        worse("AUC", assessment.measures.metric_value or np.nan, roc_auc_score(arrived["label"], arrived["score"]))
    return errors


def from_rows(then: pd.Series, now: pd.Series) -> tuple[float, float]:
    """Return the Jensen-Shannon distance and the chi-square p-value of two categorical columns, by scipy."""
    levels = sorted({*then.unique(), *now.unique()})
    counts = [column.value_counts().reindex(levels, fill_value=0).to_numpy() for column in (then, now)]
    expected = counts[0] / counts[0].sum() * counts[1].sum()
    return float(jensenshannon(*counts)), float(stats.chisquare(counts[1], expected).pvalue)


def measure(size: Size, *, reference_rows: int = 50_000, rows: int = 10_000, trials: int = 2) -> Measured:
    """Measure both kinds of agreement."""
    found = Measured()
    shapes = shape_errors(reference_rows=reference_rows, rows=rows, trials=trials)
    print(
        f"{reference_rows:,} reference rows, {rows:,} current rows, {len(SHIFTS)} shifts, {trials} trials; largest errors:"
    )
    print_table(
        ("shape", "Wasserstein / sd", "of up to", "Kolmogorov-Smirnov"),
        [[shape, f"{w:.4f}", short(most), f"{ks:.4f}"] for shape, (w, ks, most) in shapes.items()],
    )
    others = [errors for shape, errors in shapes.items() if shape != HEAVY_TAIL]
    stored = stored_errors(size)
    found.show(
        Claim("Wasserstein / sd, all shapes but t2: error", max(w for w, _, _ in others), "", 0.01, 0.005),
        Claim("Wasserstein / sd, Student t2: error", shapes[HEAVY_TAIL][0], note="infinite variance"),
        Claim("Kolmogorov-Smirnov, all shapes: error", max(ks for _, ks, _ in shapes.values()), "", 0.002),
        Claim("stored week: Wasserstein / sd", stored["Wasserstein / sd"], "", 0.01, 0.005),
        Claim("stored week: Kolmogorov-Smirnov", stored["Kolmogorov-Smirnov"], "", 0.002),
        Claim(
            "stored week: Jensen-Shannon, up to 30 levels",
            stored["Jensen-Shannon"],
            "",
            1e-6,
            note="rarer levels are counted together",
        ),
        Claim("stored week: chi-square p, up to 30 levels", stored["chi-square p"], "", 1e-6),
        Claim("stored week: AUC", stored["AUC"], "", 0.002),
    )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return measure(Size(models=1, days=8))


if __name__ == "__main__":
    main()
