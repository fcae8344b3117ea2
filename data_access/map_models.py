"""Connections tried and tables mapped by a person: only an administrator may, and nothing is registered that was not tried."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import model_registry, people
from data_access.card_values import log_mapping, model_value
from data_access.experimental_engines import inspector_of
from data_access.log_connections import unreadable
from data_access.mapping_check import Checked, check_mapping
from data_access.model_card import parse_card
from data_access.prediction_log import SqlPredictionLog
from monitoring.errors import InvalidModelCardError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from data_access.database import Database
    from data_access.log_connections import LogConnections
    from data_access.model_registry import Registration

SHOWN_DAYS = 7
MOST_CARDS = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What a card reads and would register: its check, raw rows and arrived labels of the last days, and whether it is new."""

    checked: Checked
    rows_of_days: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    registration: Registration | None = None


def tables_of(registry: Database, connections: LogConnections, name: str, *, by: str) -> list[str]:
    """Open a connection and return the names of the tables and views it shows.

    Raises:
        NotAuthorisedError: ``by`` is no administrator.
        LogUnreadableError: it cannot be opened; the text has no address and no password.
    """
    check_may_map(registry, by=by)
    try:
        engine = connections.engine(name)
        if (folder := connections.folder(name)) is not None:
            return sorted(folder.tables())
        inspector = inspector_of(engine)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise unreadable(f"connection {name!r} cannot be read", error) from None


def tried(registry: Database, connections: LogConnections, text: str, *, by: str) -> list[Tried]:
    """Return what the cards in a text read and would register; nothing is written.

    Raises:
        NotAuthorisedError: ``by`` is no administrator.
        InvalidModelCardError: the text is no card; one line per mistake.
    """
    check_may_map(registry, by=by)
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidModelCardError(f"The card is not JSON: line {error.lineno}: {error.msg}") from None
    several = given if isinstance(given, list) else [given]
    if not 1 <= len(several) <= MOST_CARDS:
        raise InvalidModelCardError(f"Here 1 to {MOST_CARDS} cards are mapped at once, not {len(several)}.")
    cards = [parse_card(each, place=f"card {number}") for number, each in enumerate(several, start=1)]
    if len({card.id for card in cards}) < len(cards):
        raise InvalidModelCardError("Two of the cards have the same id.")
    checks = [check_mapping(card, connections, place=card.id) for card in cards]
    if any(check.mistakes for check in checks):
        return [Tried(check) for check in checks]
    would_be = model_registry.registrations(registry, cards)
    return [
        Tried(check, _last_days(check, connections), registration)
        for check, registration in zip(checks, would_be, strict=True)
    ]


def map_models(
    registry: Database, connections: LogConnections, text: str, *, by: str, now: datetime
) -> list[Registration]:
    """Register the cards in a text, all or none, after trying them once more.

    Raises:
        NotAuthorisedError: ``by`` is no administrator.
        InvalidModelCardError: a card has a mistake; one line each.
    """
    found = tried(registry, connections, text, by=by)
    if mistakes := [mistake for each in found for mistake in each.checked.mistakes]:
        raise InvalidModelCardError("\n".join(mistakes))
    return model_registry.register(registry, [each.checked.card for each in found], now=now, actor=by)


def check_may_map(registry: Database, *, by: str) -> None:
    """Raise NotAuthorisedError unless ``by`` is an administrator."""
    with registry.read() as session:
        people.check_administrator(session, by, may="open connections and map tables")


def _last_days(check: Checked, connections: LogConnections) -> dict[date, tuple[int, int]]:
    """Return raw rows and arrived labels of the log's last days, newest first."""
    log = SqlPredictionLog(connections, model_value(check.card), log_mapping(check.card))
    extent = log.extent()
    if extent is None:
        return {}
    first = max(extent[0], extent[1] - timedelta(days=SHOWN_DAYS - 1))
    try:
        counts = log.day_counts(first=first, last=extent[1])
    except sa.exc.DBAPIError as error:
        raise unreadable("the tables cannot be read", error) from None
    return dict(sorted(counts.items(), reverse=True))
