"""`modelfolio pack`: the evidence pack of a meeting as one file, and the check of one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.assess import progress_bar
from dashboard.opening import open_registry, product_day
from dashboard.pack.content import PackError, fingerprint, text_of
from dashboard.pack.formats import Format, checked, written
from dashboard.pack.gather import gather
from dashboard.pack.material import LOCAL_ADDRESS, MOST_TOP, USUAL_TOP, Wanted, open_actions, usual_since
from dashboard.settings import load_settings
from data_access.portfolio_filter import PortfolioFilter, filter_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from data_access.portfolio_filter import FilterOptions

SHOWN_NAMES = 12


def pack(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Show what changed since this day; by default the last meeting's, before the first a week ago.",
        ),
    ] = None,
    team: Annotated[list[str] | None, typer.Option(help="Only models of this team; may be repeated.")] = None,
    use_case: Annotated[list[str] | None, typer.Option(help="Only models of this use case; may be repeated.")] = None,
    tier: Annotated[
        list[int] | None,
        typer.Option(min=0, max=3, help="Only models of this tier, 0 for those without one; may be repeated."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, max=MOST_TOP, help="Models that get a page of their own.")] = USUAL_TOP,
    format_: Annotated[
        Format, typer.Option("--format", help="One HTML file to print, or PowerPoint slides.")
    ] = Format.HTML,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; by default evidence-pack-DAY in this folder.")
    ] = None,
    address: Annotated[
        str, typer.Option(help="Where the pages are served: every number is a link to its page.")
    ] = LOCAL_ADDRESS,
    check: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Check a pack that was made earlier, and write nothing."),
    ] = None,
) -> None:
    """Write the evidence pack of a meeting: one file that works offline.

    It has coverage, models by tier and verdict with what changed, the models that need someone most on a page each, portfolio
    shifts, decisions and what came of them, what is overdue, and changes of models and policy. The same content always has the same SHA-256, which stands on
    its first page; --check computes it again and compares every page with the content.
    """
    if check is not None:
        _check(check)
        return
    settings = load_settings()
    registry = open_registry(settings)
    try:
        day = product_day(registry, settings)
        wanted = Wanted(
            day=day,
            since=_earlier(since, day) if since else usual_since(registry, on=day),
            scope=_scope(filter_options(registry.engine), team or [], use_case or [], tier or []),
            top=top,
            actions=open_actions(registry, on=day),
            address=address if address.endswith("/") else f"{address}/",
        )
        with progress_bar("Evidence pack") as report:
            content = gather(registry, wanted, report=report)
            file = written(content, format_)
    finally:
        registry.close()
    place = out or Path(f"evidence-pack-{day.isoformat()}.{format_}")
    _write(place, file)
    typer.echo(f"{place} written, {len(file) / 1e6:.1f} MB. SHA-256 of the content: {fingerprint(text_of(content))}")


def _earlier(since: datetime, day: date) -> date:
    if since.date() >= day:
        raise typer.BadParameter(f"--since {since.date()} must lie before {day}, the day of the pack")
    return since.date()


def _scope(
    offered: FilterOptions, teams: Sequence[str], use_cases: Sequence[str], tiers: Sequence[int]
) -> PortfolioFilter:
    """Return the scope; a name that no model has is refused, for its pack would be empty."""
    for what, asked, known in (
        ("team", teams, offered.teams),
        ("use case", use_cases, offered.use_cases),
        ("tier", tiers, offered.tiers),
    ):
        for each in asked:
            if each not in known:
                names = ", ".join(str(name) for name in known[:SHOWN_NAMES]) or "none"
                more = ", ..." if len(known) > SHOWN_NAMES else ""
                raise PackError(
                    f"No model has the {what} {each!r}; there {'is' if len(known) == 1 else 'are'}: {names}{more}."
                )
    return PortfolioFilter(teams=tuple(teams), use_cases=tuple(use_cases), tiers=tuple(tiers))


def _write(place: Path, file: bytes) -> None:
    """Write the file such that there is the whole of it or nothing."""
    draft = place.with_name(f".{place.name}.part")
    try:
        draft.write_bytes(file)
        draft.replace(place)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise PackError(f"{place} cannot be written: {error.strerror}.") from None


def _check(place: Path) -> None:
    """Say that a file shows what its content says; the error of one that does not says where."""
    try:
        found = checked(place.read_bytes())
    except PackError as error:
        raise PackError(f"{place}: {error}") from None
    typer.echo(f"{place} shows what its content says. SHA-256 of the content: {found.hash}")
    typer.echo(f"Head of the audit trail when it was made: {found.pack.cover.audit_head}")
