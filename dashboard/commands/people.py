"""`modelfolio people`: who may act, and in which roles. The command line acts as an administrator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import people
from monitoring.people import COMMAND_LINE, Actor, Role

app = typer.Typer(help="Add people, give and take roles, list them.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
Team = Annotated[str | None, typer.Option(help="Only for the models of this team.")]


@app.command("add")
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="The name as it is shown.")],
    role: Annotated[list[Role] | None, typer.Option(help="A role to give at once; may be repeated.")] = None,
    team: Team = None,
) -> None:
    """Add a person. An owner of models needs no role: the owner's address in the model card is enough."""
    registry, now = open_registry(load_settings()), datetime.now(UTC)
    person = people.add(registry, email=email, name=name, by=COMMAND_LINE, now=now)
    for given in role or []:
        person = people.grant(registry, email=email, role=given, team=team, by=COMMAND_LINE, now=now)
    typer.echo(described(person))


@app.command("role")
def role(
    email: Email,
    role: Annotated[Role, typer.Argument(help="The role to give, or to take away.")],
    team: Team = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the role away.")] = False,
) -> None:
    """Give a person a role, or take it away."""
    registry, now = open_registry(load_settings()), datetime.now(UTC)
    change = people.revoke if remove else people.grant
    typer.echo(described(change(registry, email=email, role=role, team=team, by=COMMAND_LINE, now=now)))


@app.command("list")
def list_people() -> None:
    """List everybody with their roles."""
    for person in people.everyone(open_registry(load_settings())):
        typer.echo(described(person))


def described(person: Actor) -> str:
    """Return a person and their roles in one line."""
    roles = [f"{g.role.words} (team {g.team})" if g.team else g.role.words for g in person.grants]
    return f"{person.email}  {person.name}  {', '.join(roles) or 'no role'}"
