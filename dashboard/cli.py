"""The `modelfolio` command. A command's module is imported when it is called, so that `--help` and mistakes answer at once."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from monitoring.errors import ModelfolioError

COMMANDS = {
    "demo": "dashboard.commands.demo:demo",
    "serve": "dashboard.commands.serve:serve",
    "import": "dashboard.commands.logs:import_models",
    "map": "dashboard.commands.logs:map_models",
    "ingest": "dashboard.commands.logs:ingest",
    "forget": "dashboard.commands.logs:forget",
    "assess": "dashboard.commands.assess:assess",
    "verdicts": "dashboard.commands.exports:verdicts",
    "shifts": "dashboard.commands.exports:shifts",
    "pack": "dashboard.commands.pack:pack",
    "deep-dive": "dashboard.commands.deep_dive:deep_dive",
    "triggers": "dashboard.commands.triggers:triggers",
    "report-back": "dashboard.commands.triggers:report_back",
    "simulate": "dashboard.commands.simulate:simulate",
}
GROUPS = {
    "people": "dashboard.commands.people:app",
    "decisions": "dashboard.commands.decisions:app",
    "challenges": "dashboard.commands.decisions:challenges_app",
    "policies": "dashboard.commands.policies:app",
    "standing": "dashboard.commands.standing:app",
    "meetings": "dashboard.commands.meetings:app",
    "audit": "dashboard.commands.audit:app",
    "db": "dashboard.commands.db:app",
}


def _named(path: str) -> object:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def application(asked: str | None = None) -> typer.Typer:
    """Return the command line with the command that was asked for, or with all of them for ``--help`` and typing errors."""
    app = typer.Typer(
        name="modelfolio",
        help="See which models of a portfolio perform well, which need retraining and which should go; decide on the evidence.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _modelfolio() -> None:
        """Keep `modelfolio NAME` a command of its own even when only one is loaded."""

    for name, path in COMMANDS.items():
        if asked in {None, name}:
            app.command(name)(_named(path))  # type: ignore[type-var]  # the module gives a function, as Typer wants
    for name, path in GROUPS.items():
        if asked in {None, name}:
            app.add_typer(_named(path), name=name)  # type: ignore[arg-type]  # the module gives a Typer
    return app


def main() -> None:
    """Run the command line; a mistake of the user's is one sentence on stderr and exit code 1, wrong usage is 2."""
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        application(asked if asked in COMMANDS or asked in GROUPS else None)()
    except ModelfolioError as error:
        typer.echo(f"modelfolio: {error}", err=True)
        sys.exit(1)
