"""`modelfolio decisions`: what was proposed and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import decision_queries
from monitoring.lifecycle import State

app = typer.Typer(help="List decisions.", no_args_is_help=True)
COLUMNS = [
    "decision_id",
    "model_id",
    "action",
    "state",
    "tier",
    "proposed_by",
    "proposed_on",
    "due_on",
    "decided_by",
    "decided_on",
    "standing_approval",
]


@app.callback()
def _decisions() -> None:
    """List decisions."""


@app.command("list")
def list_decisions(state: Annotated[State | None, typer.Option(help="Only decisions in this state.")] = None) -> None:
    """List decisions, newest first, as CSV."""
    settings = load_settings()
    rows = decision_queries.all_decisions(open_registry(settings), on=settings.now().date(), state=state)
    typer.echo(rows[COLUMNS].to_csv(index=False), nl=False)
