"""By what an identifier that was erased is known again, and the name of nobody in its place.

In: the erased, a key of the deployment, and identifiers, `namespace:value`. Out: tombstones and
orphans, keyed hashes both. Promised: without the key neither says anything of the identifier; one
identifier has one orphan for each life of its owner, wherever and however often it is read.
"""

import hmac
from collections.abc import Iterable
from typing import Final

from schemas.erasure import ORPHAN, Erased

TOKEN_DIGITS: Final = 24
TOMBSTONE_DIGITS: Final = 32
KNOWN_MAX: Final = 100_000
"""Identifiers whose answer is remembered."""


class Tombstones:
    """Those of one deployment, under its erasure key."""

    def __init__(self, key: bytes, erased: Iterable[Erased]) -> None:
        self._key = key
        self._until: dict[str, list[int]] = {}
        for one in sorted(erased, key=lambda one: one.erased_at):
            for tombstone in one.tombstones:
                self._until.setdefault(tombstone, []).append(one.erased_at)
        self._known: dict[str, tuple[tuple[int, str], ...]] = {}

    def __len__(self) -> int:
        return len(self._until)

    def tombstone(self, identifier: str) -> str:
        """What is kept of an identifier, `namespace:value`, that was erased."""
        return self._hash(b"tombstone", identifier)[:TOMBSTONE_DIGITS]

    def orphan(self, identifier: str, erased_at: int) -> str:
        """The name of nobody that stands for an identifier that was erased then, ms UTC: of the
        same namespace, and another one for each life that its owner had."""
        namespace, _, value = identifier.partition(":")
        token = self._hash(b"orphan", f"{erased_at} {value}")[:TOKEN_DIGITS]
        return f"{namespace}:{ORPHAN}{token}"

    def erased(self, identifier: str, at: int) -> str:
        """The orphan of an identifier that was erased at `at`, ms UTC, or later; empty: it
        wasn't."""
        known = self._known.get(identifier)
        if known is None:
            times = self._until.get(self.tombstone(identifier), ())
            known = tuple((until, self.orphan(identifier, until)) for until in times)
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[identifier] = known
        for until, orphan in known:
            if at <= until:
                return orphan
        return ""

    def _hash(self, what: bytes, text: str) -> str:
        return hmac.digest(self._key, what + b"\0" + text.encode(), "sha256").hex()
