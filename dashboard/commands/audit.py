"""`modelfolio audit`: check the audit trail, write its head down elsewhere, take it along."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.anchoring import configured_anchors
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import audit_export, audit_trail
from data_access.anchor_file import read_anchors, write_anchor
from monitoring.anchor import short_anchor
from monitoring.wording import plural

if TYPE_CHECKING:
    from monitoring.anchor import Anchor

app = typer.Typer(help="Verify or export the audit trail, write its head down elsewhere.", no_args_is_help=True)


class Format(StrEnum):
    """How the trail is written."""

    CSV = "csv"
    JSON = "json"
    ZIP = "zip"


@app.command("verify")
def verify(
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            help="A file with heads written down earlier (minutes, a pack, what `audit anchor` wrote), or a head as this "
            "command prints it. May be repeated. MODELFOLIO_ANCHOR_FILE is always looked into."
        ),
    ] = None,
) -> None:
    """Check every row of the audit trail; the first bad one is named and the exit code is 1."""
    settings = load_settings()
    anchors = [found for given in anchor or [] for found in given_anchors(given)]
    verified = audit_trail.verify(open_registry(settings), anchors=[*anchors, *configured_anchors(settings)])
    typer.echo(
        f"{verified.rows} audit {'row' if verified.rows == 1 else 'rows'} verified. "
        f"Head: {verified.head_sequence}:{verified.head_hash}"
    )
    if verified.anchors:
        typer.echo(f"All {plural(verified.anchors, 'head')} written down earlier are in the trail.")


@app.command("anchor")
def anchor(
    to: Annotated[
        Path | None,
        typer.Option(
            help="File to add it to, outside the registry; without it MODELFOLIO_ANCHOR_FILE, if that is set."
        ),
    ] = None,
) -> None:
    """Print the head of the audit trail as a line to write down elsewhere, so that a trail cut off later is noticed."""
    settings = load_settings()
    registry, now = open_registry(settings), datetime.now(UTC)
    file = to or settings.anchor_file
    typer.echo((write_anchor(registry, file, now=now) if file else audit_trail.anchor(registry, now=now)).line)


@app.command("export")
def export(
    *,
    format: Annotated[  # noqa: A002 - name of the option, not name
        Format,
        typer.Option(help="CSV for reading, JSON lines for checking, ZIP with both and a script that checks them."),
    ] = Format.CSV,
    output: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model's events.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only this person's events, by e-mail address.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action, as in the CSV: approve, register_model.")
    ] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
) -> None:
    """Write the audit trail so that it can be checked without this program: SHA-256 of ``content`` is ``hash``."""
    registry = open_registry(load_settings())
    chosen = audit_trail.AuditFilter(model_id=model, actor=actor, action=action, first=_day(first), last=_day(last))
    if format is Format.ZIP:
        written = audit_export.export_zip(registry, now=datetime.now(UTC), **chosen)
    elif format is Format.JSON:
        written = audit_export.export_json(registry, **chosen).encode()
    else:
        written = audit_export.export_csv(registry, **chosen).encode()
    if output is None:
        sys.stdout.buffer.write(written)
    else:
        output.write_bytes(written)


def given_anchors(given: str) -> tuple[Anchor, ...]:
    """Return the heads in a file, or the one head that was typed."""
    if Path(given).exists():
        return read_anchors(Path(given))
    if (typed := short_anchor(given)) is None:
        raise typer.BadParameter(
            f"{given!r} is neither a file nor a head (number:hash, as `audit verify` prints it)", param_hint="--anchor"
        )
    return (typed,)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
