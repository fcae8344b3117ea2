"""`modelfolio decisions`: what was proposed, what came of it, and which models are on their way out; `modelfolio challenges`: what was asked."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from dashboard.opening import open_registry, product_day
from dashboard.presentation import csv_bytes
from dashboard.settings import load_settings
from data_access import challenge_queries, decision_queries, retirement_queries
from monitoring.lifecycle import State

app = typer.Typer(help="List decisions.")
challenges_app = typer.Typer(
    help="List challenges of findings and questions about proposals, with what was answered.", no_args_is_help=True
)
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
OVERDUE_COLUMNS = [*COLUMNS[:-2], "days_overdue", "is_escalated", "waiting_for", "tell", "challenges"]
Overdue = Annotated[
    bool,
    typer.Option(
        "--overdue",
        help="Only proposals whose answer is overdue, with whom to tell; without any nothing is printed, so that "
        "cron sends no mail.",
    ),
]


@app.callback(invoke_without_command=True)
def decisions(context: typer.Context, overdue: Overdue = False) -> None:
    """List decisions."""
    if context.invoked_subcommand is None:
        if overdue:
            _print_overdue()
        else:
            typer.echo(context.get_help())


@app.command("list")
def list_decisions(
    state: Annotated[State | None, typer.Option(help="Only decisions in this state.")] = None, overdue: Overdue = False
) -> None:
    """List decisions, newest first, as CSV; the last column has what was asked about each and answered."""
    if overdue and state not in {None, State.PROPOSED}:
        raise typer.BadParameter(f"only a proposal has an answer overdue, not what is {state.words if state else ''}")
    if overdue:
        _print_overdue()
        return
    settings = load_settings()
    registry = open_registry(settings)
    rows = decision_queries.all_decisions(registry, on=product_day(registry, settings), state=state)
    typer.echo(csv_bytes(rows[[*COLUMNS, "challenges"]]).decode(), nl=False)


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


@challenges_app.callback()
def _challenges() -> None:
    """List challenges."""


@challenges_app.command("list")
def list_challenges(
    model: Annotated[str | None, typer.Option(help="Only this model's.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that wait for somebody.")] = False,
) -> None:
    """List challenges of findings and questions about proposals as CSV, newest first; open ones tier 1 first."""
    settings = load_settings()
    registry = open_registry(settings)
    day = product_day(registry, settings)
    if only_open:
        rows = challenge_queries.open_challenges(registry, on=day).drop(columns="is_mine")
        rows = rows if model is None else rows[rows["model_id"] == model]
    else:
        rows = challenge_queries.all_challenges(registry, on=day, model_id=model)
    typer.echo(csv_bytes(rows).decode(), nl=False)


def _print_overdue() -> None:
    settings = load_settings()
    registry = open_registry(settings)
    rows = decision_queries.overdue(registry, on=product_day(registry, settings))
    if not rows.empty:
        typer.echo(csv_bytes(rows[OVERDUE_COLUMNS]).decode(), nl=False)
