"""From the bytes of a Kafka message to a record: JSON as it is, Avro by its schema's id.

Confluent's framing (a zero byte, the id of the writer's schema in 4 bytes, the data) tells Avro
from JSON, which never begins with a zero. What can't be read becomes bytes that decode refuses
as unreadable. Promised: looking a schema up never blocks the caller; while the registry doesn't
answer, `Stalled` says that the same message must be tried again later.
"""

import io
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import fastavro

from pipelines.logs import Log
from pipelines.sources.raw import Record
from schemas.events import TRACEPARENT
from transforms.decode.trace_context import Traced

FRAME_BYTES = 5
UNKNOWN_MAX = 10_000
"""Ids that the registry doesn't know and that are remembered at once."""
PAUSE_SECONDS = (0.2, 10.0)
"""Between attempts, while the registry is down: at first, and at most."""
NOT_FOUND = 404

Reader = Callable[[bytes], Record]
_log = Log("read")


class Stalled(Exception):
    """The registry hasn't answered yet."""


def unreadable(why: str, value: bytes) -> bytes:
    """What decode quarantines as unreadable, with the reason and the bytes as they came."""
    return b"\x00not readable as Avro: " + why.encode() + b"\n" + value


def traced(record: Record, headers: Iterable[tuple[str, bytes | str | None]] | None) -> Record:
    """The record with its trace context, if a header says one; of several the last one counts."""
    said: bytes | str | None = None
    for name, value in headers or ():
        if name == TRACEPARENT:
            said = value
    if not said:
        return record
    text = said if isinstance(said, str) else said.decode("ascii", "replace")
    return Traced(record=record, traceparent=text)


class Wire:
    """Reads messages; one for a lane. `registry`: of a SchemaRegistryClient; None: JSON only."""

    def __init__(self, registry: Any | None) -> None:
        self._schemas = None if registry is None else Schemas(registry)

    def record(self, value: bytes | None) -> Record:
        """A message's record. Raises Stalled while its schema is being looked up."""
        if not value:
            return b""
        if value[0] != 0:
            return value
        if self._schemas is None:
            return unreadable("no schema registry is configured", value)
        if len(value) < FRAME_BYTES:
            return unreadable("cut off", value)
        number = int.from_bytes(value[1:FRAME_BYTES], "big")
        read = self._schemas.reader(number)
        if read is None:
            return unreadable(f"schema {number} is not in the registry, or none of ours", value)
        try:
            return read(value[FRAME_BYTES:])
        except Exception as error:  # fastavro raises whatever the damage leads to
            return unreadable(type(error).__name__, value)

    def close(self) -> None:
        if self._schemas is not None:
            self._schemas.close()


class Schemas:
    """Schemas by id, each looked up once, by a thread of its own."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._readers: dict[int, Reader] = {}
        self._unknown: set[int] = set()
        self._looking: tuple[int, Future[Reader | None]] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._again_at = 0.0
        self._pause = PAUSE_SECONDS[0]

    def reader(self, number: int) -> Reader | None:
        """How to read what was written with a schema; None: nobody knows it, or it is no record.

        Raises Stalled until the registry has answered.
        """
        found = self._readers.get(number)
        if found is not None:
            return found
        if number in self._unknown:
            return None
        if self._looking is None or self._looking[0] != number:
            if time.monotonic() < self._again_at:
                raise Stalled
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
            self._looking = number, self._thread.submit(self._look_up, number)
        future = self._looking[1]
        if not future.done():
            raise Stalled
        self._looking = None
        try:
            found = future.result()
        except Exception as error:  # whatever stands between this process and the registry
            if self._pause == PAUSE_SECONDS[0]:
                _log.warning("registry_unreachable", error=f"{type(error).__name__}: {error}")
            self._again_at = time.monotonic() + self._pause
            self._pause = min(PAUSE_SECONDS[1], 2 * self._pause)
            raise Stalled from None
        self._pause = PAUSE_SECONDS[0]
        if found is not None:
            self._readers[number] = found
            return found
        if len(self._unknown) >= UNKNOWN_MAX:
            self._unknown.clear()
        self._unknown.add(number)
        return None

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, number: int) -> Reader | None:
        from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415  # slow

        try:
            schema = self._registry.get_schema(number)
            if schema.schema_type == "JSON":
                return bytes
            if schema.schema_type not in (None, "AVRO"):
                return None
            named: dict[str, Any] = {}
            self._parse_references(schema, named)
        except SchemaRegistryError as error:
            if error.http_status_code == NOT_FOUND:
                return None
            raise
        try:
            parsed = fastavro.parse_schema(json.loads(schema.schema_str), named_schemas=named)
        except Exception:  # a schema that can't be one is as good as none
            return None
        return lambda data: _avro(data, parsed)

    def _parse_references(self, schema: Any, named: dict[str, Any]) -> None:
        for reference in schema.references or ():
            found = self._registry.get_version(reference.subject, reference.version).schema
            self._parse_references(found, named)
            fastavro.parse_schema(json.loads(found.schema_str), named_schemas=named)


def _avro(data: bytes, schema: Any) -> Record:
    record = fastavro.schemaless_reader(io.BytesIO(data), schema, None)
    if type(record) is not dict:
        raise TypeError("no record")
    return record
