"""What happened to a member, in the order in which it counts."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Happening:
    """One thing that happened. Purchases and returns count when they occurred, commands (`turn`)
    when they became known, in the order in which they came."""

    at: int
    source: str
    event_id: str
    kind: str
    """buy, back, withdraw, ask, settle, adjust or join."""
    turn: int | None = None
    """Of a command, its place among others of that instant; None: it isn't one."""
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        return f"{self.source}/{self.event_id}"

    @property
    def order(self) -> tuple[int, bool, str, str, int]:
        """At one instant goods come first, by name, and then commands."""
        if self.turn is None:
            return self.at, False, self.source, self.event_id, 0
        return self.at, True, "", "", self.turn


@dataclass(kw_only=True)
class Story:
    """All that is known of one member."""

    member: str
    happenings: list[Happening] = field(default_factory=list)
    closed_at: int | None = None
    """When the account was closed, because it was merged into another."""
    problems: list[str] = field(default_factory=list)
    """What is missing, such as an answer to a request."""
    why_not: list[str] = field(default_factory=list)
    """What makes it impossible to work the account out by hand."""


@dataclass(kw_only=True)
class Statement:
    """What a member has, as the warehouse says or as it was worked out by hand."""

    accounts: dict[str, int] = field(default_factory=dict)
    """Points by account of the ledger, without zeros."""
    shown: dict[str, int] = field(default_factory=dict)
    """available, pending, held: as the member sees them."""
    lots: list[tuple[str, str, str, str, int, int]] = field(default_factory=list)
    """Event, earned_at, available_at, expires_at, points and what remains of them."""
    redemptions: list[tuple[str, int, str, str]] = field(default_factory=list)
    """Redemption, points, status, code."""
    tier: str = ""
    qualifying: int = 0
