import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from dashboard import session
from dashboard.front_door import PERSON_HEADER, VOUCHER, FrontDoor, TrustedProxy, vouched_person
from dashboard.server import options
from dashboard.settings import Settings, load_settings
from data_access import people
from data_access.registry import Registry
from monitoring.errors import SettingsError
from monitoring.people import COMMAND_LINE
from tests import builders
from tests.dashboard.conftest import Open
from tests.serving import serving

EMAIL, SECRET_HEADER, SECRET = "X-Forwarded-Email", "X-Modelfolio-Proxy", "a secret of sixteen"
BEN = (EMAIL, "Ben@Example.org")
SECRETLY = (SECRET_HEADER, SECRET)


def settings(**values: Any) -> Settings:
    return Settings(proxy_header=EMAIL, **values)


def knock(
    proxy: TrustedProxy | None,
    *headers: tuple[str, str],
    address: str = "10.0.0.7",
    path: str = "/model",
    kind: str = "http",
) -> dict[str, Any]:
    """Ask for a page; return what the server answered, or what the pages behind the door were told."""
    told: dict[str, Any] = {}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def inside(scope: Any, _receive: Any, _send: Any) -> None:
        names = [name.decode() for name, _ in scope["headers"]]
        told.update(names=names, headers={name.decode(): value.decode() for name, value in scope["headers"]})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        told.setdefault("status", message.get("status", message["type"]))

    scope = {"type": kind, "path": path, "headers": raw, "client": (address, 1234), "method": "GET"}
    asyncio.run(FrontDoor(inside, proxy=proxy)(scope, receive, send))
    return told


def person(told: dict[str, Any]) -> str | None:
    return vouched_person(told["headers"].get(PERSON_HEADER.lower()))


BY_SECRET = TrustedProxy(EMAIL, secret_header=SECRET_HEADER, secret=SECRET)


def test_right_secret_lets_the_person_in_and_keeps_the_secret_outside() -> None:
    told = knock(BY_SECRET, BEN, SECRETLY)
    assert person(told) == "ben@example.org"
    assert told["names"] == [PERSON_HEADER.lower()]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [BEN],
        [BEN, (SECRET_HEADER, "")],
        [BEN, (SECRET_HEADER, SECRET + "x")],
        [BEN, SECRETLY, SECRETLY],
        [SECRETLY],
        [BEN, (EMAIL, "eve@example.org"), SECRETLY],
        [(EMAIL, "ben@example.org, eve@example.org"), SECRETLY],
        [(EMAIL, "ben"), SECRETLY],
        [(EMAIL, ""), SECRETLY],
        [(PERSON_HEADER, "ben@example.org"), (PERSON_HEADER, "x ben@example.org")],
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_forged_doubtful_or_missing_names_open_nothing(headers: list[tuple[str, str]], kind: str) -> None:
    told = knock(BY_SECRET, *headers, kind=kind)
    assert told == {"status": 403 if kind == "http" else "websocket.close"}


def test_listed_addresses_only_and_both_proofs_where_both_are_set() -> None:
    listed = TrustedProxy.of(settings(proxy_addresses="10.0.0.0/29, fd00::1"))
    assert person(knock(listed, BEN)) == "ben@example.org"
    assert person(knock(listed, BEN, address="fd00::1")) == "ben@example.org"
    assert knock(listed, BEN, address="10.0.0.8")["status"] == 403
    assert knock(listed, BEN, ("X-Forwarded-For", "10.0.0.7"), address="127.0.0.1")["status"] == 403
    assert knock(listed, BEN, address="unix socket")["status"] == 403
    both = TrustedProxy.of(settings(proxy_addresses="10.0.0.7", proxy_secret=SECRET))
    assert knock(both, BEN)["status"] == 403
    assert knock(both, BEN, SECRETLY, address="10.0.0.8")["status"] == 403
    assert person(knock(both, BEN, SECRETLY)) == "ben@example.org"


def test_without_a_proxy_nobody_can_call_themselves_somebody() -> None:
    for forged in ("ben@example.org", f"{'0' * len(VOUCHER)} ben@example.org", " ben@example.org"):
        told = knock(None, BEN, (PERSON_HEADER, forged))
        assert person(told) is None
        assert vouched_person(forged) is None


def test_health_and_reports_with_their_token_need_no_person() -> None:
    for path in ("/healthz", "/api/decisions/1/report"):
        assert "names" in knock(BY_SECRET, path=path)
    for path in ("/healthz/x", "/api/", "/deep-dive/token/drift.html", "/_stcore/health", "/media/x.csv"):
        assert knock(BY_SECRET, path=path)["status"] == 403


