import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data_access import audit_trail, decision_queries, retraining_queries
from data_access.registry import Registry
from data_access.trigger_outbox import TriggerOutbox
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import outbox_of, wait_seconds, work_once
from monitoring import carry_out, follow_up
from monitoring.decision import Decision
from monitoring.errors import LostLeaseError
from monitoring.lifecycle import State
from monitoring.retraining import Report, TrainingReport
from tests.fresh import fresh_registry
from tests.receivers import Receiver, babbles, hangs, receiving, says
from tests.registry_contract import (
    ADA,
    BEN,
    DAY,
    KEY,
    NOW,
    REASON,
    add_assessment,
    add_everybody,
    add_model,
    approve,
    events_of,
    propose,
)

SECRET = "0123456789abcdef secret"
PATIENCE_SECONDS = 30


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    fresh_registry(address)
    registry = Registry.open(address, audit_key=KEY)
    add_everybody(registry)
    add_model(registry)
    add_assessment(registry)
    yield registry
    registry.close()


@pytest.fixture
def decision(registry: Registry) -> Decision:
    """An approved retraining."""
    return approve(registry, propose(registry), by=BEN)


def webhook(receiver: Receiver, *, attempts: int = 3, patience: float = 2.0) -> tuple[TriggerTarget, ...]:
    return (TriggerTarget(name="t", url=receiver.address, secret=SECRET, attempts=attempts, timeout_seconds=patience),)


def command(*words: str) -> tuple[TriggerTarget, ...]:
    return (TriggerTarget(name="t", command=words, timeout_seconds=PATIENCE_SECONDS),)


def work(registry: Registry, targets: tuple[TriggerTarget, ...], *, at: datetime = NOW) -> tuple[str, ...]:
    return work_once(registry, targets, day=lambda: DAY, now=lambda: at).said


def now_of(registry: Registry) -> retraining_queries.Retraining:
    (found,) = retraining_queries.retrainings(registry, on=DAY)
    return found


def report(registry: Registry, decision: Decision, report: Report) -> None:
    version = "v2" if report is Report.SUCCEEDED else None
    told = TrainingReport(decision_id=decision.id, report=report, version=version)
    follow_up.take_report(registry, told, channel="http", on=DAY, now=NOW)


# What a pipeline answers


def test_pipeline_that_takes_it_is_asked_once(registry: Registry, decision: Decision) -> None:
    with receiving(says("202 Accepted")) as receiver:
        for _ in range(3):
            work(registry, webhook(receiver))
        assert len(receiver.requests) == 1
    found = now_of(registry)
    assert found.trigger is not None
    assert (found.decision.state, found.trigger.state) == (State.TRIGGERED, "delivered")


def test_failing_pipeline_is_asked_again_later_each_time_then_a_person_is_needed(
    registry: Registry, decision: Decision
) -> None:
    with receiving(says("503 Busy", b"come back")) as receiver:
        at = NOW
        for tries in (1, 2, 3):
            work(registry, webhook(receiver), at=at)
            work(registry, webhook(receiver), at=at + timedelta(seconds=wait_seconds(tries) - 1))
            assert len(receiver.requests) == tries
            at += timedelta(seconds=wait_seconds(tries))
        assert {headers["idempotency-key"] for _, headers, _ in receiver.requests} == {f"decision-{decision.id}"}
    found = now_of(registry)
    assert found.trigger is not None
    assert (found.decision.state, found.trigger.state) == (State.FAILED, "failed")
    assert found.trigger.response == "Answered 503: come back"
    assert events_of(registry, decision)[2:] == ["trigger", "report_failed"]

    carry_out.retry(registry, decision.id, reason=REASON, by=ADA, on=DAY, now=at)
    with receiving(says("200 OK")) as receiver:
        work(registry, webhook(receiver), at=at)
        ((_, headers, body),) = receiver.requests
    assert headers["idempotency-key"] == f"decision-{decision.id}"
    assert (json.loads(body)["run"], json.loads(body)["retry_reason"]) == (2, REASON)
    assert now_of(registry).decision.state is State.TRIGGERED
    audit_trail.verify(registry)


