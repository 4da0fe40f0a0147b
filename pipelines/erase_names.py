"""The names of people who are being erased, and what stands for each from now on.

In: identifiers that are theirs alone, and the tombstones' key. Out: for a text the text without
them, for bytes whether any of them is in there. It is known only while an erasure is under way.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

from transforms.decode.erased import VALUE_MIN, within
from transforms.decode.tombstones import Tombstones

MEMBER: Final = "member_id:"
GUEST: Final = "guest:"


class Names:
    """`identifiers`: namespace:value of each; `erased_at`: ms UTC."""

    def __init__(self, identifiers: Iterable[str], tombstones: Tombstones, erased_at: int) -> None:
        self.orphans: Final = {
            one: tombstones.orphan(one, erased_at) for one in sorted(identifiers)
        }

    @cached_property
    def people(self) -> dict[str, str]:
        """Ids of members and guests, as rows have them."""
        members = {
            one[len(MEMBER) :]: orphan[len(MEMBER) :]
            for one, orphan in self.orphans.items()
            if one.startswith(MEMBER)
        }
        guests = {GUEST + one: GUEST + orphan for one, orphan in self.orphans.items()}
        return members | guests | self.orphans

    @cached_property
    def texts(self) -> dict[str, str]:
        """What is looked for within other text: identifiers, and values that are long enough."""
        values = {}
        for one, orphan in self.orphans.items():
            value = one.partition(":")[2]
            if len(value) >= VALUE_MIN:
                values[value] = orphan.partition(":")[2]
        # Of two that begin alike the longer one is looked for first.
        both = {**self.orphans, **values}
        return {text: both[text] for text in sorted(both, key=lambda one: (-len(one), one))}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(within, self.texts)))

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        return re.compile(
            b"|".join(re.escape(text.encode()) for text in [*self.texts, *self.people])
        )

    def are_in(self, content: bytes) -> bool:
        """Whether any of them may be in there; False: none is."""
        return bool(self.orphans) and self._bytes.search(content) is not None

    def without(self, text: str) -> str:
        """The text with orphans in their place."""
        name = self.people.get(text)
        if name is not None:
            return name
        return self._pattern.sub(lambda found: self.texts[found[0]], text)

    def renamed(self, tree: Any) -> Any:
        """A tree of dicts and lists with orphans in their place, as keys, too."""
        if type(tree) is str:
            return self.without(tree)
        if type(tree) is dict:
            return {self.renamed(key): self.renamed(value) for key, value in tree.items()}
        if type(tree) is list:
            return [self.renamed(value) for value in tree]
        return tree
