"""An engine that only the slow tests try: ClickHouse's, in this process."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from tests.log_builders import make_parquet

CHDB = "chdb:///:memory:"


def needs(*packages: str) -> None:
    """Skip the test where a package is missing."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (`make test-slow` does)")


@pytest.fixture
def chdb_url() -> Iterator[str]:
    """The address of an empty ClickHouse in this process, which lives as long as somebody is connected."""
    needs("chdb", "chdb_sqlalchemy")
    engine = sa.create_engine(CHDB)
    with engine.connect():
        yield CHDB
    engine.dispose()


def make_distant(url: str, name: str, rows: Sequence[Mapping[str, Any]], **arrow_types: Any) -> None:
    """A table with these rows, copied by the engine itself from a Parquet file."""
    engine = sa.create_engine(url)
    with TemporaryDirectory() as folder, engine.connect() as connection:
        make_parquet(Path(folder), name, rows, **arrow_types)
        file = f"file('{folder}/{name}.parquet', Parquet)"
        connection.exec_driver_sql(f"CREATE TABLE `{name}` ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM {file}")
    engine.dispose()
