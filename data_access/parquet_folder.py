"""A folder of Parquet files as a connection: each file or folder of files in it is a table, read through DuckDB.

The address is ``parquet:///data/predictions`` (absolute, with three slashes) or ``parquet:predictions`` (relative).
DuckDB lives in the memory of this process under a name of its own, reads nothing outside the folder, downloads nothing and
takes one thread: many models are read by many processes. It is never asked to write; that the files cannot be changed is
for their permissions to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import ArrowException

from data_access.small_file import footer_of
from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCHEME = "parquet:"
SUFFIX = ".parquet"
MEMORY_LIMIT = "2GB"
TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), sa.BigInteger),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), sa.BigInteger),
    "FLOAT": sa.REAL,
    "DOUBLE": sa.Double,
    "DECIMAL": sa.Numeric,
    "VARCHAR": sa.Text,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "TIME": sa.Time,
    "BLOB": sa.LargeBinary,
    "UUID": sa.Uuid,
    "JSON": sa.JSON,
    "ENUM": sa.Enum,
}
ARROW_TYPES: tuple[tuple[Callable[[pa.DataType], bool], type[sa.types.TypeEngine[Any]]], ...] = (
    (pa.types.is_boolean, sa.Boolean),
    (pa.types.is_integer, sa.BigInteger),
    (pa.types.is_float64, sa.Double),
    (pa.types.is_floating, sa.REAL),
    (pa.types.is_decimal, sa.Numeric),
    (pa.types.is_string, sa.Text),
    (pa.types.is_large_string, sa.Text),
    (pa.types.is_date, sa.Date),
    (pa.types.is_time, sa.Time),
    (pa.types.is_binary, sa.LargeBinary),
)
_NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a query selects from to read a table, and its columns: a file by its path, a folder by the name of a view.

    ``rows`` is how many rows a file says it has; of a folder that is not known.
    """

    name: str
    types: dict[str, sa.types.TypeEngine[Any]]
    rows: int | None = None


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
        self._tables: dict[str, Path] = {}

    def tables(self) -> dict[str, Path]:
        """Return the file or folder behind each table.

        Raises:
            LogUnreadableError: there is no Parquet file, or two tables would have one name.
        """
        found: dict[str, Path] = {}
        names: dict[str, str] = {}
        for path in sorted(self.folder.iterdir()):
            if (
                path.name.startswith((".", "_"))
                or set(path.name) & set("*?[")
                or not (_is_file(path) or (path.is_dir() and any(_files(path))))
            ):
                continue
            name = path.stem if path.is_file() else path.name
            same = names.setdefault(name.lower(), name)
            if same in found:
                raise LogUnreadableError(
                    f"connection {self._name!r}: {found[same].name!r} and {path.name!r} would be one table: DuckDB does not "
                    "tell capitals from small letters; rename one"
                )
            found[name] = path
        if not found:
            raise LogUnreadableError(f"connection {self._name!r}: there is no Parquet file in {self.folder}")
        self._tables = found
        return found

    def _path(self, table: str) -> Path | None:
        """Return the file or folder behind a table; the folder is listed again only for one that was not there."""
        return self._tables.get(table) or self.tables().get(table)

    def prepare(self, table: str) -> Prepared | None:
        """Return what is to be selected from and the types of its columns, nothing when there is no such table.

        Raises:
            LogUnreadableError: its files cannot be read, or have columns that differ in capitals only.
        """
        path = self._path(table)
        if path is None:
            return None
        schema, rows = self._schema(path if path.is_file() else min(_files(path)))
        if path.is_file():
            return Prepared(str(path), {field.name: _arrow_type(field.type) for field in schema}, rows)
        return Prepared(table, self._view(table, path))

    def fingerprint(self, table: str) -> list[object]:
        """Return what tells whether the files behind a table changed."""
        path = self._path(table) or self.folder / table
        return [(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in sorted(_files(path))]

    def _view(self, table: str, folder: Path) -> dict[str, sa.types.TypeEngine[Any]]:
        """Make a view of all files of a folder and return the types of its columns."""
        quoted = '"' + table.replace('"', '""') + '"'
        reading = f"{_text(str(folder / '**' / f'*{SUFFIX}'))}, hive_partitioning = true, union_by_name = true"
        view = f"CREATE OR REPLACE VIEW {quoted} AS SELECT * FROM read_parquet({reading})"  # noqa: S608 - both are quoted
        opened: Any = self.engine.raw_connection()
        driver: Any = self.engine.dialect.dbapi
        try:
            duckdb = opened.driver_connection
            duckdb.execute(view)
            columns = duckdb.execute(f"DESCRIBE {quoted}").fetchall()
        except driver.Error as error:
            said = str(error).strip().splitlines()[0]
            raise LogUnreadableError(f"connection {self._name!r}: {folder.name!r} cannot be read: {said}") from None
        finally:
            opened.close()
        return {column[0]: _type(column[1]) for column in columns}

    def _schema(self, file: Path) -> tuple[pa.Schema, int]:
        """Return a file's columns and how many rows it has; refuse what is no Parquet file, and columns that DuckDB would rename without a word."""
        try:
            footer, schema = footer_of(str(file))
        except (ArrowException, OSError) as error:
            said = str(error).strip().splitlines()[0]
            raise LogUnreadableError(f"connection {self._name!r}: {file.name!r} is no Parquet file: {said}") from None
        known: dict[str, str] = {}
        for name in schema.names:
            if name.lower() in known:
                raise LogUnreadableError(
                    f"connection {self._name!r}: {file.name!r} has the columns {known[name.lower()]!r} and {name!r}: DuckDB does "
                    "not tell capitals from small letters; rename one of them"
                )
            known[name.lower()] = name
        return schema, footer.num_rows

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
            engine = sa.create_engine(url, connect_args={"config": config}, pool_reset_on_return=None)
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
    if folder.is_file():
        return [folder]
    return (path for path in folder.rglob("*") if _is_file(path) and not path.name.startswith((".", "_")))


def _arrow_type(kind: pa.DataType) -> sa.types.TypeEngine[Any]:
    if pa.types.is_timestamp(kind):
        return sa.DateTime(timezone=kind.tz is not None)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return next((known() for is_kind, known in ARROW_TYPES if is_kind(kind)), sa.types.NullType())


def _type(said: str) -> sa.types.TypeEngine[Any]:
    """Return what a type of DuckDB is to us; a time in nanoseconds is a time."""
    word = said.partition("(")[0]
    if word.startswith("TIMESTAMP") and "[" not in word:
        return sa.DateTime(timezone="TIME ZONE" in word)
    return TYPES[word]() if word in TYPES and not said.endswith("]") else sa.types.NullType()


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
