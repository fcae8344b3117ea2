"""One really judged model in a real registry: predictions made up, everything after them computed by the product."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from data_access.assessment_store import RegistryAssessments
from data_access.tables import ModelRow, ModelVersionRow
from monitoring.assess import assess_model
from monitoring.portfolio import Task
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
    task: Task = Task.BINARY,
    model_id: str = "m",
    name: str = "SME default",
    labelled: bool = True,
    last: date = LAST,
    facts: dict[str, str] | None = None,
    beside: dict[str, Predictions] | None = None,
    **different: Any,
) -> Model:
    """Add a model and judge its 60 days; it performs well unless ``live`` says otherwise.

    ``beside`` are the predictions of further versions by name, those of ``live`` are of v1.
    """
    model = replace(history_builders.model(task, **different), id=model_id, name=name)
    used = live or history_builders.MAKERS[model.task](days=DAYS)
    given = history_builders.past(model.task)
    names = {feature.name for feature in model.features}
    used, given = (_with_features(part, names) for part in (used, given))
    reference = ReferenceRows(
        given.as_rows(), given.as_labels(), START - timedelta(days=84), START - timedelta(days=1), ReferenceOrigin.OWN
    )
    of_version = np.repeat(np.array(["v1"], dtype=object), len(used.day))
    for other, part in (beside or {}).items():
        of_version = np.append(of_version, np.repeat(np.array([other], dtype=object), len(part.day)))
        used = _together(used, part)
    rows, labels = replace(used.as_rows(), version=of_version), replace(used.as_labels(), version=of_version)
    if not labelled:
        labels = used.only(np.zeros(len(used.day), dtype=bool)).as_labels()
    with registry.write() as session:
        session.add(_row(model, labelled=labelled, facts=facts or {}))
        session.flush()
        for at, version in enumerate(model.versions):
            session.add(
                ModelVersionRow(
                    model_id=model.id, version=version.version, active_from=version.active_from, position=at
                )
            )
    log = MemoryLog(rows, labels, reference, known_until=last)
    assess_model(model, log=log, store=RegistryAssessments(registry), last=last, now=NOW)
    return model


def _together(first: Predictions, second: Predictions) -> Predictions:
    """Return the rows of both, for tasks without class probabilities."""
    return replace(
        first,
        day=np.concatenate((first.day, second.day)),
        score=np.concatenate((first.score, second.score)),
        prediction=np.concatenate((first.prediction, second.prediction)),
        label=np.concatenate((first.label, second.label)),
        features={name: np.concatenate((values, second.features[name])) for name, values in first.features.items()},
    )


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
    binary: dict[str, Any] = {"positive_class": "yes", "classes": list(model.classes)}
    several: dict[str, Any] = {
        "classes": list(model.classes),
        "probabilities": {name: f"p_{name}" for name in model.classes},
    }
    of_task: dict[str, Any] = {Task.BINARY: binary, Task.MULTICLASS: several, Task.REGRESSION: {}}[model.task]
    said = (
        {"prediction": "said"} if model.task is Task.REGRESSION or not model.has_probability else {"probability": "p"}
    )
    card: dict[str, Any] = {
        "id": model.id,
        "name": model.name,
        "task": model.task.value,
        "columns": {"timestamp": "ts", "prediction_id": "id"} | (said if model.task is not Task.MULTICLASS else {}),
        **of_task,
        "features": [
            {
                "name": feature.name,
                "type": feature.kind.value,
                "source": feature.source,
                "importance": feature.importance,
            }
            for feature in model.features
        ],
        "versions": [{"version": version.version} for version in model.versions],
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
