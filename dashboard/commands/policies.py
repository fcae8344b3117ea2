"""`modelfolio policies`: by which thresholds models are judged, and which versions there were."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard import policy_preview
from dashboard.commands.assess import progress_bar
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from dashboard.simulated import stay_in_background
from data_access import policy_drafts, policy_queries
from data_access.policy_records import policy_history
from monitoring.policy_version import TIERS
from monitoring.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from monitoring.policy_version import PolicyVersion

app = typer.Typer(help="See the thresholds models are judged by, and every version of them.", no_args_is_help=True)
Number = Annotated[int | None, typer.Argument(help="The version; without it the one in force today.")]


def _asked(number: int | None) -> PolicyVersion:
    settings = load_settings()
    registry = open_registry(settings)
    if number is None:
        return policy_history(registry).on(settings.now().date())
    return policy_queries.version(registry, number)


@app.command("list")
def list_versions() -> None:
    """List every version with who, when and why, newest first, as CSV."""
    typer.echo(policy_queries.versions_frame(open_registry(load_settings())).to_csv(index=False), nl=False)


@app.command()
def show(version: Number = None) -> None:
    """Show the thresholds of a version in words."""
    shown = _asked(version)
    typer.echo(f"Version {shown.number}, {shown.state.words}: {shown.reason}")
    for threshold in THRESHOLDS:
        values = [threshold.words(threshold.of(shown.of_tier(tier))) for tier in TIERS]
        same = len(set(values)) == 1
        words = (
            values[0] if same else ", ".join(f"tier {tier} {value}" for tier, value in zip(TIERS, values, strict=True))
        )
        typer.echo(f"{threshold.title}: {words}")


@app.command()
def export(version: Number = None) -> None:
    """Write a version with its history as JSON."""
    shown = _asked(version)
    said = {"number": shown.number, "content_hash": shown.content_hash, "thresholds": shown.values} | shown.summary()
    typer.echo(json.dumps(said | {"reason": shown.reason}, indent=1, ensure_ascii=False))


@app.command(hidden=True)
def preview(
    draft: Annotated[int, typer.Argument(help="The number of the draft.")],
    *,
    background: Annotated[bool, typer.Option(help="Be nice, and end with the process that began it.")] = False,
) -> None:
    """Work out the preview of a draft that the page has begun."""
    if background:
        stay_in_background(niceness=policy_preview.NICENESS)
    registry = open_registry(load_settings())
    with progress_bar("Replaying") as bar:
        chosen = policy_drafts.draft(registry, draft, now=datetime.now(UTC))
        done = policy_preview.work_out(registry, chosen, report=lambda done, total: bar(done, total, "models"))
    typer.echo("Previewed." if done else "Cancelled.")
