"""Models in the registry: cards to rows and back, and the log a card points at."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import audit_trail, people
from data_access.card_values import card_versions, log_mapping, model_value
from data_access.inventory import InventoryCard
from data_access.log_connections import LogConnections
from data_access.log_mapping import short_hash
from data_access.model_card import ModelCard, card_json, parse_card
from data_access.prediction_log import SqlPredictionLog
from data_access.stored_profiles import StoredProfilesLog
from data_access.tables import ModelRow, ModelVersionRow
from monitoring.errors import UnknownModelError
from monitoring.people import COMMAND_LINE, Role
from monitoring.portfolio import Model, ModelVersion, ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from data_access.log_mapping import LogMapping
    from monitoring.counting import CountingLog

Card = ModelCard | InventoryCard
_MODELS = sa.select(ModelRow.id, sa.cast(ModelRow.card, sa.Text()), ModelRow.has_log, ModelRow.service_state)
_VERSIONS = sa.select(
    ModelVersionRow.model_id,
    ModelVersionRow.version,
    ModelVersionRow.active_from,
    ModelVersionRow.trained_from,
    ModelVersionRow.trained_to,
    ModelVersionRow.is_announced,
).order_by(ModelVersionRow.position, ModelVersionRow.id)
NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"


@dataclass(frozen=True, slots=True)
class Registration:
    """What registering one card did; ``differences`` are in words."""

    model_id: str
    name: str
    kind: str
    differences: tuple[str, ...] = field(default=())


def register(
    registry: Database, cards: Iterable[Card], *, now: datetime, actor: str = COMMAND_LINE
) -> list[Registration]:
    """Register cards, all or none: new ones, changed ones with their difference; an equal one changes nothing.

    An inventory's line about a model that has a log changes what the inventory says and leaves the rest of its card.
    """
    given = list(cards)
    with registry.read() as session:
        known = _cards(session, [card.id for card in given])
    if all(_compared(card, known)[0] == UNCHANGED for card in given):
        return [Registration(card.id, card.name, UNCHANGED) for card in given]
    with registry.write() as session:
        people.check_administrator(session, actor, may="register models")
        known = _cards(session, [card.id for card in given])
        return [_register(session, card, known, now=now, actor=actor) for card in given]


def registrations(registry: Database, cards: Iterable[Card]) -> list[Registration]:
    """Return what registering cards would do; nothing is written."""
    given = list(cards)
    with registry.read() as session:
        known = _cards(session, [card.id for card in given])
    found = []
    for card in given:
        kind, said = _compared(card, known)
        words = tuple(_words(known[card.id], said)) if kind == CHANGED else ()
        found.append(Registration(card.id, card.name, kind, words))
    return found


def models(registry: Database) -> list[Model]:
    """Return every model, by name."""
    with registry.read() as session:
        found = registered(session)
    return sorted((model for model, _ in found.values()), key=lambda model: (model.name, model.id))


def model(registry: Database, model_id: str) -> Model:
    """Return one model.

    Raises:
        UnknownModelError: there is none with this id.
    """
    with registry.read() as session:
        found = registered(session, [model_id]).get(model_id)
    if found is None:
        raise UnknownModelError(f"There is no model {model_id!r}.")
    return found[0]


def registered(session: Session, model_ids: Iterable[str] | None = None) -> dict[str, tuple[Model, Card]]:
    """Return those of the models that there are, by default all, with their cards, by id."""
    of_models, of_versions = _MODELS, _VERSIONS
    if model_ids is not None:
        wanted = list(model_ids)
        of_models = of_models.where(ModelRow.id.in_(wanted))
        of_versions = of_versions.where(ModelVersionRow.model_id.in_(wanted))
    versions: dict[str, list[ModelVersion]] = {}
    for model_id, version, active_from, trained_from, trained_to, announced in session.execute(of_versions):
        known = ModelVersion(version, active_from, trained_from, trained_to, announced)
        versions.setdefault(model_id, []).append(known)
    return {
        model_id: _described(model_id, text, has_log, state, tuple(versions.get(model_id, ())))
        for model_id, text, has_log, state in session.execute(of_models)
    }


def card(registry: Database, model_id: str) -> Card:
    """Return a model's card as it is registered; that of an imported model points at the default store."""
    with registry.read() as session:
        return _card(_row(session, model_id))


def mapping(registry: Database, model_id: str) -> LogMapping:
    """Return where a model's rows are.

    Raises:
        UnknownModelError: there is no such model, or it has no log.
    """
    found = card(registry, model_id)
    if not isinstance(found, ModelCard):
        raise UnknownModelError(f"Model {model_id!r} has no log: import or map one.")
    return log_mapping(found)


@contextmanager
def open_log(
    registry: Database,
    model_id: str,
    *,
    connections: Mapping[str, str] | LogConnections,
    known: tuple[Model, Card] | None = None,
    counted: Mapping[date, tuple[int, int]] | None = None,
) -> Iterator[CountingLog]:
    """Give a model's prediction log, opened for reading.

    ``connections`` are SQLAlchemy URLs by name, or connections that are open already and stay so: one run for many models
    connects and looks at a table once. A card that describes a log but names no table is that of a model of which only day
    profiles are kept. ``known`` is the model with its card and ``counted`` its days, where they were read before.
    """
    opened = connections if isinstance(connections, LogConnections) else LogConnections(connections)
    try:
        if known is None:
            with registry.read() as session:
                known = registered(session, [model_id]).get(model_id)
        if known is None:
            raise UnknownModelError(f"There is no model {model_id!r}.")
        found, said = known
        if not isinstance(said, ModelCard):
            raise UnknownModelError(f"Model {model_id!r} has no log: import or map one.")
        if said.log is None:
            yield StoredProfilesLog(registry, model_id, counted=counted)
        else:
            yield SqlPredictionLog(opened, found, log_mapping(said))
    finally:
        if opened is not connections:
            opened.close()