@pytest.mark.parametrize(
    ("origin", "host", "enters"),
    [
        ("http://127.0.0.1:8501", "127.0.0.1:8501", True),
        ("https://models.example.org", "models.example.org", True),
        ("https://models.example.org", "models.example.org:443", True),
        ("https://evil.example.org", "127.0.0.1:8501", False),
        ("http://127.0.0.1:9999", "127.0.0.1:8501", False),
        ("null", "127.0.0.1:8501", False),
    ],
)
def test_pages_of_other_sites_cannot_connect(origin: str, host: str, enters: bool) -> None:
    told = knock(None, ("Origin", origin), ("Host", host), kind="websocket")
    assert ("names" in told) is enters


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PROXY_HEADER": EMAIL}, "PROXY_HEADER: anybody could send this header"),
        ({"PROXY_SECRET": SECRET}, "PROXY_HEADER: it is missing"),
        ({"PROXY_HEADER": EMAIL, "PROXY_SECRET": "short"}, "PROXY_SECRET: "),
        ({"PROXY_HEADER": EMAIL, "PROXY_ADDRESSES": "10.0.0"}, "PROXY_ADDRESSES"),
        ({"PROXY_HEADER": "X Email:"}, "PROXY_HEADER: "),
        ({"PROXY_HEADER": EMAIL, "PROXY_SECRET": SECRET, "DEMO_SIGN_IN": "1"}, "DEMO_SIGN_IN: in the demo anybody"),
        ({"UNKNOWN_PEOPLE": "welcome"}, "UNKNOWN_PEOPLE: "),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(f"MODELFOLIO_{name}", value)
    with pytest.raises(SettingsError, match=sentence) as refused:
        load_settings()
    assert SECRET not in str(refused.value)


def test_behind_a_proxy_the_host_is_the_proxys() -> None:
    assert options(address="127.0.0.1", port=1, behind_proxy=True)["server.allowedHosts"] == []
    assert options(address="127.0.0.1", port=1)["server.allowedHosts"] != []


@pytest.mark.parametrize(("setting", "may_read"), [("refuse", False), ("viewer", True)])
def test_whom_the_registry_does_not_know_reads_only_where_the_settings_say_so(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch, setting: str, *, may_read: bool
) -> None:
    variables = {"PROXY_HEADER": EMAIL, "PROXY_SECRET": SECRET, "DEMO_SIGN_IN": "0", "UNKNOWN_PEOPLE": setting}
    for name, value in variables.items():
        monkeypatch.setenv(f"MODELFOLIO_{name}", value)
    monkeypatch.setattr(session, "signed_in_email", lambda: "eve@example.org")
    page = open_page("audit")
    assert (len(page.title) == 1) is may_read
    said = page.info if may_read else page.error
    assert "not known here" in said[0].value
    monkeypatch.setattr(session, "signed_in_email", lambda: None)
    assert "did not say who you are" in open_page("audit").error[0].value


# The real server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A small portfolio behind a proxy that proves itself by a secret; Vic was there once and may act no longer."""
    home = tmp_path_factory.mktemp("home")
    registry = builders.new_registry(home)
    builders.small_portfolio(registry)
    people.add(registry, email="vic@example.org", name="Vic", by=COMMAND_LINE, now=builders.NOW)
    with registry.write() as session:
        session.execute(sa.text("UPDATE people SET is_active = :no WHERE email = 'vic@example.org'"), {"no": False})
    registry.close()
    variables = {"PROXY_HEADER": EMAIL, "PROXY_SECRET": SECRET, "PROXY_ADDRESSES": "127.0.0.1", "DEMO_SIGN_IN": "0"}
    variables = {f"MODELFOLIO_{name}": value for name, value in variables.items()}
    with serving(home, **variables, MODELFOLIO_AS_OF=builders.TODAY.isoformat()) as address:
        yield address


def fetched(address: str, *headers: tuple[str, str]) -> tuple[int, str]:
    asked = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def seen(address: str, *headers: tuple[str, str]) -> str:
    """Everything that the portfolio page shows, as its messages say it."""
    stream, said = address.replace("http", "ws") + "/_stcore/stream", ""
    with connect(
        stream,
        subprotocols=[Subprotocol("streamlit")],
        origin=Origin(address),
        additional_headers=list(headers),
        max_size=None,
    ) as page:
        asked = BackMsg()
        asked.rerun_script.query_string = ""
        page.send(asked.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(page.recv(timeout=60, decode=False))
            said += str(message)
            if message.WhichOneof("type") == "script_finished":
                return said


def test_served_page_is_shown_to_whom_the_proxy_names_and_to_nobody_else(served: str) -> None:
    for headers in ([], [BEN], [BEN, (SECRET_HEADER, "a wrong secret of a kind")], [SECRETLY]):
        status, said = fetched(f"{served}/portfolio", *headers)
        assert status == 403
        assert said.count("\n") == 1
        with pytest.raises(InvalidStatus):
            seen(served, *headers)
    # The address that counts is the one a request comes from, whatever it says of another.
    assert fetched(f"{served}/portfolio", ("X-Forwarded-For", "10.0.0.1"), BEN, SECRETLY)[0] == 200
    assert fetched(f"{served}/healthz")[0] == 200

    shown = seen(served, (EMAIL, "ann@example.org"), SECRETLY)
    assert "Performing well" in shown
    assert "not signed in" not in shown
    for refused, sentence in {"eve@example.org": "is not known here", "vic@example.org": "may act no longer"}.items():
        shown = seen(served, (EMAIL, refused), SECRETLY)
        assert sentence in shown
        assert "Performing well" not in shown
        assert "Approvals" not in shown
