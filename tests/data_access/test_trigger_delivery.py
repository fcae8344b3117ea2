import hmac
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_access.trigger_delivery import Answer, deliver
from data_access.trigger_outbox import Handover
from data_access.trigger_rows import LONGEST_RESPONSE, plain_text
from data_access.trigger_targets import TriggerTarget, target_of
from tests.receivers import Receiver, babbles, drips, hangs, hangs_up, never_ends, receiving, says

NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
SECRET = "0123456789abcdef secret"
HELD = Handover(
    id=1,
    decision_id=12,
    idempotency_key="decision-12",
    target="t",
    payload={"decision": 12, "model": "m"},
    tries=1,
    fence=1,
)
Misbehaviour = Callable[[Receiver, Callable[[bytes], None]], None]


def sent(answer: Misbehaviour, *, patience: float = 5.0) -> tuple[Answer, Receiver]:
    with receiving(answer) as receiver:
        target = TriggerTarget(name="t", url=receiver.address, secret=SECRET, timeout_seconds=patience)
        return deliver(target, HELD, now=NOW), receiver


def ran(code: str, *, patience: float = 20.0) -> Answer:
    target = TriggerTarget(name="t", command=(sys.executable, "-c", code), timeout_seconds=patience)
    return deliver(target, HELD, now=NOW)


# By webhook


def test_receiver_can_verify_who_sent_what_and_when() -> None:
    answer, receiver = sent(says("202 Accepted", b"run 7"))

    ((line, headers, body),) = receiver.requests
    assert (answer.taken, answer.said) == (True, "Answered 202: run 7")
    assert line == "POST /run HTTP/1.1"
    assert json.loads(body) == {"decision": 12, "model": "m", "idempotency_key": "decision-12"}
    assert headers["idempotency-key"] == "decision-12"
    signed = headers["modelfolio-timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, sha256).hexdigest()
    assert headers["modelfolio-signature"] == f"sha256={expected}"
    assert int(headers["modelfolio-timestamp"]) == int(NOW.timestamp())


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Slow down", "408 Late"])
def test_refusal_that_may_pass_is_tried_again(status: str) -> None:
    answer, _ = sent(says(status, b"later"))
    assert (answer.taken, answer.may_retry) == (False, True)
    assert status[:3] in answer.said


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "404 Gone", "409 Conflict", "422 No"])
def test_refusal_for_good_is_for_a_person_to_look_at(status: str) -> None:
    answer, _ = sent(says(status, b"<b>no</b>"))
    assert (answer.taken, answer.may_retry) == (False, False)
    assert "<b>no</b>" in answer.said


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirect_is_never_followed(status: str) -> None:
    with receiving(says("200 OK")) as elsewhere:
        answer, _ = sent(says(status, Location=elsewhere.address))
        assert (answer.taken, answer.may_retry) == (False, False)
        assert elsewhere.requests == []


@pytest.mark.parametrize("misbehaviour", [hangs, drips])
def test_receiver_that_takes_for_ever_is_given_up(misbehaviour: Misbehaviour) -> None:
    began = time.monotonic()
    answer, receiver = sent(misbehaviour, patience=0.5)
    assert time.monotonic() - began < 5
    assert (answer.taken, answer.may_retry) == (False, True)
    assert "within 0.5 seconds" in answer.said
    assert len(receiver.requests) == 1


def test_yes_counts_though_its_body_never_ends() -> None:
    began = time.monotonic()
    answer, _ = sent(never_ends, patience=0.5)
    assert time.monotonic() - began < 5
    assert answer.taken
    assert answer.said.startswith("Answered 202: xx")


@pytest.mark.parametrize("misbehaviour", [babbles, hangs_up])
def test_garbage_is_no_yes(misbehaviour: Misbehaviour) -> None:
    answer, _ = sent(misbehaviour)
    assert (answer.taken, answer.may_retry) == (False, True)


