"""`modelfolio standing`: who lets which models be retrained without a person, and the switch that ends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dashboard.opening import open_registry, product_day
from dashboard.presentation import csv_bytes
from dashboard.settings import load_settings
from data_access import standing_queries
from monitoring import decide_standing
from monitoring.errors import InvalidProposalError
from monitoring.lifecycle import State
from monitoring.standing_envelope import GUARD_METRICS, SKILL, Envelope, Guard, Scope, ScopeKind

app = typer.Typer(
    help="Let models be retrained without a person, inside an envelope that people have approved.", no_args_is_help=True
)
SAID = " (at the command line)"
"""Kept with every answer that is given here: nobody signed in, the address is what was typed."""
Number = Annotated[int, typer.Argument(help="The number of the standing approval.")]
By = Annotated[str, typer.Option("--by", help="Your e-mail address, as the registry knows you.")]


@app.command("list")
def list_standing_approvals() -> None:
    """List every standing approval, newest first, as CSV."""
    settings = load_settings()
    registry = open_registry(settings)
    frame = standing_queries.frame(registry, on=product_day(registry, settings))
    typer.echo(csv_bytes(frame).decode(), nl=False)


@app.command()
def propose(
    *,
    by: By,
    reason: Annotated[str, typer.Option(help="Why; at least 10 characters, kept for ever.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day, within a year.")],
    model: Annotated[list[str] | None, typer.Option(help="A model by its id; may be given again.")] = None,
    tier: Annotated[int | None, typer.Option(help="All models of a tier, also those that join later.")] = None,
    team: Annotated[str | None, typer.Option(help="All models of a team, also those that join later.")] = None,
    use_case: Annotated[str | None, typer.Option(help="All models of a use case, also those that join later.")] = None,
    days: Annotated[int, typer.Option(help="Days the verdict must have been Retrain.")] = 3,
    lost: Annotated[float, typer.Option(help="Per cent of the advantage that must be lost.")] = 15.0,
    runs: Annotated[int, typer.Option(help="Runs a month, at most.")] = 2,
    runs_of_model: Annotated[int, typer.Option(help="Runs of one model a month, at most.")] = 1,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What the new version may lose at most: {', '.join(GUARD_METRICS)}, and after = points (RMSE: per cent); "
            "may be given again."
        ),
    ] = None,
) -> None:
    """Propose a standing approval; somebody else approves it."""
    given = {
        ScopeKind.MODELS: tuple(dict.fromkeys(model or ())),
        ScopeKind.TIER: (str(tier),) if tier is not None else (),
        ScopeKind.TEAM: (team,) if team else (),
        ScopeKind.USE_CASE: (use_case,) if use_case else (),
    }
    scopes = [Scope(kind, values) for kind, values in given.items() if values]
    if len(scopes) != 1:
        raise typer.BadParameter("give one of --model, --tier, --team and --use-case")
    guards = tuple(_guard(each) for each in guard or (f"{SKILL}=2",))
    envelope = Envelope(
        scopes[0],
        guards,
        until.date(),
        least_days=days,
        least_loss=lost / 100,
        most_runs=runs,
        most_runs_per_model=runs_of_model,
    )
    settings = load_settings()
    registry = open_registry(settings)
    standing = decide_standing.propose_standing(
        registry, envelope, reason=reason, by=by, on=product_day(registry, settings), now=datetime.now(UTC)
    )
    names = {each.subject.model_id: each.subject.name for each in standing.covered}
    typer.echo(f"Standing approval {standing.id} is proposed. {envelope.sentence(names)}")


@app.command()
def approve(
    number: Number, *, by: By, comment: Annotated[str, typer.Option(help="Why it may act; kept with it.")]
) -> None:
    """Approve a proposed standing approval of somebody else's; what it would have done is printed and frozen with it."""
    settings = load_settings()
    registry = open_registry(settings)
    said = comment + SAID if comment.strip() else ""
    standing = decide_standing.approve_standing(
        registry, number, comment=said, by=by, on=product_day(registry, settings), now=datetime.now(UTC)
    )
    if standing.past is not None:
        started = standing.past["started"]
        typer.echo(f"In the last 90 days it would have started {len(started)}.")
        for each in started:
            typer.echo(f"{each['day']}: {each['name']}")
    active = standing.state is State.APPROVED
    typer.echo(f"Standing approval {number} is active." if active else "Counted; the quorum is not complete yet.")


@app.command()
def reject(number: Number, *, by: By, comment: Annotated[str, typer.Option(help="Why not; kept with it.")]) -> None:
    """Reject a proposed standing approval of somebody else's."""
    settings = load_settings()
    registry = open_registry(settings)
    said = comment + SAID if comment.strip() else ""
    decide_standing.reject_standing(
        registry, number, comment=said, by=by, on=product_day(registry, settings), now=datetime.now(UTC)
    )
    typer.echo(f"Standing approval {number} is rejected.")


@app.command()
def stop(number: Number, *, by: By, reason: Annotated[str, typer.Option(help="Why; kept for ever.")]) -> None:
    """Stop a standing approval at once and for good: no retraining starts under it from this moment on."""
    settings = load_settings()
    registry = open_registry(settings)
    said = reason + SAID if reason.strip() else ""
    decide_standing.stop_standing(
        registry, number, reason=said, by=by, on=product_day(registry, settings), now=datetime.now(UTC)
    )
    typer.echo(f"Standing approval {number} is stopped.")


def _guard(text: str) -> Guard:
    metric, _, tolerance = text.partition("=")
    try:
        return Guard(metric.strip(), float(tolerance) / 100)
    except ValueError:
        raise InvalidProposalError(f"A guard is written as in skill=2 or RMSE=5, not {text[:40]!r}.") from None
