"""Bring models and their prediction logs in: import, map, ingest, forget."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dashboard.commands.assess import progress_bar
from dashboard.opening import open_or_create_registry, open_registry
from dashboard.settings import load_settings
from data_access import model_registry
from data_access.forgetting import forget_log
from data_access.inventory import read_inventory
from data_access.log_connections import LogConnections
from data_access.mapping_check import check_mapping
from data_access.mapping_guess import guess_cards
from data_access.model_card import parse_card, read_json
from data_access.model_import import import_folders
from data_access.model_import import ingest as ingest_rows
from monitoring.errors import InvalidModelCardError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_access.mapping_check import Checked
    from data_access.model_card import ModelCard
    from data_access.model_registry import Registration

SHOWN_ROWS = 3


def import_models(
    paths: Annotated[list[Path], typer.Argument(help="Model folders, folders of such folders, or one inventory .csv.")],
) -> None:
    """Import models from folders with model.json, log, labels and reference (Parquet or CSV), or an inventory.

    Everything is checked before anything is written, and the same thing imported twice changes nothing. An inventory is a
    CSV file with a column name and others such as id, owner, tier and team: models that have no log yet.
    """
    settings = load_settings()
    registry, now = open_or_create_registry(settings), datetime.now(UTC)
    try:
        inventories = [path for path in paths if path.suffix.lower() == ".csv"]
        if inventories and len(inventories) < len(paths):
            raise InvalidModelCardError("import folders and inventories one after the other, not together")
        if inventories:
            cards = [card for path in inventories for card in read_inventory(path)]
            _say_registered(model_registry.register(registry, cards, now=now))
            return
        with progress_bar("Reading") as report:
            done = import_folders(registry, paths, log_address=settings.log_address(), now=now, report=report)
    finally:
        registry.close()
    _say_registered(done.registrations, done.rows)
    for model, notes in done.notes.items():
        for note in notes:
            typer.echo(f"  {model}: {note}")


def map_models(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Cards: a model.json each, or a list of cards in one file.")
    ] = None,
    guess: Annotated[
        tuple[str, str] | None,
        typer.Option("--guess", metavar="CONNECTION TABLE", help="Print a draft of the card for a table and stop."),
    ] = None,
    each: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="With --guess: a card for each value of this column.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="With --guess: the file to write the draft to.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the first rows as understood and every mistake; register nothing.")
    ] = False,
) -> None:
    """Register models whose predictions are in a table you already have; nothing is copied.

    A card names the table: "log": {"connection": "warehouse", "table": "ml.predictions", "where": {"model_id": "churn-7"}}.
    The connection is the environment variable MODELFOLIO_CONNECTION_WAREHOUSE, a database address such as
    postgresql://reader:secret@host/database. It is only read.
    """
    settings = load_settings()
    connections = LogConnections(settings.connection_addresses())
    try:
        if guess is not None:
            _guess(connections, guess, each=each, output=output)
            return
        if not files:
            raise typer.BadParameter("name a card, or --guess CONNECTION TABLE for a draft of one", param_hint="FILES")
        cards = _cards(files)
        checked = []
        with progress_bar("Checking") as report:
            for done, (place, card) in enumerate(cards):
                report(done, len(cards), card.name)
                checked.append(check_mapping(card, connections, place=place))
    finally:
        connections.close()
    if dry_run:
        _show(checked)
    mistakes = [mistake for each_checked in checked for mistake in each_checked.mistakes]
    if mistakes:
        raise InvalidModelCardError("\n".join(mistakes))
    if dry_run:
        typer.echo(
            f"{len(checked)} {'card has' if len(checked) == 1 else 'cards have'} no mistake; nothing was registered."
        )
        return
    registry = open_or_create_registry(settings)
    try:
        _say_registered(model_registry.register(registry, [card for _, card in cards], now=datetime.now(UTC)))
    finally:
        registry.close()


def ingest(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    log: Annotated[Path | None, typer.Option(help="Rows to append to the log, Parquet or CSV.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels to append, Parquet or CSV.")] = None,
) -> None:
    """Append rows to the log and the labels of an imported model; the same file twice adds nothing."""
    if log is None and labels is None:
        raise typer.BadParameter("name a file with --log, --labels or both")
    settings = load_settings()
    registry = open_registry(settings)
    try:
        rows, labelled = ingest_rows(registry, model, log_address=settings.log_address(), log=log, labels=labels)
    finally:
        registry.close()
    typer.echo(f"{model}: {rows:,} new rows, {labelled:,} new labels")


def forget(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    log: Annotated[bool, typer.Option("--log", help="Remove the rows of its log, labels and references.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an imported model's rows from the default store; its history, decisions and audit stay."""
    if not log:
        raise typer.BadParameter("say what to forget: --log")
    settings = load_settings()
    registry = open_registry(settings)
    try:
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Remove all rows of {model!r} from the default store?", abort=True)
        removed = forget_log(registry, model, log_address=settings.log_address(), now=datetime.now(UTC))
    finally:
        registry.close()
    typer.echo(f"{model}: {removed:,} rows removed")


