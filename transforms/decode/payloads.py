"""The payload of an event: from the object that was sent to its struct, or a refusal.

Comes in: a type's entry in `EVENT_TYPES` and the decoded JSON. Goes out: the frozen payload.
Promised: every id that must be there is there and not empty, amounts, quantities and points lie
between 0 and a bound under which no sum overflows 64 bits (an adjustment may be negative), the
currency is the market's, times are ms UTC. Null means absent. Fields that the contract doesn't
have are counted and left out.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from msgspec import NODEFAULT, ValidationError, convert, structs

from schemas.events import (
    Activity,
    Adjust,
    AnyPayload,
    Cart,
    EventType,
    Line,
    Merge,
    Order,
    Payload,
    Product,
    ProductViewed,
    Profile,
    Redeem,
    Return,
    Sale,
    Store,
)
from schemas.settings import Market
from transforms.decode.counts import Counts
from transforms.decode.moments import EXPECTED, is_time_zone, moment
from transforms.decode.refusal import Refusal

MONEY_MAX = 10**12
"""Minor units or points in one field: ten billion of a currency with cents."""
QUANTITY_MAX = 2**31 - 1

_LINE_FIELDS = frozenset(Line.__struct_fields__)
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_BIRTHDAY = re.compile(r"(?:[0-9]{4}-)?((?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))")


class Shape(NamedTuple):
    """What is particular to reading one payload, worked out once."""

    fields: frozenset[str]
    times: tuple[str, ...]
    required_ids: tuple[str, ...]
    optional_ids: tuple[str, ...]
    prepare: "Callable[[dict[str, Any], Counts], None] | None"
    check: "Callable[[Any, Market], None] | None"


def read_payload(
    sent: object, kind: EventType, market: Market, counts: Counts, member: Callable[[str], str]
) -> AnyPayload:
    """The struct of what was sent; `member` makes a member id what it is in identifiers."""
    if sent is None:
        sent = {}
    elif type(sent) is not dict:
        raise Refusal("schema_mismatch", "payload: must be an object")
    shape = _SHAPES[kind.payload]
    given = cast(dict[str, Any], sent)
    if not shape.fields.issuperset(given):
        for name in given.keys() - shape.fields:
            counts.unknown_field(f"payload.{name}")
        given = {name: value for name, value in given.items() if name in shape.fields}
    if shape.prepare is not None:
        shape.prepare(given, counts)
    for name in shape.times:
        if given.get(name) is not None:
            given[name] = moment(given[name])
            if given[name] is None:
                raise Refusal("schema_mismatch", f"payload.{name}: {EXPECTED}")
    for name in shape.optional_ids:
        if given.get(name) == "":
            given[name] = None
    payload = _convert(given, kind.payload)
    for name in shape.required_ids:
        if not getattr(payload, name):
            raise Refusal("missing_field", f"payload.{name}: must not be empty")
    if shape.check is not None:
        shape.check(payload, market)
    if type(payload) is Merge:
        payload = Merge(loser=member(payload.loser), winner=member(payload.winner))
    return cast(AnyPayload, payload)


def _convert(given: dict[str, Any], payload: type[Payload]) -> Payload:
    try:
        return convert(given, payload)
    except ValidationError as first:
        if "got `null`" not in str(first):
            raise _refusal(first) from None
    try:
        return convert(_without_nulls(given), payload)
    except ValidationError as error:
        raise _refusal(error) from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _refusal(error: ValidationError) -> Refusal:
    """msgspec's message names types and fields; only that of an enumeration quotes the value."""
    text = str(error)
    place = _PLACE.search(text)
    path = "payload" + (f".{place[1]}" if place else "")
    said = text[: place.start()] if place else text
    missing = _MISSING.search(said)
    if missing:
        return Refusal("missing_field", f"{path}.{missing[1]}: missing")
    if "enum" in said:
        said = "not one of the allowed values"
    return Refusal("schema_mismatch", f"{path}: {said.replace('`', '')}")


def _within(name: str, value: int, most: int = MONEY_MAX) -> None:
    if value < 0:
        raise Refusal("negative_amount", f"payload.{name}: must not be negative")
    if value > most:
        raise Refusal("schema_mismatch", f"payload.{name}: must be at most {most}")


def _lines(lines: tuple[Line, ...]) -> None:
    for line in lines:
        if not (
            0 <= line.amount <= MONEY_MAX
            and 0 <= line.quantity <= QUANTITY_MAX
            and 0 <= line.discount <= MONEY_MAX
        ):
            _within("lines.amount", line.amount)
            _within("lines.discount", line.discount)
            _within("lines.quantity", line.quantity, QUANTITY_MAX)


