"""What decode counted: plain integers, for metrics and reports."""

import re
from collections import Counter

NAMES_MAX = 1_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}")


class Counts:
    """Everything that was dropped or refused, beside what was decoded."""

    def __init__(self) -> None:
        self.decoded = 0
        self.quarantined: Counter[str] = Counter()
        """By reason."""
        self.unknown = 0
        """Fields that the contract doesn't have, or can't use."""
        self.unknown_fields: Counter[str] = Counter()
        """The same by name, such as `context.x`."""
        self.dropped_identifiers: Counter[str] = Counter()
        """By namespace and reason, such as `email.invalid`."""

    def unknown_field(self, name: str) -> None:
        """Count a field by its name. Names come from outside: odd or too many ones are `other`."""
        self.unknown += 1
        known = name in self.unknown_fields
        if not known and (len(self.unknown_fields) >= NAMES_MAX or not _NAME.fullmatch(name)):
            name = "other"
        self.unknown_fields[name] += 1
