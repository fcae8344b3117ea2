"""What ClickHouse's engine in this process (chdb) and Spark's Thrift Server need before they mean by a query what others mean.

Both are experimental: the tests that prove it run by ``make test-slow``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import GenericTypeCompiler, SQLCompiler

if TYPE_CHECKING:
    from collections.abc import Callable

CLICKHOUSE_SETTINGS = {
    "cast_keep_nullable": 1,  # a cast of NULL is NULL, not an error
    "aggregate_functions_null_for_empty": 1,  # the largest of nothing is NULL, not 1970
    "join_use_nulls": 1,
    "max_ast_elements": 10_000_000,
    "max_query_size": 100_000_000,
    "readonly": 1,  # last: it forbids to set anything
}


class _ExactFloat(sa.Float[float]):
    """A float that goes to the engine as its bits: the driver would write fifteen digits of it."""

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[float | None], int | None]:
        """Return the bits of a float as a whole number."""
        del dialect
        return lambda value: None if value is None else struct.unpack("<q", struct.pack("<d", value))[0]

    def bind_expression(self, bindvalue: sa.BindParameter[float]) -> sa.ColumnElement[float]:
        """Return the bits as a float again."""
        return sa.func.reinterpretAsFloat64(sa.func.toInt64(bindvalue), type_=sa.Double())


def prepare_clickhouse(engine: sa.Engine) -> None:
    """Have floats sent exactly; set for each connection what standard SQL says about NULL, and that nothing is written."""
    engine.dialect.colspecs = {**engine.dialect.colspecs, sa.Float: _ExactFloat}

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for name, value in CLICKHOUSE_SETTINGS.items():
            cursor.execute(f"SET {name} = {value}")
        cursor.close()


class _SparkFloat(sa.Float[float]):
    """A float that stays one: Spark takes 0.5 for a decimal."""

    def bind_expression(self, bindvalue: sa.BindParameter[float]) -> sa.ColumnElement[float]:
        """Return the number as a float."""
        return sa.cast(bindvalue, sa.Double())


class _SparkTypes(GenericTypeCompiler):
    """The words for the types we cast to."""

    def visit_TEXT(self, type_: sa.Text, **_: Any) -> str:  # noqa: N802 - a word of SQLAlchemy
        """Return the word for text of any length."""
        del type_
        return "STRING"


SPARK_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "boolean": sa.Boolean(),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), sa.BigInteger()),
    "float": sa.REAL(),
    "double": sa.Double(),
    "decimal": sa.Numeric(),
    "string": sa.Text(),
    "varchar": sa.Text(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
    "timestamp_ntz": sa.DateTime(timezone=False),
}


class SparkInspector:
    """What is asked of SQLAlchemy's inspector; PyHive's own does not quote names and does not know every type."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def has_table(self, name: str, *, schema: str | None = None) -> bool:
        """Whether there is a table or view of this name."""
        return name.lower() in {each.lower() for each in self.get_table_names(schema)}

    def get_columns(self, name: str, *, schema: str | None = None) -> list[dict[str, Any]]:
        """Return the name and type of each column."""
        words = [self._quoted(each) for each in (schema, name) if each]
        columns = []
        for column, kind, _ in self._said(f"DESCRIBE TABLE {'.'.join(words)}"):
            if not column or column.startswith("# "):  # what follows repeats the columns of partitions
                break
            columns.append({"name": column, "type": SPARK_TYPES.get(kind.partition("(")[0], sa.types.NullType())})
        return columns

    def get_schema_names(self) -> list[str]:
        """Return the names of the databases."""
        return [row[0] for row in self._said("SHOW SCHEMAS")]

    def get_table_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables and views of a database."""
        return [row[1] for row in self._said(f"SHOW TABLES IN {self._quoted(schema)}" if schema else "SHOW TABLES")]

    def get_view_names(self, schema: str | None = None) -> list[str]:
        """Return nothing: views are among the tables."""
        del schema
        return []

    def _said(self, statement: str) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.exec_driver_sql(statement))

    def _quoted(self, name: str) -> str:
        return self._engine.dialect.identifier_preparer.quote_identifier(name)


def prepare_spark(engine: sa.Engine) -> None:
    """Repair what PyHive's dialect gets wrong, above all the quoting of names; have each session show times in UTC."""
    dialect: Any = engine.dialect
    quotes = dialect.identifier_preparer
    quotes.escape_quote, quotes.escape_to_quote = "`", "``"
    dialect.statement_compiler = SQLCompiler  # PyHive's takes a dot in a name for a schema
    dialect.type_compiler_instance = _SparkTypes(dialect)
    dialect.colspecs = {**dialect.colspecs, sa.Float: _SparkFloat}

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET spark.sql.session.timeZone=UTC")


def inspector_of(engine: sa.Engine) -> sa.Inspector | SparkInspector:
    """Return what tells an engine's tables and their columns."""
    return SparkInspector(engine) if engine.dialect.name == "hive" else sa.inspect(engine)


PREPARATIONS: dict[str, Callable[[sa.Engine], None]] = {"chdb": prepare_clickhouse, "hive": prepare_spark}


def prepare(engine: sa.Engine) -> None:
    """Prepare an engine that has just been made, where its kind needs it."""
    known = PREPARATIONS.get(engine.dialect.name)
    if known is not None:
        known(engine)
