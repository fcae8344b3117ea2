"""The web server: Streamlit's pages with our headers, theme and health check around them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dashboard.opening import open_registry
from dashboard.palette import theme
from dashboard.report_route import PATH, report_back
from dashboard.settings import load_settings
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = Path(__file__).parent / "app.py"
FAVICON = Path(__file__).parent / "assets" / "favicon.svg"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Streamlit's page starts from inline scripts and its grid from WebAssembly; nothing may come from or go to another host.
CONTENT_SECURITY_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Puts our headers on every response, static files and errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only the start of a response is touched."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def healthz(_request: Request) -> Response:
    """Answer whether the registry can be read: 200, or 503 without saying more than that."""
    try:
        registry = open_registry(load_settings())
        try:
            revision = registry.revision()
        finally:
            registry.close()
    except ModelfolioError:
        return JSONResponse({"state": "registry unavailable"}, status_code=503)
    return JSONResponse({"state": "ok", "revision": revision})


def favicon(_request: Request) -> Response:
    """Serve our icon where the browser looks before the page names one."""
    return FileResponse(FAVICON, media_type="image/svg+xml")


def options(*, address: str, port: int) -> dict[str, object]:
    """Return Streamlit's configuration: nothing is left to a file that another folder would not have."""
    return {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableAgentApi": False,
        "server.allowedHosts": list(LOOPBACK) if address in LOOPBACK else [],
        "browser.serverAddress": "127.0.0.1" if address in LOOPBACK else address,
        "browser.gatherUsageStats": False,
        "client.allowedOrigins": [],
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        # The grid would export its rows as they are, formulas and all; our own exports do not.
        "client.disableDataExport": True,
        "logger.hideWelcomeMessage": True,
        "logger.level": "warning",
        "runner.magicEnabled": False,
        # A full collection after every rerun takes two to four times what the rerun itself takes; Python collects often enough.
        "runner.postScriptGC": False,
    } | theme()


def run(*, address: str, port: int) -> None:
    """Serve the pages until the process is stopped."""
    app = st.App(
        SCRIPT,
        routes=[
            Route("/healthz", healthz),
            Route("/favicon.png", favicon),
            Route("/favicon.ico", favicon),
            Route(PATH, report_back, methods=["POST"]),
        ],
        middleware=[Middleware(SecurityHeaders)],
    )
    app.run(config=options(address=address, port=port))
