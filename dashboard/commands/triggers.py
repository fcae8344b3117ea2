"""`modelfolio triggers` hands approved retrainings over; `modelfolio report-back` says what became of one."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dashboard.opening import open_registry, product_day
from dashboard.settings import load_settings
from data_access.trigger_worker import work_once
from monitoring import follow_up
from monitoring.errors import InvalidReportError, SettingsError
from monitoring.retraining import Report, TrainingReport

UNITS = {"s": 1, "m": 60, "h": 3600}
LARGEST_METRICS = 64 * 1024


def triggers(
    every: Annotated[str | None, typer.Option(help="Go on for ever, once per this time: 10s, 1m, 1h.")] = None,
) -> None:
    """Hand approved retrainings over to the pipelines in the configuration, and take the reports they wrote into the table.

    Any number of these commands may run at the same time. One that is killed is replaced by the others: the pipeline may then hear of
    the same decision again, always under the same idempotency key.
    """
    pause = _seconds(every)
    settings = load_settings()
    registry = open_registry(settings)
    if not settings.trigger_targets:
        raise SettingsError("No pipeline is set up: MODELFOLIO_TRIGGER_TARGETS is empty (see docs/operating.md).")
    while True:
        done = work_once(registry, settings.trigger_targets, day=lambda: product_day(registry, settings))
        for sentence in done.said:
            typer.echo(sentence)
        if pause is None:
            return
        time.sleep(pause)


def report_back(
    decision: Annotated[int, typer.Argument(help="The number of the decision, as the trigger gave it.")],
    report: Annotated[Report, typer.Argument(help="What became of the training.")],
    *,
    version: Annotated[str | None, typer.Option(help="The version that was trained (with succeeded).")] = None,
    active_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day it is in service; by default the day after the report."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A JSON file: one object, name to number.")
    ] = None,
    message: Annotated[str, typer.Option(help="One sentence that is kept with the decision.")] = "",
    run: Annotated[
        str | None, typer.Option(help="Your name of this run: the same report of the same run may come twice.")
    ] = None,
) -> None:
    """Say what became of an approved retraining; a version that was trained is registered.

    The second run that starts for the same decision is refused, so that a pipeline that asks first trains once.
    """
    settings = load_settings()
    told = TrainingReport(
        decision_id=decision,
        report=report,
        run=run,
        version=version,
        active_from=active_from.date() if active_from else None,
        metrics=_metrics(metrics),
        message=message,
    )
    registry = open_registry(settings)
    try:
        moved = follow_up.take_report(
            registry, told, channel="command", on=product_day(registry, settings), now=datetime.now(UTC)
        )
    finally:
        registry.close()
    taken = f"; version {moved.new_version} is in service from {moved.active_from}" if moved.new_version else ""
    typer.echo(f"Decision {decision} is {moved.state.words}{taken}.")


def _metrics(file: Path | None) -> dict[str, float | str]:
    if file is None:
        return {}
    if file.stat().st_size > LARGEST_METRICS:
        raise InvalidReportError(f"{file}: a report's metrics have at most {LARGEST_METRICS:,} bytes.")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidReportError(f"{file}: this is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidReportError(f"{file}: the metrics are one JSON object, name to number.")
    return found


def _seconds(every: str | None) -> float | None:
    if every is None:
        return None
    unit = UNITS.get(every[-1:])
    if unit is None or not every[:-1].isdigit() or int(every[:-1]) == 0:
        raise typer.BadParameter(f"--every {every!r}: give a number and s, m or h, as in 10s, 1m, 1h")
    return int(every[:-1]) * float(unit)
