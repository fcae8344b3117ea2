"""A model card as the values the core and the log reader work with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from data_access.log_mapping import (
    Columns,
    LabelTable,
    LogMapping,
    Reference,
    ReferencePeriod,
    TableSource,
)
from data_access.model_card import ModelCard, PeriodPart, TablePart
from monitoring.errors import InvalidModelCardError
from monitoring.portfolio import (
    Consumer,
    Feature,
    FeatureKind,
    Model,
    ModelVersion,
    ServiceState,
    Supersession,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

UNNAMED_VERSION = "unnamed"
"""The one version of a model whose card and log name none."""


def model_value(
    card: ModelCard,
    *,
    versions: Sequence[ModelVersion] | None = None,
    service_state: ServiceState = ServiceState.IN_SERVICE,
) -> Model:
    """Return the model a card describes; ``versions`` are those of the registry, which may know more."""
    return Model(
        id=card.id,
        name=card.name,
        task=card.task,
        features=tuple(
            Feature(name=part.name, kind=FeatureKind(part.type), source=part.source, importance=part.importance)
            for part in card.features
            if part.type != "ignore"
        ),
        versions=card_versions(card) if versions is None else tuple(versions),
        purpose=card.purpose,
        use_case=card.use_case,
        business_line=card.business_line,
        team=card.team,
        owner=card.owner,
        tier=card.tier,
        timezone=card.timezone,
        label_delay_days=card.label_delay_days,
        cadence=card.cadence,
        classes=class_names(card),
        decision_threshold=_decision_threshold(card),
        score_range=card.score_range,
        has_probability=bool(card.columns.probability or card.probabilities),
        consumers=tuple(Consumer(name=part.name, contact=part.contact) for part in card.consumers),
        superseded_by=Supersession(card.superseded_by.name, card.superseded_by.since) if card.superseded_by else None,
        facts={key: value if isinstance(value, str) else json.dumps(value) for key, value in card.facts.items()},
        service_state=service_state,
        has_log=True,
    )


def card_versions(card: ModelCard) -> tuple[ModelVersion, ...]:
    """Return the announced versions; a model that names none anywhere has one."""
    if not card.versions and not card.columns.version:
        return (ModelVersion(version=UNNAMED_VERSION),)
    return tuple(
        ModelVersion(
            version=part.version,
            active_from=part.active_from,
            trained_from=part.trained_from,
            trained_to=part.trained_to,
        )
        for part in card.versions
    )


def class_names(card: ModelCard) -> tuple[str, ...]:
    """Return the classes in order: binary the negative, then the positive one; none for a regression."""
    match card.task:
        case Task.REGRESSION:
            return ()
        case Task.MULTICLASS:
            return tuple(card.classes or card.probabilities)
    positive = card.positive_class or "1"
    others = [name for name in card.classes if name != positive]
    opposite = {"1": "0", "0": "1"}.get(positive, f"not {positive}")
    return (others[0] if others else opposite, positive)


def _decision_threshold(card: ModelCard) -> float:
    if card.decision_threshold is not None:
        return card.decision_threshold
    return sum(card.score_range) / 2 if card.score_range else 0.5


def log_mapping(card: ModelCard) -> LogMapping:
    """Return where a mapped card's rows are; a card whose files were not imported has no mapping.

    Raises:
        InvalidModelCardError: the card names no table, or a file where a table is needed.
    """
    if card.log is None:
        raise InvalidModelCardError(f"{card.id}: log: it is missing; it names the connection and the table")
    parts = {"": card.reference} | {part.version: part.reference for part in card.versions}
    return LogMapping(
        log=table_source(card.log),
        columns=log_columns(card),
        labels=_label_table(card),
        references={version: _reference(card, part) for version, part in parts.items() if part is not None},
    )


def log_columns(card: ModelCard) -> Columns:
    """Return the columns of the log by the part they play."""
    part = card.columns
    return Columns(
        timestamp=part.timestamp,
        prediction_id=part.prediction_id,
        prediction=part.prediction,
        probability=part.probability,
        probabilities=tuple(card.probabilities[name] for name in class_names(card)) if card.probabilities else (),
        version=part.version,
        arrived_at=part.arrived_at,
        label=part.label,
        label_timestamp=part.label_timestamp,
        timezone=part.timezone,
        time_unit=part.time_unit,
    )


def table_source(part: TablePart) -> TableSource:
    """Return the table a card names."""
    return TableSource(
        connection=part.connection.lower(),
        table=part.table,
        schema=part.schema_name,
        where=tuple(part.where.items()),
    )


def _label_table(card: ModelCard) -> LabelTable | None:
    part = card.labels
    if part is None or card.log is None:
        return None
    if part.table is None:
        raise InvalidModelCardError(f"{card.id}: labels.table: it is missing")
    connection = (part.connection or card.log.connection).lower()
    if connection != card.log.connection.lower():
        raise InvalidModelCardError(f"{card.id}: labels.connection: labels must be in the database of the log")
    source = TableSource(connection, part.table, part.schema_name, tuple(part.where.items()))
    return LabelTable(source, part.prediction_id, part.label, part.label_timestamp)


def _reference(card: ModelCard, part: str | PeriodPart | TablePart) -> Reference:
    match part:
        case PeriodPart():
            return ReferencePeriod(part.first, part.last)
        case TablePart():
            return table_source(part)
    raise InvalidModelCardError(
        f"{card.id}: reference: {part!r} is a file, where a mapped model needs a table or a period"
    )