@pytest.mark.parametrize(("misbehaviour", "said"), [(hangs, "No complete answer within"), (babbles, "no HTTP")])
def test_pipeline_that_hangs_or_babbles_never_looks_like_success(
    registry: Registry, decision: Decision, misbehaviour: Callable[..., None], said: str
) -> None:
    with receiving(misbehaviour) as receiver:
        work(registry, webhook(receiver, attempts=1, patience=0.3))
    found = now_of(registry)
    assert found.trigger is not None
    assert found.decision.state is State.FAILED
    assert said in (found.trigger.response or "")


def test_redirect_fails_at_once_and_is_not_followed(registry: Registry, decision: Decision) -> None:
    with receiving(says("200 OK")) as elsewhere, receiving(says("307 Go", Location=elsewhere.address)) as receiver:
        work(registry, webhook(receiver))
        assert elsewhere.requests == []
    assert now_of(registry).decision.state is State.FAILED


def test_pipeline_that_reports_before_it_answers_is_believed(registry: Registry, decision: Decision) -> None:
    def reports_then_fails(receiver: Receiver, write: Callable[[bytes], None]) -> None:
        report(registry, decision, Report.STARTED)
        says("500 Oops")(receiver, write)

    with receiving(reports_then_fails) as receiver:
        work(registry, webhook(receiver, attempts=1))
        work(registry, webhook(receiver), at=NOW + timedelta(hours=2))
        assert len(receiver.requests) == 1
    found = now_of(registry)
    assert found.trigger is not None
    assert (found.decision.state, found.trigger.state) == (State.RUNNING, "delivered")


def test_program_that_ends_badly_after_it_started_has_failed(registry: Registry, decision: Decision) -> None:
    code = "import sys, time; time.sleep(1); sys.exit('out of memory')"
    targets = command(sys.executable, "-c", code)
    outbox = outbox_of(registry, targets)
    held = outbox.take(on=DAY, now=NOW)
    assert held is not None
    report(registry, decision, Report.STARTED)
    outbox.failed(held, "It ended with 1: out of memory", has_ended=True, on=DAY, now=NOW)
    found = now_of(registry)
    assert found.decision.state is State.FAILED
    assert found.trigger is not None
    assert found.trigger.response == "It ended with 1: out of memory"


def test_model_without_a_pipeline_waits_and_the_others_do_not(registry: Registry, decision: Decision) -> None:
    add_model(registry, "other")
    other = approve(registry, propose(registry, "other"), by=BEN)
    work(registry, (TriggerTarget(name="t", models=("other",), table=True),))
    states = {d.id: decision_queries.decision(registry, d.id).state for d in (decision, other)}
    assert states == {decision.id: State.APPROVED, other.id: State.TRIGGERED}


def test_offered_trigger_can_be_polled_in_the_table(registry: Registry, decision: Decision) -> None:
    work(registry, (TriggerTarget(name="t", table=True),))
    with registry.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT decision_id, idempotency_key FROM triggers WHERE state = 'offered'")
        assert rows.all() == [(decision.id, f"decision-{decision.id}")]


def test_worker_that_lost_its_lease_settles_nothing(registry: Registry, decision: Decision) -> None:
    targets = command("true")
    slow, quick = outbox_of(registry, targets), outbox_of(registry, targets)
    held = slow.take(on=DAY, now=NOW)
    again = quick.take(on=DAY, now=NOW + timedelta(minutes=2))
    assert held is not None
    assert again is not None
    with pytest.raises(LostLeaseError):
        slow.delivered(held, "late", now=NOW)
    with pytest.raises(LostLeaseError):
        slow.failed(held, "late", has_ended=True, on=DAY, now=NOW)
    with pytest.raises(LostLeaseError):
        slow.try_again(held, "late", now=NOW, after_seconds=1)
    with pytest.raises(LostLeaseError):
        slow.renew(held, now=NOW)
    quick.delivered(again, "done", now=NOW)
    assert now_of(registry).trigger == retraining_queries.Trigger(
        state="delivered", target="t", run=1, tries=2, next_at=NOW, response="done", responded_at=NOW
    )


