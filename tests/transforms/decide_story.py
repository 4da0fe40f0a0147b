"""A member's story for tests of decide: news in order, timers when due, outputs collected.

Between two touches the state goes through msgpack, as in the engine.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas.decisions import Decision, Delivery, JourneyEntry, Member, Trigger
from schemas.events import EVENT_TYPES, Event
from schemas.flow import (
    AccountChanged,
    Attributed,
    GuestActed,
    GuestJoined,
    Message,
    ScoreChanged,
    TierChanged,
)
from schemas.journeys import Conversation, Journey
from schemas.member_state import MemberState
from schemas.payloads import AnyPayload, Line, Merge, Nothing, Profile
from transforms.decide import Decide, DecideState

CONFIG = Path(__file__).parents[2] / "config"
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 1_488_906_000_000
"""Tuesday 2017-03-07, 12:00 in New York, 17:00 UTC."""
MEMBER = "m-1"
PUSH, EMAIL, PHONE = "push_token:p-1", "email:e-1", "phone:h-1"
COOKIE, DEVICE = "cookie:c-1", "device_id:d-1"
GUEST = f"guest:{EMAIL}"


@cache
def shipped_journeys() -> dict[str, Journey]:
    files = sorted((CONFIG / "journeys").glob("*.yaml"))
    journeys = [msgspec.convert(yaml.safe_load(file.read_text()), Journey) for file in files]
    return {journey.journey: journey for journey in journeys}


@cache
def shipped_policy() -> Conversation:
    return msgspec.convert(yaml.safe_load((CONFIG / "conversation.yaml").read_text()), Conversation)


def journey_of(text: str) -> Journey:
    return msgspec.convert(yaml.safe_load(text), Journey)


def policy_of(**changes: Any) -> Conversation:
    """A policy without caps, quiet hours or surfaces, except for what is given."""
    return Conversation(**{"default_time_zone": "America/New_York", "choose": "order"} | changes)


def lines_of(*skus: str) -> tuple[Line, ...]:
    return tuple(
        Line(line_id=str(place), sku=sku, amount=500) for place, sku in enumerate(skus, start=1)
    )


class Story:
    """Drives one member; times are ms after `NOON` unless said otherwise."""

    def __init__(
        self,
        journeys: list[Journey] | None = None,
        policy: Conversation | None = None,
        member: str = MEMBER,
        *,
        tells_state: bool = False,
    ) -> None:
        chosen = list(shipped_journeys().values()) if journeys is None else journeys
        self.decide = Decide(chosen, policy or shipped_policy(), tells_state=tells_state)
        self.state = self.decide.initial(member)
        self.member = member
        self.outputs: list[Any] = []
        self.messages: list[Message] = []
        self.count = 0
        self.last_event: Event | None = None

    def _touch(self) -> None:
        encoded = msgspec.msgpack.encode(self.state)
        self.state = msgspec.msgpack.decode(encoded, type=DecideState)
        assert msgspec.msgpack.encode(self.state) == encoded

    def until(self, at: int, inclusive: bool = True) -> "Story":
        """Fire every timer up to `at`."""
        while True:
            due = self.decide.next_timer(self.state)
            if due is None or due > NOON + at or (due == NOON + at and not inclusive):
                return self
            self._touch()
            self.outputs.extend(self.decide.on_timer(self.state, due))
            after = self.decide.next_timer(self.state)
            assert after is None or after > due, "a timer must not be due again at once"

    def tell(self, at: int, body: Any, event: Event | None = None) -> "Story":
        """Apply a message at `at`; timers due before it come first, those due with it after it."""
        self.until(at, inclusive=False)
        self.count += 1
        place = (NOON + at, 0, "", str(self.count), 1, 0, "", self.count, "", 0)
        message = Message(order=place, key=self.member, body=body)
        self.messages.append(message)
        self._touch()
        self.outputs.extend(self.decide.on_event(self.state, message))
        return self

    def event(
        self,
        at: int,
        type: str,
        payload: AnyPayload | None = None,
        *,
        identifiers: tuple[str, ...] = (),
        source: str | None = None,
        occurred: int | None = None,
        market: str = "us",
        event_id: str | None = None,
        retract: bool = False,
        context: dict[str, str] | None = None,
        survivor: str = "",
    ) -> "Story":
        """An event attributed to the member, known at `at`, that happened then or at `occurred`."""
        kind = EVENT_TYPES[type]
        event = Event(
            event_id=event_id or f"e-{self.count + 1}",
            type=type,
            source=source or next(name for name in ORDER if name in kind.sources),
            occurred_at=NOON + (at if occurred is None else occurred),
            received_at=NOON + at,
            market=market,
            identifiers=identifiers,
            context=context or {},
            payload=Nothing() if payload is None else payload,
        )
        self.last_event = event
        return self.tell(at, self._body(event, retract, survivor))

    def _body(self, event: Event, retract: bool, survivor: str) -> Any:
        return Attributed(
            event=event,
            member_id=self.member,
            reason="member_id",
            rung="member",
            retract=retract,
            survivor=survivor,
        )

    def merge(self, at: int, loser: str, winner: str) -> "Story":
        """The account of `loser` goes on in that of `winner`; this one is either."""
        payload = Merge(loser=loser, winner=winner)
        return self.event(at, "account_merged", payload, survivor=winner)

    def account(self, at: int, available: int = 0, **changes: Any) -> "Story":
        """Accrue's signal; with `of_event` about the last event."""
        if changes.pop("of_event", False) and self.last_event is not None:
            event = self.last_event
            changes = {"event_id": event.event_id, "source": event.source} | changes
            changes = {"cause": event.type} | changes
        values: dict[str, Any] = {
            "member_id": self.member,
            "programme": "grocer",
            "available": available,
            "pending": 0,
            "held": 0,
            "qualifying": 0,
            "tier": "basic",
            "next_tier": "silver",
            "to_next_tier": 1000 - available,
            "cause": "adjust",
        }
        return self.tell(at, AccountChanged(**values | changes))

    def tier(self, at: int, tier: str = "silver", from_tier: str = "basic") -> "Story":
        upgrade = from_tier == "basic"
        return self.tell(
            at,
            TierChanged(
                member_id=self.member,
                tier=tier,
                from_tier=from_tier,
                reason="qualified",
                upgrade=upgrade,
            ),
        )

    def score(self, at: int, band: str = "high", from_band: str = "medium") -> "Story":
        return self.tell(
            at,
            ScoreChanged(
                member_id=self.member,
                p_alive=0.2 if band == "high" else 0.8,
                risk=0.8 if band == "high" else 0.2,
                band=band,
                from_band=from_band,
                band_changed=band != from_band,
                expected_value=1200,
                segment="115",
                why="time",
            ),
        )

    # --- what came out ---

    def rows(self, kind: type[Any], **wanted: Any) -> list[Any]:
        return [
            row
            for row in self.outputs
            if isinstance(row, kind)
            and all(getattr(row, name) == value for name, value in wanted.items())
        ]

    def decisions(self, **wanted: Any) -> list[Decision]:
        return self.rows(Decision, **wanted)

    def triggers(self, **wanted: Any) -> list[Trigger]:
        return self.rows(Trigger, **wanted)

    def entries(self, **wanted: Any) -> list[JourneyEntry]:
        return self.rows(JourneyEntry, **wanted)

    def deliveries(self, **wanted: Any) -> list[Delivery]:
        return self.rows(Delivery, **wanted)

    def states(self, **wanted: Any) -> list[MemberState]:
        return self.rows(MemberState, **wanted)

    def members(self, **wanted: Any) -> list[Member]:
        return self.rows(Member, **wanted)

    def said(self, **wanted: Any) -> list[tuple[str, str, str]]:
        """(channel, outcome, reason) of the decisions, in order."""
        return [(row.channel, row.outcome, row.reason) for row in self.decisions(**wanted)]


class GuestStory(Story):
    """Drives one guest: what they do, and that they join."""

    def __init__(
        self,
        journeys: list[Journey] | None = None,
        policy: Conversation | None = None,
        guest: str = GUEST,
    ) -> None:
        super().__init__(journeys, policy, guest, tells_state=True)

    def _body(self, event: Event, retract: bool, survivor: str) -> Any:
        return GuestActed(event=event, guest_id=self.member)

    def join(self, at: int, type: str = "enrolled") -> "GuestStory":
        """The identifier has an owner from now on."""
        event = Event(
            event_id=f"join-{at}",
            type=type,
            source="profile",
            occurred_at=NOON + at,
            received_at=NOON + at,
            market="us",
            payload=Profile(),
        )
        self.tell(at, GuestJoined(event=event, guest_id=self.member, owner=f"member_id:{MEMBER}"))
        return self


ORDER = ("profile", "web", "pos", "app", "service", "delivery", "command", "partner", "reference")
