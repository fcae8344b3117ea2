"""`modelfolio demo`: the sample portfolio, imported, assessed day by day and served."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.assess import assess_once, progress_bar
from dashboard.commands.serve import LOOPBACK_ADDRESS, refuse_taken_port, serve
from dashboard.demo_people import add_people
from dashboard.demo_standing import add_standing_approval
from dashboard.demo_worker import start_worker
from dashboard.opening import open_registry
from dashboard.settings import PREFIX, load_settings
from dashboard.simulated import Wanted, start, stop
from data_access.demo_clock import demo_clock, move_demo_clock
from data_access.model_import import import_folders
from data_access.schema import upgrade
from monitoring.errors import ModelfolioError, SettingsError
from sample_data.simulate import MODELS, MOST_MODELS

if TYPE_CHECKING:
    from dashboard.settings import Settings
    from data_access.registry import Registry

SAMPLE_MODELS = Path(__file__).parents[2] / "sample_data" / "models"
FIRST_DAY = date(2021, 4, 1)
OPENING_DAY = date(2021, 7, 17)
"""417 weeks after 20 July 2013: the summer troubles are under way."""
LAST_DAY = date(2021, 12, 28)
SECONDS_TO_START = 4.0
"""A browser is opened on a desktop once the server has had time to listen; anywhere else the address is printed."""


def demo(
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help=f"Day the demo's clock stands on, {FIRST_DAY} to {LAST_DAY}."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8501,
    simulated: Annotated[
        int,
        typer.Option(min=0, max=MOST_MODELS, help="Models of the simulated portfolio made beside it; 0: none."),
    ] = MODELS,
) -> None:
    """Build the sample portfolio if it is not there, assess its history and serve it on this machine.

    Nobody signs in: in the pages you choose whom you act as. A retraining that is approved is done by an example pipeline, and the
    new version judged, within half a minute. The second start takes seconds. A simulated portfolio is made
    meanwhile, in the background and in files of its own; the header shows how far it is, and then leads there.
    """
    if at and not FIRST_DAY <= at.date() <= LAST_DAY:
        raise SettingsError(f"The demo's clock goes from {FIRST_DAY} to {LAST_DAY}, not to {at.date()}.")
    refuse_taken_port(LOOPBACK_ADDRESS, port)
    os.environ[f"{PREFIX}DEMO_SIGN_IN"] = "1"
    settings = load_settings()
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    try:
        if demo_clock(registry) is None:
            build(registry, settings)
        if at:
            move_demo_clock(registry, day=at.date())
    finally:
        registry.close()
    if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform in {"darwin", "win32"}):
        opener = threading.Timer(SECONDS_TO_START, webbrowser.open, [f"http://{LOOPBACK_ADDRESS}:{port}"])
        opener.daemon = True
        opener.start()
    making = start(settings, Wanted(models=simulated)) if simulated else None
    stop_worker = start_worker(settings, last_day=LAST_DAY)
    try:
        serve(port=port, address=LOOPBACK_ADDRESS)
    finally:
        stop_worker()
        stop(making)


def build(registry: Registry, settings: Settings) -> None:
    """Import the sample models, add the demo's people and assess the whole history; the clock is set when all that is done.

    Each step skips what an interrupted start has done already.
    """
    if not SAMPLE_MODELS.is_dir():
        raise SettingsError(f"The sample portfolio is not at {SAMPLE_MODELS}; check the repository out completely.")
    with progress_bar("Importing the sample models") as report:
        import_folders(
            registry, [SAMPLE_MODELS], log_address=settings.log_address(), now=datetime.now(UTC), report=report
        )
    add_people(registry)
    typer.echo("Assessing their history day by day; once, this takes a minute or two ...")
    run = assess_once(registry, settings, last=LAST_DAY)
    if run.failures:
        failed = "; ".join(f"{model}: {reason}" for model, reason in run.failures.items())
        raise ModelfolioError(f"The sample portfolio could not be assessed: {failed}")
    add_standing_approval(registry)
    move_demo_clock(registry, day=OPENING_DAY, last_day=LAST_DAY)