def _named_lines(lines: tuple[Line, ...]) -> None:
    """Lines that a return can name: each has an id of its own."""
    _lines(lines)
    names = {line.line_id for line in lines}
    if "" in names:
        raise Refusal("missing_field", "payload.lines.line_id: must not be empty")
    if len(names) < len(lines):
        raise Refusal("schema_mismatch", "payload.lines.line_id: the same on two lines")


def _currency(currency: str | None, market: Market) -> None:
    if currency is not None and currency != market.currency:
        raise Refusal("unknown_currency", "payload.currency: not the market's")


def _check_sale(sale: Sale, market: Market) -> None:
    _named_lines(sale.lines)
    for tender in sale.tenders:
        _within("tenders.amount", tender.amount)
    _currency(sale.currency, market)


def _check_order(order: Order, market: Market) -> None:
    _named_lines(order.lines)
    _currency(order.currency, market)


def _check_lines(payload: Return | Cart, market: Market) -> None:
    _lines(payload.lines)


def _check_price(payload: Product | ProductViewed, market: Market) -> None:
    _within("price", payload.price)


def _check_activity(activity: Activity, market: Market) -> None:
    _within("quantity", activity.quantity, QUANTITY_MAX)


def _check_redeem(redeem: Redeem, market: Market) -> None:
    if redeem.points is not None:
        _within("points", redeem.points)
    elif not redeem.reward_id:
        raise Refusal("missing_field", "payload.reward_id: this or points must be given")


def _check_adjust(adjust: Adjust, market: Market) -> None:
    if abs(adjust.points) > MONEY_MAX:
        raise Refusal("schema_mismatch", f"payload.points: must be at most {MONEY_MAX}")


def _count_line_fields(given: dict[str, Any], counts: Counts) -> None:
    lines = given.get("lines")
    if type(lines) is list:
        for line in lines:
            if type(line) is dict and not _LINE_FIELDS.issuperset(line):
                for name in line.keys() - _LINE_FIELDS:
                    counts.unknown_field(f"payload.lines.{name}")


def _prepare_return(given: dict[str, Any], counts: Counts) -> None:
    """A line whose original isn't known has no `line_id`: the empty one, inside."""
    _count_line_fields(given, counts)
    lines = given.get("lines")
    if type(lines) is list:
        for line in lines:
            if type(line) is dict and line.get("line_id") is None:
                line["line_id"] = ""


def _prepare_profile(given: dict[str, Any], counts: Counts) -> None:
    """An enrolment isn't lost for an odd birthday or time zone; a year of birth isn't kept."""
    birthday = given.get("birthday")
    if type(birthday) is str:
        found = _BIRTHDAY.fullmatch(birthday)
        given["birthday"] = found[1] if found else None
        if not found:
            counts.unknown_field("payload.birthday")
    _prepare_time_zone(given, counts)


def _prepare_time_zone(given: dict[str, Any], counts: Counts) -> None:
    name = given.get("time_zone")
    if type(name) is str and not is_time_zone(name):
        given["time_zone"] = None
        counts.unknown_field("payload.time_zone")


_PREPARE: dict[type[Payload], Callable[[dict[str, Any], Counts], None]] = {
    Sale: _count_line_fields,
    Order: _count_line_fields,
    Cart: _count_line_fields,
    Return: _prepare_return,
    Profile: _prepare_profile,
    Store: _prepare_time_zone,
}
_CHECK: dict[type[Payload], Callable[[Any, Market], None]] = {
    Sale: _check_sale,
    Order: _check_order,
    Return: _check_lines,
    Cart: _check_lines,
    Product: _check_price,
    ProductViewed: _check_price,
    Activity: _check_activity,
    Redeem: _check_redeem,
    Adjust: _check_adjust,
}


def _shape(payload: type[Payload]) -> Shape:
    fields = structs.fields(payload)
    ids = {
        field.name: field.default is NODEFAULT
        for field in fields
        if field.name.endswith("_id") or field.name in ("sku", "loser", "winner")
    }
    return Shape(
        fields=frozenset(field.name for field in fields),
        times=tuple(field.name for field in fields if field.name.endswith("_at")),
        required_ids=tuple(name for name, required in ids.items() if required),
        optional_ids=tuple(name for name, required in ids.items() if not required),
        prepare=_PREPARE.get(payload),
        check=_CHECK.get(payload),
    )


_SHAPES: dict[type[Payload], Shape] = {
    payload: _shape(payload) for payload in Payload.__subclasses__()
}
