"""Offers, gifts and memberships end alike in whatever order they become known.

Each history is told to an account as it becomes known: late, taken back, told again, with what is
old forgotten on the way. What the warehouse then holds must be what a slow and obvious oracle makes
of the same history in order, given the same answers to commands.
"""

from typing import Any
from zoneinfo import ZoneInfo

from accrue_till import DAY, HOUR, MINUTE, Till, accrue, day, enrolled, message, order, sale, terms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from plain_privileges import PlainMember, PlainOffers, plain_gifts
from privilege_till import benefit, grant, member, memberships, newest, profile, revoke

from schemas.events import Event
from schemas.flow import Message
from schemas.membership import Entitlement, PaidPlan
from schemas.privileges import BenefitUsage, OfferGrant
from schemas.rewards import CatalogueOffer, Gift, Prize
from transforms.accrue.horizon import advance_base
from transforms.accrue.offers import grant_id

BOUNDED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NEW_YORK = ZoneInfo("America/New_York")
CATALOGUE = (
    CatalogueOffer(offer="a", group="basket", valid_days=3),
    CatalogueOffer(offer="b", group="basket"),
    CatalogueOffer(offer="c", valid_days=5),
)
GIFTS = (
    Gift(gift="birthday", on="birthday", prize=Prize(points=100)),
    Gift(gift="anniversary", on="anniversary", prize=Prize(points=7)),
)
PLANS = (
    PaidPlan(
        plan="plus",
        months=2,
        trial_days=5,
        grace_days=9,
        entitlements=(
            Entitlement(entitlement="delivery"),
            Entitlement(entitlement="fuel", limit=2, per="month"),
            Entitlement(entitlement="streaming", limit=1, per_days=90),
            Entitlement(entitlement="box", limit=1),
        ),
    ),
    PaidPlan(plan="year", months=12, entitlements=(Entitlement(entitlement="fuel", limit=1),)),
)
DELAYS = st.sampled_from([0, 0, 0, 4000, HOUR, 2 * DAY, 9 * DAY, 16 * DAY])


