"""A quote is what accrue posts when the same basket is then bought, whatever the programme, the
member and the basket; and it changes nothing."""

from decimal import Decimal
from typing import Any

import msgspec
from accrue_till import DAY, Till, accrue, day, event, line, redeem, return_, sale, terms
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.challenges import Challenge
from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Cap, Multiply, TierRate, When
from schemas.events import Event
from schemas.flow import AccountChanged
from schemas.ledger import LedgerEntry
from schemas.membership import Entitlement, PaidPlan
from schemas.payloads import Activity, Membership, Offer, Order, Profile, Sale, Tender
from schemas.privileges import OfferGrant
from schemas.programme import Terms
from schemas.quote import Quote
from schemas.rewards import CatalogueOffer, Discount, Gift, Prize, Reward
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue.quote import quote

CATEGORIES = ("FOOD", "DRINKS", "GIFT CARDS")
OFFERS = ("five", "tenth", "double", "unlisted")
STORES = ("330", "331")

whens = st.builds(
    When,
    categories=st.sampled_from([(), ("FOOD",), ("DRINKS",)]),
    stores=st.sampled_from([(), (), ("330",)]),
    touchpoints=st.sampled_from([(), (), ("kiosk",)]),
    tenders=st.sampled_from([(), (), ("card",)]),
    weekdays=st.sampled_from([(), (), ("mon", "wed", "sat")]),
    spend_at_least=st.sampled_from([0, 0, 700]),
    units_at_least=st.sampled_from([0, 0, 3]),
    tiers=st.sampled_from([(), (), ("silver",)]),
    plans=st.sampled_from([(), (), ("plus",)]),
    offers=st.sampled_from([(), (), ("double",)]),
    first_purchase=st.sampled_from([False, False, True]),
    birthday=st.sampled_from([None, None, "month"]),
)
caps = st.none() | st.builds(
    Cap,
    points=st.integers(1, 30),
    times=st.sampled_from([None, 2]),
    per=st.sampled_from(["receipt", "day", "month", "ever"]),
)
rules = st.lists(
    st.one_of(
        st.builds(BonusRate, rate=st.sampled_from([Decimal(1), Decimal("0.3")]), when=whens),
        st.builds(
            Multiply,
            times=st.sampled_from([Decimal(2), Decimal("1.5")]),
            when=whens,
            rounding=st.sampled_from(["floor", "half_up", "ceil"]),
        ),
        st.builds(
            Bonus, points=st.integers(1, 9), per=st.sampled_from(["receipt", "unit"]), when=whens
        ),
    ),
    max_size=3,
)
prizes = st.builds(
    Prize,
    points=st.none() | st.integers(1, 50),
    offer=st.sampled_from([None, "tenth"]),
    access=st.sampled_from([None, "club"]),
)
challenges = st.builds(
    Challenge,
    challenge=st.just("often"),
    counts=st.sampled_from(["visits", "spend", "units"]),
    when=st.builds(When, stores=st.sampled_from([(), ("330",)])),
    target=st.integers(1, 6),
    within=st.sampled_from([None, "week", "month"]),
    repeat=st.booleans(),
    prize=prizes.filter(lambda one: one.points or one.offer or one.access),
)


