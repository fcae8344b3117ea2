from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from monitoring.audit import FIRST_PREVIOUS_HASH, AuditEvent, canonical_json, chained, check_link
from monitoring.errors import AuditChainError

KEY = b"a key"
EVENT = AuditEvent(
    at=datetime(2026, 3, 2, 10, 42, tzinfo=UTC),
    recorded_at=datetime(2026, 3, 2, 10, 42, tzinfo=UTC),
    actor="ada@example.org",
    role="owner",
    action="propose",
    subject_kind="decision",
    subject_id="1",
    after={"state": "proposed", "effect": 0.1},
)


def test_the_hash_can_be_computed_by_hand() -> None:
    written = (
        '{"action":"propose","actor":"ada@example.org","after":{"effect":0.1,"state":"proposed"},'
        '"at":"2026-03-02T10:42:00.000000+00:00","before":null,"evidence_hash":null,"model_id":null,'
        f'"previous_hash":"{FIRST_PREVIOUS_HASH}","reason":null,"recorded_at":"2026-03-02T10:42:00.000000+00:00",'
        '"role":"owner","sequence":1,"subject_id":"1","subject_kind":"decision"}'
    )
    link = chained(EVENT, sequence=1, previous_hash=FIRST_PREVIOUS_HASH, key=KEY)
    assert link.hash == sha256(written.encode()).hexdigest()


def test_the_same_instant_in_another_zone_has_the_same_hash() -> None:
    elsewhere = replace(EVENT, at=EVENT.at.astimezone(timezone(timedelta(hours=5, minutes=45))))
    links = [chained(event, sequence=1, previous_hash=FIRST_PREVIOUS_HASH, key=KEY) for event in (EVENT, elsewhere)]
    assert links[0].hash == links[1].hash


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sequence": 3}, "Audit row 2 is missing"),
        ({"previous_hash": "1" * 64}, "Audit row 2 does not continue row 1"),
        ({"event": replace(EVENT, actor="eve@example.org")}, "Audit row 2 was changed"),
        ({"mac": "0" * 64}, "Audit row 2 was not written with this audit key"),
    ],
)
def test_a_bad_link_is_named(changes: dict[str, object], problem: str) -> None:
    good = chained(EVENT, sequence=2, previous_hash="0" * 64, key=KEY)
    check_link(good, sequence=2, previous_hash="0" * 64, key=KEY)
    with pytest.raises(AuditChainError, match=problem):
        check_link(replace(good, **changes), sequence=2, previous_hash="0" * 64, key=KEY)  # type: ignore[arg-type]  # values of several fields


def test_a_number_that_is_none_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"effect": float("nan")})
