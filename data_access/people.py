"""People and their roles; every change leaves an audit event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import audit_trail
from data_access.tables import PersonRow, RoleRow
from monitoring.errors import InactivePersonError, InvalidPersonError, NotAuthorisedError, UnknownPersonError
from monitoring.people import COMMAND_LINE, Actor, Role, RoleGrant, normal_email

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from data_access.database import Database

ADD_HINT = "add them with `modelfolio people add`"


def everyone(registry: Database) -> tuple[Actor, ...]:
    """Return every active person, by name."""
    with registry.read() as session:
        return active_actors(session)


def find(registry: Database, email: str) -> Actor:
    """Return one active person with the roles they hold now.

    Raises:
        UnknownPersonError: the registry knows nobody with this e-mail address, or they may act no longer.
    """
    with registry.read() as session:
        return actor(session, email)


def add(registry: Database, *, email: str, name: str, by: str, now: datetime, is_demo: bool = False) -> Actor:
    """Add a person, still without any role.

    Args:
        by: the administrator's e-mail address, or ``COMMAND_LINE``.

    Raises:
        InvalidPersonError: no usable e-mail address or name, or the person is there already.
        NotAuthorisedError: ``by`` is no administrator.
    """
    email, name = normal_email(email), name.strip()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@") or not email.isprintable() or " " in email:
        raise InvalidPersonError(f"{email!r} is not an e-mail address.")
    if not name or not name.isprintable():
        raise InvalidPersonError(f"{email} needs a name in plain characters.")
    with registry.write() as session:
        check_administrator(session, by)
        if session.get(PersonRow, email):
            raise InvalidPersonError(f"{email} is known already.")
        session.add(PersonRow(email=email, name=name, is_demo=is_demo, created_at=now))
        session.flush()
        _record(session, "add_person", email=email, by=by, now=now, before=None, after={"name": name})
    return Actor(email=email, name=name, is_demo=is_demo)


def grant(registry: Database, *, email: str, role: Role, team: str | None = None, by: str, now: datetime) -> Actor:
    """Give a role, for one team or for all, and return the person; a role held already changes nothing.

    Raises:
        NotAuthorisedError: ``by`` is no administrator, or wants to give a role to themselves.
        UnknownPersonError: there is nobody with this e-mail address.
    """
    with registry.write() as session:
        person = _changed_person(session, email, by=by)
        given = RoleGrant(role, team or None)
        if given not in person.grants:
            session.add(RoleRow(email=person.email, role=role.value, team=team or ""))
            session.flush()
            _record(session, "grant_role", email=person.email, by=by, now=now, before=None, after=_plain(given))
        return actor(session, email)


def revoke(registry: Database, *, email: str, role: Role, team: str | None = None, by: str, now: datetime) -> Actor:
    """Take a role away and return the person. Raises what ``grant`` raises, InvalidPersonError if it was not held."""
    with registry.write() as session:
        person = _changed_person(session, email, by=by)
        taken = RoleGrant(role, team or None)
        if taken not in person.grants:
            where = f" for team {team}" if team else ""
            raise InvalidPersonError(f"{person.email} does not hold the role {role.words}{where}.")
        session.execute(
            sa.delete(RoleRow).where(
                RoleRow.email == person.email, RoleRow.role == role.value, RoleRow.team == (team or "")
            )
        )
        _record(session, "revoke_role", email=person.email, by=by, now=now, before=_plain(taken), after=None)
        return actor(session, email)


def actor(session: Session, email: str) -> Actor:
    """Return an active person as ``find`` does, inside the caller's transaction."""
    person = session.get(PersonRow, normal_email(email))
    if person is None:
        raise UnknownPersonError(f"Nobody with the address {email} is known: {ADD_HINT}.")
    if not person.is_active:
        raise InactivePersonError(f"{person.name} ({person.email}) may act no longer.")
    rows = session.scalars(sa.select(RoleRow).where(RoleRow.email == person.email).order_by(RoleRow.id))
    return _actor(person, list(rows))


def active_actors(session: Session) -> tuple[Actor, ...]:
    """Return every active person inside the caller's transaction, by name."""
    roles: dict[str, list[RoleRow]] = {}
    for row in session.scalars(sa.select(RoleRow).order_by(RoleRow.id)):
        roles.setdefault(row.email, []).append(row)
    people = session.scalars(sa.select(PersonRow).where(PersonRow.is_active).order_by(PersonRow.name, PersonRow.email))
    return tuple(_actor(person, roles.get(person.email, [])) for person in people)


class RegistryPeople:
    """The people as every port of records offers them, inside one transaction of the registry."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def actor(self, email: str) -> Actor:
        """Return the person with the roles they hold now; somebody unknown or inactive is refused."""
        return actor(self.session, email)

    def everyone(self) -> tuple[Actor, ...]:
        """Return every active person."""
        return active_actors(self.session)


def _actor(person: PersonRow, rows: list[RoleRow]) -> Actor:
    grants = tuple(RoleGrant(Role(row.role), row.team or None) for row in rows)
    return Actor(email=person.email, name=person.name, grants=grants, is_demo=person.is_demo)


def _changed_person(session: Session, email: str, *, by: str) -> Actor:
    check_administrator(session, by)
    person = actor(session, email)
    if normal_email(by) == person.email:
        raise NotAuthorisedError("Nobody changes their own roles: ask another administrator.")
    return person


def check_administrator(session: Session, by: str, *, may: str = "add people and give roles") -> None:
    """Refuse everybody but the command line and an administrator who is no auditor, inside a transaction."""
    if by == COMMAND_LINE:
        return
    person = actor(session, by)
    if person.is_auditor or not person.holds(Role.ADMINISTRATOR, team=None):
        raise NotAuthorisedError(f"Only an administrator may {may}.")


def _record(
    session: Session,
    action: str,
    *,
    email: str,
    by: str,
    now: datetime,
    before: dict[str, str | None] | None,
    after: dict[str, str | None] | None,
) -> None:
    audit_trail.append(
        session,
        at=now,
        recorded_at=now,
        actor=by,
        role=Role.ADMINISTRATOR.value,
        action=action,
        subject_kind="person",
        subject_id=email,
        before=before,
        after=after,
    )


def _plain(grant: RoleGrant) -> dict[str, str | None]:
    return {"role": grant.role.value, "team": grant.team}