@st.composite
def programmes(draw: st.DrawFn) -> Terms:
    earn: list[Any] = [BaseRate(rate=Decimal(1), cap=draw(caps))]
    earn.append(TierRate(rate_by_tier={"silver": Decimal("1.5")}))
    for number, rule in enumerate(draw(rules)):
        earn.append(msgspec.structs.replace(rule, name=f"r{number}", cap=draw(caps)))
    earn.append(Action(on="activity_completed", points=7, name="deed"))
    return terms(
        earn=tuple(earn),
        caps=tuple(one for one in [draw(caps)] if one),
        pending_days=draw(st.sampled_from([0, 3])),
        expiry=draw(
            st.sampled_from(
                [
                    Expiry(),
                    Expiry(mode="fixed", months=1, reinstate_days=20),
                    Expiry(mode="activity", months=1, activity=("purchase", "action")),
                ]
            )
        ),
        tiers=Tiers(
            metric=draw(st.sampled_from(["points", "spend", "visits"])),
            window=draw(st.sampled_from(["calendar_year", "anniversary", "rolling"])),
            downgrade=Downgrade(grace_days=draw(st.sampled_from([0, 10]))),
            upgrade_priority=True,
            levels=(
                TierLevel(tier="basic", threshold=0),
                TierLevel(tier="silver", threshold=draw(st.integers(2, 30)), benefits=("line",)),
            ),
        ),
        rewards=(Reward(reward="cup", points=10, value=500), Reward(reward="pan", points=60)),
        offers=(
            CatalogueOffer(offer="five", discount=Discount(amount=500), valid_days=20),
            CatalogueOffer(
                offer="tenth", discount=Discount(percent=Decimal("12.5"), categories=("FOOD",))
            ),
            CatalogueOffer(offer="double", group="one"),
        ),
        gifts=(Gift(gift="cake", on="birthday", prize=Prize(points=15)),),
        challenges=tuple(draw(st.lists(challenges, max_size=1))),
        plans=(PaidPlan(plan="plus", months=1, entitlements=(Entitlement(entitlement="ride"),)),),
    )


