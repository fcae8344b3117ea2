"""The database's own refusal to change the audit trail; what the program promises, the database enforces."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

REFUSAL = "the audit trail cannot be changed"

# INSERT OR REPLACE deletes the old row without firing a DELETE trigger, so an insert over an existing row is refused too.
SQLITE_GUARDS = {
    "audit_events_no_update": "BEFORE UPDATE ON audit_events",
    "audit_events_no_delete": "BEFORE DELETE ON audit_events",
    "audit_events_no_replace": (
        "BEFORE INSERT ON audit_events WHEN EXISTS (SELECT 1 FROM audit_events WHERE sequence = NEW.sequence)"
    ),
    "audit_head_only_forward": "BEFORE UPDATE ON audit_head WHEN NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1",
    "audit_head_no_delete": "BEFORE DELETE ON audit_head",
    "audit_head_no_replace": "BEFORE INSERT ON audit_head WHEN EXISTS (SELECT 1 FROM audit_head)",
}

POSTGRESQL_GUARDS = {
    "audit_events_no_update": "BEFORE UPDATE ON audit_events FOR EACH ROW",
    "audit_events_no_delete": "BEFORE DELETE ON audit_events FOR EACH ROW",
    "audit_events_no_truncate": "BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT",
    "audit_head_only_forward": (
        "BEFORE UPDATE ON audit_head FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1)"
    ),
    "audit_head_no_delete": "BEFORE DELETE ON audit_head FOR EACH ROW",
    "audit_head_no_truncate": "BEFORE TRUNCATE ON audit_head FOR EACH STATEMENT",
}


def create_guards(connection: sa.Connection) -> None:
    """Create the triggers that refuse UPDATE, DELETE, REPLACE and TRUNCATE on the audit trail."""
    if connection.dialect.name == "sqlite":
        for name, when in SQLITE_GUARDS.items():
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")
        return
    connection.exec_driver_sql(
        dedent(f"""\
        CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$""")
    )
    for name, when in POSTGRESQL_GUARDS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION refuse_audit_change()")


def missing_guards(connection: sa.Connection) -> list[str]:
    """Return the names of triggers that should be there and are not (or are switched off)."""
    if connection.dialect.name == "sqlite":
        present = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
        return sorted(SQLITE_GUARDS.keys() - set(present))
    present = connection.exec_driver_sql(
        "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relname IN ('audit_events', 'audit_head') AND t.tgenabled IN ('O', 'A') "
        "AND c.relnamespace = current_schema()::regnamespace"
    ).scalars()
    return sorted(POSTGRESQL_GUARDS.keys() - set(present))
