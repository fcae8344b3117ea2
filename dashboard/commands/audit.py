"""`modelfolio audit`: check the audit trail, take it along."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import audit_trail

app = typer.Typer(help="Verify or export the audit trail.", no_args_is_help=True)

ANCHOR_EXAMPLE = "120:9f86d0..."


class Format(StrEnum):
    """How the trail is written."""

    CSV = "csv"
    JSON = "json"


@app.command("verify")
def verify(
    anchor: Annotated[
        str | None, typer.Option(help=f"A head written down earlier, as printed by this command: {ANCHOR_EXAMPLE}")
    ] = None,
) -> None:
    """Check every row of the audit trail; the first bad one is named and the exit code is 1."""
    verified = audit_trail.verify(open_registry(load_settings()), anchor=parsed_anchor(anchor))
    typer.echo(f"{verified.rows} audit rows verified. Head: {verified.head_sequence}:{verified.head_hash}")


@app.command("export")
def export(
    format: Annotated[Format, typer.Option(help="CSV for reading, JSON lines for checking.")] = Format.CSV,  # noqa: A002 - name of the option, not name
    output: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model's events.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
) -> None:
    """Write the audit trail so that it can be checked without this program: SHA-256 of ``content`` is ``hash``."""
    written = {Format.CSV: audit_trail.export_csv, Format.JSON: audit_trail.export_json}[format](
        open_registry(load_settings()), model_id=model, first=_day(first), last=_day(last)
    )
    if output is None:
        typer.echo(written, nl=False)
    else:
        output.write_text(written, encoding="utf-8")


def parsed_anchor(text: str | None) -> tuple[int, str] | None:
    """Return the row number and hash of a head, as ``verify`` prints it."""
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdigit() or not digest:
        raise typer.BadParameter(f"a head looks like {ANCHOR_EXAMPLE}", param_hint="--anchor")
    return int(number), digest


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
