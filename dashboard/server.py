"""The web server: Streamlit's pages with our headers, theme and health check around them."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.deep_dive.kept import PARTS, SERVED_POLICY, report_of_token
from dashboard.front_door import FrontDoor, TrustedProxy, believe_no_forwarded_address
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
REPORTS = "/deep-dive/"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Streamlit's grid runs WebAssembly and its styles are written by script; a script must be a file of ours or one of the page's three
# short ones, known by their hash, so that no markup in a name could ever run. Nothing may come from or go to another host.
CONTENT_SECURITY_POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
FIND_SERVER = b"""<script>
      if (!location.pathname.endsWith("/"))
        window.__streamlit = { BACKEND_BASE_URL: location.origin + location.pathname.replace(/[^/]*$/, "") }
    </script>"""
"""Our addresses are one segment long, so the server is where the page's name is not; Streamlit would first look for it below the
name, and every opened link would leave an error in the browser's console."""
FOCUS = b"""<script>
      addEventListener("DOMContentLoaded", () => {
        let last = "";
        new MutationObserver(() => {
          const place = [...document.querySelectorAll("[class*='st-key-focus_']")].pop();
          const name = place ? place.className.match(/st-key-focus_\\S*/)[0] : "";
          const field = place && place.querySelector("textarea, input, button");
          if (name === last || (place && !field)) return;
          last = name;
          if (field && field.type === "checkbox") place.scrollIntoView({ block: "center" });
          if (field) field.focus();
        }).observe(document.body, { childList: true, subtree: true });
      });
    </script>"""
"""Puts the cursor into the field of the last container whose key begins with ``focus_`` when it appears: Streamlit has no word for that, and
who opens a form by a key wants to type."""
HEADERS = {
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
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(scripts=""))
            await send(message)

        await self.app(scope, receive, send_with_headers)


class FirstPage:
    """Tells Streamlit's first page where its server is, and lets it run the scripts that are written in it and no others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite a page that is asked for as one; reports bring a policy of their own and pass."""
        asks_for_page = scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")
        if not asks_for_page or scope["path"].startswith(REPORTS):
            await self.app(scope, receive, send)
            return
        kept = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}
        scope = {**scope, "headers": [header for header in scope["headers"] if header[0] not in kept]}
        start: Message = {}
        body = b""

        async def send_whole(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(scope=start)
            if headers.get("content-type", "").startswith("text/html"):
                body = body.replace(b"<head>", b"<head>\n    " + FIND_SERVER + b"\n    " + FOCUS, 1)
                headers["Content-Length"] = str(len(body))
                headers["Content-Security-Policy"] = page_policy(body)
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, send_whole)


def page_policy(page: bytes) -> str:
    """Return the policy under which exactly the scripts written in this page of Streamlit's run."""
    hashes = (b64encode(sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page))
    return CONTENT_SECURITY_POLICY.format(scripts="".join(f" 'sha256-{each}'" for each in hashes))


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


def deep_dive(request: Request) -> Response:
    """Serve a kept report to whoever was given its address on the page, as a page of no origin."""
    kept, part = report_of_token(load_settings().home, request.path_params["token"]), request.path_params["part"]
    if kept is None or part not in PARTS or not kept.page(part).exists():
        return PlainTextResponse("There is no such report any more.", status_code=404)
    headers = {"Content-Security-Policy": SERVED_POLICY, "Cache-Control": "no-store"}
    return FileResponse(kept.page(part), media_type="text/html", headers=headers)


def options(*, address: str, port: int, behind_proxy: bool = False) -> dict[str, object]:
    """Return Streamlit's configuration: nothing is left to a file that another folder would not have.

    Behind a proxy that signs people in the host is the proxy's, and whoever comes past it is refused at the front door.
    """
    only_this_machine = address in LOOPBACK and not behind_proxy
    return {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableAgentApi": False,
        "server.allowedHosts": list(LOOPBACK) if only_this_machine else [],
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
    proxy = TrustedProxy.of(load_settings())
    believe_no_forwarded_address()
    app = st.App(
        SCRIPT,
        routes=[
            Route("/healthz", healthz),
            Route("/favicon.png", favicon),
            Route("/favicon.ico", favicon),
            Route(PATH, report_back, methods=["POST"]),
            Route(REPORTS + "{token}/{part}.html", deep_dive),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(FrontDoor, proxy=proxy), Middleware(FirstPage)],
    )
    app.run(config=options(address=address, port=port, behind_proxy=proxy is not None))
