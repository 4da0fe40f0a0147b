"""Identifiers as they were sent become `"namespace:value"` keys without raw personal data.

Comes in: the map of an event, namespace to a value or a list of values. Goes out: a tuple,
weakest namespace first. Promised: no email or phone is left readable, whatever namespace it
stands in (many logins are addresses); a value that identifies nobody, or an email or phone
that can't be read, is dropped and counted, never kept.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from schemas.erasure import ORPHAN_VALUE
from schemas.events import NAMESPACES
from schemas.settings import DecodeSettings
from transforms.decode.counts import Counts
from transforms.decode.pseudonyms import PSEUDONYM, Pseudonyms, normal_email, normal_phone
from transforms.decode.redact import CONTROL
from transforms.decode.refusal import Refusal

VALUE_MAX = 1_024
"""Characters of a value; the longest in use, web push end points, have a few hundred."""
CACHED_VALUES = 50_000
GUEST = "guest:"
"""How the ids of guests begin, in triggers and in what channels say of them."""

_KNOWN = frozenset(NAMESPACES)


class Unusable(NamedTuple):
    """A value that doesn't become a key."""

    reason: str
    refuses: bool = False
    """The event is refused, and not only the value dropped."""


_BLOCKED = Unusable("blocked")


class Identifiers:
    """Reads the `identifiers` of events; values seen lately are remembered."""

    def __init__(self, settings: DecodeSettings, pseudonyms: Pseudonyms, counts: Counts) -> None:
        self._pseudonyms = pseudonyms
        self._counts = counts
        self._blocked = frozenset(value.strip().lower() for value in settings.blocked.values)
        self._patterns = [re.compile(pattern) for pattern in settings.blocked.patterns]
        self._unique = frozenset(settings.unique_namespaces)
        self._most = settings.identifiers_max
        self.handle = lru_cache(maxsize=CACHED_VALUES)(self._handle)

    def read(self, sent: object, region: str) -> tuple[str, ...]:
        """The keys of an event; Refusal if they have the wrong shape or name two people."""
        if sent is None:
            return ()
        if not isinstance(sent, dict):
            raise Refusal("schema_mismatch", "identifiers: must be a map")
        keys: list[str] = []
        known = 0
        for namespace in NAMESPACES:
            if namespace in sent:
                known += 1
                value = sent[namespace]
                if type(value) is str:
                    key = self.handle(namespace, value, region)
                    if isinstance(key, str):
                        keys.append(key)
                    else:
                        self._drop(namespace, key)
                elif value is None:
                    self._drop(namespace, _BLOCKED)
                else:
                    keys += self._list(namespace, value, region)
        if known < len(sent):
            for name in sent.keys() - _KNOWN:
                self._counts.unknown_field(f"identifiers.{name}")
        if len(keys) > self._most:
            raise Refusal("schema_mismatch", f"identifiers: more than {self._most}")
        return tuple(keys)

    def _drop(self, namespace: str, unusable: Unusable) -> None:
        if unusable.refuses:
            raise Refusal("schema_mismatch", f"identifiers.{namespace}: {unusable.reason}")
        self._counts.dropped_identifiers[f"{namespace}.{unusable.reason}"] += 1

    def _list(self, namespace: str, values: object, region: str) -> list[str]:
        if not isinstance(values, list) or not all(type(value) is str for value in values):
            raise Refusal(
                "schema_mismatch", f"identifiers.{namespace}: must be a string or a list of strings"
            )
        found: set[str] = set()
        for value in values:
            key = self.handle(namespace, value, region)
            if isinstance(key, str):
                found.add(key)
            else:
                self._drop(namespace, key)
        if len(found) > 1 and namespace in self._unique:
            raise Refusal(
                "two_unique_identifiers", f"identifiers.{namespace}: two different values"
            )
        return sorted(found)

    def _handle(self, namespace: str, value: str, region: str) -> str | Unusable:
        value = value.strip()
        if namespace == "member_id" and value.startswith(GUEST):
            # A channel says what became of a guest's message: theirs is the identifier in the id.
            namespace, _, value = value[len(GUEST) :].partition(":")
            if namespace not in _KNOWN:
                return Unusable("no guest's id")
        if len(value) > VALUE_MAX:
            return Unusable(f"longer than {VALUE_MAX} characters", refuses=True)
        if CONTROL.search(value):
            return Unusable("control character", refuses=True)
        lower = value.lower()
        if lower in self._blocked or any(rule.fullmatch(lower) for rule in self._patterns):
            return _BLOCKED
        if PSEUDONYM.fullmatch(value) or ORPHAN_VALUE.fullmatch(value):
            return f"{namespace}:{value}"
        if namespace == "email":
            kind, normal = "email", normal_email(value)
        elif namespace == "phone":
            kind, normal = "phone", normal_phone(value, region)
        elif "@" in value or "%40" in value:
            kind, normal = "email", normal_email(value) or lower
        elif value.startswith("+"):
            kind, normal = "phone", normal_phone(value, None)
            if normal is None:
                return f"{namespace}:{value}"
        else:
            return f"{namespace}:{value}"
        if normal is None:
            return Unusable("invalid")
        return f"{namespace}:{self._pseudonyms.of(kind, normal)}"
