"""What a field of an event may hold, declared once beside its type.

In: the structs of `schemas.events`, whose annotations say what a type can't: bounds, that an
empty text is no value, that a list's items need names of their own. Out: a `FieldRule` for each
field. Decode refuses by these rules while events flow, `kizuna validate` asks an archive by the
same ones: neither has a bound of its own.

The marks stand in `Meta.extra`, which msgspec carries and doesn't apply: a refusal keeps its
reason, and its place in the order of reasons, only if decode applies them itself.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from msgspec import inspect as shapes

MONEY_MAX: Final = 10**12
"""Minor units or points in one field: ten billion of a currency with cents."""
QUANTITY_MAX: Final = 2**31 - 1
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z. Bounds of every field whose name ends with `_at`: a time in seconds or
microseconds is otherwise a valid one in 1970 or in the year 49,000."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z"""

Money = Annotated[int, Meta(extra={"at_least": 0, "at_most": MONEY_MAX})]
"""Minor units, or points, that can't be negative."""
Change = Annotated[int, Meta(extra={"at_least": -MONEY_MAX, "at_most": MONEY_MAX})]
"""Points given or, below 0, taken."""
Quantity = Annotated[int, Meta(extra={"at_least": 0, "at_most": QUANTITY_MAX})]
EventId = Annotated[str, Meta(extra={"key": True, "length_max": 128})]
Currency = Annotated[str, Meta(extra={"of_market": "currency"})]
"""Must be what the event's market says."""

Instant = Annotated[int, Meta(extra={"at_least": EARLIEST_MS, "at_most": LATEST_MS})]
"""ms UTC, in a field whose name doesn't say so."""

_KEYS: Final = frozenset(("sku", "loser", "winner", "owner"))
"""Fields of a payload that name something and don't end with `_id`."""


class FieldRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one field may hold."""

    name: str
    required: bool
    """It must be there."""
    nullable: bool = False
    time: bool = False
    """ms UTC; what may be sent for it is more, see `transforms.decode.moments`."""
    key: bool = False
    """It names something: where it is there, it isn't empty."""
    at_least: int | None = None
    at_most: int | None = None
    length_max: int | None = None
    one_of: tuple[str, ...] = ()
    of_market: str | None = None
    """Which setting of the event's market it must be equal to."""
    named_by: str | None = None
    """Of a list: the field by which its items are told apart, on each there and different."""
    may_lack: str | None = None
    """Of a list: the field that its items may come without; decode makes it empty."""
    items: tuple["FieldRule", ...] = ()
    """Of a list: the rules of an item."""

    @property
    def bounded(self) -> bool:
        return self.at_least is not None and self.at_most is not None


@cache
def rules_of(struct: type[msgspec.Struct]) -> dict[str, FieldRule]:
    """The rules of a struct's fields, by name, in their order.

    >>> from schemas.events import Redeem
    >>> rules_of(Redeem)["points"].at_least, rules_of(Redeem)["redemption_id"].key
    (0, True)
    """
    fields = msgspec.structs.fields(struct)
    return {field.name: _rule(field.name, field.required, field.type) for field in fields}


def _rule(name: str, required: bool, kind: Any) -> FieldRule:
    marks: dict[str, Any] = {}
    items: tuple[FieldRule, ...] = ()
    one_of: tuple[str, ...] = ()
    nullable, text = False, False
    for shape in _within(shapes.type_info(kind)):
        if isinstance(shape, shapes.Metadata):
            marks |= shape.extra or {}
        elif isinstance(shape, shapes.NoneType):
            nullable = True
        elif isinstance(shape, shapes.LiteralType):
            one_of = tuple(str(value) for value in shape.values)
        elif isinstance(shape, shapes.StrType):
            text = True
        elif isinstance(shape, shapes.VarTupleType) and isinstance(
            shape.item_type, shapes.StructType
        ):
            items = tuple(_items(shape.item_type.cls))
    time = name.endswith("_at")
    if time:
        marks |= {"at_least": EARLIEST_MS, "at_most": LATEST_MS - 1}
    return FieldRule(
        name=name,
        required=required,
        nullable=nullable,
        time=time,
        key=marks.get("key", text and (name.endswith("_id") or name in _KEYS)),
        at_least=marks.get("at_least"),
        at_most=marks.get("at_most"),
        length_max=marks.get("length_max"),
        one_of=one_of,
        of_market=marks.get("of_market"),
        named_by=marks.get("named_by"),
        may_lack=marks.get("may_lack"),
        items=items,
    )


def _within(shape: shapes.Type) -> Iterator[shapes.Type]:
    yield shape
    if isinstance(shape, shapes.Metadata):
        yield from _within(shape.type)
    elif isinstance(shape, shapes.UnionType):
        for each in shape.types:
            yield from _within(each)


def _items(struct: type[msgspec.Struct]) -> Iterator[FieldRule]:
    """Rules of what stands in a list. Their names may be empty unless the list is `named_by`
    them: what a return takes back isn't always known by its line."""
    for rule in rules_of(struct).values():
        yield msgspec.structs.replace(rule, key=False)
