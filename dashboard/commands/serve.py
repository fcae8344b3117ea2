"""`modelfolio serve`: the dashboard in a browser."""

from __future__ import annotations

import errno
import socket
from typing import Annotated

import typer

from dashboard.anchoring import anchoring
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from monitoring.errors import SettingsError

LOOPBACK_ADDRESS = "127.0.0.1"


def refuse_taken_port(address: str, port: int) -> None:
    """Raise one sentence if nothing can listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"Port {port} is taken by another program; choose a free one with --port {port + 1}."
                ) from None
            raise SettingsError(f"Cannot listen on {address}, port {port}: {error.strerror}.") from None


def serve(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Anyone who reaches another one than this machine's can read everything."
        ),
    ] = LOOPBACK_ADDRESS,
) -> None:
    """Serve the dashboard on this machine only (127.0.0.1), until stopped with Ctrl+C."""
    settings = load_settings()
    if settings.demo_sign_in and address not in {LOOPBACK_ADDRESS, "localhost", "::1"}:
        raise SettingsError(
            f"Demo sign-in lets anyone act as anybody: it works on {LOOPBACK_ADDRESS} only, not on {address}. "
            "Unset MODELFOLIO_DEMO_SIGN_IN or leave --address out."
        )
    open_registry(settings).close()
    refuse_taken_port(address, port)
    shown = f"[{address}]" if ":" in address else address
    typer.echo(f"modelfolio is at http://{shown}:{port} (stop with Ctrl+C)")
    from dashboard import server  # noqa: PLC0415 - Streamlit takes seconds to import; a wrong port should not

    with anchoring(settings):
        server.run(address=address, port=port)