# kill -9 between any two steps

WORKER = """
import sys, time
from datetime import UTC, date, datetime
from data_access import trigger_delivery, trigger_worker
from data_access.registry import Registry
from data_access.trigger_outbox import TriggerOutbox
from data_access.trigger_targets import TriggerTarget

address, url, stop = sys.argv[1:4]

def waits(step):
    def stopped(*arguments, **more):
        if stop == "before " + step.__name__:
            print("stopped", flush=True); time.sleep(600)
        answer = step(*arguments, **more)
        if stop == "after " + step.__name__:
            print("stopped", flush=True); time.sleep(600)
        return answer
    return stopped

TriggerOutbox.take = waits(TriggerOutbox.take)
trigger_worker.deliver = waits(trigger_delivery.deliver)
TriggerOutbox.delivered = waits(TriggerOutbox.delivered)
registry = Registry.open(address, audit_key=b"the key of these tests")
target = TriggerTarget(name="t", url=url, secret="0123456789abcdef secret", timeout_seconds=5)
trigger_worker.work_once(registry, (target,), day=lambda: date(2026, 3, 2), now=lambda: datetime(2026, 3, 2, 10, 42, tzinfo=UTC))
print("done", flush=True)
"""


@pytest.mark.parametrize(
    ("stop", "heard_before"),
    [
        ("before take", 0),
        ("after take", 0),
        ("before deliver", 0),
        ("after deliver", 1),
        ("before delivered", 1),
        ("after delivered", 1),
    ],
)
def test_worker_killed_at_any_step_loses_nothing_and_sends_no_second_key(
    registry: Registry, decision: Decision, stop: str, heard_before: int
) -> None:
    with receiving(says("202 Accepted")) as receiver:
        arguments = [sys.executable, "-c", WORKER, str(registry.engine.url), receiver.address, stop]
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "stopped\n"
            worker.send_signal(signal.SIGKILL)
        assert len(receiver.requests) == heard_before
        # The lease of the dead worker ends, and whoever is alive goes on.
        work(registry, webhook(receiver), at=NOW + timedelta(minutes=2))
        work(registry, webhook(receiver), at=NOW + timedelta(minutes=4))
        keys = [headers["idempotency-key"] for _, headers, _ in receiver.requests]
    assert set(keys) == {f"decision-{decision.id}"}
    assert len(keys) <= 2
    found = now_of(registry)
    assert found.trigger is not None
    assert (found.decision.state, found.trigger.state) == (State.TRIGGERED, "delivered")
    assert events_of(registry, decision).count("trigger") == 1
    audit_trail.verify(registry)


def test_many_workers_at_once_ask_the_pipeline_once_per_decision(registry: Registry) -> None:
    decisions = []
    for number in range(6):
        add_model(registry, f"m-{number}")
        decisions.append(approve(registry, propose(registry, f"m-{number}"), by=BEN))
    with receiving(says("202 Accepted")) as receiver:
        arguments = [sys.executable, "-c", WORKER, str(registry.engine.url), receiver.address, "never"]
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        workers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) for _ in range(3)]
        for worker in workers:
            out, _ = worker.communicate(timeout=120)
            assert out == b"done\n"
        keys = [headers["idempotency-key"] for _, headers, _ in receiver.requests]
    assert sorted(keys) == sorted(f"decision-{decision.id}" for decision in decisions)


def test_registry_that_is_away_is_said_and_nothing_is_lost(
    registry: Registry, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error"))

    with monkeypatch.context() as away:
        away.setattr(TriggerOutbox, "take", gone)
        assert work(registry, command("true")) == ("The registry did not answer: disk I/O error.",)
    work(registry, (TriggerTarget(name="t", table=True),))
    assert now_of(registry).decision.state is State.TRIGGERED
