"""A draft of ``model.json`` for a table that is there: types by reflection, roles by name."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.fetching import fetched
from data_access.log_connections import unreadable
from data_access.log_mapping import TableSource
from data_access.model_card import slug
from data_access.normal_text import class_text, texts
from data_access.timestamps import LocalDays, TimeColumn, as_date
from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from data_access.log_connections import LogConnections, LogTable

ROLE_NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": ("timestamp", "ts", "predicted_at", "prediction_time", "prediction_ts", "scored_at", "event_time",
                  "created_at", "time", "datetime", "date"),
    "prediction_id": ("prediction_id", "id", "request_id", "event_id", "row_id", "uuid"),
    "probability": ("probability", "proba", "prob", "y_prob", "y_proba", "y_score", "p", "score"),
    "prediction": ("prediction", "predicted", "pred", "y_pred", "yhat", "y_hat", "forecast"),
    "version": ("version", "model_version"),
    "arrived_at": ("arrived_at", "ingested_at", "inserted_at", "loaded_at"),
    "label": ("label", "target", "actual", "y_true", "ground_truth", "outcome", "y"),
    "label_timestamp": ("label_timestamp", "label_ts", "labelled_at", "labeled_at", "label_time", "label_at", "actual_at"),
}  # fmt: skip
ENDS_OF_TIMES = ("timestamp", "ts", "at", "time", "date", "on")
POSITIVE_WORDS = ("1", "yes", "y", "positive", "bad", "default", "fraud", "churn", "churned", "late", "t")
SAMPLE_ROWS = 5_000
MANY_CLASSES = 20
MOST_MODELS = 500
BINARY_LABELS = 2
TIMES = (sa.DateTime, sa.Date, sa.Time)


def guess_cards(
    connections: LogConnections, *, connection: str, table: str, each: str | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return draft cards and remarks: one card, or with ``each`` one per value of that column.

    Raises:
        LogUnreadableError: there is no such table or column, or too little of it can be recognised.
    """
    found = connections.table(TableSource(connection.lower(), table))
    roles = guess_roles(found, apart=each)
    if "timestamp" not in roles:
        raise LogUnreadableError(
            f"table {found.words}: no column looks like the time of a prediction: {', '.join(found.types)}"
        )
    if "prediction" not in roles and "probability" not in roles:
        raise LogUnreadableError(
            f"table {found.words}: no column looks like a prediction or a probability: {', '.join(found.types)}"
        )
    try:
        if each is None:
            named: list[Any] = [None]
        else:
            rows = found.rows("t")
            column = found.column(each, of=rows)
            with found.engine.connect() as open_connection:
                query = sa.select(column).where(column.is_not(None)).distinct().order_by(column).limit(MOST_MODELS)
                named = list(open_connection.execute(query).scalars())
        cards = [_card(found, connection, table, roles, each=each, value=value) for value in named]
    except sa.exc.DBAPIError as error:
        raise unreadable(f"table {found.words} cannot be read", error) from None
    return cards, _remarks(found, roles, each)


def guess_roles(table: LogTable, *, apart: str | None = None) -> dict[str, str]:
    """Return which column plays which part, by its name; a time must have a type that can be one."""
    by_name = {name.lower(): name for name in table.types if name != apart}
    roles: dict[str, str] = {}
    for role, names in ROLE_NAMES.items():
        # A label's time is often called after its label: outcome, outcome_at.
        of_label = [f"{roles['label']}_{end}".lower() for end in ENDS_OF_TIMES] if "label" in roles else []
        for name in (*names, *(of_label if role == "label_timestamp" else ())):
            column = by_name.get(name)
            if column is not None and column not in roles.values():
                roles[role] = column
                break
    if "timestamp" not in roles:
        times = [name for name, kind in table.types.items() if isinstance(kind, TIMES) and name not in roles.values()]
        roles |= {"timestamp": times[0]} if times else {}
    return roles


def _card(
    table: LogTable, connection: str, said_table: str, roles: dict[str, str], *, each: str | None, value: Any
) -> dict[str, Any]:
    where = {} if each is None else {each: value if isinstance(value, str | int | float | bool) else str(value)}
    own = replace(table, where=tuple(where.items()))
    sample = _sample(own)
    roles = {
        role: name
        for role, name in roles.items()
        if role not in {"label", "label_timestamp", "version"} or _said(sample[name])
    }
    for role in ("prediction", "probability"):
        if role in roles and not _said(sample[roles[role]]):
            del roles[role]
    if "label" not in roles:
        roles.pop("label_timestamp", None)
    name = str(value) if each is not None else table.name.replace("_", " ")
    card: dict[str, Any] = {"id": slug(name), "name": name}
    card |= _task(own, roles, sample)
    card |= {"timezone": "UTC"}
    card |= _delay(own, roles)
    card["columns"] = roles
    card["features"] = _features(own, roles, each, sample)
    card |= _versions(own, roles)
    card["log"] = {"connection": connection, "table": said_table} | ({"where": where} if where else {})
    return card


def _said(values: tuple[Any, ...]) -> bool:
    return any(value is not None for value in values)


