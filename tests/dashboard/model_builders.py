"""One really judged model in a real registry: predictions made up, everything after them computed by the product."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from data_access.assessment_store import RegistryAssessments
from data_access.tables import ModelRow, ModelVersionRow
from monitoring.assess import assess_model
from monitoring.ports import ReferenceOrigin, ReferenceRows
from tests.monitoring import history_builders
from tests.monitoring.history_builders import START, Predictions
from tests.monitoring.memory import MemoryLog

if TYPE_CHECKING:
    from datetime import date

    from data_access.registry import Registry
    from monitoring.portfolio import Feature, Model

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAYS = 60
LAST = START + timedelta(days=DAYS - 1)


def judged_model(
    registry: Registry,
    live: Predictions | None = None,
    *,
    model_id: str = "m",
    name: str = "SME default",
    labelled: bool = True,
    last: date = LAST,
    facts: dict[str, str] | None = None,
    **different: Any,
) -> Model:
    """Add a model and judge its 60 days; it performs well unless ``live`` says otherwise."""
    model = replace(history_builders.model(**different), id=model_id, name=name)
    used = live or history_builders.binary(days=DAYS)
    given = history_builders.past()
    names = {feature.name for feature in model.features}
    used, given = (_with_features(part, names) for part in (used, given))
    reference = ReferenceRows(
        given.as_rows(), given.as_labels(), START - timedelta(days=84), START - timedelta(days=1), ReferenceOrigin.OWN
    )
    pairs = used if labelled else used.only(np.zeros(len(used.day), dtype=bool))
    with registry.write() as session:
        session.add(_row(model, labelled=labelled, facts=facts or {}))
        session.flush()
        for at, version in enumerate(model.versions):
            session.add(
                ModelVersionRow(
                    model_id=model.id, version=version.version, active_from=version.active_from, position=at
                )
            )
    log = MemoryLog(used.as_rows(), pairs.as_labels(), reference, known_until=last)
    assess_model(model, log=log, store=RegistryAssessments(registry), last=last, now=NOW)
    return model


def _with_features(part: Predictions, names: set[str]) -> Predictions:
    """Return the predictions with exactly these features; those the ordinary ones lack are noise."""
    rng = np.random.default_rng(3)
    made = {name: part.features.get(name, rng.normal(0, 1, len(part.day))) for name in sorted(names)}
    return replace(part, features=made)


def many_features(count: int) -> tuple[Feature, ...]:
    """Return the ordinary features and noise, ``count`` in all."""
    noise = [replace(history_builders.FEATURES[2], name=f"noise {at:03}") for at in range(count - 3)]
    return (*history_builders.FEATURES, *noise)


def _row(model: Model, *, labelled: bool, facts: dict[str, str]) -> ModelRow:
    card = {
        "features": [
            {
                "name": feature.name,
                "type": feature.kind.value,
                "source": feature.source,
                "importance": feature.importance,
            }
            for feature in model.features
        ],
        "consumers": [{"name": "Loan desk", "contact": "loans@example.org"}],
        "label_delay_days": model.label_delay_days,
        "facts": facts,
    } | ({"labels": {"prediction_id": "id", "label": "label"}} if labelled else {})
    return ModelRow(
        id=model.id,
        name=model.name,
        task=model.task.value,
        purpose="Probability of default within 12 months.",
        owner="ada@example.org",
        team="Retail",
        tier=1,
        timezone="UTC",
        service_state="in_service",
        has_log=True,
        card=card,
        card_hash="-",
        created_at=NOW,
        updated_at=NOW,
    )