def _row(session: Session, model_id: str) -> ModelRow:
    row = session.get(ModelRow, model_id)
    if row is None:
        raise UnknownModelError(f"There is no model {model_id!r}.")
    return row


def _card(row: ModelRow) -> Card:
    place = f"model {row.id} in the registry"
    return parse_card(row.card, place=place) if row.has_log else InventoryCard.model_validate(row.card)


@lru_cache(maxsize=4_096)
def _described(
    model_id: str, text: str, has_log: bool, state: str, versions: tuple[ModelVersion, ...]
) -> tuple[Model, Card]:
    """Return a model with its card, ``text`` as JSON; a run meets the same one several times."""
    said, service_state = json.loads(text), ServiceState(state)
    if has_log:
        card = parse_card(said, place=f"model {model_id} in the registry")
        return model_value(card, versions=versions, service_state=service_state), card
    inventory = InventoryCard.model_validate(said)
    return inventory.model_value(versions=versions, service_state=service_state), inventory


def _json(said: Card) -> dict[str, Any]:
    return card_json(said) if isinstance(said, ModelCard) else said.json_value()


def _cards(session: Session, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return the registered cards by id."""
    wanted = set(ids)
    rows = session.execute(sa.select(ModelRow.id, ModelRow.card))
    return {row.id: row.card for row in rows if row.id in wanted}


def _compared(given: Card, known: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return whether a card is new, and the card as it is to be kept."""
    said, before = _json(given), known.get(given.id)
    if before is None:
        return NEW, said
    if isinstance(given, InventoryCard):
        facts = {**before.get("facts", {}), **said.get("facts", {})}
        said = {**before, **said} | ({"facts": facts} if facts else {})
    return (UNCHANGED if said == before else CHANGED), said


def _register(
    session: Session, given: Card, known: Mapping[str, dict[str, Any]], *, now: datetime, actor: str
) -> Registration:
    kind, said = _compared(given, known)
    before = known.get(given.id, {})
    words = tuple(_words(before, said)) if kind == CHANGED else ()
    if kind == UNCHANGED:
        return Registration(given.id, given.name, kind)
    row = session.get(ModelRow, given.id)
    has_log = isinstance(given, ModelCard) or (row is not None and row.has_log)
    values = {key: said.get(key) for key in ("purpose", "use_case", "business_line", "team", "owner", "tier")} | {
        "name": said["name"],
        "task": said.get("task", ""),
        "timezone": said.get("timezone", "UTC"),
        "has_log": has_log,
        "card": said,
        "card_hash": short_hash(said),
        "updated_at": now,
    }
    if row is None:
        session.add(ModelRow(id=given.id, created_at=now, **values))
    else:
        for key, value in values.items():
            setattr(row, key, value)
    session.flush()
    if isinstance(given, ModelCard):
        _keep_versions(session, given)
    old, new = _flat(before), _flat(said)
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    audit_trail.append(
        session,
        at=now,
        recorded_at=now,
        actor=actor,
        role=Role.ADMINISTRATOR.value,
        action="register_model" if kind == NEW else "change_model",
        subject_kind="model",
        subject_id=given.id,
        model_id=given.id,
        before={key: old[key] for key in changed if key in old} or None,
        after={key: new[key] for key in changed if key in new} or None,
    )
    return Registration(given.id, given.name, kind, words)


def _keep_versions(session: Session, given: ModelCard) -> None:
    """Add and update versions; one that is no longer on the card stays, for its history does."""
    query = sa.select(ModelVersionRow).where(ModelVersionRow.model_id == given.id)
    known = {row.version: row for row in session.scalars(query)}
    for position, version in enumerate(card_versions(given)):
        row = known.get(version.version)
        if row is None:
            row = ModelVersionRow(model_id=given.id, version=version.version)
            session.add(row)
        row.active_from, row.position, row.is_announced = version.active_from, position, True
        row.trained_from, row.trained_to = version.trained_from, version.trained_to
    session.flush()


def _flat(value: object, path: str = "") -> dict[str, Any]:
    """Return the leaves of a card by their place; lists of named things by their name."""
    if isinstance(value, dict):
        pairs = [(f"{path}.{key}" if path else str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        pairs = [(f"{path}[{each.get('name', each.get('version'))}]", each) for each in value]
    else:
        return {path: value}
    return {place: leaf for inner, each in pairs for place, leaf in _flat(each, inner).items()}


def _words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the difference of two cards, one line per key."""
    old, new = _flat(before), _flat(after)
    lines = []
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        if key.endswith("reference.table") and key in old and key in new:
            lines.append(f"{key.removesuffix('.table')}: it has new contents")
        elif key not in old:
            lines.append(f"{key}: {_shown(new[key])} is new")
        elif key not in new:
            lines.append(f"{key}: {_shown(old[key])} is gone")
        else:
            lines.append(f"{key}: {_shown(old[key])} becomes {_shown(new[key])}")
    return lines


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
