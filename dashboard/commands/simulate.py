"""`modelfolio simulate`: an openly simulated portfolio of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dashboard.settings import load_settings
from dashboard.simulated import EXPECTED, Wanted, build, stay_in_background
from sample_data.simulate import DAYS, FEWEST_DAYS, MODELS, MOST_DAYS, MOST_MODELS, SEED


def simulate(
    *,
    models: Annotated[int, typer.Option(min=1, max=MOST_MODELS, help="How many models.")] = MODELS,
    days: Annotated[int, typer.Option(min=FEWEST_DAYS, max=MOST_DAYS, help="How many days of history.")] = DAYS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same portfolio.")] = SEED,
    logs: Annotated[bool, typer.Option(help="Import every row too, not only day profiles; slower and larger.")] = False,
    assess: Annotated[bool, typer.Option(help="Judge them as well.")] = True,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
) -> None:
    """Make a simulated portfolio in files of its own, in the folder `simulated` of the home.

    One world shift, one broken feed shared by many models, and every fate a model can have; `expected.csv` beside the registry says
    what was done to each and which verdict is right on the last day. The verdicts come from the usual rules. A portfolio that was
    interrupted is gone on with; one made with other options is replaced. `modelfolio demo` shows it beside the sample.
    """
    if background:
        stay_in_background()
    wanted = Wanted(models=models, days=days, seed=seed, with_logs=logs)
    with _progress() as report:
        ours = build(load_settings(), wanted, judge=assess, report=report)
    made = "1 simulated model is" if models == 1 else f"{models:,} simulated models are"
    typer.echo(f"{made} in {ours.home}; what was done to each is in {ours.home / EXPECTED}.")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int, str], None]]:
    """Show one bar after the other on a terminal; stay quiet elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks = {}

        def report(what: str, done: int, total: int, name: str) -> None:
            del name
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield report
