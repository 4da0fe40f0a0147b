"""What is particular to a payload: repairs before it is read, and checks of its values.

`PREPARE` holds the repairs by payload: functions that change what was sent. `check_of` gives what
raises a Refusal: it applies what is declared at the payload's fields (`schemas.field_rules`), and
what no single field can say (`CHECK`).
"""

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from schemas.field_rules import FieldRule, rules_of
from schemas.payloads import Correct, Payload, Profile, Redeem, Return, Store, Transfer
from schemas.settings import Market
from transforms.accrue import closed_account
from transforms.decode.counts import Counts
from transforms.decode.moments import is_time_zone, moment
from transforms.decode.refusal import Refusal
from transforms.score import merge_members as closed_score
from transforms.transfer import SCORE

Check = Callable[[Any, Market], None]

_BIRTHDAY = re.compile(r"(?:[0-9]{4}-)?((?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))")


def check_of(payload: type[Payload]) -> Check | None:
    """What refuses a payload for its values; None: any will do."""
    rules = rules_of(payload)
    steps: list[Check] = []
    for rule in rules.values():
        if rule.items:
            steps += _of_items(rule)
    own = [rule for rule in rules.values() if rule.bounded and not rule.time]
    if own:
        steps.append(_bounds(own, lambda given: (given,), "payload."))
    steps += [_of_market(rule) for rule in rules.values() if rule.of_market is not None]
    if payload in CHECK:
        steps.append(CHECK[payload])
    if len(steps) < 2:
        return steps[0] if steps else None

    def check(given: Any, market: Market) -> None:
        for step in steps:
            step(given, market)

    return check


def _of_items(rule: FieldRule) -> Iterable[Check]:
    items = attrgetter(rule.name)
    bounded = [each for each in rule.items if each.bounded]
    if bounded:
        yield _bounds(bounded, items, f"payload.{rule.name}.")
    if rule.named_by is not None:
        path, name = f"payload.{rule.name}.{rule.named_by}", attrgetter(rule.named_by)

        def named(given: Any, market: Market) -> None:
            listed = items(given)
            names = set(map(name, listed))
            if "" in names:
                raise Refusal("missing_field", f"{path}: must not be empty")
            if len(names) < len(listed):
                raise Refusal("schema_mismatch", f"{path}: the same on two lines")

        yield named


def _bounds(rules: Iterable[FieldRule], items: Callable[[Any], Iterable[Any]], path: str) -> Check:
    """What refuses a number outside its field's bounds, in any of the structs that `items` gives.

    Every line of every receipt comes by here, so that fields that can't be null don't look."""
    bounded = [
        (attrgetter(rule.name), rule.at_least, rule.at_most, rule)
        for rule in rules
        if rule.at_least is not None and rule.at_most is not None
    ]
    always = [each for each in bounded if not each[3].nullable]
    perhaps = [each for each in bounded if each[3].nullable]

    def check(given: Any, market: Market) -> None:
        found = items(given)
        for get, least, most, rule in always:
            for value in map(get, found):
                if not least <= value <= most:
                    raise _outside(path + rule.name, value, least, most)
        for get, least, most, rule in perhaps:
            for value in map(get, found):
                if value is not None and not least <= value <= most:
                    raise _outside(path + rule.name, value, least, most)

    return check


def _outside(path: str, value: int, least: int, most: int) -> Refusal:
    if value < least == 0:
        return Refusal("negative_amount", f"{path}: must not be negative")
    if value < least:
        return Refusal("schema_mismatch", f"{path}: must be at least {least}")
    return Refusal("schema_mismatch", f"{path}: must be at most {most}")


def _of_market(rule: FieldRule) -> Check:
    get, setting = attrgetter(rule.name), attrgetter(rule.of_market or "")
    said = f"payload.{rule.name}: not the market's"

    def check(given: Any, market: Market) -> None:
        value = get(given)
        if value is not None and value != setting(market):
            raise Refusal("unknown_currency", said)

    return check


def _check_redeem(redeem: Redeem, market: Market) -> None:
    if redeem.points is None and not redeem.reward_id:
        raise Refusal("missing_field", "payload.reward_id: this or points must be given")


def _check_correct(correct: Correct, market: Market) -> None:
    """A correction's accounts are those of double entry, and its lots hold what they say."""
    own = correct.pending + correct.available + correct.held
    gone = correct.redeemed + correct.expired + correct.reversed + correct.transferred
    if own + gone + correct.issued:
        raise Refusal("schema_mismatch", "payload: all accounts together must be 0")
    if sum(lot.remaining for lot in correct.lots) - correct.debt != own:
        raise Refusal("schema_mismatch", "payload.lots: must hold what the accounts say")
    if len({lot.lot_id for lot in correct.lots}) < len(correct.lots):
        raise Refusal("schema_mismatch", "payload.lots.lot_id: the same on two lots")


def _check_transfer(transfer: Transfer, market: Market) -> None:
    """What a transfer brings can be read, or a command could stop the flow."""
    try:
        if transfer.part == SCORE:
            closed_score.read(transfer.contents)
        else:
            closed_account.read(transfer.contents)
    except ValueError:
        raise Refusal("schema_mismatch", "payload.contents: can't be read") from None


def _prepare_correct(given: dict[str, Any], counts: Counts) -> None:
    """The times of lots may be said as all others."""
    lots = given.get("lots")
    for lot in lots if type(lots) is list else ():
        if type(lot) is dict:
            for name in ("earned_at", "available_at", "expires_at"):
                at = moment(lot.get(name))
                lot[name] = lot.get(name) if at is None else at


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
    Correct: _prepare_correct,
    Return: _prepare_return,
    Profile: _prepare_profile,
    Store: _prepare_time_zone,
}
CHECK: dict[type[Payload], Check] = {
    Correct: _check_correct,
    Redeem: _check_redeem,
    Transfer: _check_transfer,
}
