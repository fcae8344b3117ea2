"""A folder of Parquet files as a connection: each file or folder of files in it is a table, read through DuckDB.

The address is ``parquet:///data/predictions`` (absolute, with three slashes) or ``parquet:predictions`` (relative).
DuckDB lives in the memory of this process under a name of its own, reads nothing outside the folder, downloads nothing and
takes one thread: many models are read by many processes. It is never asked to write; that the files cannot be changed is
for their permissions to say.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow.parquet as pq
import sqlalchemy as sa
from pyarrow import ArrowException

from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEME = "parquet:"
SUFFIX = ".parquet"
MEMORY_LIMIT = "2GB"
_NUMBERS = count()


def is_parquet(address: str) -> bool:
    """Whether an address is that of a folder of Parquet files."""
    return address.startswith(SCHEME)


def folder_of(address: str, *, name: str) -> Path:
    """Return the folder an address names.

    >>> folder_of("parquet:///data/predictions", name="lake").as_posix()
    '/data/predictions'
    >>> folder_of("parquet:predictions", name="lake").as_posix()
    'predictions'
    """
    path = unquote(address.removeprefix(SCHEME))
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host or not slash:
            raise LogUnreadableError(
                f"the address of connection {name!r} names the host {host!r}; a folder of Parquet files is written "
                "parquet:///absolute/folder or parquet:relative/folder"
            )
        path = f"/{rest}"
    if not path:
        raise LogUnreadableError(
            f"the address of connection {name!r} names no folder, such as parquet:///data/predictions"
        )
    return Path(path)


class ParquetFolder:
    """The Parquet files of one connection; each becomes a view when it is first asked for."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self.folder = folder_of(address, name=name)
        if set(str(self.folder)) & set("*?["):
            raise LogUnreadableError(
                f"connection {name!r}: the folder's path holds one of * ? [, which stand for others"
            )
        if not self.folder.is_dir():
            raise LogUnreadableError(f"connection {name!r} cannot be read: there is no folder {self.folder}")
        self.folder = self.folder.resolve()
        self.engine = self._engine()
        self._views: set[str] = set()

    def tables(self) -> dict[str, Path]:
        """Return the file or folder behind each table.

        Raises:
            LogUnreadableError: there is no Parquet file, or two tables would have one name.
        """
        found: dict[str, Path] = {}
        for path in sorted(self.folder.iterdir()):
            if (
                path.name.startswith((".", "_"))
                or set(path.name) & set("*?[")
                or not (_is_file(path) or (path.is_dir() and any(_files(path))))
            ):
                continue
            name = path.stem if path.is_file() else path.name
            same = next((known for known in found if known.lower() == name.lower()), None)
            if same is not None:
                raise LogUnreadableError(
                    f"connection {self._name!r}: {found[same].name!r} and {path.name!r} would be one table: DuckDB does not "
                    "tell capitals from small letters; rename one"
                )
            found[name] = path
        if not found:
            raise LogUnreadableError(f"connection {self._name!r}: there is no Parquet file in {self.folder}")
        return found

    def prepare(self, table: str) -> bool:
        """Make a table ready to be selected from, and say whether there is one of this name."""
        if table in self._views:
            return True
        path = self.tables().get(table)
        if path is None:
            return False
        files = [path] if path.is_file() else sorted(_files(path))
        self._check(files[0])
        source = path if path.is_file() else path / "**" / f"*{SUFFIX}"
        reading = "" if path.is_file() else ", hive_partitioning = true, union_by_name = true"
        quoted = '"' + table.replace('"', '""') + '"'
        selected = f"SELECT * FROM read_parquet({_text(str(source))}{reading})"  # noqa: S608 - the names are quoted
        view = f"CREATE OR REPLACE VIEW {quoted} AS {selected}"
        try:
            with self.engine.begin() as connection:
                connection.exec_driver_sql(view)
        except sa.exc.DBAPIError as error:
            said = str(error.orig).strip().splitlines()[0]
            raise LogUnreadableError(f"connection {self._name!r}: {path.name!r} cannot be read: {said}") from None
        self._views.add(table)
        return True

    def forget(self) -> None:
        """Look at the files afresh."""
        self._views.clear()

    def _check(self, file: Path) -> None:
        """Refuse a file that is none, and columns that DuckDB would rename without a word."""
        try:
            names = pq.read_schema(file).names
        except (ArrowException, OSError) as error:
            said = str(error).strip().splitlines()[0]
            raise LogUnreadableError(f"connection {self._name!r}: {file.name!r} is no Parquet file: {said}") from None
        known: dict[str, str] = {}
        for name in names:
            if name.lower() in known:
                raise LogUnreadableError(
                    f"connection {self._name!r}: {file.name!r} has the columns {known[name.lower()]!r} and {name!r}: DuckDB does "
                    "not tell capitals from small letters; rename one of them"
                )
            known[name.lower()] = name

    def _engine(self) -> sa.Engine:
        config: dict[str, Any] = {
            "threads": 1,
            "memory_limit": MEMORY_LIMIT,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        # A name, for without one each thread would have an empty database of its own.
        url = f"duckdb:///:memory:modelfolio_{next(_NUMBERS)}"
        try:
            engine = sa.create_engine(url, connect_args={"config": config})
        except (ModuleNotFoundError, sa.exc.NoSuchModuleError):
            raise LogUnreadableError(
                f"connection {self._name!r} is a folder of Parquet files, which needs DuckDB: install modelfolio[parquet]"
            ) from None
        sa.event.listen(engine, "connect", self._restrict)
        return engine

    def _restrict(self, connection: Any, _record: object) -> None:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET parquet_metadata_cache = true")
        is_open = connection.execute("SELECT current_setting('enable_external_access')").fetchone()[0]
        if is_open:  # the database is shared by its connections: the first one closes it
            connection.execute(f"SET allowed_directories = [{_text(str(self.folder) + '/')}]")
            connection.execute("SET enable_external_access = false")


def _is_file(path: Path) -> bool:
    return path.is_file() and path.suffix == SUFFIX


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if _is_file(path) and not path.name.startswith((".", "_")))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
