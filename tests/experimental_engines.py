"""Engines that only the slow tests try: ClickHouse's in this process, and Spark's Thrift Server with two executors."""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest
import sqlalchemy as sa

from tests.log_builders import make_parquet
from tests.postgres import free_port

CHDB = "chdb:///:memory:"
SPARK_STARTS_IN_SECONDS = 240

# The shell waits for its input to end, which it does however the tests end, and then ends the server and its executors.
SUPERVISOR = """
home=$1; shift
"$@" >"$home/log" 2>&1 &
trap "" TERM
read -r _
kill -TERM 0
wait
rm -rf "$home"
"""


def needs(*packages: str, program: str = "sh") -> None:
    """Skip the test where a package or a program is missing."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (`make test-slow` does)")
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} on the path")


@pytest.fixture
def chdb_url() -> Iterator[str]:
    """The address of an empty ClickHouse in this process, which lives as long as somebody is connected."""
    needs("chdb", "chdb_sqlalchemy")
    engine = sa.create_engine(CHDB)
    with engine.connect():
        yield CHDB
    engine.dispose()


@dataclass(frozen=True)
class SparkServer:
    """A Thrift Server that belongs to these tests alone; ``home`` is where it keeps everything."""

    home: Path
    port: int
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    @property
    def executors(self) -> int:
        """How many processes have offered to work for it."""
        return self.log.count("Registered executor ")

    @property
    def workers(self) -> set[str]:
        """The executors that finished a task."""
        return set(re.findall(r"Finished task .* \(executor (\d+)\)", self.log))

    @property
    def log(self) -> str:
        """What it said so far."""
        return (self.home / "log").read_text()

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of a database."""
        return f"hive://127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Execute one statement."""
        engine = sa.create_engine(self.url("default"))
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def running_spark() -> Iterator[SparkServer]:
    """Start a Thrift Server with two executors of one core each on a free port of 127.0.0.1, and end them."""
    home = Path(mkdtemp(prefix="modelfolio-spark-"))
    server = SparkServer(home, free_port())
    (home / "log").touch()
    package = importlib.util.find_spec("pyspark")
    assert package is not None
    assert package.origin is not None
    spark = Path(package.origin).parent
    options = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": home / "local",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "Australia/Lord_Howe",  # far from UTC: whoever trusts it is found out
        "spark.sql.shuffle.partitions": 2,
        "spark.sql.warehouse.dir": home / "warehouse",
        "spark.ui.enabled": "false",
    }
    hive = {
        "hive.server2.thrift.bind.host": "127.0.0.1",
        "hive.server2.thrift.port": server.port,
        "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={home}/metastore;create=true",
    }
    command = [spark / "bin" / "spark-submit", "--master", "local-cluster[2,1,1024]"]
    command += [word for name, value in options.items() for word in ("--conf", f"{name}={value}")]
    command += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal"]
    command += [word for name, value in hive.items() for word in ("--hiveconf", f"{name}={value}")]
    with subprocess.Popen(
        ["/bin/sh", "-c", SUPERVISOR, "sh", home, *map(str, command)],
        stdin=subprocess.PIPE,
        cwd=home,
        env=os.environ | {"SPARK_HOME": str(spark), "SPARK_LOCAL_IP": "127.0.0.1"},
        start_new_session=True,  # Ctrl-C is for the tests, and they end the server
    ) as supervisor:
        try:
            _wait_until_ready(server)
            yield server
        finally:
            supervisor.communicate()


def _wait_until_ready(server: SparkServer) -> None:
    deadline = time.monotonic() + SPARK_STARTS_IN_SECONDS
    while "HiveThriftServer2 started" not in server.log or server.executors < 2:
        if time.monotonic() > deadline or "shutdown hook called" in server.log.lower():
            raise RuntimeError(f"Spark did not start: {server.log[-3000:]}")
        time.sleep(0.5)


@pytest.fixture(scope="session")
def spark_server() -> Iterator[SparkServer]:
    """A Spark of our own, started when the first test asks for it."""
    needs("pyspark", "pyhive", "thrift", "thrift_sasl", "puresasl", program="java")
    with running_spark() as server:
        yield server


@pytest.fixture
def spark_url(spark_server: SparkServer) -> Iterator[str]:
    """The address of an empty Spark database, gone after the test."""
    url = spark_server.new_database()
    yield url
    spark_server.execute(f"DROP DATABASE {url.rpartition('/')[2]} CASCADE")


def make_distant(url: str, name: str, rows: Sequence[Mapping[str, Any]], **arrow_types: Any) -> None:
    """A table with these rows, copied by the engine itself from two Parquet files, so that there is work for two."""
    engine = sa.create_engine(url)
    with TemporaryDirectory() as folder, engine.connect() as connection:
        half = len(rows) // 2
        for part, some in (("first", rows[:half]), ("second", rows[half:])):
            make_parquet(Path(folder), part, some, **arrow_types)
        source, how = f"parquet.`{folder}`", "USING parquet"
        if engine.dialect.name == "chdb":
            source, how = f"file('{folder}/*.parquet', Parquet)", "ENGINE = MergeTree ORDER BY tuple()"
        connection.exec_driver_sql(f"CREATE TABLE {name} {how} AS SELECT * FROM {source}")
    engine.dispose()
