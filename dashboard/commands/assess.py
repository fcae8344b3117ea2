"""Assess the portfolio."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dashboard.anchoring import try_to_keep_anchor
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access.assess_portfolio import Workers, assess_portfolio
from monitoring.errors import ModelfolioError
from monitoring.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from dashboard.settings import Settings
    from data_access.assess_portfolio import AssessRun
    from data_access.registry import Registry

UNITS = {"m": 60, "h": 3600, "d": 86400}


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar on a terminal; stay quiet elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)

        def report(done: int, total: int, name: str) -> None:
            progress.update(task, completed=done, total=total, description=name.replace("[", r"\["))

        yield report


def assess_once(
    registry: Registry,
    settings: Settings,
    *,
    model: str | None = None,
    first: date | None = None,
    last: date | None = None,
    workers: int | None = None,
) -> AssessRun:
    """Run assess with a progress bar; ``workers`` processes share the models (missing: as many as fit)."""
    with progress_bar("Assessing") as report:
        return assess_portfolio(
            registry,
            connections=settings.connection_addresses(),
            settle_hours=settings.settle_hours,
            now=settings.now(),
            first=first,
            last=last,
            only=model,
            report=report,
            workers=Workers(workers, settings.lease_seconds, 60 * settings.overdue_minutes),
        )


def assess(
    *,
    model: Annotated[str | None, typer.Option(help="Only this model, by its id.")] = None,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Judge up to this day.")] = None,
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day to judge, as daily runs would have."),
    ] = None,
    to: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day to judge.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share the models; by default one for few models, else one per core."),
    ] = None,
    every: Annotated[str | None, typer.Option(help="Go on for ever, once per this time: 30m, 1h, 1d.")] = None,
) -> None:
    """Read what changed in the prediction logs and judge every model.

    Without dates each model catches up to its newest complete day. A range gives what daily runs would have given, each day
    from what was known on it; running it again changes nothing. Any number of these commands may run at the same time, on one
    machine or many: they share the work, and one that dies is replaced by the others.
    """
    if as_of and (from_ or to):
        raise typer.BadParameter("--as-of judges up to one day; give it or --from and --to, not both")
    first, last = (from_.date() if from_ else None), (to or as_of)
    if first and last and last.date() < first:
        raise typer.BadParameter(f"--to {last.date()} lies before --from {first}")
    pause = _seconds(every)
    settings = load_settings()
    if first and first > settings.now().date():
        raise typer.BadParameter(f"--from {first} lies in the future; today is {settings.now().date()}")
    registry = open_registry(settings)
    while True:
        run = assess_once(
            registry, settings, model=model, first=first, last=last.date() if last else None, workers=workers
        )
        for failed, reason in run.failures.items():
            typer.echo(f"{failed}: {reason}", err=True)
        typer.echo(
            f"{plural(run.models, 'model')} assessed, {plural(run.assessments, 'new assessment')}, "
            f"{plural(len(run.failures), 'failure')}."
        )
        complaint = try_to_keep_anchor(registry, settings)
        if pause is None:
            if complaint:
                raise SystemExit(1)
            if run.failures:
                raise ModelfolioError(
                    f"{len(run.failures)} of {run.models + len(run.failures)} models could not be assessed."
                )
            return
        time.sleep(pause)


def _seconds(every: str | None) -> float | None:
    if every is None:
        return None
    unit = UNITS.get(every[-1:])
    if unit is None or not every[:-1].isdigit() or int(every[:-1]) == 0:
        raise typer.BadParameter(f"--every {every!r}: give a number and m, h or d, as in 30m, 1h, 1d")
    return int(every[:-1]) * float(unit)
