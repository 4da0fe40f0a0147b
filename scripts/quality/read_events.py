"""Events of an archive, or as they were sent, as a table that SQL can be asked.

In: files of Avro or JSON Lines. Out: the tables `events` (a row a record, with the payload as
JSON) and `unreadable` (a row a record that is no event at all, or a file that can't be read
on) of a DuckDB connection. Nothing is refused here and no value is repaired: what is wrong with
them is what the expectations are for.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import fastavro
import msgspec
import pyarrow as pa

from pipelines.sources.journal import InputFile
from schemas.archive import ARCHIVED_EVENT
from sinks.archive import has_later_file
from transforms.decode.moments import moment

BATCH_RECORDS: Final = 50_000
_SCHEMA: Final = pa.schema(
    [
        ("file", pa.string()),
        ("record", pa.int64()),
        ("known_at", pa.int64()),
        ("event_id", pa.string()),
        ("type", pa.string()),
        ("source", pa.string()),
        ("occurred_at", pa.int64()),
        ("received_at", pa.int64()),
        ("market", pa.string()),
        ("identifiers", pa.list_(pa.string())),
        ("payload", pa.string()),
        ("partition", pa.string()),
        ("offset", pa.int64()),
    ]
)
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_decode: Final = msgspec.json.Decoder().decode


def read_events(connection: duckdb.DuckDBPyConnection, files: Sequence[InputFile]) -> None:
    """Make `events`, `unreadable` and `archived` (whether the files are an archive's)."""
    connection.execute("CREATE TEMP TABLE unreadable (file VARCHAR, record BIGINT, why VARCHAR)")
    batch = pa.RecordBatch.from_pylist([], schema=_SCHEMA)
    connection.register("batch", pa.Table.from_batches([batch]))
    connection.execute("CREATE TEMP TABLE events AS FROM batch")
    archived = False
    for file in files:
        rows: list[tuple[Any, ...]] = []
        for number, record in enumerate(_records(file)):
            if isinstance(record, str):
                connection.execute(
                    "INSERT INTO unreadable VALUES (?, ?, ?)", [file.name, number, record]
                )
                continue
            archived = archived or "known_at" in record
            rows.append(_row(file.name, number, record))
            if len(rows) == BATCH_RECORDS:
                _insert(connection, rows)
        _insert(connection, rows)
    connection.unregister("batch")
    connection.execute("CREATE TEMP TABLE archived AS SELECT ?::BOOLEAN AS yes", [archived])


def _insert(connection: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    columns = [
        pa.array(values, field.type)
        for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
    ]
    connection.register("batch", pa.Table.from_arrays(columns, schema=_SCHEMA))
    connection.execute("INSERT INTO events FROM batch")
    rows.clear()


def _records(file: InputFile) -> Iterator[dict[str, Any] | str]:
    """Each record as an object; as a text, why it is none."""
    if not file.path.endswith(".avro"):
        with open(file.path, "rb") as lines:
            for line in lines:
                yield _line(line)
        return
    as_archive = False
    with open(file.path, "rb") as opened:
        try:
            reader = fastavro.reader(opened)
            schema: Any = reader.writer_schema
            as_archive = isinstance(schema, dict) and schema.get("name") == ARCHIVED_EVENT
            yield from reader  # type: ignore[misc]
        except Exception as error:  # each codec and the schema parser raise errors of their own
            if not as_archive or has_later_file(Path(file.path)):
                yield f"can't be read on: {type(error).__name__}"


def _line(line: bytes) -> dict[str, Any] | str:
    try:
        record = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"no JSON: {type(error).__name__}"
    return record if type(record) is dict else "no object"


def _row(file: str, number: int, record: dict[str, Any]) -> tuple[Any, ...]:
    get = record.get
    occurred_at, received_at = moment(get("occurred_at")), moment(get("received_at"))
    known_at = moment(get("known_at")) if "known_at" in record else received_at or occurred_at
    offset = get("offset")
    return (
        file,
        number,
        known_at,
        _text(get("event_id")),
        _text(get("type")),
        _text(get("source")),
        occurred_at,
        received_at if received_at is not None else occurred_at,
        _text(get("market")),
        _identifiers(get("identifiers")),
        _encode(get("payload") or {}).decode(),
        _text(get("partition")) or file,
        offset if type(offset) is int else number,
    )


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _identifiers(sent: object) -> list[str]:
    """`namespace:value` of each, as an archive has them and as they are sent."""
    if isinstance(sent, list):
        return [str(value) for value in sent]
    if not isinstance(sent, dict):
        return []
    found = []
    for namespace, value in sent.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                found.append(f"{namespace}:{one}")
    return found