def test_nobody_there_is_said() -> None:
    with receiving(says("200 OK")) as receiver:
        address = receiver.address
    target = TriggerTarget(name="t", url=address, secret=SECRET, timeout_seconds=2)
    answer = deliver(target, HELD, now=NOW)
    assert (answer.taken, answer.may_retry) == (False, True)
    assert "could not be reached" in answer.said


def test_endless_answer_is_cut() -> None:
    answer, _ = sent(says("200 OK", b"y" * 1_000_000))
    assert answer.taken
    assert len(answer.said) < 5 * LONGEST_RESPONSE
    assert len(plain_text(answer.said)) == LONGEST_RESPONSE


def test_control_characters_of_an_answer_are_not_kept() -> None:
    assert plain_text("a\x1b[31m\x00b\r\n\u202ec") == "a [31m b c"


# By command


def test_program_gets_the_trigger_on_its_input_and_its_words_are_kept() -> None:
    answer = ran(
        "import json, sys, os; told = json.load(sys.stdin); print(told['model'], os.environ['MODELFOLIO_IDEMPOTENCY_KEY'])"
    )
    assert (answer.taken, answer.said.strip()) == (True, "It ended well: m decision-12")


def test_program_that_fails_says_why() -> None:
    answer = ran("import sys; sys.exit('no memory')")
    assert (answer.taken, answer.may_retry, answer.has_ended) == (False, False, True)
    assert answer.said.strip() == "It ended with 1: no memory"


def test_program_that_takes_for_ever_is_ended_with_its_children(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(sign)!r}).touch()"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    answer = ran(code, patience=0.7)
    assert (answer.taken, answer.has_ended) == (False, True)
    assert "ended after 0.7 seconds" in answer.said
    time.sleep(1.5)
    assert not sign.exists()


def test_only_the_end_of_endless_words_is_kept() -> None:
    answer = ran("print('x' * 3_000_000); print('the reason')")
    assert answer.said.rstrip().endswith("the reason")
    assert len(answer.said) < 2 * LONGEST_RESPONSE


def test_program_that_is_not_there_is_said() -> None:
    answer = deliver(TriggerTarget(name="t", command=("/no/such/program",)), HELD, now=NOW)
    assert (answer.taken, answer.may_retry) == (False, False)
    assert "could not be started" in answer.said


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    target = TriggerTarget(name="t", command=("echo", f"; touch {sign}", "$(id)"))
    assert deliver(target, HELD, now=NOW).said.strip() == f"It ended well: ; touch {sign} $(id)"
    assert not sign.exists()


# Targets


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({}, "exactly one of"),
        ({"url": "https://x.example/run", "table": True, "secret": SECRET}, "exactly one of"),
        ({"url": "https://x.example/run"}, "needs a secret"),
        ({"url": "https://x.example/run", "secret": "short"}, "needs a secret"),
        ({"url": "http://x.example/run", "secret": SECRET}, "in the clear"),
        ({"url": "ftp://x.example/run", "secret": SECRET}, "begins with https"),
        ({"url": "https://", "secret": SECRET}, "begins with https"),
        ({"url": "https://u:p@x.example/run", "secret": SECRET}, "holds a password"),
        ({"url": "https://x.example/ru n", "secret": SECRET}, "characters that no address has"),
        ({"url": "https://[x/run", "secret": SECRET}, "cannot be read"),
        ({"command": ("a",), "colour": "red"}, "Extra inputs"),
    ],
)
def test_target_that_cannot_work_is_refused(wrong: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        TriggerTarget.model_validate({"name": "t"} | wrong)


def test_first_target_that_fits_takes_a_model() -> None:
    targets = (
        TriggerTarget(name="cards", models=("card-*",), table=True),
        TriggerTarget(name="others", models=("*-default",), table=True),
    )
    found = [target_of(targets, model) for model in ("card-default", "sme-default", "x")]
    assert found == [targets[0], targets[1], None]
