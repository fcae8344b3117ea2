"""`modelfolio decisions`: what was proposed and what came of it, and which models are on their way out."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from dashboard.opening import open_registry, product_day
from dashboard.presentation import csv_bytes
from dashboard.settings import load_settings
from data_access import decision_queries, retirement_queries
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
]
RETIREMENT_COLUMNS = [
    "model_id",
    "decision_id",
    "state",
    "sunset_on",
    "is_due",
    "missing",
    "scored_after",
    "scored_last",
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


@app.command("retirements")
def list_retirements() -> None:
    """List open retirements, what is due first, with what their plans lack, and retired models that are still scored, as CSV."""
    settings = load_settings()
    registry = open_registry(settings)
    day = product_day(registry, settings)
    rows = [
        {
            "model_id": each.decision.subject.model_id,
            "decision_id": each.decision.id,
            "state": each.decision.state.value,
            "sunset_on": each.sunset_on,
            "is_due": each.is_due,
            "missing": "; ".join(each.missing),
            "scored_after": each.zombie.rows if each.zombie else 0,
            "scored_last": each.zombie.last if each.zombie else None,
        }
        for each in retirement_queries.retirements(registry, on=day)
    ]
    listed = {row["model_id"] for row in rows}
    rows += [
        {
            "model_id": each.model_id,
            "state": "retired",
            "sunset_on": each.sunset_on,
            "is_due": True,
            "scored_after": each.rows,
            "scored_last": each.last,
        }
        for each in retirement_queries.zombies(registry, on=day)
        if each.model_id not in listed
    ]
    frame = pd.DataFrame(rows, columns=RETIREMENT_COLUMNS).astype({"decision_id": "Int64"})
    typer.echo(csv_bytes(frame).decode(), nl=False)
