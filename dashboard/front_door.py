"""The door in front of every page: who comes in, when a proxy does the sign-in, and that nobody else comes in at all.

A proxy in front of the server signs people in and says in a header who it is. Anybody who reaches the server past the proxy could write
the same header, so it counts only from a proxy that proves itself: by its address, by a secret in another header, or both.
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from starlette.responses import PlainTextResponse

from monitoring.people import normal_email

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from dashboard.settings import Settings

PERSON_HEADER = "X-Modelfolio-Person"
VOUCHER = token_hex(32)
"""Proves within this process that the person was let in here; a visitor who sends the header cannot know it."""
OPEN_PATHS = re.compile(r"/healthz|/api/decisions/[^/]+/report")
"""The health check says nothing about models; whoever reports back needs a token."""
NOT_FROM_THE_PROXY = (
    "This dashboard is reached through its sign-in only: open it at the address of the proxy in front of it."
)
NOBODY_NAMED = "The proxy did not say who you are: sign in there again, or tell whoever runs it."
HTTPS, HTTP = 443, 80


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """The proxy that signs people in: the header it names them in, and how it proves that it is the proxy."""

    header: str
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    secret_header: str = ""
    secret: str = ""

    @classmethod
    def of(cls, settings: Settings) -> TrustedProxy | None:
        """Return the proxy of the settings; nothing when no proxy signs people in."""
        if settings.proxy_header is None:
            return None
        secret = settings.proxy_secret.get_secret_value() if settings.proxy_secret else ""
        return cls(settings.proxy_header, settings.proxy_addresses, settings.proxy_secret_header, secret)

    def is_it(self, scope: Scope) -> bool:
        """Whether a request comes from the proxy: its address and its secret, each if there is one in the settings."""
        address = _address(scope)
        if self.addresses and not any(address in network for network in self.addresses if address):
            return False
        given = values_of(scope, self.secret_header) if self.secret else [self.secret.encode()]
        return len(given) == 1 and hmac.compare_digest(given[0], self.secret.encode())

    def person(self, scope: Scope) -> str | None:
        """Return the e-mail address the proxy names; nothing when it names none, or more than one."""
        named = values_of(scope, self.header)
        try:
            email = normal_email(named[0].decode()) if len(named) == 1 else ""
        except UnicodeDecodeError:
            return None
        return email if email.count("@") == 1 and email.isprintable() and not set(email) & {" ", ","} else None


class FrontDoor:
    """Lets in what the proxy passes on, with the person it vouches for; without a proxy everybody, as nobody.

    A websocket that a page of another site opens is refused here, before Streamlit asks the network for this machine's address.
    """

    def __init__(self, app: ASGIApp, *, proxy: TrustedProxy | None = None) -> None:
        self.app = app
        self.proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with nothing in it that only we may say, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        problem, person = self._judge(scope)
        if problem:
            await _refuse(scope, receive, send, problem)
            return
        ours = {PERSON_HEADER.lower().encode()}
        if self.proxy:
            ours |= {self.proxy.header.lower().encode(), self.proxy.secret_header.lower().encode()}
        headers = [header for header in scope["headers"] if header[0].lower() not in ours]
        if person:
            headers.append((PERSON_HEADER.lower().encode(), f"{VOUCHER} {quote(person)}".encode()))
        await self.app({**scope, "headers": headers}, receive, send)

    def _judge(self, scope: Scope) -> tuple[str, str | None]:
        """Return why a request is refused, else who makes it."""
        if scope["type"] == "websocket" and not is_own_page(scope):
            return "This connection comes from a page of another site.", None
        if self.proxy is None or (scope["type"] == "http" and OPEN_PATHS.fullmatch(scope["path"])):
            return "", None
        if not self.proxy.is_it(scope):
            return NOT_FROM_THE_PROXY, None
        person = self.proxy.person(scope)
        return ("", person) if person else (NOBODY_NAMED, None)


def vouched_person(header: str | None) -> str | None:
    """Return the e-mail address in a header that the front door of this process has written."""
    voucher, _, person = (header or "").partition(" ")
    return unquote(person) or None if hmac.compare_digest(voucher.encode(), VOUCHER.encode()) else None


def believe_no_forwarded_address() -> None:
    """Let the server see the address a request really comes from, not one that a header names."""
    os.environ["FORWARDED_ALLOW_IPS"] = ""


def values_of(scope: Scope, name: str) -> list[bytes]:
    """Return what a request says in a header, once for each time it says it."""
    return [value for key, value in scope["headers"] if key.lower() == name.lower().encode()]


def is_own_page(scope: Scope) -> bool:
    """Whether a websocket is opened by a page of the host it asks for; programs without a page name none."""
    origins, hosts = values_of(scope, "Origin"), values_of(scope, "Host")
    if not origins:
        return True
    try:
        origin = urlsplit(origins[0].decode())
        asked = urlsplit(f"//{hosts[0].decode()}")
        usual = HTTPS if origin.scheme == "https" else HTTP
        same = (origin.hostname, origin.port or usual) == (asked.hostname, asked.port or usual)
    except (IndexError, UnicodeDecodeError, ValueError):
        return False
    return len(origins) == 1 and same


def _address(scope: Scope) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return None


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": sentence})
        return
    await PlainTextResponse(f"{sentence}\n", status_code=403, headers={"Cache-Control": "no-store"})(
        scope, receive, send
    )