@st.composite
def baskets(draw: st.DrawFn, name: str, at: int) -> Event:
    lines = [
        line(
            str(number),
            draw(st.integers(0, 2_000)),
            sku=draw(st.sampled_from(["tea", "jam"])),
            quantity=draw(st.integers(1, 4)),
            category=draw(st.sampled_from(CATEGORIES)),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    used = tuple(draw(st.lists(st.sampled_from(OFFERS), max_size=2, unique=True)))
    where = {
        "store_id": draw(st.sampled_from(STORES)),
        "touchpoint": draw(st.sampled_from(["till", "kiosk"])),
    }
    if draw(st.integers(0, 4)) == 0:
        payload = Order(order_id=name, currency="USD", lines=tuple(lines), offers=used)
        placed = event("order_placed", f"e-{name}", at, payload, "web")
        return msgspec.structs.replace(placed, context=where)
    paid = draw(st.sampled_from([(), (("card", 300), ("cash", 400)), (("card", 900),)]))
    bought = sale(
        name,
        at,
        lines,
        tenders=tuple(Tender(method=method, amount=amount) for method, amount in paid),
        offers=used,
    )
    return msgspec.structs.replace(bought, context=where)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What a member did in about three months."""
    events: list[Event] = []
    at = day(0)
    if draw(st.booleans()):
        profile = Profile(birthday=draw(st.sampled_from(["04-02", "12-24"])))
        events.append(event("enrolled", "e-in", at, profile, "profile"))
    for number in range(draw(st.integers(1, 7))):
        at += draw(st.integers(1, 16 * DAY))
        kind = draw(
            st.sampled_from(["sale", "sale", "sale", "grant", "back", "redeem", "act", "pay"])
        )
        name = f"{kind}-{number}"
        if kind == "sale":
            events.append(draw(baskets(name, at)))
        elif kind == "grant":
            wish = Offer(offer_id=draw(st.sampled_from(OFFERS)), reason="welcome")
            events.append(event("grant_offer", name, at, wish, "command"))
        elif kind == "back" and (sales := [one for one in events if one.type == "sale"]):
            bought = draw(st.sampled_from(sales)).payload
            events.append(return_(name, at, bought.transaction_id, bought.lines[:1]))
        elif kind == "redeem":
            hold = draw(st.booleans())
            events.append(redeem(name, at, "cup", hold=hold))
        elif kind == "act":
            events.append(event("activity_completed", name, at, Activity(activity="yoga"), "app"))
        elif kind == "pay":
            events.append(event("membership_started", name, at, Membership(plan="plus"), "web"))
    return events


def bought_by(till: Till, basket: Event) -> tuple[list[Any], AccountChanged | None]:
    """What accrue posts when the basket is really bought, and the account that it then tells."""
    till.play(basket)
    changes = [one for one in till.last if isinstance(one, AccountChanged)]
    return till.last, changes[-1] if changes else None


def entries_by_rule(outputs: list[Any]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in outputs:
        if isinstance(one, LedgerEntry) and one.kind in ("earn", "bonus"):
            sums[str(one.rule)] = sums.get(str(one.rule), 0) + one.points
    return sums


def plain(account: AccountChanged) -> dict[str, Any]:
    """Without what only the event that brought it about says."""
    told: dict[str, Any] = msgspec.to_builtins(account)
    return {
        name: value
        for name, value in told.items()
        if name not in ("cause", "event_id", "source", "reference")
    }


def recoded(till: Till) -> Till:
    """Another till with the same account."""
    twin = Till(till.operator)
    twin.state = msgspec.msgpack.decode(msgspec.msgpack.encode(till.state), type=type(till.state))
    return twin


def asked(terms_: Terms, history: list[Event], days: int) -> tuple[Till, int]:
    """A member after a history, and the instant to ask for."""
    till = Till(accrue(terms_)).play(*history)
    return till, (history[-1].occurred_at if history else day(0)) + days * DAY + 1


@given(programmes(), histories(), st.integers(0, 40), st.data())
@settings(deadline=None)
def test_a_quote_is_what_is_posted(
    terms_: Terms, history: list[Event], days: int, data: st.DataObject
) -> None:
    till, at = asked(terms_, history, days)
    till.until(at)
    basket = data.draw(baskets("basket", at))
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    before = msgspec.msgpack.encode(till.state)
    told: Quote = quote(till.state, plan, basket)
    assert msgspec.msgpack.encode(till.state) == before, "asking changes nothing"

    cheaper = {one.offer_id: recoded(till) for one in told.savings}
    outputs, account = bought_by(till, basket)
    promised = {one.name: one.points for one in (*told.earned, *told.prizes)}
    assert promised == entries_by_rule(outputs)
    assert told.points == sum(promised.values())
    assert plain(told.after) == (plain(account) if account else plain(told.before))
    rows = [one for one in outputs if isinstance(one, OfferGrant)]
    assert {one.offer_id for one in rows if one.status == "used"} == set(told.offers_used)
    payload = basket.payload
    assert isinstance(payload, Sale | Order)
    assert set(told.offers_used) | set(told.offers_not_open) == set(payload.offers)
    reinstated = [one.points for one in outputs if getattr(one, "kind", "") == "reinstate"]
    assert told.reinstated == sum(reinstated)

    for saving in told.savings:
        lines = tuple(
            msgspec.structs.replace(one, amount=one.amount - saving.lines.get(one.line_id, 0))
            for one in payload.lines
        )
        used = (*payload.offers, saving.offer_id)
        with_it = msgspec.structs.replace(payload, lines=lines, offers=used)
        outputs, _ = bought_by(
            cheaper[saving.offer_id], msgspec.structs.replace(basket, payload=with_it)
        )
        assert sum(entries_by_rule(outputs).values()) == saving.points
        assert saving.saves == sum(saving.lines.values())
        assert saving.saves or saving.points != told.points


@given(programmes(), histories(), st.data())
@settings(deadline=None)
def test_a_quote_fires_what_is_due_by_then(
    terms_: Terms, history: list[Event], data: st.DataObject
) -> None:
    """Asked for a day to come, it answers as of that day, though nothing has fired yet."""
    till, at = asked(terms_, history, data.draw(st.integers(1, 400)))
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    basket = data.draw(baskets("basket", at))
    early = quote(till.state, plan, basket)
    till.until(at)
    assert quote(till.state, plan, basket) == early
