"""`modelfolio deep-dive`: Evidently's report on a sample of a model's rows, without a browser."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.assess import progress_bar
from dashboard.deep_dive.kept import find_report, report_name
from dashboard.deep_dive.order import Order, Request
from dashboard.deep_dive.running import DEEP_DIVES
from dashboard.deep_dive.sample import DeepDiveError
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import model_queries
from monitoring.wording import plural

if TYPE_CHECKING:
    from datetime import date

    from dashboard.deep_dive.kept import KeptReport
    from dashboard.settings import Settings

LOOKS_A_SECOND = 5


def deep_dive(
    model: Annotated[str, typer.Argument(help="Id of the model.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=90, help="Days of the window, up to the newest assessed one.")] = 7,
    rows: Annotated[
        int, typer.Option(min=30, max=20_000, help="Rows of the window, and of the reference, at most.")
    ] = 2_000,
    as_known_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Look at what was known on this day instead of today.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder for `evidently ui --workspace`; the report is added to what is there.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Folder for the report's pages.")] = None,
) -> None:
    """Compare a sample of a model's newest rows with its reference, by Evidently, and keep the report for the pages."""
    settings = load_settings()
    order = order_for(settings, model, days=days, rows=rows, known_on=as_known_on.date() if as_known_on else None)
    report = made(settings, order)
    about = report.about
    if workspace:
        report.add_to_workspace(workspace)
        typer.echo(f"Added to {workspace}: evidently ui --workspace {workspace}")
    for part in about.parts if html else ():
        html.mkdir(parents=True, exist_ok=True)  # type: ignore[union-attr]  # there are no parts without it
        page = html / f"{model}-deep-dive-{part}-{about.request.last.isoformat()}.html"  # type: ignore[operator]  # the same
        shutil.copyfile(report.page(part), page)
        typer.echo(f"Written to {page}")
    typer.echo(
        f"Compared {plural(about.columns, 'column')} of {plural(about.rows, 'row')} with {about.reference_rows:,} of the reference."
    )
    if about.no_performance:
        typer.echo(f"No performance: {about.no_performance}")
    for name, why in about.left_out.items():
        typer.echo(f"Left out: {name} ({why})")


def order_for(settings: Settings, model: str, *, days: int, rows: int, known_on: date | None) -> Order:
    """Return what to make: the newest assessed days of the judged version.

    Raises:
        UnknownModelError: there is no such model.
        DeepDiveError: it was never assessed.
    """
    registry = open_registry(settings)
    try:
        day = known_on or settings.now().date()
        model_queries.facts(registry, model, known_on=day)
        assessment = model_queries.assessment(registry, model, known_on=day)
        if assessment is None:
            raise DeepDiveError(f"Model {model!r} was not assessed by {day.isoformat()}: run `modelfolio assess`.")
        request = Request(model, assessment.version, assessment.day, day, days, rows)
        return Order(
            request=request,
            registry=settings.registry_address(),
            connections=settings.connection_addresses(),
            name=report_name(str(registry.engine.url), request),
        )
    finally:
        registry.close()


def made(settings: Settings, order: Order) -> KeptReport:
    """Make the report while a bar shows how far it is, and return it.

    Raises:
        DeepDiveError: it could not be made.
    """
    DEEP_DIVES.start(settings.home, order)
    with progress_bar("Deep dive") as bar:
        while progress := DEEP_DIVES.progress(order.name):
            bar(round(100 * progress.share), 100, progress.words)
            time.sleep(1 / LOOKS_A_SECOND)
    report = find_report(settings.home, order.name)
    if failure := DEEP_DIVES.failure(order.name):
        raise DeepDiveError(failure)
    if report is None:
        raise DeepDiveError("The report was made and is not there: is somebody clearing the home folder?")
    return report
