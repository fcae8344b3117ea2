"""The process that makes a deep dive: reads the sample, hands it to Evidently, keeps what it made.

The only importer of Evidently, whose import alone takes seconds of CPU; nothing of this module runs in the web server. It limits
its own time and memory, for nobody may be left to look after it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from dashboard.deep_dive.kept import ABOUT, DRIFT, PERFORMANCE, WORKSPACE, About, keep, protected
from dashboard.deep_dive.order import ERROR, MEMORY_LIMIT_BYTES, PROGRESS, TIME_LIMIT_SECONDS, Order
from dashboard.deep_dive.sample import LABEL, PREDICTED, DeepDiveError, neutral, read_pairs, read_sample
from data_access import model_registry
from data_access.registry import Registry
from monitoring.errors import ModelfolioError
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from datetime import date

    from dashboard.deep_dive.order import Request
    from dashboard.deep_dive.sample import Pairs, Sample
    from monitoring.portfolio import Model

POLITENESS = 5
"""By so much the process steps back behind the web server."""


def main(folder: Path, order: Order) -> None:
    """Make the report of ``order`` in ``folder`` and keep it; a mistake is one sentence in the folder's ``error``."""
    started = time.monotonic()
    _limit()
    _forget_secrets()
    try:
        about = make(folder, order)
        about = replace(about, seconds=round(time.monotonic() - started, 1))
        (folder / ABOUT).write_text(about.to_json(), encoding="utf-8")
        keep(folder, order.name)
    except ModelfolioError as error:
        (folder / ERROR).write_text(str(error), encoding="utf-8")
        sys.exit(1)
    except MemoryError:
        said = f"The sample needed more than {MEMORY_LIMIT_BYTES // 1024**3} GB of memory. Choose fewer rows."
        (folder / ERROR).write_text(said, encoding="utf-8")
        sys.exit(1)


def make(folder: Path, order: Order) -> About:
    """Read the sample and write Evidently's pages about it into ``folder``; return what they are about.

    Raises:
        DeepDiveError: there is nothing to compare.
    """

    def said(share: float, words: str) -> None:
        (folder / PROGRESS).write_text(f"{share:.2f} {words}", encoding="utf-8")

    said(0.02, "Reading the sample")
    request, registry = order.request, Registry.open(order.registry, audit_key=b"nothing is written")
    try:
        model = model_registry.model(registry, request.model)
        with model_registry.open_log(registry, request.model, connections=order.connections) as log:
            sample = read_sample(log, request, model.features, tick=lambda part: said(0.3 * part, "Reading the sample"))
            try:
                pairs, no_pairs = read_pairs(log, request, model), ""
            except DeepDiveError as error:
                pairs, no_pairs = None, str(error)
    finally:
        registry.close()
    said(0.3, "Loading Evidently")
    snapshots = {DRIFT: drift_snapshot(sample, title=f"{title(model, request)}, drift", at=request.last)}
    said(0.7, "Drawing the report")
    if pairs is not None:
        what = f"{title(model, request)}, performance"
        snapshots[PERFORMANCE] = performance_snapshot(pairs, title=what, at=request.last)
    for part, snapshot in snapshots.items():
        page = protected(snapshot.get_html_str(as_iframe=False), title=f"{title(model, request)}, {part}")
        (folder / f"{part}.html").write_text(page, encoding="utf-8")
        said(0.9, "Drawing the report")
    write_workspace(folder / WORKSPACE, model=model, snapshots=snapshots, name=order.name)
    return About(
        request=request,
        made_at=datetime.now(UTC),
        parts=tuple(snapshots),
        rows=len(sample.current),
        reference_rows=len(sample.reference),
        pairs=0 if pairs is None else len(pairs.current),
        reference_pairs=0 if pairs is None else len(pairs.reference),
        columns=len(sample.numeric) + len(sample.categorical),
        left_out=sample.left_out,
        no_performance=no_pairs,
    )


def title(model: Model, request: Request) -> str:
    """Return what a report is about."""
    return neutral(f"{model.name}, {request.version}, {request.first.isoformat()} to {request.last.isoformat()}")


