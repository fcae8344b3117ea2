"""A portfolio in which everything that can be named is named to harm: models, people, teams, features, values, reasons."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_access.assess_portfolio import assess_portfolio
from data_access.model_import import import_folders
from data_access.registry import Registry
from data_access.tables import AssessmentRow, FindingRow, ModelRow, PersonRow, ShiftDayRow, ShiftProgressRow, ShiftRow
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action
from tests import builders
from tests.builders import Built
from tests.hostile import TEXTS
from tests.log_builders import folder_card, make_folder
from tests.monitoring import history_builders
from tests.monitoring.history_builders import START, Predictions

DAYS, REPEATED_DAYS = 40, 7
MODEL = "hostile"
REASON = f"Because of {TEXTS[0]} and {TEXTS[1]} and {TEXTS[5]}"
VERDICTS = (Verdict.RETRAIN, Verdict.FIX_DATA, Verdict.WATCH, Verdict.RETIRE)


@dataclass(frozen=True)
class Portfolio:
    """Where it is and on which day it stands."""

    home: Path
    today: str


def hostile_portfolio(home: Path) -> Portfolio:
    """Build it: one model imported and assessed for real, one per text that is stored as judged, and their decisions."""
    registry = builders.new_registry(home)
    builders.add_people(registry)
    logs, last = f"sqlite:///{home / 'predictions.db'}", START + timedelta(days=DAYS - 1)
    now = datetime(last.year, last.month, last.day, 12, tzinfo=UTC) + timedelta(days=1)
    import_folders(registry, [hostile_model(home / "folder")], log_address=logs, now=now)
    run = assess_portfolio(registry, connections={"default": logs}, settle_hours=3, now=now, first=None, last=last)
    assert not run.failures, run.failures
    named = [
        Built(
            f"m{at}",
            VERDICTS[at % len(VERDICTS)],
            name=text,
            team=text,
            use_case=text,
            owner=f"{text[:40]}@example.org",
        )
        for at, text in enumerate(TEXTS)
    ]
    builders.add_models(registry, *named, today=last)
    with registry.write() as session:
        session.execute(sa.update(PersonRow).where(PersonRow.email == "max@example.org").values(name=TEXTS[0]))
        for at, text in enumerate(TEXTS):
            here = AssessmentRow.model_id == f"m{at}"
            ids = sa.select(AssessmentRow.id).where(here)
            session.execute(sa.update(AssessmentRow).where(here).values(sentence=text, reason=text, against=[text]))
            said = {"sentence": text, "subject": text, "source": text, "evidence": {text[:30]: text}}
            session.execute(sa.update(FindingRow).where(FindingRow.assessment_id.in_(ids)).values(said))
            session.execute(sa.update(ModelRow).where(ModelRow.id == f"m{at}").values(purpose=text, last_error=text))
    for at in range(4):
        decide.propose_many(
            registry,
            model_ids=[f"m{at}"],
            action=Action.RETRAIN if at else Action.RETIRE,
            reason=f"{TEXTS[at]} and more",
            by="max@example.org",
            on=last,
            now=now,
        )
    add_shift(registry, last=last, now=now)
    registry.close()
    return Portfolio(home, last.isoformat())


def add_shift(registry: Registry, *, last: date, now: datetime) -> None:
    """Keep a shift of a hostile source that is open on each of the last five days."""
    began = last - timedelta(days=4)
    shift: dict[str, Any] = {"began": began, "kind": "world", "grouping": "source", "source": TEXTS[0], "cleared": []}
    shift |= {"k": 4, "n": 9, "base": 0.04, "log10_p": -20.0, "models": [f"m{at}" for at in range(4)]}
    with registry.write() as session:
        for at in range(5):
            day = ShiftDayRow(day=began + timedelta(days=at), known_on=began + timedelta(days=at), recorded_at=now)
            day.shifts = [ShiftRow(**shift)]
            session.merge(day)
        session.execute(sa.update(ShiftProgressRow).values(searched_to=last))


def hostile_model(folder: Path) -> Path:
    """Write a model whose columns, categories, class, version, owner and facts are the texts; it drifts in its last week."""
    live = history_builders.binary(days=DAYS)
    card = folder_card(
        id=MODEL,
        name=TEXTS[0],
        purpose=TEXTS[1],
        owner=f"{TEXTS[2]}@example.org",
        team=TEXTS[5],
        use_case=TEXTS[4],
        timezone="UTC",
        positive_class=TEXTS[0],
        features=[
            {"name": text, "type": "categorical" if at % 2 else "numeric", "source": text, "importance": 1.0}
            for at, text in enumerate(TEXTS)
        ],
        consumers=[{"name": TEXTS[0], "contact": TEXTS[6]}],
        versions=[{"version": TEXTS[1], "active_from": START.isoformat()}],
        facts={TEXTS[0]: TEXTS[1], "Invented": TEXTS[5]},
    )
    log, past = _rows(live, seed=1), _rows(history_builders.past(), seed=2)
    labels = pd.DataFrame({"id": log["id"], "label": _classes(live), "label_ts": log["ts"] + pd.Timedelta(days=1)})
    return make_folder(
        folder, card=card, log=log, labels=labels, reference=past.assign(label=_classes(history_builders.past()))
    )


def _classes(predictions: Predictions) -> np.ndarray:
    return np.where(predictions.label > 0, TEXTS[0], "</script>no").astype(object)


def _rows(predictions: Predictions, *, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = len(predictions.day)
    moved = predictions.since_start >= DAYS - REPEATED_DAYS
    minute = np.arange(n) % 100 * 10
    ts = pd.DatetimeIndex(predictions.day).tz_localize("UTC") + pd.to_timedelta(minute, unit="min")
    levels = np.array(TEXTS, dtype=object)
    columns = {
        text: np.where(moved & (rng.random(n) < 0.7), levels[at], rng.choice(levels, n))
        if at % 2
        else rng.normal(0, 1, n) + 2 * moved
        for at, text in enumerate(TEXTS)
    }
    ids = ts.strftime("%Y%m%d%H%M")
    return pd.DataFrame({"id": ids, "ts": ts, "version": TEXTS[1], "p": predictions.score} | columns)