class History:
    """Events, as they become known, and as they are when all of it is."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.stays: list[Event] = []

    def add(self, draw: Any, event: Event, delayed: bool = True) -> None:
        """An event that may become known late, and may be taken back."""
        delay = draw(DELAYS) if delayed else 0
        known = event.occurred_at + delay
        self.told.append(message(event, known))
        if delayed and draw(st.integers(0, 5)) == 0:
            gone = known + draw(st.integers(0, 40)) * HOUR + 1
            if gone - event.occurred_at < 16 * DAY:
                self.told.append(message(event, gone, retract=True))
                if draw(st.booleans()):
                    self.told.append(message(event, gone + HOUR))
                else:
                    return
        self.stays.append(event)

    def in_order(self) -> list[Event]:
        return sorted(self.stays, key=lambda event: event.occurred_at)

    def live(self, draw: Any, till: Till, watch: Any = None) -> Till:
        """Tell the account; what is beyond the horizon is folded away now and then."""
        plan = till.operator.programmes.named("grocer")
        for one in sorted(self.told, key=lambda told: told.order):
            till.until(one.known_at)
            if draw(st.booleans()) and one.known_at - 17 * DAY > till.state.base_to:
                advance_base(till.state, plan, one.known_at - 17 * DAY)
            if watch is not None:
                watch(one)
            till.give(one)
        return till


def till_of(**changes: Any) -> Till:
    rules = terms(tiers=None, pending_days=0, returns_days=20, **changes)
    return Till(accrue(rules), recode_state=True)


def instant(draw: Any, days: int, number: int) -> int:
    """At noon UTC or a multiple of six hours from it, so that no two are at the same instant."""
    return day(0) + draw(st.integers(0, days * 4)) * 6 * HOUR + number * MINUTE


@BOUNDED
@given(st.data())
def test_offers(data: Any) -> None:
    draw, history = data.draw, History()
    for number in range(draw(st.integers(2, 12))):
        at = instant(draw, 14, number)
        kind = draw(st.sampled_from("grant grant grant sale sale order revoke".split()))
        names = st.sampled_from(["a", "b", "c", "x"])
        if kind == "grant":
            wait = draw(st.sampled_from([None, None, -1, 5, 30, 100]))
            until = None if wait is None else at + wait * HOUR + 1
            history.add(draw, grant(draw(names), at, until, event_id=f"g{number}"), delayed=False)
        elif kind == "revoke":
            history.add(draw, revoke(draw(names), at, event_id=f"r{number}"), delayed=False)
        else:
            named = tuple(draw(st.lists(names, min_size=1, max_size=3)))
            of = draw(st.sampled_from(["o1", "o2"]))
            if kind == "order":
                one = order(of, at, 100)
                payload = replace(one.payload, offers=named)
                one = replace(one, event_id=f"placed-{number}", payload=payload)
            else:
                of = draw(st.sampled_from([None, None, of]))
                one = sale(f"t{number}", at, 100, offers=named, order_id=of)
            history.add(draw, one)
    earning = draw(st.sampled_from([("order_placed", "sale"), ("sale",), ("order_collected",)]))
    till = till_of(offers=CATALOGUE, orders_earn_on=earning)
    known: list[Message] = []
    codes: dict[str, str] = {}

    def rows() -> dict[str, OfferGrant]:
        return {key[0]: row for key, row in newest(till, OfferGrant, ("grant_id",)).items()}

    def plain(messages: list[Message]) -> PlainOffers:
        standing: dict[str, Event] = {}
        for one in messages:
            if one.body.retract:
                standing.pop(one.body.event.event_id, None)
            else:
                standing[one.body.event.event_id] = one.body.event
        offers = PlainOffers({one.offer: one for one in CATALOGUE})
        for event in sorted(standing.values(), key=lambda event: event.occurred_at):
            offers.happens(event, codes.get(event.event_id))
        return offers

    def watch(one: Message) -> None:
        event = one.body.event
        if event.source == "command":
            so_far = plain(known)
            so_far.until(event.occurred_at)
            codes[event.event_id] = so_far.code(event)
        known.append(one)

    history.live(draw, till, watch)
    end = day(40)
    till.until(end)
    ends = plain(history.told)
    ends.until(end)
    found = rows()
    for event in history.in_order():
        key = grant_id("m-1", getattr(event.payload, "offer_id", ""), f"command/{event.event_id}")
        code = codes.get(event.event_id)
        if event.type == "grant_offer" and code == "ok":
            row = found.pop(key)
            shown = row.offer_id, row.status, row.expires_at, row.closed_at, row.closed_by
            assert shown == ends.all()[event.event_id]
        elif code not in (None, "ok"):
            row = found.pop(key)
            assert (row.status, row.code) == ("refused", code)
    assert not found, "nothing else is told of"
    open_now = [one for one in till.state.current.offers.values() if one.status == "open"]
    groups = [one.group or one.offer for one in open_now]
    assert len(groups) == len(set(groups)), "one open offer of a group"


@BOUNDED
@given(st.data())
def test_gifts(data: Any) -> None:
    draw, history = data.draw, History()
    days = ["02-29", "02-28", "03-05", "06-01", "12-31", "01-01", None]
    for number in range(draw(st.integers(1, 7))):
        at = instant(draw, draw(st.sampled_from([30, 500])), number)
        birthday = draw(st.sampled_from(days))
        if draw(st.integers(0, 3)):
            one = profile(at, birthday, event_id=f"p{number}")
        else:
            joined = enrolled(at)
            payload = replace(joined.payload, birthday=birthday)
            one = replace(joined, event_id=f"in{number}", payload=payload)
        history.add(draw, one)
    till = history.live(draw, till_of(gifts=GIFTS))
    end = day(1300)
    till.until(end)
    posted: dict[tuple[str, int], int] = {}
    entries = {one.entry_id: one for one in till.entries}
    for one in till.entries:
        what = entries[one.corrects] if one.corrects else one
        while what.corrects:
            what = entries[what.corrects]
        if what.kind == "bonus":
            key = str(what.rule), what.occurred_at
            posted[key] = posted.get(key, 0) + (1 if one is what else -1)
    found = sorted(key for key, times in posted.items() if times for _ in range(times))
    assert found == sorted(plain_gifts(history.in_order(), end, NEW_YORK))


@BOUNDED
@given(st.data())
def test_memberships_and_what_they_entitle_to(data: Any) -> None:
    draw, history = data.draw, History()
    first = draw(st.integers(-35, 0)) * DAY
    began = member("started", day(0) + first, trial=draw(st.booleans()), event_id="m")
    history.add(draw, began)
    for number in range(1, draw(st.integers(3, 18))):
        at = first + instant(draw, draw(st.sampled_from([12, 70, 150])), number)
        kind = draw(
            st.sampled_from("started renewed renewed payment_failed ended use use use use".split())
        )
        if kind == "use":
            name = draw(
                st.sampled_from("delivery fuel fuel streaming streaming box box spa".split())
            )
            seldom = f"{at // (4 * DAY)}" if draw(st.integers(0, 3)) == 0 else ""
            history.add(draw, benefit(name, at, seldom, event_id=f"u{number}"))
        else:
            plan = draw(st.sampled_from(["plus", "plus", "plus", "year", "other"]))
            history.add(
                draw, member(kind, at, plan, trial=draw(st.booleans()), event_id=f"m{number}")
            )
    till = history.live(draw, till_of(plans=PLANS))
    end = day(165) + 3 * HOUR
    till.until(end)
    plain = PlainMember(PLANS, NEW_YORK).live(history.in_order(), end)
    told = [
        (row.since, row.plan, row.status, row.paid_until, row.ended_at, row.reason)
        for row in memberships(till)
        if row.status != "withdrawn"
    ]
    assert told == [one.told(NEW_YORK) for one in plain.paid]
    uses = {
        f"{row.source}/{row.event_id}": (row.benefit, row.used_at, row.code, row.left)
        for row in newest(till, BenefitUsage, ("source", "event_id")).values()
        if row.code != "withdrawn"
    }
    assert uses == {key: (name, at, code, left) for key, name, _, at, code, left in plain.uses}
