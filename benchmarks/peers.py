"""Evidently and NannyML on the same rows: what their users call, on frames that are in memory already."""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.workload import categorical_names, numeric_names

if TYPE_CHECKING:
    import pandas as pd

# Both report their use to their makers unless told not to; read when they are imported.
os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}


class Peer(Protocol):
    """Somebody else's way of comparing a day with a reference."""

    name: str
    computes_more: str

    def fit(self, reference: pd.DataFrame) -> None:
        """Do what is done once per reference."""

    def judge(self, day: pd.DataFrame) -> dict[str, float]:
        """Do what is done every day; return the scores that ours are compared with."""


class EvidentlyTests:
    """Evidently's bare stat tests with its defaults: Wasserstein / sd per numeric feature, Jensen-Shannon per categorical one."""

    name = "Evidently, bare stat tests"
    computes_more = "nothing beyond drift: no performance, no data quality, no thresholds of their own, no verdict"

    def __init__(self, features: int) -> None:
        self._numeric, self._categorical = numeric_names(features), categorical_names(features)

    def fit(self, reference: pd.DataFrame) -> None:
        """Keep the reference: every comparison starts from its rows again."""
        self._reference = reference

    def judge(self, day: pd.DataFrame) -> dict[str, float]:
        """Return one distance per feature."""
        from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415 - seconds of CPU, only here
        from evidently.legacy.core import ColumnType  # noqa: PLC0415 - the same

        scores = {}
        for names, kind in ((self._numeric, ColumnType.Numerical), (self._categorical, ColumnType.Categorical)):
            for name in names:
                then, now = self._reference[name].dropna(), day[name].dropna()
                scores[name] = float(get_stattest(then, now, kind, None)(then, now, kind, None).drift_score)
        return scores


class EvidentlyReport:
    """Evidently's report as its users call it: drift and classification, values only."""

    name = "Evidently, drift + classification report"
    computes_more = "figures of every feature and curves of the classifier; every stat test three times"

    def __init__(self, features: int) -> None:
        self._numeric, self._categorical = numeric_names(features), categorical_names(features)

    def fit(self, reference: pd.DataFrame) -> None:
        """Keep the reference: every report starts from its rows again."""
        self._reference = self._dataset(reference)

    def judge(self, day: pd.DataFrame) -> dict[str, float]:
        """Return one distance per feature and the ROC AUC."""
        from evidently import Report  # noqa: PLC0415 - seconds of CPU, only here
        from evidently.presets import ClassificationPreset, DataDriftPreset  # noqa: PLC0415 - the same

        presets = [DataDriftPreset(columns=[*self._numeric, *self._categorical]), ClassificationPreset()]
        found = Report(presets).run(self._dataset(day), self._reference).dict()["metrics"]
        scores = {}
        for metric in found:
            column = metric["config"].get("column")
            if column is not None and metric["config"]["type"].endswith("ValueDrift"):
                scores[column] = float(metric["value"])
            elif metric["config"]["type"].endswith("RocAuc"):
                scores["AUC"] = float(metric["value"])
        return scores

    def _dataset(self, rows: pd.DataFrame) -> Any:
        from evidently import BinaryClassification, DataDefinition, Dataset  # noqa: PLC0415 - seconds of CPU, only here

        classification = BinaryClassification(
            target="label", prediction_labels="predicted", prediction_probas="score", pos_label=1
        )
        definition = DataDefinition(
            numerical_columns=self._numeric, categorical_columns=self._categorical, classification=[classification]
        )
        return Dataset.from_pandas(rows, data_definition=definition)


class NannyML:
    """NannyML's drift (Jensen-Shannon, its default) and realised performance, fitted on the reference beforehand.

    The metrics are those of its tutorial; ours follow from the stored confusion and score-bin counts.
    """

    name = "NannyML, drift + realised, fitted"
    computes_more = "an alert per feature against the spread of the reference's chunks"

    def __init__(self, features: int) -> None:
        self._numeric, self._categorical = numeric_names(features), categorical_names(features)

    def fit(self, reference: pd.DataFrame) -> None:
        """Fit both calculators on chunks of 1,000 rows."""
        import nannyml  # noqa: PLC0415 - seconds of CPU, only here, and only in the extra `bench`

        rows = min(1_000, len(reference))
        self._drift = nannyml.UnivariateDriftCalculator(
            column_names=[*self._numeric, *self._categorical],
            treat_as_categorical=self._categorical,
            chunk_size=rows,
        ).fit(reference)
        self._performance = nannyml.PerformanceCalculator(
            y_true="label",
            y_pred="predicted",
            y_pred_proba="score",
            problem_type="classification_binary",
            metrics=["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"],
            chunk_size=rows,
        ).fit(reference)

    def judge(self, day: pd.DataFrame) -> dict[str, float]:
        """Return one distance per feature and the ROC AUC."""
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="[\\s]*The resulting number of chunks is too low"
            )  # a day is one chunk
            drift = self._drift.calculate(day).to_df()
            performance = self._performance.calculate(day).to_df()
        analysed = drift[drift[("chunk", "chunk", "period")] == "analysis"]
        scores = {
            name: float(analysed[(name, "jensen_shannon", "value")].iloc[-1])
            for name in (*self._numeric, *self._categorical)
        }
        realised = performance[performance[("chunk", "period")] == "analysis"]
        return scores | {"AUC": float(realised[("roc_auc", "value")].iloc[-1])}


def installed_peers(features: int) -> list[Peer]:
    """Return the peers that are installed; NannyML comes with the extra `bench`."""
    peers: list[Peer] = [EvidentlyTests(features), EvidentlyReport(features)]
    return [*peers, NannyML(features)] if find_spec("nannyml") else peers
