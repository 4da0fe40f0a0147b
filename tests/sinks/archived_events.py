"""Events of every type, as Hypothesis draws them and as archives are read back."""

import types
import typing
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from pipelines.sources.records import Archived, open_records
from schemas.events import EVENT_TYPES, Event
from sinks.archive import lane_files

BEGIN = 1_488_362_400_000
HOUR = 3_600_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LONGS = st.one_of(st.integers(-70, 5000), st.integers(-(1 << 63), (1 << 63) - 1))


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (str, int, bool, type(None)):
        return {str: TEXT, int: LONGS, bool: st.booleans(), type(None): st.none()}[kind]
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    return structs_of(kind)


def structs_of(struct: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(struct)
    return st.builds(struct, **{name: values_of(hints[name]) for name in struct.__struct_fields__})


def events_of(name: str) -> st.SearchStrategy[Event]:
    """Events of one type, with whatever the struct can hold."""
    return st.builds(
        Event,
        event_id=TEXT,
        type=st.just(name),
        source=st.sampled_from(sorted(EVENT_TYPES[name].sources)),
        occurred_at=LONGS,
        received_at=LONGS,
        market=TEXT,
        identifiers=st.lists(TEXT, max_size=3).map(tuple),
        context=st.dictionaries(TEXT, TEXT, max_size=3),
        payload=structs_of(EVENT_TYPES[name].payload),
        partition=TEXT,
        offset=LONGS,
        clamped=st.booleans(),
    )


EVENTS = st.sampled_from(sorted(EVENT_TYPES)).flatmap(events_of)


def plain_event(number: int, name: str = "searched", **payload: Any) -> Event:
    """An event like many, the one read at `number`."""
    at = BEGIN + number
    shape: Any = EVENT_TYPES[name].payload
    return Event(
        event_id=f"{name}-{number}",
        type=name,
        source=min(EVENT_TYPES[name].sources),
        occurred_at=at,
        received_at=at,
        market="us",
        identifiers=(f"cookie:c{number % 7}",),
        context={"session_id": f"s-{number}"},
        payload=shape(**(payload or {"query": "tea " * (number % 40)})),
        partition="events.web:0",
        offset=number,
    )


def read(path: Path, size: int | None = None) -> list[Any]:
    """Every record of a file, archived ones as (known_at, event)."""
    records, found = open_records(path, size=size), []
    while batch := records.read():
        found += [tuple(each) if isinstance(each, Archived) else each for each in batch]
    return found


def content(folder: Path) -> dict[str, list[Any]]:
    """What each file of a lane holds."""
    return {path.name: read(path) for path in lane_files(folder).values()}
