"""Export verdicts and portfolio shifts."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from dashboard.opening import open_registry
from dashboard.presentation import csv_safe
from dashboard.settings import load_settings
from data_access.shift_queries import shift_lines
from data_access.verdict_queries import changed_verdicts
from data_access.verdict_queries import verdicts as stored_verdicts


class Format(StrEnum):
    """How verdicts and shifts are written."""

    CSV = "csv"


def _refuse_backwards(first: datetime | None, last: datetime | None) -> None:
    if first and last and last < first:
        raise typer.BadParameter(f"--to {last.date()} lies before --from {first.date()}")


def verdicts(
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    to: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    changed_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only verdicts that changed on or after this day.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.CSV,
) -> None:
    """Write verdicts as model,date,verdict,reason: one line per model and day; without dates the newest of each model.

    Behind the reason stands, in brackets, what an independent reviewer asked about the findings of that verdict, and what was answered.
    """
    del format_
    _refuse_backwards(from_, to)
    registry = open_registry(load_settings())
    if changed_since:
        lines = changed_verdicts(registry, since=changed_since.date())
    else:
        lines = stored_verdicts(registry, first=from_.date() if from_ else None, last=to.date() if to else None)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["model", "date", "verdict", "reason"])
    for line in lines:
        reason = f"{line.reason} [{line.challenges}]" if line.challenges else line.reason
        writer.writerow([csv_safe(line.model), line.day.isoformat(), line.verdict, csv_safe(reason)])


def shifts(
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day a shift may have begun.")
    ] = None,
    to: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day a shift may have begun.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.CSV,
) -> None:
    """Write portfolio shifts as date,kind,source,models: one line per shift, its models joined by semicolons.

    The date is the first day on which it was seen. The kind is feed (broken data) or world (the world changed). The source is
    the source of the features that moved, else the use case or the team its models share, or all.
    """
    del format_
    _refuse_backwards(from_, to)
    registry = open_registry(load_settings())
    lines = shift_lines(registry, first=from_.date() if from_ else None, last=to.date() if to else None)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["date", "kind", "source", "models"])
    for line in lines:
        writer.writerow([line.day.isoformat(), line.kind, csv_safe(line.source), csv_safe(";".join(line.models))])
