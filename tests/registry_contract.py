"""What a registry promises, on whatever database it is kept: one class of tests, run against each."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_access import (
    audit_export,
    audit_queries,
    audit_trail,
    decision_queries,
    distributions,
    model_queries,
    model_timeline,
    people,
    performance_queries,
    quality_queries,
)
from data_access.assessment_details import split_details
from data_access.audit_guards import SQLITE_GUARDS, missing_guards
from data_access.engine import registry_url, writing_engine
from data_access.judged_versions import judged_versions
from data_access.registry import SCHEMA, Registry
from data_access.schema import alembic_config, upgrade
from data_access.tables import ApprovalRow, AssessmentRow, AuditEventRow, DecisionRow, FindingRow, ModelRow, Table
from monitoring import decide, follow_up
from monitoring.anchor import Anchor
from monitoring.audit import FIRST_PREVIOUS_HASH, AuditEvent, chained
from monitoring.errors import (
    AuditChainError,
    EvidenceChangedError,
    InvalidPersonError,
    InvalidProposalError,
    InvalidReasonError,
    ModelfolioError,
    NotAuthorisedError,
    OpenDecisionExistsError,
    RegistryOutOfDateError,
    StaleDecisionError,
    UnknownDecisionError,
    UnknownModelError,
    UnknownPersonError,
)
from monitoring.lifecycle import Action, Move, State
from monitoring.people import COMMAND_LINE, Role
from tests.dashboard.model_builders import LAST, judged_model
from tests.fresh import fresh_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

    from monitoring.decision import Decision

KEY = b"the key of these tests"
DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
REASON = "It lost a third of its skill."

ADA, BEN, CLEO, DANA, EVE, VIC = (f"{name}@example.org" for name in ("ada", "ben", "cleo", "dana", "eve", "vic"))
ROLES = {
    ADA: [],
    BEN: [Role.APPROVER],
    CLEO: [Role.APPROVER],
    DANA: [Role.INDEPENDENT_REVIEWER],
    EVE: [Role.APPROVER, Role.INDEPENDENT_REVIEWER],
    VIC: [Role.VIEWER],
}
EVENTS = 12
"""Audit rows that adding these people leaves: one each, and one for each role."""
KILLED_AFTER = 5


def add_everybody(registry: Registry) -> None:
    for email, roles in ROLES.items():
        people.add(registry, email=email, name=email.partition("@")[0].title(), by=COMMAND_LINE, now=NOW)
        for role in roles:
            people.grant(registry, email=email, role=role, by=COMMAND_LINE, now=NOW)


def add_model(registry: Registry, model_id: str = "m", *, tier: int | None = 2, owner: str | None = ADA) -> None:
    with registry.write() as session:
        session.add(
            ModelRow(
                id=model_id,
                name=f"Model {model_id}",
                task="binary",
                owner=owner,
                team="flights",
                tier=tier,
                card={},
                card_hash="",
                created_at=NOW,
                updated_at=NOW,
            )
        )


def add_assessment(
    registry: Registry, model_id: str = "m", *, day: date = DAY, known_on: date | None = None, effect: float = 0.33
) -> None:
    with registry.write() as session:
        row = AssessmentRow(
            model_id=model_id,
            version="v1",
            day=day,
            known_on=known_on or day,
            recorded_at=NOW,
            verdict="retrain",
            basis="realised",
            sentence=REASON,
            reason="lost skill",
            in_verdict_since=day,
            expected_loss=0.0,
            policy_version="1",
            method_version="1",
            content_hash="",
            rows=100,
            rows_7=700,
            labels_28=2_000,
            effect=effect,
            against=["The data is clean."],
            packed_details=split_details({})[1],
        )
        session.add(row)
        session.flush()
        session.add(
            FindingRow(
                assessment_id=row.id,
                kind="performance",
                argues_for="retrain",
                subject="AUC",
                since=day,
                sentence="AUC fell.",
                evidence={"effect": effect},
            )
        )


def suspend(registry: Registry, model_id: str = "m") -> None:
    with registry.write() as session:
        session.execute(sa.update(ModelRow).where(ModelRow.id == model_id).values(service_state="suspended"))


def propose(registry: Registry, model_id: str = "m", *, by: str = ADA, action: Action = Action.RETRAIN) -> Decision:
    """Propose an action; a reinstatement is of a model that was suspended some time ago."""
    until = DAY + timedelta(days=90) if action is Action.ACCEPT else None
    if action is Action.REINSTATE:
        suspend(registry, model_id)
    return decide.propose(
        registry, model_id=model_id, action=action, reason=REASON, by=by, on=DAY, now=NOW, accept_until=until
    )


def approve(registry: Registry, decision: Decision, *, by: str) -> Decision:
    seen = decide.review(registry, decision.id, by=by, on=DAY).present.hash
    return decide.approve(registry, decision.id, comment="Seen.", seen_evidence=seen, by=by, on=DAY, now=NOW)


def events_of(registry: Registry, decision: Decision) -> list[str]:
    with registry.read() as session:
        chosen = sa.select(AuditEventRow.action).where(
            AuditEventRow.subject_kind == "decision", AuditEventRow.subject_id == str(decision.id)
        )
        return list(session.scalars(chosen.order_by(AuditEventRow.sequence)))


def answer_at_once(
    address: str, decision_ids: list[int], by: str, seen: str, barrier: Barrier | threading.Barrier
) -> list[str]:
    """Approve (Ben) or reject (Cleo) each decision at the same moment as somebody else; return what came of each."""
    registry, answers = Registry.open(address, audit_key=KEY), []
    for decision_id in decision_ids:
        barrier.wait(timeout=60)
        answers.append(answer_one(registry, decision_id, by=by, seen=seen))
    registry.close()
    return answers


def answer_one(registry: Registry, decision_id: int, *, by: str, seen: str) -> str:
    """Approve, or as Cleo reject, and return whether that decided it."""
    try:
        if by == CLEO:
            decide.reject(registry, decision_id, comment="No.", by=by, on=DAY, now=NOW)
        else:
            decide.approve(registry, decision_id, comment="", seen_evidence=seen, by=by, on=DAY, now=NOW)
    except StaleDecisionError:
        return "too late"
    return "decided"


def answer_in_process(race: tuple[str, list[int], str, str], barrier: Barrier, answers: Any) -> None:
    address, decision_ids, by, seen = race
    answers.put(answer_at_once(address, decision_ids, by, seen, barrier))


def propose_until_killed(address: str, answers: Connection) -> None:
    registry = Registry.open(address, audit_key=KEY)
    for number in count():
        answers.send(propose(registry, f"kill-{number}").id)


def is_sqlite(registry: Registry) -> bool:
    return registry.engine.dialect.name == "sqlite"


def execute(registry: Registry, statement: str, **values: object) -> None:
    with registry.writer.begin() as connection:
        connection.execute(sa.text(statement), values)


def scalar(registry: Registry, statement: str) -> str:
    with registry.read() as session:
        return str(session.scalar(sa.text(statement)))


def with_one_byte_changed(text: str) -> list[str]:
    """Return the text with one bit turned in some places, and with another space where JSON would read the same."""
    places = range(0, len(text), 1 if len(text) < 40 else 17)
    changed = [text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :] for at in places]
    return changed + ([text.replace(": ", ":\t", 1)] if ": " in text else [])


class RegistryContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def registry(self, address: str) -> Iterator[Registry]:
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        yield registry
        registry.close()

    @pytest.fixture
    def office(self, registry: Registry) -> Registry:
        """A registry with people and the assessed model ``m`` of tier 2 that Ada owns."""
        add_everybody(registry)
        add_model(registry)
        add_assessment(registry)
        return registry

    # Opening and upgrading

    def test_an_empty_database_is_refused_in_one_sentence(self, address: str) -> None:
        with pytest.raises(RegistryOutOfDateError, match="run `modelfolio db upgrade`"):
            Registry.open(address, audit_key=KEY)

    @pytest.mark.parametrize(("version", "sentence"), [("0000", "out of date"), ("9999", "newer modelfolio")])
    def test_another_schema_is_refused(self, address: str, registry: Registry, version: str, sentence: str) -> None:
        with registry.write() as session:
            session.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        with pytest.raises(RegistryOutOfDateError, match=sentence):
            Registry.open(address, audit_key=KEY)

    def test_a_newer_registry_is_not_upgraded(self, address: str, registry: Registry) -> None:
        with registry.write() as session:
            session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(RegistryOutOfDateError, match="newer modelfolio"):
            upgrade(address)

    def test_the_migrations_make_the_tables_of_the_code(self, registry: Registry) -> None:
        with registry.writer.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Table.metadata) == []
            assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == SCHEMA

    def test_upgrading_again_keeps_everything(self, address: str, office: Registry) -> None:
        before = audit_trail.verify(office)
        upgrade(address)
        assert audit_trail.verify(office) == before

    def test_details_of_assessments_made_by_the_first_schema_are_kept(self, address: str) -> None:
        engine = writing_engine(registry_url(address))
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0001")
        old = sa.MetaData()
        old.reflect(engine, only=["models", "assessments"])
        details = {"features": {"amount": {"psi": 0.0123, "flags": []}}, "note": "\u00b0F"}
        model: dict[str, Any] = {
            "id": "m",
            "name": "M",
            "task": "binary",
            "timezone": "UTC",
            "service_state": "in_service",
        }
        model |= {"has_log": True, "card": {}, "card_hash": "", "created_at": NOW, "updated_at": NOW}
        said: dict[str, Any] = {
            "model_id": "m",
            "version": "v1",
            "day": DAY,
            "known_on": DAY,
            "recorded_at": NOW,
            "verdict": "keep",
        }
        said |= dict.fromkeys(("sentence", "reason", "policy_version", "method_version", "content_hash"), "-")
        said |= {"basis": "realised", "in_verdict_since": DAY, "expected_loss": 0.0, "against": [], "details": details}
        said |= {"rows": 1, "rows_7": 7, "labels_28": 0}
        with engine.begin() as connection:
            connection.execute(old.tables["models"].insert(), model)
            for at in range(1_100):
                day = DAY - timedelta(days=at)
                connection.execute(old.tables["assessments"].insert(), said | {"day": day, "known_on": day})
        engine.dispose()
        upgrade(address)
        registry = Registry.open(address, audit_key=KEY)
        for day in (DAY, DAY - timedelta(days=1_099)):
            found = model_queries.assessment(registry, "m", known_on=day)
            assert found is not None
            assert found.details == details
        registry.close()

    def test_upgrades_at_the_same_time_wait_for_each_other(self, address: str) -> None:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=upgrade, args=(address,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=120)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        Registry.open(address, audit_key=KEY).close()

    # Transactions

    def test_a_write_is_seen_whole_and_makes_the_revision_grow(self, registry: Registry) -> None:
        before = registry.revision()
        add_model(registry)
        assert registry.revision() == before + 1
        with registry.read() as session:
            assert session.get(ModelRow, "m") is not None

    def test_a_failed_write_leaves_nothing(self, office: Registry) -> None:
        before = office.revision()

        def write_half() -> None:
            with office.write() as session:
                session.execute(sa.update(ModelRow).values(name="changed"))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_half()
        assert office.revision() == before
        with office.read() as session:
            assert session.scalars(sa.select(ModelRow.name)).one() == "Model m"

    def test_the_reading_side_cannot_write(self, office: Registry) -> None:
        with pytest.raises(sa.exc.DBAPIError), office.read() as session:
            session.execute(sa.update(ModelRow).values(name="changed"))

    def test_times_come_back_as_they_were(self, office: Registry) -> None:
        assert propose(office).proposed_at == decision_queries.decision(office, 1).proposed_at == NOW

    # The audit trail

    def test_the_guards_are_there_after_an_upgrade(self, registry: Registry) -> None:
        with registry.engine.connect() as connection:
            assert missing_guards(connection) == []

    def test_the_database_refuses_to_change_the_trail(self, office: Registry) -> None:
        before = audit_trail.verify(office)
        statements = [
            "UPDATE audit_events SET actor = 'eve@example.org' WHERE sequence = 1",
            "DELETE FROM audit_events WHERE sequence = 1",
            "DELETE FROM audit_events",
            "UPDATE audit_head SET sequence = sequence - 1",
            "UPDATE audit_head SET hash = 'x'",
            "DELETE FROM audit_head",
            *self.other_ways_to_change_the_trail(),
        ]
        for statement in statements:
            with pytest.raises(sa.exc.DBAPIError, match="the audit trail cannot be changed"), office.write() as session:
                session.execute(sa.text(statement))
        assert audit_trail.verify(office) == before

    def other_ways_to_change_the_trail(self) -> list[str]:
        raise NotImplementedError

    def without_guards(self, registry: Registry, statement: str, **values: object) -> None:
        """Do what somebody with every right on the database can do."""
        with registry.writer.begin() as connection:
            if connection.dialect.name == "sqlite":
                of_the_trail = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
                definitions = connection.exec_driver_sql(of_the_trail).scalars().all()
                for name in SQLITE_GUARDS:
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
            else:
                definitions = [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in ("audit_events", "audit_head")]
                for table in ("audit_events", "audit_head"):
                    connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            connection.execute(sa.text(statement), values)
            for definition in definitions:
                connection.exec_driver_sql(definition)

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            ("UPDATE audit_events SET actor = 'eve@example.org' WHERE sequence = 3", "Audit row 3 was changed"),
            ("UPDATE audit_events SET reason = 'other' WHERE sequence = 3", "Audit row 3 was changed"),
            ("DELETE FROM audit_events WHERE sequence = 3", "Audit row 3 is missing"),
            (
                "DELETE FROM audit_events WHERE sequence >= 10",
                "Audit row 10 is missing: the head of the trail is row 12",
            ),
            ("DELETE FROM audit_events WHERE sequence = 1", "Audit row 1 is missing"),
            (
                "UPDATE audit_events SET mac = hash WHERE sequence = 5",
                "Audit row 5 was not written with this audit key",
            ),
            ("UPDATE audit_head SET sequence = 10", "not what the head of the trail says"),
            ("DELETE FROM audit_head", "The head of the audit trail is missing"),
        ],
    )
    def test_verify_names_the_first_bad_row(self, office: Registry, statement: str, problem: str) -> None:
        assert audit_trail.verify(office).rows == EVENTS
        self.without_guards(office, statement)
        with pytest.raises(AuditChainError, match=problem):
            audit_trail.verify(office)

    def test_one_changed_byte_in_any_column_is_found(self, office: Registry) -> None:
        approve(office, propose(office), by=BEN)
        row = audit_trail.verify(office).rows
        self.without_guards_for_good(office)
        columns = [column for column in AuditEventRow.__table__.columns if column.name != "sequence"]
        for column in columns:
            stored = f'SELECT CAST("{column.name}" AS TEXT) FROM audit_events WHERE sequence = {row}'
            value = ":value" if is_sqlite(office) else f"CAST(:value AS {column.type.compile(office.engine.dialect)})"
            change = f'UPDATE audit_events SET "{column.name}" = {value} WHERE sequence = {row}'
            text = scalar(office, stored)
            for other in [*with_one_byte_changed(text), *([None] if column.nullable else [])]:
                try:
                    execute(office, change, value=other)
                except sa.exc.DBAPIError:
                    continue  # the database refuses what is no JSON and no time
                if scalar(office, stored) != text:  # PostgreSQL keeps a time as a number, however it is written
                    with pytest.raises(AuditChainError, match=rf"Audit row {row} "):
                        audit_trail.verify(office)
            execute(office, change, value=text)

    def without_guards_for_good(self, registry: Registry) -> None:
        for name in SQLITE_GUARDS if is_sqlite(registry) else ():
            execute(registry, f"DROP TRIGGER {name}")
        for table in () if is_sqlite(registry) else ("audit_events", "audit_head"):
            execute(registry, f"ALTER TABLE {table} DISABLE TRIGGER USER")

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            ("UPDATE decisions SET state = 'approved'", "Decision 1 is approved in the registry, and rejected in the"),
            (
                "UPDATE decisions SET evidence = '{}' WHERE id = 1",
                "The evidence of decision 1 is not what it was: propose",
            ),
            ("UPDATE decisions SET frozen_evidence = '{}' WHERE id = 2", "The evidence of decision 2 .*: approve"),
            ("UPDATE decisions SET id = 3 WHERE id = 1", "Decision 1 is in the audit trail, and gone"),
        ],
    )
    def test_a_decision_changed_behind_the_trail_is_found(self, office: Registry, statement: str, problem: str) -> None:
        decide.reject(office, propose(office).id, comment="No.", by=BEN, on=DAY, now=NOW)
        approve(office, propose(office), by=BEN)
        audit_trail.verify(office)
        with office.write() as session:
            session.execute(sa.delete(ApprovalRow))
            session.execute(sa.text(statement))
        with pytest.raises(AuditChainError, match=problem):
            audit_trail.verify(office)

    def test_a_chain_rewritten_without_the_key_is_found(self, office: Registry) -> None:
        event = AuditEvent(
            at=NOW,
            recorded_at=NOW,
            actor=EVE,
            role="approver",
            action="approve",
            subject_kind="decision",
            subject_id="1",
        )
        forged = chained(event, sequence=1, previous_hash=FIRST_PREVIOUS_HASH, key=b"another key")
        self.without_guards(office, "DELETE FROM audit_events WHERE sequence > 1")
        self.without_guards(office, "UPDATE audit_head SET sequence = 1, hash = :hash", hash=forged.hash)
        self.without_guards(
            office,
            "UPDATE audit_events SET actor = :actor, role = 'approver', action = 'approve', subject_kind = 'decision', "
            "subject_id = '1', after = NULL, hash = :hash, mac = :mac",
            actor=EVE,
            hash=forged.hash,
            mac=forged.mac,
        )
        with pytest.raises(AuditChainError, match="Audit row 1 was not written with this audit key"):
            audit_trail.verify(office)

    def test_a_tail_cut_together_with_the_head_is_found_by_an_anchor(self, office: Registry) -> None:
        anchor = audit_trail.verify(office)
        with office.read() as session:
            digest = session.scalars(sa.select(AuditEventRow.hash).where(AuditEventRow.sequence == 9)).one()
        self.without_guards(office, "DELETE FROM audit_events WHERE sequence > 9")
        self.without_guards(office, "UPDATE audit_head SET sequence = 9, hash = :hash", hash=digest)
        assert audit_trail.verify(office).rows == 9
        with pytest.raises(AuditChainError, match="Audit row 10 is missing: row 12 was written down earlier"):
            audit_trail.verify(office, anchors=[Anchor(anchor.head_sequence, anchor.head_hash)])

    def test_a_missing_guard_is_found(self, office: Registry) -> None:
        table = "" if office.engine.dialect.name == "sqlite" else " ON audit_events"
        with office.writer.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER audit_events_no_update{table}")
        with pytest.raises(AuditChainError, match="audit_events_no_update"):
            audit_trail.verify(office)

    def test_appends_at_the_same_time_make_one_chain(self, office: Registry) -> None:
        def append_some(actor: str) -> None:
            for number in range(5):
                with office.write() as session:
                    audit_trail.append(
                        session,
                        at=NOW,
                        recorded_at=NOW,
                        actor=actor,
                        role="viewer",
                        action="test",
                        subject_kind="test",
                        subject_id=str(number),
                    )

        with ThreadPoolExecutor() as pool:
            list(pool.map(append_some, [ADA, BEN, CLEO, DANA]))
        assert audit_trail.verify(office).rows == EVENTS + 20

    def test_the_export_can_be_checked_without_our_software(self, office: Registry) -> None:
        decide.reject(office, propose(office).id, comment="=1+1", by=BEN, on=DAY, now=NOW)
        rows = list(csv.DictReader(io.StringIO(audit_export.export_csv(office))))
        assert [sha256(row["content"].encode()).hexdigest() for row in rows] == [row["hash"] for row in rows]
        assert [row["previous_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
        assert rows[-1]["reason"] == "'=1+1"
        lines = [json.loads(line) for line in audit_export.export_json(office).splitlines()]
        assert [line["hash"] for line in lines] == [row["hash"] for row in rows]
        for line in lines:
            content = {name: value for name, value in line.items() if name not in {"hash", "mac"}}
            text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert sha256(text.encode()).hexdigest() == line["hash"]

    def test_an_export_holds_what_was_asked_for(self, office: Registry) -> None:
        propose(office)
        assert len(audit_export.export_json(office, model_id="m").splitlines()) == 1
        assert audit_export.export_json(office, first=DAY + timedelta(days=1)) == ""

    # People

    def test_what_a_models_page_reads_is_what_was_judged(self, registry: Registry) -> None:
        judged_model(registry)
        judged = judged_versions(registry, "m", known_on=LAST)
        assessment = model_queries.assessment(registry, "m", known_on=LAST)
        assert assessment is not None

        newest = performance_queries.metric_days(judged, performance_queries.metrics_of(judged)[0]).iloc[-1]
        facts = quality_queries.quality_facts(judged, LAST)
        shares = distributions.distribution(judged, "channel", last=LAST)

        assert newest["value"] == pytest.approx(assessment.measures.metric_value, abs=1e-4)
        assert newest["labels"] == assessment.measures.labels_28
        assert list(facts["feature"]) == ["amount", "channel", "note"]
        assert shares is not None
        assert shares.current_rows == assessment.measures.rows_7

    def test_the_moves_of_a_models_decisions_are_read_as_known_on_a_day(self, office: Registry) -> None:
        decision = propose(office)
        approve(office, decision, by=BEN)

        moves = model_timeline.decision_moves(office, "m", on=DAY)

        assert [move.move.value for move in moves] == ["propose", "approve"]
        assert model_timeline.decision_moves(office, "m", on=DAY - timedelta(days=1)) == ()
        assert model_timeline.shift_spells(office, "m", known_on=DAY) == ()

    def test_people_and_their_roles(self, office: Registry) -> None:
        assert [person.email for person in people.everyone(office)] == [ADA, BEN, CLEO, DANA, EVE, VIC]
        people.grant(office, email=" Vic@Example.org ", role=Role.APPROVER, team="wiki", by=COMMAND_LINE, now=NOW)
        vic = people.find(office, "VIC@example.org")
        assert vic.holds(Role.APPROVER, team="wiki")
        assert not vic.holds(Role.APPROVER, team="flights")
        assert not people.revoke(office, email=VIC, role=Role.APPROVER, team="wiki", by=COMMAND_LINE, now=NOW).holds(
            Role.APPROVER, team="wiki"
        )

    def test_only_administrators_change_people_and_never_themselves(self, office: Registry) -> None:
        with pytest.raises(NotAuthorisedError, match="Only an administrator"):
            people.grant(office, email=ADA, role=Role.APPROVER, by=BEN, now=NOW)
        people.grant(office, email=VIC, role=Role.ADMINISTRATOR, by=COMMAND_LINE, now=NOW)
        people.grant(office, email=ADA, role=Role.APPROVER, by=VIC, now=NOW)
        with pytest.raises(NotAuthorisedError, match="their own roles"):
            people.grant(office, email=VIC, role=Role.APPROVER, by=VIC, now=NOW)

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "ada",
            "@example.org",
            "a b@example.org",
            "a@b@c",
            ADA,
            f" {ADA.upper()} ",
            ADA.replace("a", "\uff41"),
            f"\u200b{ADA}",
        ],
    )
    def test_a_person_needs_a_new_address(self, office: Registry, email: str) -> None:
        with pytest.raises(InvalidPersonError):
            people.add(office, email=email, name="Somebody", by=COMMAND_LINE, now=NOW)

    # Decisions

    def test_the_whole_way_of_a_tier_1_proposal(self, office: Registry) -> None:
        add_model(office, "harm", tier=1)
        add_assessment(office, "harm")
        decision = approve(office, propose(office, "harm"), by=BEN)
        assert decision.state is State.PROPOSED
        decision = approve(office, decision, by=DANA)
        assert decision == decision_queries.decision(office, decision.id)
        assert (decision.state, decision.approvers) == (State.APPROVED, (BEN, DANA))
        assert decision.frozen_evidence is not None
        assert decision.frozen_evidence["measures"]["effect"] == 0.33
        assert events_of(office, decision) == ["propose", "approve", "approve"]
        audit_trail.verify(office)

    def test_a_second_open_decision_with_the_same_action_is_refused(self, office: Registry) -> None:
        propose(office)
        with pytest.raises(
            OpenDecisionExistsError,
            match=r"Model m has an open decision to retrain already: number 1, proposed, proposed by ada",
        ):
            propose(office, by=BEN)
        propose(office, action=Action.ACCEPT)
        decide.withdraw(office, 1, by=ADA, on=DAY, now=NOW)
        assert propose(office, by=BEN).id == 3

    def test_the_database_itself_refuses_a_second_open_decision(self, office: Registry) -> None:
        propose(office)
        columns = [column.name for column in DecisionRow.__table__.columns if column.name != "id"]
        copy = f"INSERT INTO decisions (id, {', '.join(columns)}) SELECT 2, {', '.join(columns)} FROM decisions"
        with pytest.raises(sa.exc.IntegrityError), office.write() as session:
            session.execute(sa.text(copy))

    def test_many_are_proposed_together_or_not_at_all(self, office: Registry) -> None:
        for number in range(3):
            add_model(office, f"m{number}", owner=None if number == 2 else ADA)
        ids = ["m2", "m0", "m1"]
        many = {"action": Action.RETRAIN, "reason": REASON, "on": DAY, "now": NOW}
        with pytest.raises(NotAuthorisedError, match="for Model m2"):
            decide.propose_many(office, model_ids=ids, by=ADA, **many)  # type: ignore[arg-type]  # values of several arguments
        assert decision_queries.all_decisions(office, on=DAY).empty
        decisions = decide.propose_many(office, model_ids=ids, by=BEN, **many)  # type: ignore[arg-type]  # the same
        assert [decision.subject.model_id for decision in decisions] == ["m0", "m1", "m2"]
        assert all(events_of(office, decision) == ["propose"] for decision in decisions)

    @pytest.mark.parametrize("wanted", [0, 201])
    def test_at_most_200_models_at_once(self, office: Registry, wanted: int) -> None:
        with pytest.raises(InvalidProposalError, match="1 to 200 models"):
            decide.propose_many(
                office,
                model_ids=[f"m{number}" for number in range(wanted)],
                action=Action.RETRAIN,
                reason=REASON,
                by=BEN,
                on=DAY,
                now=NOW,
            )

    def test_evidence_that_changed_must_be_looked_at_again(self, office: Registry) -> None:
        decision = propose(office)
        seen = decide.review(office, decision.id, by=BEN, on=DAY)
        assert seen.changes == ()
        add_assessment(office, day=DAY + timedelta(days=1), effect=0.5)
        next_day: dict[str, Any] = {"by": BEN, "on": DAY + timedelta(days=1), "now": NOW}
        with pytest.raises(EvidenceChangedError, match=r"look at it again\..*Effect was 0.33, is now 0.5"):
            decide.approve(office, decision.id, comment="", seen_evidence=seen.present.hash, **next_day)
        again = decide.review(office, decision.id, by=BEN, on=DAY + timedelta(days=1))
        assert "Effect was 0.33, is now 0.5." in again.changes
        approved = decide.approve(office, decision.id, comment="", seen_evidence=again.present.hash, **next_day)
        assert approved.evidence_hash == again.present.hash

    def test_evidence_known_later_than_the_day_is_invisible(self, office: Registry) -> None:
        add_assessment(office, day=DAY, known_on=DAY + timedelta(days=3), effect=0.9)
        assert propose(office).evidence["measures"]["effect"] == 0.33

    def test_a_role_taken_away_counts_at_the_next_write(self, office: Registry) -> None:
        decision = propose(office)
        people.revoke(office, email=BEN, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        with pytest.raises(NotAuthorisedError):
            approve(office, decision, by=BEN)
        assert events_of(office, decision) == ["propose"]

    def test_what_is_unknown_is_named(self, office: Registry) -> None:
        with pytest.raises(UnknownModelError, match="nothing"):
            propose(office, "nothing")
        with pytest.raises(UnknownPersonError, match=r"nobody@example\.org"):
            propose(office, by="nobody@example.org")
        with pytest.raises(UnknownDecisionError, match="99"):
            decide.withdraw(office, 99, by=ADA, on=DAY, now=NOW)

    def test_a_refused_answer_leaves_no_trace(self, office: Registry) -> None:
        decision, before = propose(office), audit_trail.verify(office)
        for by, error in [(ADA, NotAuthorisedError), (VIC, NotAuthorisedError), (DANA, NotAuthorisedError)]:
            with pytest.raises(error):
                approve(office, decision, by=by)
        with pytest.raises(InvalidReasonError):
            decide.reject(office, decision.id, comment=" ", by=BEN, on=DAY, now=NOW)
        assert audit_trail.verify(office) == before
        assert decision_queries.decision(office, decision.id) == decision

    def test_an_approver_may_still_say_no_before_the_quorum_is_met(self, office: Registry) -> None:
        add_model(office, "harm", tier=1)
        decision = approve(office, propose(office, "harm"), by=BEN)
        rejected = decide.reject(office, decision.id, comment="I looked again.", by=BEN, on=DAY, now=NOW)
        assert rejected == decision_queries.decision(office, decision.id)
        assert [(answer.person, answer.answer) for answer in rejected.approvals] == [(BEN, "approve"), (BEN, "reject")]

    @pytest.mark.parametrize("last", ["approve", "reject", "withdraw"])
    def test_a_decided_decision_takes_no_further_answer(self, office: Registry, last: str) -> None:
        decision = propose(office)
        if last == "approve":
            approve(office, decision, by=BEN)
        elif last == "reject":
            decide.reject(office, decision.id, comment="No.", by=BEN, on=DAY, now=NOW)
        else:
            decide.withdraw(office, decision.id, by=ADA, on=DAY, now=NOW)
        with pytest.raises(StaleDecisionError, match=r"at 10:42 UTC\. Nothing was sent twice"):
            approve(office, decision, by=CLEO)
        with pytest.raises(StaleDecisionError):
            decide.reject(office, decision.id, comment="No.", by=CLEO, on=DAY, now=NOW)
        with pytest.raises(StaleDecisionError):
            decide.withdraw(office, decision.id, by=ADA, on=DAY, now=NOW)
        assert events_of(office, decision) == ["propose", last]

    def test_a_move_from_a_state_that_is_gone_is_refused_where_it_is_written(self, office: Registry) -> None:
        decision = propose(office)
        rejected, event = decision.reject(actor=people.find(office, BEN), comment="No.", on=DAY, now=NOW)
        decide.withdraw(office, decision.id, by=ADA, on=DAY, now=NOW)
        with pytest.raises(StaleDecisionError), office.deciding() as records:
            records.store(rejected, event, before=decision)
        assert events_of(office, decision) == ["propose", "withdraw"]

    def test_an_acceptance_expires_and_the_model_returns_to_the_agenda(self, office: Registry) -> None:
        decision = approve(office, propose(office, action=Action.ACCEPT), by=BEN)
        end = DAY + timedelta(days=90)
        assert follow_up.whatever_is_due(office, on=end - timedelta(days=1), now=NOW) == ()
        (expired,) = follow_up.whatever_is_due(office, on=end, now=NOW)
        assert (expired.id, expired.state) == (decision.id, State.EXPIRED)
        assert follow_up.whatever_is_due(office, on=end, now=NOW) == ()
        assert audit_queries.audit_events(office, actor="clock")["action"].tolist() == ["expire"]
        assert propose(office, action=Action.ACCEPT).is_open

    # Two at once

    def test_of_two_answers_in_threads_exactly_one_counts(self, address: str, office: Registry) -> None:
        decisions, seen = self.proposals(office, 5)
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(lambda by: answer_at_once(address, [d.id for d in decisions], by, seen, barrier), [BEN, CLEO])
            )
        self.check_one_answer_each(office, decisions, answers)

    def test_of_two_answers_in_processes_exactly_one_counts(self, address: str, office: Registry) -> None:
        decisions, seen = self.proposals(office, 5)
        context = multiprocessing.get_context("spawn")
        barrier, queue = context.Barrier(2), context.Queue()
        workers = [
            context.Process(
                target=answer_in_process, args=((address, [d.id for d in decisions], by, seen), barrier, queue)
            )
            for by in (BEN, CLEO)
        ]
        for worker in workers:
            worker.start()
        answers = [queue.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join(timeout=60)
        queue.close()
        self.check_one_answer_each(office, decisions, answers)

    def test_two_approvals_of_a_quorum_at_once_see_each_other(self, address: str, office: Registry) -> None:
        decisions, seen = self.proposals(office, 5, tier=1)
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(lambda by: answer_at_once(address, [d.id for d in decisions], by, seen, barrier), [BEN, DANA])
            )
        assert answers == [["decided"] * 5] * 2
        assert {decision_queries.decision(office, d.id).state for d in decisions} == {State.APPROVED}

    def test_two_proposals_at_once_make_one_decision(self, office: Registry) -> None:
        def try_to_propose(by: str) -> bool:
            try:
                propose(office, by=by)
            except OpenDecisionExistsError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(try_to_propose, [ADA, BEN, CLEO, EVE])) == 1

    def proposals(self, registry: Registry, number: int, *, tier: int = 2) -> tuple[list[Decision], str]:
        for place in range(number):
            add_model(registry, f"race-{place}", tier=tier)
        decisions = [propose(registry, f"race-{place}") for place in range(number)]
        return decisions, decide.review(registry, decisions[0].id, by=BEN, on=DAY).present.hash

    def check_one_answer_each(self, registry: Registry, decisions: list[Decision], answers: list[list[str]]) -> None:
        assert [sorted(pair) for pair in zip(*answers, strict=True)] == [["decided", "too late"]] * len(decisions)
        for decision in decisions:
            moves = events_of(registry, decision)
            state = decision_queries.decision(registry, decision.id).state
            assert (len(moves), moves[0]) == (2, "propose")
            assert state == {"approve": State.APPROVED, "reject": State.REJECTED}[moves[1]]
            with registry.read() as session:
                answered = session.scalars(sa.select(ApprovalRow).where(ApprovalRow.decision_id == decision.id)).all()
                assert [row.answer for row in answered] == moves[1:]
        audit_trail.verify(registry)

    # Whatever people try

    # One registry serves all examples, each has a model of its own; the class runs once for each database.
    @settings(
        max_examples=60,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        tier=st.sampled_from([None, 1, 2, 3]),
        action=st.sampled_from(Action),
        proposer=st.sampled_from([ADA, BEN, EVE]),
        attempts=st.lists(
            st.tuples(st.sampled_from([Move.APPROVE, Move.REJECT, Move.WITHDRAW]), st.sampled_from(sorted(ROLES))),
            max_size=8,
        ),
    )
    def test_no_sequence_of_attempts_reaches_a_forbidden_state(
        self, office: Registry, *, tier: int | None, action: Action, proposer: str, attempts: list[tuple[Move, str]]
    ) -> None:
        model_id = f"any-{next(NUMBERS)}"
        add_model(office, model_id, tier=tier)
        decision = propose(office, model_id, by=proposer, action=action)
        accepted: list[tuple[Move, str]] = []
        for move, by in attempts:
            try:
                if move is Move.APPROVE:
                    approve(office, decision, by=by)
                elif move is Move.REJECT:
                    decide.reject(office, decision.id, comment="No.", by=by, on=DAY, now=NOW)
                else:
                    decide.withdraw(office, decision.id, by=by, on=DAY, now=NOW)
            except ModelfolioError:
                continue
            accepted.append((move, by))
        final = decision_queries.decision(office, decision.id)
        assert events_of(office, decision) == ["propose", *[move.value for move, _ in accepted]]
        check_story(final, accepted, proposer=proposer, needs_two=tier in {None, 1})

    # What is acknowledged is kept

    def test_a_killed_process_loses_no_acknowledged_decision(self, address: str, office: Registry) -> None:
        for number in range(KILLED_AFTER * 20):
            add_model(office, f"kill-{number}")
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=propose_until_killed, args=(address, theirs))
        worker.start()
        theirs.close()
        acknowledged = [ours.recv() for _ in range(KILLED_AFTER)]
        worker.kill()
        worker.join(timeout=60)
        with suppress(EOFError, OSError):
            while True:
                acknowledged.append(ours.recv())
        ours.close()
        kept = decision_queries.all_decisions(office, on=DAY)
        assert set(acknowledged) <= set(kept["decision_id"])
        assert audit_trail.verify(office).rows == EVENTS + len(kept)

    # What pages read

    def test_waiting_shows_mine_first_and_says_who_is_needed(self, office: Registry) -> None:
        add_model(office, "a", tier=3)
        propose(office, "a", by=BEN)
        propose(office)
        rows = decision_queries.waiting(office, person=BEN, on=DAY + timedelta(days=15))
        assert list(rows["model_id"]) == ["m", "a"]
        assert list(rows["is_mine"]) == [True, False]
        assert list(rows["is_own"]) == [False, True]
        assert list(rows["is_overdue"]) == [True, False]
        assert rows["waiting_for"][0] == "Waiting for Ben or Cleo or Eve as approver."
        assert decision_queries.waiting_count(office, person=BEN, on=DAY) == 1
        assert decision_queries.waiting_count(office, person="nobody@example.org", on=DAY) == 0

    def test_what_was_proposed_later_is_invisible(self, office: Registry) -> None:
        propose(office)
        yesterday = DAY - timedelta(days=1)
        assert decision_queries.waiting(office, person=BEN, on=yesterday).empty
        assert decision_queries.open_decisions(office, on=yesterday).empty
        assert decision_queries.of_model(office, "m", on=yesterday) == ()
        assert list(decision_queries.open_decisions(office, on=DAY)["state"]) == ["proposed"]

    def test_the_trail_can_be_filtered(self, office: Registry) -> None:
        approve(office, propose(office), by=BEN)
        events = audit_queries.audit_events(office, model_id="m", limit=1)
        assert list(events["action"]) == ["approve"]
        assert events["after"][0]["state"] == "approved"
        assert list(audit_queries.audit_events(office, actor=ADA)["action"]) == ["propose"]
        assert audit_queries.audit_events(office, action="approve", last=DAY - timedelta(days=1)).empty
        assert len(audit_queries.audit_events(office, first=DAY, last=DAY)) == EVENTS + 2
        assert audit_queries.audit_choices(office).models == ("m",)


NUMBERS = count()


def check_story(decision: Decision, accepted: list[tuple[Move, str]], *, proposer: str, needs_two: bool) -> None:
    """Judge by rules written down a second time, without the code's table."""
    approvers = {by for move, by in accepted if move is Move.APPROVE}
    assert proposer not in {by for move, by in accepted if move is not Move.WITHDRAW}
    assert len(approvers) == sum(move is Move.APPROVE for move, _ in accepted)
    assert all(ROLES[by] and by != VIC for by in approvers)
    assert all(Role.APPROVER in ROLES[by] for move, by in accepted if move is Move.REJECT)
    assert all(by == proposer for move, by in accepted if move is Move.WITHDRAW)
    has_quorum = any(
        Role.APPROVER in ROLES[one]
        and (not needs_two or any(Role.INDEPENDENT_REVIEWER in ROLES[b] for b in approvers - {one}))
        for one in approvers
    )
    closing = [move for move, _ in accepted if move in {Move.REJECT, Move.WITHDRAW}]
    if has_quorum:
        assert decision.state is State.APPROVED
        assert not closing
    elif closing:
        assert [accepted[-1][0]] == closing
        assert decision.state is {Move.REJECT: State.REJECTED, Move.WITHDRAW: State.WITHDRAWN}[closing[0]]
    else:
        assert decision.state is State.PROPOSED
