"""From a row of a log to a pipeline that is told once: assess judges, a standing approval acts, the trigger worker hands over."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from data_access import audit_trail, decision_queries, people
from data_access.assess_portfolio import assess_portfolio
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once
from monitoring import decide_standing
from monitoring.decision import Decision
from monitoring.lifecycle import State
from monitoring.people import COMMAND_LINE, Role
from monitoring.standing_envelope import Envelope, Guard, Scope, ScopeKind
from tests.pipeline import FIRST, NOW, Home, model_card, model_folder, predictions

DAY = timedelta(days=1)
LAST = FIRST + 39 * DAY
BEN, CLEO = "ben@example.org", "cleo@example.org"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a model of tier 3 that loses half of its skill, and a standing approval of its tier since the first day."""
    made = Home(tmp_path)
    rows = predictions(days=42, rows_a_day=80, useless=lambda day: np.where(day >= 10, 0.5, 0.0))
    made.imports(model_folder(tmp_path / "late", rows=rows, card=model_card(tier=3)))
    for email in (BEN, CLEO):
        people.add(made.registry, email=email, name=email[:4].title(), by=COMMAND_LINE, now=NOW)
        people.grant(made.registry, email=email, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
    envelope = Envelope(Scope(ScopeKind.TIER, ("3",)), (Guard("skill", 0.02),), FIRST + 300 * DAY, least_days=3)
    decide_standing.propose_standing(made.registry, envelope, reason="Quickly retrained.", by=BEN, on=FIRST, now=NOW)
    decide_standing.approve_standing(made.registry, 1, comment="Bounded.", by=CLEO, on=FIRST, now=NOW)
    yield made
    made.registry.close()


def started(home: Home) -> list[Decision]:
    """The retrainings that standing approvals started so far."""
    listed = decision_queries.all_decisions(home.registry, on=date.max)
    numbers = listed["decision_id"][listed["standing_approval"].notna()]
    return [decision_queries.decision(home.registry, int(number)) for number in numbers]


def assess(
    home: Home, *, today: date, first: date | None = None, last: date | None = None, only: str | None = None
) -> int:
    """Assess as it is called in the afternoon of ``today`` and return how many retrainings were started so far."""
    assess_portfolio(
        home.registry,
        connections={"default": home.log_address},
        settle_hours=3,
        now=datetime.combine(today, time(15), tzinfo=UTC),
        first=first,
        last=last,
        only=only,
    )
    return len(started(home))


def test_assess_starts_one_retraining_and_the_pipeline_is_told_once(home: Home, tmp_path: Path) -> None:
    assert assess(home, today=LAST + DAY, last=LAST - 3 * DAY) == 0, "a day that lies behind"
    assert home.verdicts("late")[LAST - 3 * DAY] == "retrain"
    assert assess(home, today=LAST + DAY, only="late") == 0, "one model, without a search for shifts"
    assert assess(home, today=LAST + DAY, first=LAST - 9 * DAY) == 0, "a replay"

    assert assess(home, today=LAST + DAY) == 1

    (decision,) = started(home)
    assert decision.decided_on == LAST
    assert decision.decided_by == f"standing approval 1 by {CLEO}"
    assert "verdict Retrain on realised labels" in decision.reason
    told = tmp_path / "told.txt"
    write = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + '\\n')"
    target = (TriggerTarget(name="pipeline", command=(sys.executable, "-c", write)),)
    for today in (LAST + DAY, LAST + 2 * DAY):
        assert assess(home, today=today) == 1
        work_once(home.registry, target, day=lambda: LAST)
    assert len(told.read_text().splitlines()) == 1
    assert f'"standing approval 1 by {CLEO}"' in told.read_text()
    assert decision_queries.decision(home.registry, decision.id).state is State.TRIGGERED
    audit_trail.verify(home.registry)
