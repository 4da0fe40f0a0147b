"""What is particular to a payload: repairs before it is read, and checks of its values.

`PREPARE` holds the repairs by payload: functions that change what was sent. `CHECK` holds the
checks: functions that raise a Refusal. A payload in neither has nothing particular.
"""

import re
from collections.abc import Callable
from typing import Any

from schemas.events import (
    Activity,
    Adjust,
    Cart,
    Line,
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
from transforms.decode.moments import is_time_zone
from transforms.decode.refusal import Refusal

MONEY_MAX = 10**12
"""Minor units or points in one field: ten billion of a currency with cents."""
QUANTITY_MAX = 2**31 - 1


_BIRTHDAY = re.compile(r"(?:[0-9]{4}-)?((?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))")


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


def _prepare_return(given: dict[str, Any], counts: Counts) -> None:
    """A line whose original isn't known has no `line_id`: the empty one, inside."""
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


PREPARE: dict[type[Payload], Callable[[dict[str, Any], Counts], None]] = {
    Return: _prepare_return,
    Profile: _prepare_profile,
    Store: _prepare_time_zone,
}
CHECK: dict[type[Payload], Callable[[Any, Market], None]] = {
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
