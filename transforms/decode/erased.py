"""What is left of events of people who were erased: husks.

Comes in: a decoded event, or a refused record. Goes out: the event with orphans in place of the
identifiers that have a tombstone; if the strongest of them has one, nothing but orphans, times and
type, and of its payload what other people's history rests on: names of receipts, and amounts. Of a
refused record whether it names somebody erased. Promised: what happened after the erasure is a new
life and stays as it is; a husk's husk is itself; with no tombstone there is nothing to do.

An orphan is a renaming: one for each identifier, always the same. So whatever an event did to
identifiers that others have too, its husk does to them again, and nobody else's rows change.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from schemas.erasure import is_orphan
from schemas.events import NAMESPACES, Event
from schemas.field_rules import EARLIEST_MS
from schemas.flow import Row
from schemas.payloads import Line, Payload, Redeem, Transfer
from schemas.refusals import Quarantined
from transforms.accrue.closed_account import ACCOUNT, Closed
from transforms.accrue.state import Account
from transforms.decode.moments import moment
from transforms.decode.redact import Redact
from transforms.decode.tombstones import Tombstones
from transforms.transfer import write

VALUE_MIN: Final = 6
"""A shorter value is no name that could be found within other text."""
KEPT: Final = frozenset(
    "transaction_id order_id return_id redemption_id redemptions currency until".split()
)
"""Of a payload: what other events name it by, and what an amount means nothing without."""
NAMES: Final = frozenset(("loser", "winner", "owner"))
"""Of a payload: who is concerned, as a member id or as namespace:value."""
NEUTRAL: Final = "erased"
HUSK: Final = "husk"
"""Instead of a content's hash, where what was taken has become a husk since."""
_RANK: Final = {namespace: height for height, namespace in enumerate(NAMESPACES)}
_WORD: Final = re.compile(r"[^\s\"',;{}\[\]\\]+")


class Husks:
    """Makes husks by the tombstones. `unseal` opens what decode refused."""

    def __init__(
        self,
        tombstones: Tombstones,
        redact: Redact | None = None,
        unseal: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._erased = tombstones.erased
        self._redact = redact
        self._unseal = unseal

    def apply(
        self, events: list[tuple[int, Event]], rows: list[Row]
    ) -> tuple[list[tuple[int, Event]], list[Row]]:
        """Events with their known_at, and rows, without what was of erased people."""
        return (
            [(known_at, self.husk(event)) for known_at, event in events],
            [row for row in rows if not (isinstance(row, Quarantined) and self._names_erased(row))],
        )

    def husk(self, event: Event) -> Event:
        """The event itself if nobody on it was erased."""
        at = event.occurred_at
        names = {one: name for one in _named(event) if (name := self._erased(one, at))}
        if not names:
            return event
        texts = {
            one.partition(":")[2]: name.partition(":")[2]
            for one, name in names.items()
            if len(one.partition(":")[2]) >= VALUE_MIN
        }
        identifiers = tuple(names.get(one, one) for one in event.identifiers)
        renamed = _rename(msgspec.to_builtins(event.payload), names, texts)
        payload = msgspec.convert(renamed, type(event.payload))
        context = {key: _replaced(value, texts) for key, value in event.context.items()}
        if is_husk(identifiers):
            payload, context = _emptied(payload), {}
        return replace(
            event,
            event_id=_replaced(event.event_id, texts)[:128],
            identifiers=identifiers,
            context=context,
            payload=payload,
        )

    def names_erased(self, raw: bytes) -> bool:
        """Whether a record that can't be decoded names somebody who was erased after it happened;
        if it doesn't say when that was, ever."""
        at = _occurred_at(raw)
        text = raw.decode("utf-8", "replace")
        words = {*_WORD.findall(text), *_texts(raw)}
        if self._redact is not None:
            for word in list(words):
                words.update(_WORD.findall(self._redact.text(word)))
        return any(
            self._erased(f"{namespace}:{part}", at)
            for word in words
            for part in {word, word.strip(":"), *word.split(":")}
            if part
            for namespace in NAMESPACES
        )

    def _names_erased(self, row: Quarantined) -> bool:
        return self._unseal is not None and self.names_erased(self._unseal(row.raw))


def within(value: str) -> str:
    """The pattern of a value within other text, where it isn't part of a longer one."""
    return rf"(?<![0-9A-Za-z]){re.escape(value)}(?![0-9A-Za-z])"


def is_husk(identifiers: tuple[str, ...]) -> bool:
    """Whether an event with these is an erased person's: the strongest of them is an orphan."""
    if not identifiers:
        return False
    return is_orphan(max(identifiers, key=lambda one: _RANK.get(one[: one.index(":")], -1)))


def _named(event: Event) -> Iterator[str]:
    """Whoever an event names: its identifiers, and those in its payload."""
    yield from event.identifiers
    for field in NAMES:
        name = getattr(event.payload, field, None)
        if type(name) is str and name:
            yield name if field == "owner" else f"member_id:{name}"


def _rename(tree: Any, names: Mapping[str, str], texts: Mapping[str, str]) -> Any:
    if type(tree) is str:
        name = names.get(tree) or names.get(f"member_id:{tree}", "").partition(":")[2]
        return name or _replaced(tree, texts)
    if type(tree) is dict:
        return {key: _rename(value, names, texts) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return [_rename(value, names, texts) for value in tree]
    return tree


def _replaced(text: str, texts: Mapping[str, str]) -> str:
    for value, name in texts.items():
        if value in text:
            text = re.sub(within(value), name, text)
    return text


def _emptied(payload: Payload) -> Any:
    """The payload without what was bought, seen, said or wanted."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(payload):
        value = getattr(payload, field.name)
        if field.name in KEPT or field.name in NAMES:
            values[field.name] = value
        elif field.name == "lines" and value:
            # The receipt may be somebody else's all the same, who needs its lines.
            values[field.name] = tuple(
                Line(line_id=one.line_id, sku=NEUTRAL, quantity=one.quantity, amount=one.amount)
                for one in value
            )
        elif field.name.endswith("_at") and field.required:
            values[field.name] = EARLIEST_MS
        elif field.required:
            values[field.name] = _NEUTRALS[type(value)]
    values |= _MUST.get(type(payload), {})
    return type(payload)(**values)


_MUST: Final[dict[type[Payload], dict[str, Any]]] = {
    Redeem: {"points": 0},
    Transfer: {"part": ACCOUNT, "contents": write(Closed(account=Account()))},
}
"""What decode demands beyond the types of fields."""
_NEUTRALS: Final[dict[type, Any]] = {str: NEUTRAL, int: 0, bool: False, tuple: (), float: 0.0}
"""What stands for a value that a payload must have."""


def _occurred_at(raw: bytes) -> int:
    """ms UTC; 0 if it can't be read."""
    try:
        sent = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    at = moment(sent.get("occurred_at")) if type(sent) is dict else None
    return 0 if at is None else at


def _texts(raw: bytes) -> Iterator[str]:
    """Every text of a record that is JSON."""
    try:
        trees = [msgspec.json.decode(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    while trees:
        tree = trees.pop()
        if type(tree) is str:
            yield tree.strip()
        elif type(tree) is dict:
            trees.extend(tree.keys())
            trees.extend(tree.values())
        elif type(tree) is list:
            trees.extend(tree)
