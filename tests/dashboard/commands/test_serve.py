import asyncio
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from typer.testing import CliRunner

from dashboard import cli, server
from data_access.registry import Registry


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def run(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("modelfolio")
    return subprocess.run(
        [command, *arguments],
        cwd=home,
        env={"MODELFOLIO_HOME": str(home), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_taken_port_is_one_sentence(empty_registry: Registry, tmp_path: Path, taken_port: int) -> None:
    finished = run("serve", "--port", str(taken_port), home=tmp_path)

    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1
    assert f"Port {taken_port} is taken" in finished.stderr


def test_registry_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    finished = run("serve", home=tmp_path)

    assert finished.returncode == 1
    assert finished.stderr.startswith("modelfolio: There is no registry yet")
    assert "modelfolio db upgrade" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_demo_sign_in_on_another_address_is_refused(empty_registry: Registry, tmp_path: Path) -> None:
    finished = run("serve", "--address", "0.0.0.0", home=tmp_path, MODELFOLIO_DEMO_SIGN_IN="1")  # noqa: S104 - it is refused

    assert finished.returncode == 1
    assert "lets anyone act as anybody" in finished.stderr


def test_wrong_usage_is_exit_code_two(tmp_path: Path) -> None:
    assert run("serve", "--port", "many", home=tmp_path).returncode == 2
    assert run("serv", home=tmp_path).returncode == 2


def test_command_line_answers_without_loading_streamlit() -> None:
    loaded = (
        "import sys; from dashboard.cli import application; application('serve'); print('streamlit' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == "False"


def test_help_names_the_commands() -> None:
    shown = CliRunner().invoke(cli.application("serve"), ["serve", "--help"])

    assert shown.exit_code == 0
    assert "127.0.0.1" in shown.output


def test_every_option_given_to_streamlit_exists() -> None:
    options = server.options(address="127.0.0.1", port=8501)

    assert options.keys() <= config._config_options_template.keys()
    assert options["browser.gatherUsageStats"] is False
    assert options["server.address"] == "127.0.0.1"
    assert options["client.showErrorDetails"] == "none"
    assert options["runner.magicEnabled"] is False


def test_every_response_carries_the_security_headers() -> None:
    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(server.SecurityHeaders(app)({"type": "http"}, send, send))  # type: ignore[arg-type]  # nothing is received

    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "http:" not in policy
    assert "*" not in policy


def page_of(body: bytes, *, kind: bytes = b"text/html", path: str = "/model") -> tuple[dict[str, str], bytes]:
    """What a browser that asks for a page gets when Streamlit answers ``body``, in two pieces."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert b"accept-encoding" not in dict(scope["headers"]) or path != "/model"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body[:20], "more_body": True})
        await send({"type": "http.response.body", "body": body[20:]})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"accept", b"text/html,*/*"), (b"accept-encoding", b"gzip")]}
    asyncio.run(server.SecurityHeaders(server.FirstPage(app))(scope, send, send))  # type: ignore[arg-type]  # nothing is received
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(message.get("body", b"") for message in sent[1:])


def test_first_page_may_run_its_own_scripts_and_no_others() -> None:
    headers, body = page_of(b"<html><head><script>own()</script></head></html>")
    own = "'sha256-" + b64encode(sha256(b"own()").digest()).decode() + "'"
    (allowed,) = [part for part in headers["content-security-policy"].split("; ") if part.startswith("script-src")]

    assert own in allowed
    assert allowed.count("'sha256-") == 3
    assert "unsafe-inline" not in allowed
    assert b"BACKEND_BASE_URL" in body
    assert headers["content-length"] == str(len(body))


def test_what_is_no_page_and_a_report_pass_as_they_are() -> None:
    assert page_of(b"<head>a picture of twenty bytes", kind=b"image/png")[1] == b"<head>a picture of twenty bytes"
    headers, body = page_of(b"<head>a report of twenty bytes", path="/deep-dive/x/drift.html")
    assert body == b"<head>a report of twenty bytes"
    assert "sha256" not in headers["content-security-policy"]


def test_health_is_told_without_details(empty_registry: Registry, tmp_path: Path) -> None:
    assert server.healthz(None).status_code == 200  # type: ignore[arg-type]  # the request is not looked at
    (tmp_path / "registry.db").rename(tmp_path / "elsewhere.db")

    broken = server.healthz(None)  # type: ignore[arg-type]  # the same
    assert broken.status_code == 503
    assert str(tmp_path).encode() not in bytes(broken.body)
