"""The database's own refusal to change what a meeting's minutes rest on."""

from __future__ import annotations

from contextlib import contextmanager
from textwrap import dedent, indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

REFUSAL = "minutes cannot be changed"
OF_A_MEETING = ("meeting_attendees", "meeting_items")
"""Rows that may change until the minutes are confirmed."""
FROZEN = ("meeting_id", "item_id", "model_id", "what", "assignee", "due_on", "given_by", "given_on")
"""Columns of an action that never change."""

_IS_LOCKED = "EXISTS (SELECT 1 FROM meetings WHERE id = {row}.meeting_id AND state = 'confirmed')"


def _of_a_meeting(table: str) -> dict[str, tuple[str, str]]:
    return {
        f"{table}_no_insert": (f"BEFORE INSERT ON {table}", _IS_LOCKED.format(row="NEW")),
        f"{table}_no_update": (f"BEFORE UPDATE ON {table}", _IS_LOCKED.format(row="OLD")),
        f"{table}_no_delete": (f"BEFORE DELETE ON {table}", _IS_LOCKED.format(row="OLD")),
    }


_ROWS: dict[str, tuple[str, str]] = {
    "meetings_no_update": ("BEFORE UPDATE ON meetings", "OLD.state = 'confirmed'"),
    "meetings_no_delete": ("BEFORE DELETE ON meetings", ""),
    **_of_a_meeting("meeting_attendees"),
    **_of_a_meeting("meeting_items"),
    "meeting_entries_no_update": ("BEFORE UPDATE ON meeting_entries", ""),
    "meeting_entries_no_delete": ("BEFORE DELETE ON meeting_entries", ""),
    "meeting_entries_only_corrections": (
        "BEFORE INSERT ON meeting_entries",
        f"NEW.kind <> 'correction' AND {_IS_LOCKED.format(row='NEW')}",
    ),
    "meeting_actions_no_insert": ("BEFORE INSERT ON meeting_actions", _IS_LOCKED.format(row="NEW")),
    "meeting_actions_no_delete": ("BEFORE DELETE ON meeting_actions", ""),
    "meeting_actions_no_update": (
        "BEFORE UPDATE ON meeting_actions",
        " OR ".join(
            f"COALESCE(CAST(NEW.{name} AS TEXT), '') <> COALESCE(CAST(OLD.{name} AS TEXT), '')" for name in FROZEN
        )
        + " OR OLD.state = 'closed'",
    ),
}
"""Triggers by name: when they fire, and on which condition; without one always."""

# INSERT OR REPLACE deletes the old row without firing a DELETE trigger, so an insert over an existing row is refused too.
_REPLACES = {
    f"{table}_no_replace": (f"BEFORE INSERT ON {table}", f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)")  # noqa: S608 - names of our own tables
    for table in ("meetings", *OF_A_MEETING, "meeting_entries", "meeting_actions")
}
_TRUNCATES = {
    f"{table}_no_truncate": f"BEFORE TRUNCATE ON {table}"
    for table in ("meetings", *OF_A_MEETING, "meeting_entries", "meeting_actions")
}
SQLITE_MEETING_GUARDS = frozenset(_ROWS) | frozenset(_REPLACES)
POSTGRESQL_MEETING_GUARDS = frozenset(_ROWS) | frozenset(_TRUNCATES)


def create_meeting_guards(connection: sa.Connection) -> None:
    """Create the triggers that refuse changes to confirmed minutes and to what was entered into any."""
    if connection.dialect.name == "sqlite":
        for name, (when, condition) in (_ROWS | _REPLACES).items():
            only = f" WHEN {condition}" if condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} {when}{only} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
        return
    for name, (when, condition) in _ROWS.items():
        # A condition that asks another table cannot stand in the trigger itself.
        refuse = f"RAISE EXCEPTION '{REFUSAL}';"
        body = f"IF {condition} THEN {refuse} END IF;" if condition else refuse
        connection.exec_driver_sql(_function(f"refuse_{name}", body, returns="OLD" if "DELETE" in when else "NEW"))
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION refuse_{name}()")
    connection.exec_driver_sql(_function("refuse_truncating_minutes", f"RAISE EXCEPTION '{REFUSAL}';", returns="NULL"))
    for name, when in _TRUNCATES.items():
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} {when} FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncating_minutes()"
        )


def drop_meeting_guards(connection: sa.Connection) -> None:
    """Drop what ``create_meeting_guards`` made, also when the tables are gone, and their triggers with them."""
    if connection.dialect.name == "sqlite":
        for name in SQLITE_MEETING_GUARDS:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for name in (*(f"refuse_{each}" for each in _ROWS), "refuse_truncating_minutes"):
        connection.exec_driver_sql(f"DROP FUNCTION {name}() CASCADE")


@contextmanager
def without_meeting_guards(connection: sa.Connection) -> Iterator[None]:
    """Let a migration write the same differently into rows that never change; whatever fails, its transaction has the triggers back."""
    drop_meeting_guards(connection)
    yield
    create_meeting_guards(connection)


def missing_meeting_guards(connection: sa.Connection) -> list[str]:
    """Return the names of triggers that should be there and are not (or are switched off)."""
    if connection.dialect.name == "sqlite":
        present = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
        return sorted(SQLITE_MEETING_GUARDS - set(present))
    present = connection.exec_driver_sql(
        "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE starts_with(c.relname, 'meeting') AND t.tgenabled IN ('O', 'A') "
        "AND c.relnamespace = current_schema()::regnamespace"
    ).scalars()
    return sorted(POSTGRESQL_MEETING_GUARDS - set(present))


def _function(name: str, body: str, *, returns: str) -> str:
    head = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
    return f"{head}{indent(dedent(body), '  ')}\n  RETURN {returns};\nEND $$"
