"""The tables of the warehouse, derived from the row classes: one source for names and comments.

A field's type decides its column's (`int` BIGINT, `int` marked `ms` TIMESTAMP in UTC,
`float` DOUBLE, `str` VARCHAR, `dict` JSON, `bytes` BLOB), its `Meta` the comment.
Columns whose name starts with `_` are bookkeeping and may differ between two runs over
the same input: `_seq` (the sink's position of an append-only row) and `_version` (which
of two states of a key is the newer).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
from msgspec import inspect as shapes

from schemas.flow import Row
from sinks.row_batch import ROW_CLASSES

_ARROW: Final[dict[str, pa.DataType]] = {
    "BIGINT": pa.int64(),
    "TIMESTAMP": pa.timestamp("ms"),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BLOB": pa.binary(),
}
_SQL: Final[dict[type[shapes.Type], str]] = {
    shapes.IntType: "BIGINT",
    shapes.FloatType: "DOUBLE",
    shapes.BoolType: "BOOLEAN",
    shapes.StrType: "VARCHAR",
    shapes.LiteralType: "VARCHAR",
    shapes.DictType: "JSON",
    shapes.BytesType: "BLOB",
}


@dataclass(frozen=True)
class Column:
    """A column: what SQL and the catalogue know of it."""

    name: str
    sql_type: str
    comment: str
    nullable: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        return _ARROW[self.sql_type]


@dataclass(frozen=True)
class Table:
    """A table. `keys` empty: rows are only ever added; else the newest version of a key stays."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowTable:
    """A table that rows are written to, with how each of its columns is read off a row."""

    table: Table
    as_text: tuple[Callable[[Any], str] | None, ...]
    """How each field becomes its column's text, where it isn't a value that Arrow knows; `_seq`,
    which the writer numbers, has no field."""
    key_of: Callable[[Any], Any] | None
    """What identifies the row in a keyed table; None: append-only."""


@dataclass(frozen=True)
class View:
    """A view, its comment, and a comment for each of its columns in their order."""

    name: str
    comment: str
    columns: Mapping[str, str]
    sql: str


_encode_sorted: Final = msgspec.json.Encoder(order="sorted").encode

SEQ: Final = Column(
    "_seq", "BIGINT", "position in this sink; rows above the last snapshot are written again"
)


def row_table(row_class: type[Row]) -> RowTable:
    """The table of a row class and how to fill it."""
    columns: list[Column] = []
    as_text: list[Callable[[Any], str] | None] = []
    names: dict[str, str] = {}
    for field in msgspec.structs.fields(row_class):
        column = _column(row_class, field)
        names[field.name] = column.name
        columns.append(column)
        as_text.append(_json if column.sql_type == "JSON" else None)
    keys = tuple(names[key] for key in row_class.keys)
    if not keys:
        columns.append(SEQ)
    return RowTable(
        table=Table(row_class.table, _sentence(row_class), tuple(columns), keys),
        as_text=tuple(as_text),
        key_of=attrgetter(*row_class.keys) if keys else None,
    )


def _column(row_class: type[Row], field: msgspec.structs.FieldInfo) -> Column:
    shape = shapes.type_info(field.type)
    comment, extra = "", {}
    if isinstance(shape, shapes.Metadata):
        comment = (shape.extra_json_schema or {}).get("description", "")
        extra = shape.extra or {}
        shape = shape.type
    nullable = False
    if isinstance(shape, shapes.UnionType):
        kinds = [kind for kind in shape.types if not isinstance(kind, shapes.NoneType)]
        nullable = len(kinds) < len(shape.types)
        shape = kinds[0]
    sql_type = "TIMESTAMP" if extra.get("ms") else _SQL.get(type(shape))
    if sql_type is None:
        raise TypeError(f"{row_class.__name__}.{field.name}: no column type for {shape}")
    name = extra.get("as", field.name)
    if row_class.keys and field.name == "version":
        name = "_version"
    return Column(name, sql_type, comment, nullable)


def _json(value: Any) -> str:
    return _encode_sorted(value).decode()


def _sentence(row_class: type[Row]) -> str:
    return " ".join((row_class.__doc__ or "").split())


ROW_TABLES: Final[dict[type[Row], RowTable]] = {kind: row_table(kind) for kind in ROW_CLASSES}

RUNS: Final = Table(
    "runs",
    "The runs that wrote this warehouse. Not a function of the input, unlike all other tables.",
    (
        Column("run_id", "BIGINT", "counts up from 1"),
        Column("generation", "BIGINT", "of the input: grows when a finished run goes on"),
        Column("started_at", "TIMESTAMP", "by the wall clock, UTC"),
        Column("ended_at", "TIMESTAMP", "by the wall clock, UTC; null: killed or running", True),
        Column("outcome", "VARCHAR", "done or failed; null: killed or running", True),
        Column("as_of", "TIMESTAMP", "what bounds wrong clocks in the input, UTC"),
        Column("input", "VARCHAR", "the files or topics read"),
        Column("workers", "BIGINT", "processes"),
        Column("events", "BIGINT", "events read by this run, where counted", True),
        Column("config_hash", "VARCHAR", "of programmes, journeys and settings"),
        Column("kizuna_version", "VARCHAR", "of the program"),
    ),
)
PARAMETERS: Final = Table(
    "parameters",
    "Figures that views need and events don't carry. Change them with UPDATE.",
    (
        Column("name", "VARCHAR", "which figure"),
        Column("value", "DOUBLE", "the figure"),
        Column("meaning", "VARCHAR", "what it says and in which unit"),
    ),
)
POSITION: Final = Table(
    "_sink_position",
    "How far the sink wrote: changed in one transaction with the rows, so a lost tail is seen.",
    (Column("position", "BIGINT", "rows received since the warehouse was created"),),
)
TABLES: Final[tuple[Table, ...]] = (
    *(kind.table for kind in ROW_TABLES.values()),
    PARAMETERS,
    RUNS,
    POSITION,
)