def _sample(table: LogTable) -> dict[str, tuple[Any, ...]]:
    rows = table.rows("s")
    query = sa.select(*(table.column(name, of=rows).label(f"c{at}") for at, name in enumerate(table.types)))
    with table.engine.connect() as connection:
        found = connection.execute(query.where(*table.condition(rows)).limit(SAMPLE_ROWS)).all()
    return dict(zip(table.types, zip(*found, strict=True) if found else [()] * len(table.types), strict=True))


def _classes(table: LogTable, name: str, sample: dict[str, tuple[Any, ...]]) -> list[str] | None:
    """Return the classes of a column, or nothing when it looks like a quantity."""
    values = [value for value in sample[name] if value is not None]
    seen = sorted({text for text in map(class_text, values) if text is not None})
    is_quantity = isinstance(table.type_of(name), sa.Numeric | sa.Float) and not set(seen) <= {"0", "1"}
    if is_quantity or len(seen) > MANY_CLASSES or any(isinstance(v, float) and not v.is_integer() for v in values):
        return None
    return seen


def _task(table: LogTable, roles: dict[str, str], sample: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    named = roles.get("label") or roles.get("prediction")
    classes = _classes(table, named, sample) if named else []
    if classes is None and "probability" not in roles:
        return {"task": "regression"}
    if "probability" in roles or len(classes or []) <= BINARY_LABELS:
        positive = next((word for word in POSITIVE_WORDS if word in [c.lower() for c in classes or []]), "1")
        spelled = next((each for each in classes or [] if each.lower() == positive), positive)
        return {"task": "binary", "positive_class": spelled}
    return {"task": "multiclass", "classes": classes}


def _features(
    table: LogTable, roles: dict[str, str], each: str | None, sample: dict[str, tuple[Any, ...]]
) -> dict[str, str]:
    """Return the other columns by type; what is empty for this model belongs to another."""
    features = {}
    for name, kind in table.types.items():
        if name in roles.values() or name == each:
            continue
        values = [value for value in sample[name] if value is not None]
        numeric = isinstance(kind, sa.Integer | sa.Numeric | sa.Float) or (
            not isinstance(kind, sa.String | sa.Boolean) and all(isinstance(v, int | float) for v in values)
        )
        looks_like_id = name.lower().endswith(("_id", "uuid")) or name.lower() == "id"
        if not values or isinstance(kind, (*TIMES, sa.JSON, sa.LargeBinary, sa.ARRAY)) or looks_like_id:
            features[name] = "ignore"
        else:
            features[name] = "numeric" if numeric and not isinstance(kind, sa.Boolean) else "categorical"
    return features


def _delay(table: LogTable, roles: dict[str, str]) -> dict[str, Any]:
    """Return the delay within which nine labels of ten arrive, in whole days."""
    if "label_timestamp" not in roles:
        return {}
    stamp, labelled = (
        TimeColumn.of(table, roles[role], zone="UTC", unit=None) for role in ("timestamp", "label_timestamp")
    )
    rows = table.rows("d")
    query = sa.select(stamp.selected(rows).label("c0"), labelled.selected(rows).label("c1")).where(
        *table.condition(rows), table.column(roles["label_timestamp"], of=rows).is_not(None)
    )
    found = fetched(table, query.limit(SAMPLE_ROWS), 2)
    if not len(found[0]):
        return {}
    begin, end = (column.decoded(values) for column, values in zip((stamp, labelled), found, strict=True))
    days = (end - begin) / np.timedelta64(1, "D")
    return {"label_delay_days": max(0, math.ceil(round(float(np.nanquantile(days, 0.9)), 3)))}


def _versions(table: LogTable, roles: dict[str, str]) -> dict[str, Any]:
    """Return the versions with the day each was first seen."""
    if "version" not in roles:
        return {}
    stamp = TimeColumn.of(table, roles["timestamp"], zone="UTC", unit=None)
    rows = table.rows("n")
    version = table.column(roles["version"], of=rows)
    first = sa.func.min(stamp.selected(rows))
    query = sa.select(version.label("c0"), first.label("c1")).where(*table.condition(rows), version.is_not(None))
    names, times = fetched(table, query.group_by(version), 2)
    seen = zip(texts(names), stamp.decoded(times), strict=True)
    dated = sorted((as_date(LocalDays("UTC").of(np.array([when]))[0]), str(name)) for name, when in seen)
    return {"versions": [{"version": name, "active_from": day.isoformat()} for day, name in dated]}


def _remarks(table: LogTable, roles: dict[str, str], each: str | None) -> list[str]:
    remarks = [f"{role} is taken from column {name!r}" for role, name in roles.items()]
    if "label" not in roles:
        remarks.append("no column looks like a label; name it as columns.label, or a table of labels as labels")
    json_columns = [name for name, kind in table.types.items() if isinstance(kind, sa.JSON)]
    if json_columns:
        remarks.append(
            f"column {json_columns[0]!r} holds JSON, which cannot be read as features: make a view with a column each"
        )
    candidates = [name for name in table.types if name.lower() in {"model_id", "model", "model_name"}]
    if each is None and candidates:
        remarks.append(f"the table may hold many models: --each {candidates[0]} writes a card for each")
    remarks.append("fill in owner, tier, team and purpose; what stays empty is shown as missing")
    return remarks