def _guess(connections: LogConnections, named: tuple[str, str], *, each: str | None, output: Path | None) -> None:
    cards, remarks = guess_cards(connections, connection=named[0], table=named[1], each=each)
    draft = json.dumps(cards[0] if each is None else cards, indent=2, ensure_ascii=False)
    for remark in remarks:
        typer.echo(f"# {remark}", err=True)
    if output is None:
        typer.echo(draft)
        return
    output.write_text(draft + "\n", encoding="utf-8")
    typer.echo(
        f"# {len(cards)} {'card' if len(cards) == 1 else 'cards'} in {output}; try `modelfolio map --dry-run {output}`",
        err=True,
    )


def _cards(files: list[Path]) -> list[tuple[str, ModelCard]]:
    """Return the cards of the files with the place each is at; all mistakes at once."""
    cards: list[tuple[str, ModelCard]] = []
    mistakes: list[str] = []
    for file in files:
        try:
            given = read_json(file)
        except InvalidModelCardError as error:
            mistakes.append(str(error))
            continue
        several = given if isinstance(given, list) else [given]
        for number, each in enumerate(several, start=1):
            name = each.get("id") or each.get("name") if isinstance(each, dict) else None
            place = f"{file}, {name or f'card {number}'}" if isinstance(given, list) else str(file)
            try:
                card = parse_card(each, place=place)
            except InvalidModelCardError as error:
                mistakes += str(error).splitlines()
                continue
            if card.id in {known.id for _, known in cards}:
                mistakes.append(f"{place}: id: {card.id!r} is there twice")
            cards.append((place, card))
    if mistakes:
        raise InvalidModelCardError("\n".join(mistakes))
    return cards


def _show(checked: list[Checked]) -> None:
    """Print the first rows of each card as understood, a line per part and column."""
    console = Console(highlight=False)
    for each in checked:
        if each.first_rows:
            shown = each.first_rows[:SHOWN_ROWS]
            table = Table(title=f"{each.card.name} ({each.card.task.value})".replace("[", r"\["), title_justify="left")
            for name in ("", *(f"row {number}" for number, _ in enumerate(shown, start=1))):
                table.add_column(name)
            for part in shown[0]:
                table.add_row(*(text.replace("[", r"\[") for text in (part, *(row[part] for row in shown))))
            console.print(table)
        for note in each.notes:
            typer.echo(f"  {note}")


def _say_registered(registrations: Iterable[Registration], rows: dict[str, int] | None = None) -> None:
    for each in registrations:
        added = (rows or {}).get(each.model_id, 0)
        said = f", {added:,} new rows" if added else ""
        typer.echo(f"{each.model_id}: {each.kind}{said}")
        for difference in each.differences:
            typer.echo(f"  {difference}")
