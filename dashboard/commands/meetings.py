"""`modelfolio meetings`: which meetings were held, and their minutes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dashboard.minutes_document import blocks
from dashboard.minutes_export import minutes_html, minutes_markdown
from dashboard.opening import open_registry, product_day
from dashboard.presentation import csv_bytes
from dashboard.settings import load_settings
from data_access import meeting_queries, people

app = typer.Typer(help="List meetings and export their minutes.", no_args_is_help=True)


class Format(StrEnum):
    """How the minutes are written."""

    MARKDOWN = "markdown"
    HTML = "html"


@app.command("list")
def list_meetings() -> None:
    """List the meetings, newest first, as CSV."""
    settings = load_settings()
    registry = open_registry(settings)
    rows = meeting_queries.meetings_frame(registry, on=product_day(registry, settings))
    typer.echo(csv_bytes(rows).decode(), nl=False)


@app.command("minutes")
def minutes(
    meeting: Annotated[int, typer.Argument(help="The number of the meeting, as `meetings list` shows it.")],
    format: Annotated[Format, typer.Option(help="Markdown, or one HTML file that prints.")] = Format.MARKDOWN,  # noqa: A002 - name of the option, not name
    output: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
) -> None:
    """Write the minutes of a meeting with their corrections; until the chair confirms them they say that they are a draft."""
    settings = load_settings()
    registry = open_registry(settings)
    held = meeting_queries.meeting(registry, meeting)
    names = {person.email: person.name for person in people.everyone(registry)}
    corrections = [(each, names.get(each.recorded_by, each.recorded_by)) for each in held.corrections]
    parts = blocks(meeting_queries.minutes(registry, held, on=product_day(registry, settings)), corrections)
    written = minutes_html(parts) if format is Format.HTML else minutes_markdown(parts)
    if output is None:
        typer.echo(written, nl=False)
    else:
        output.write_text(written, encoding="utf-8")
