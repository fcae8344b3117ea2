"""`modelfolio db`: the registry's tables."""

from __future__ import annotations

import typer

from dashboard.settings import load_settings
from data_access.schema import upgrade as upgrade_registry

app = typer.Typer(help="Create the registry or bring it up to date.", no_args_is_help=True)


@app.callback()
def _db() -> None:
    """Create the registry or bring it up to date."""


@app.command("upgrade")
def upgrade() -> None:
    """Create the registry, or bring it up to date; nothing happens when it is."""
    upgrade_registry(load_settings().registry_address())
    typer.echo("The registry is up to date.")