def drift_snapshot(sample: Sample, *, title: str, at: date) -> Any:
    """Return Evidently's drift preset on the sample, every column declared."""
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - seconds of CPU, only in this process
    from evidently.presets import DataDriftPreset  # noqa: PLC0415 - the same

    declared = DataDefinition(
        numerical_columns=list(sample.numeric), categorical_columns=list(sample.categorical) or None
    )
    current, reference = (
        Dataset.from_pandas(frame, data_definition=declared) for frame in (sample.current, sample.reference)
    )
    preset = DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")
    return Report([preset]).run(current, reference, name=title, timestamp=_noon(at))


def performance_snapshot(pairs: Pairs, *, title: str, at: date) -> Any:
    """Return Evidently's performance metrics on labelled predictions; never a percentage error, which explodes near zero."""
    from evidently import (  # noqa: PLC0415 - seconds of CPU, only in this process
        BinaryClassification,
        DataDefinition,
        Dataset,
        MulticlassClassification,
        Regression,
        Report,
    )
    from evidently.metrics import MAE, RMSE, AbsMaxError, MeanError, R2Score  # noqa: PLC0415 - the same
    from evidently.presets import ClassificationPreset  # noqa: PLC0415 - the same

    named: dict[str, Any] = {"target": LABEL, "prediction_labels": PREDICTED}
    if pairs.task is Task.REGRESSION:
        declared = DataDefinition(regression=[Regression(target=LABEL, prediction=PREDICTED)])
        metrics: list[Any] = [MeanError(), MAE(), RMSE(), R2Score(), AbsMaxError()]
    elif pairs.task is Task.BINARY:
        probability = pairs.probabilities[0] if pairs.probabilities else None
        binary = BinaryClassification(**named, prediction_probas=probability, pos_label=pairs.positive)
        declared, metrics = DataDefinition(classification=[binary]), [ClassificationPreset()]
    else:
        several = MulticlassClassification(**named, prediction_probas=list(pairs.probabilities) or None)
        declared, metrics = DataDefinition(classification=[several]), [ClassificationPreset()]
    columns = [LABEL, PREDICTED, *pairs.probabilities]
    current, reference = (
        Dataset.from_pandas(frame[columns].reset_index(drop=True), data_definition=declared)
        for frame in (pairs.current, pairs.reference)
    )
    return Report(metrics).run(current, reference, name=title, timestamp=_noon(at))


def write_workspace(folder: Path, *, model: Model, snapshots: dict[str, Any], name: str) -> None:
    """Write a folder that ``evidently ui --workspace`` opens: a project per model, a run per part of the report.

    Their numbers follow from what they are about, so that folders of several reports can be laid over each other.
    """
    from evidently.sdk.models import DashboardPanelPlot, PanelMetric, ProjectModel  # noqa: PLC0415 - only in this process
    from evidently.ui.workspace import Workspace  # noqa: PLC0415 - the same

    workspace = Workspace.create(str(folder))
    about = f"Model {neutral(model.id)}, written by modelfolio"
    project = workspace.add_project(
        ProjectModel(id=uuid5(NAMESPACE_URL, f"modelfolio:{model.id}"), name=neutral(model.name), description=about)
    )
    metric = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")
    project.dashboard.add_panel(
        DashboardPanelPlot(
            title="Share of columns that drifted", size="full", values=[metric], plot_params={"plot_type": "line"}
        )
    )
    for part, snapshot in snapshots.items():
        run = uuid5(NAMESPACE_URL, f"modelfolio:{name}:{part}")
        workspace.state.write_snapshot(project.id, run, snapshot.to_snapshot_model())


def _noon(day: date) -> datetime:
    return datetime.combine(day, clock_time(12))


def _forget_secrets() -> None:
    """Take our configuration out of this process's environment, and keep Evidently from reporting its use."""
    for name in [name for name in os.environ if name.upper().startswith("MODELFOLIO_")]:
        del os.environ[name]
    os.environ["DO_NOT_TRACK"] = "1"


def _limit() -> None:
    """Let this process fail before it takes the machine's memory or its time, and step back behind the web server."""
    with suppress(ImportError, AttributeError, OSError, ValueError):
        signal.alarm(TIME_LIMIT_SECONDS)
        os.nice(POLITENESS)
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Order.from_json(sys.stdin.read()))
