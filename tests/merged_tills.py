"""Several members' tills, for tests of merges: who is whose, and what is on its way.

Plays what stitch does around accrue: attributes events to survivors, tells both sides of a merge,
and brings transfer commands back as events, whenever a test says.
"""

from typing import Any

import msgspec
from accrue_till import Till, event, message

from schemas.commands import LoopCommand, command_of
from schemas.events import Event
from schemas.flow import Attributed, Message
from schemas.payloads import Merge, Transfer
from transforms.accrue import Accrue


class Tills:
    """Members by name; commands that wait, in the order in which they were given."""

    def __init__(self, operator: Accrue) -> None:
        self.operator = operator
        self.members: dict[str, Till] = {}
        self.aliases: dict[str, str] = {}
        self.waiting: list[LoopCommand] = []
        self.given: list[LoopCommand] = []
        self.now = 0

    def till(self, member: str) -> Till:
        if member not in self.members:
            till = Till(self.operator, recode_state=True)
            till.state = self.operator.initial(member)
            self.members[member] = till
        return self.members[member]

    def whose(self, member: str) -> str:
        while member in self.aliases:
            member = self.aliases[member]
        return member

    def give(
        self,
        one: Event,
        member: str,
        known_at: int,
        retract: bool = False,
        survivor: str = "",
        follow: bool = True,
    ) -> list[Any]:
        """Attribute an event. `follow`: to whom the member was merged into."""
        assert known_at >= self.now
        self.now = known_at
        owner = self.whose(member) if follow else member
        till = self.till(owner)
        body = Attributed(
            event=one,
            member_id=owner,
            reason="member_id",
            rung="member",
            retract=retract,
            survivor=survivor,
        )
        order = message(one, known_at, retract).order
        till.give(Message(order=order, key=owner, body=body))
        orders = [out for out in till.last if isinstance(out, LoopCommand)]
        self.waiting += orders
        self.given += orders
        return till.last

    def merge(self, loser: str, winner: str, at: int, again: bool = False) -> Event:
        """Merge one member into another, on both sides."""
        survivor = self.whose(winner)
        payload = Merge(loser=loser, winner=winner)
        one = event("account_merged", f"merge-{loser}-{winner}", at, payload, "profile")
        self.give(one, loser, at, survivor=survivor, follow=False)
        self.give(one, survivor, at, survivor=survivor)
        if not again:
            self.aliases[loser] = survivor
        return one

    def deliver(self, order: LoopCommand, at: int) -> list[Any]:
        """Bring a command back as the event that it is."""
        return self.give(event_of(order), msgspec.json.decode(order.about)["member_id"], at)

    def deliver_all(self, at: int) -> None:
        while self.waiting:
            self.deliver(self.waiting.pop(0), at)

    def until(self, at: int) -> None:
        for till in self.members.values():
            till.until(at)

    def sums(self) -> dict[str, int]:
        """All members' accounts together."""
        total: dict[str, int] = {}
        for till in self.members.values():
            for name, points in till.balances().items():
                total[name] = total.get(name, 0) + points
        return total


def event_of(order: LoopCommand) -> Event:
    command = command_of(order)
    payload = msgspec.convert(command.payload, Transfer)
    return event("transfer", command.event_id, command.occurred_at, payload, "command")
