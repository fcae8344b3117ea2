"""Assess every model of the portfolio; one model's failure never stops the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data_access import audit_trail, model_registry
from data_access.assessment_store import RegistryAssessments
from data_access.log_connections import LogConnections
from monitoring import decide
from monitoring.assess import assess_model
from monitoring.errors import ModelfolioError, UnknownModelError
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from data_access.registry import Registry
    from monitoring.portfolio import Model


@dataclass
class AssessRun:
    """What one run did: models assessed, assessments that are new, and which models failed and why."""

    models: int = 0
    assessments: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def newest_complete_day(model: Model, *, now: datetime, settle_hours: float) -> date:
    """Return the last day that ended at least ``settle_hours`` ago in the model's zone."""
    local = (now - timedelta(hours=settle_hours)).astimezone(ZoneInfo(model.timezone))
    return local.date() - timedelta(days=1)


def assess_portfolio(
    registry: Registry,
    *,
    connections: Mapping[str, str],
    settle_hours: float,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
    only: str | None = None,
    report: Callable[[int, int, str], None] | None = None,
) -> AssessRun:
    """Assess all models with a log, or ``only`` one, let acceptances expire, and leave one audit event.

    Args:
        registry: where models and assessments are.
        connections: SQLAlchemy URLs by name, ``default`` among them.
        settle_hours: hours after which a day is complete.
        now: the present, which the settings may pin; what is stored also carries the machine's clock.
        first: the first day to judge; by default each model goes on after its last assessment.
        last: the last day to judge; by default the newest complete day of each model's zone.
        only: the id of one model.
        report: called with models done, models in all and the name of the next one.

    Raises:
        UnknownModelError: there is no model ``only``.
    """
    started, run, store = datetime.now(UTC), AssessRun(), RegistryAssessments(registry)
    models = [model for model in model_registry.models(registry) if only is None or model.id == only]
    if only is not None and not models:
        raise UnknownModelError(f"There is no model {only!r}.")
    due = [model for model in models if model.has_log and model.service_state is not ServiceState.RETIRED]
    opened = LogConnections(connections)
    for done, model in enumerate(due):
        if report:
            report(done, len(due), model.name)
        until = newest_complete_day(model, now=now, settle_hours=settle_hours)
        try:
            with model_registry.open_log(registry, model.id, connections=opened) as log:
                run.assessments += assess_model(
                    model, log=log, store=store, first=first, last=min(last, until) if last else until, now=started
                )
            run.models += 1
        except ModelfolioError as error:
            run.failures[model.id] = str(error)
        except sa.exc.DBAPIError as error:
            run.failures[model.id] = f"The database of its log says: {str(error.orig).strip().splitlines()[0]}"
        except Exception as error:  # noqa: BLE001 - one model's failure must not stop the others; it is shown on its page
            run.failures[model.id] = f"Unexpected {type(error).__name__}: {error}"
        if model.id in run.failures:
            store.keep_failure(model.id, run.failures[model.id], now=started)
    opened.close()
    if report:
        report(len(due), len(due), "")
    store.clear_failures(model.id for model in due if model.id not in run.failures)
    decide.expire_acceptances(registry, on=last or now.date(), now=started)
    _record(registry, store, run, started=started, now=now, first=first, last=last)
    return run


def _record(
    registry: Registry,
    store: RegistryAssessments,
    run: AssessRun,
    *,
    started: datetime,
    now: datetime,
    first: date | None,
    last: date | None,
) -> None:
    """Leave one audit event per run that stored or failed something, not one per model and day."""
    failures = [{"model": model, "reason": reason} for model, reason in run.failures.items()]
    store.keep_run(started=started, finished=datetime.now(UTC), models=run.models, failures=failures)
    if not run.assessments and not failures:
        return
    after = {
        "models": run.models,
        "assessments": run.assessments,
        "failures": failures,
        "from": first.isoformat() if first else None,
        "to": last.isoformat() if last else None,
    }
    with registry.write() as session:
        audit_trail.append(
            session,
            at=now,
            recorded_at=datetime.now(UTC),
            actor="assess",
            role="policy",
            action="assess",
            subject_kind="portfolio",
            subject_id="portfolio",
            after=after,
        )
