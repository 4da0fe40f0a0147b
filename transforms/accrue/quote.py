"""A quote: what a basket would earn and save for a member, if it were bought at an instant.

In: a member's state, their programme, and the basket as the event that its purchase would be. Out:
a `Quote`. Promises: nothing changes; it is answered by folding the purchase into a copy of the
account, so it is what accrue posts if the same basket is bought at that instant and nothing else
of this member becomes known before.

The amounts of the lines are what is paid, as in the event: what an offer that the basket names
takes off is off already. Beside it stands what each other open offer would take off, and what the
cheaper basket would earn.
"""

from datetime import datetime, timezone
from typing import Final, NamedTuple

from msgspec.structs import replace

from schemas.events import Event
from schemas.flow import AccountChanged
from schemas.member_view import OFFERS_MAX, OpenOffer
from schemas.payloads import Order, Sale
from schemas.quote import Earned, Quote, Saving, Taking
from transforms.accrue import report
from transforms.accrue.book import Book, lot_id
from transforms.accrue.conditions import Occasion
from transforms.accrue.discounts import Priced, taken_off
from transforms.accrue.facts import Purchased
from transforms.accrue.fold import enter
from transforms.accrue.local_time import NEVER
from transforms.accrue.prepared import Prepared
from transforms.accrue.programmes import Plan
from transforms.accrue.read_fact import READERS
from transforms.accrue.reading import Reading
from transforms.accrue.receipts import Basket
from transforms.accrue.state import Account, AccrueState, decode_account, encode_account
from transforms.accrue.timers import fire
from transforms.accrue.view import rewards_of

PURCHASES: Final = frozenset(("sale", "order_placed", "order_collected", "order_delivered"))


class CantQuote(ValueError):
    """There is no answer for this basket at this instant; says why."""


class _Folded(NamedTuple):
    """A purchase folded into a copy of an account."""

    was: Account
    """As it was at that instant."""
    book: Book
    lot: str
    """Which the purchase itself would open."""


def quote(state: AccrueState, plan: Plan, event: Event) -> Quote:
    """The quote for the basket of a purchase. Raises `CantQuote`."""
    _refuse_unless_next(state, event)
    at = event.occurred_at
    terms = plan.terms_at(at)
    folded = _fold(state, plan, event)
    was, account = folded.was, folded.book.account
    earned, prizes = _posted(folded)
    used = {
        was.offers[key].offer
        for key, one in account.offers.items()
        if one.status == "used" and key in was.offers and was.offers[key].status == "open"
    }
    return Quote(
        member_id=state.member_id,
        programme=terms.name,
        currency=plan.currency,
        minor_units=terms.minor_units,
        at=at,
        amount=sum(line.amount for line in _payload(event).lines),
        points=sum(one.points for one in (*earned, *prizes)),
        earned=earned,
        prizes=prizes,
        available_at=at + terms.pending_ms,
        reinstated=sum(one.points for one in folded.book.entries if one.kind == "reinstate"),
        offers_used=tuple(sorted(used)),
        offers_not_open=tuple(sorted(set(_payload(event).offers) - used)),
        offers_won=_offers_won(was, account),
        access_won=tuple(sorted(_unlocked(account) - _unlocked(was))),
        savings=tuple(_savings(state, plan, event, was)),
        rewards=_rewards(was, terms, event),
        before=_told(state, plan, was, at, report.totals(was)),
        after=_told(state, plan, account, at, report.totals(was)),
    )


def _refuse_unless_next(state: AccrueState, event: Event) -> None:
    if event.type not in PURCHASES:
        raise CantQuote(
            f"type: must be a purchase ({', '.join(sorted(PURCHASES))}); got {event.type}"
        )
    if state.merged_into:
        raise CantQuote(
            f"{state.member_id}: must be an account that is open; its member goes on as "
            f"{state.merged_into}; ask for that one"
        )
    last = max(state.current.fired_at, state.facts[-1].at if state.facts else 0, state.base_to - 1)
    if event.occurred_at <= last:
        raise CantQuote(
            f"the instant: must be later than what is known of {state.member_id}, which ends at "
            f"{_said(last)}; got {_said(event.occurred_at)}"
        )


def _said(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat(timespec="milliseconds")


def _fold(state: AccrueState, plan: Plan, event: Event) -> _Folded:
    """What `posting` does with an event that comes after all others, on a copy."""
    at = event.occurred_at
    account = decode_account(encode_account(state.current))
    fire(Book(account, state.member_id, plan, state.baskets, at, silent=True), at)
    was = decode_account(encode_account(account))
    baskets: dict[str, Basket] = dict(state.baskets)
    book = Book(account, state.member_id, plan, baskets, at)
    facts, basket = READERS[event.type](Reading(event, at, at, False, plan))
    lot = ""
    for fact in facts:
        if isinstance(fact, Purchased) and basket is not None:
            baskets[fact.basket] = basket
            lot = lot_id(state.member_id, fact.basket)
        enter(book, fact)
    return _Folded(was, book, lot)


def _posted(folded: _Folded) -> tuple[tuple[Earned, ...], tuple[Earned, ...]]:
    """Points of the purchase by rule, and of prizes."""
    own: dict[str, int] = {}
    won: dict[str, int] = {}
    for one in folded.book.entries:
        if one.kind in ("earn", "bonus"):
            sums = own if one.lot_id == folded.lot else won
            name = one.rule or one.kind
            sums[name] = sums.get(name, 0) + one.points
    return (
        tuple(Earned(name=name, points=points) for name, points in own.items()),
        tuple(Earned(name=name, points=points) for name, points in won.items()),
    )


def _told(
    state: AccrueState, plan: Plan, account: Account, at: int, before: tuple[int, int]
) -> AccountChanged:
    """An account as accrue would tell it."""
    told_of = replace(state, programme=plan.name, current=account, changed_at=at)
    return report.balance(told_of, plan.terms_at(at), before, "quote")


def _payload(event: Event) -> Sale | Order:
    payload = event.payload
    assert isinstance(payload, Sale | Order)
    return payload


def _open(account: Account) -> dict[str, OpenOffer]:
    """Open offers by their grant."""
    return {
        key: OpenOffer(offer_id=one.offer, expires_at=one.expires_at)
        for key, one in account.offers.items()
        if one.status == "open"
    }


def _offers_won(was: Account, account: Account) -> tuple[OpenOffer, ...]:
    before = _open(was)
    return tuple(one for key, one in sorted(_open(account).items()) if key not in before)


def _unlocked(account: Account) -> set[str]:
    return {name for name, one in account.access.items() if one.ended_at is None}


def _savings(state: AccrueState, plan: Plan, event: Event, was: Account) -> list[Saving]:
    """What open offers would do that aren't named; those that would do nothing are left out."""
    payload = _payload(event)
    plain: int | None = None
    savings: list[Saving] = []
    waiting = [one for one in _open(was).values() if one.offer_id not in payload.offers]
    waiting.sort(key=lambda one: (one.expires_at or NEVER, one.offer_id))
    for offer in waiting[:OFFERS_MAX]:
        off = _off(plan, event, offer.offer_id)
        lines = tuple(
            replace(line, amount=line.amount - less, discount=line.discount + less)
            for line, less in zip(payload.lines, off, strict=True)
        )
        cheaper = replace(payload, lines=lines, offers=(*payload.offers, offer.offer_id))
        points = _points(state, plan, replace(event, payload=cheaper))
        if plain is None:
            plain = _points(state, plan, event)
        if any(off) or points != plain:
            savings.append(
                Saving(
                    offer_id=offer.offer_id,
                    expires_at=offer.expires_at,
                    saves=sum(off),
                    lines={
                        line.line_id: less
                        for line, less in zip(payload.lines, off, strict=True)
                        if less
                    },
                    points=points,
                )
            )
    return savings


def _off(plan: Plan, event: Event, offer_id: str) -> list[int]:
    """Minor units that an offer of the catalogue takes off each line."""
    terms, lines = plan.terms_at(event.occurred_at), _payload(event).lines
    listed = terms.offers.get(offer_id)
    if listed is None or listed.discount is None:
        return [0] * len(lines)
    occasion = Occasion(at=event.occurred_at, source=event.source)
    masks = terms.masks(occasion, [(line.sku, line.category) for line in lines])
    priced = [
        Priced(line.line_id, line.sku, line.category, line.quantity, line.amount, not mask)
        for line, mask in zip(lines, masks, strict=True)
    ]
    return taken_off(listed.discount, priced)


def _points(state: AccrueState, plan: Plan, event: Event) -> int:
    earned, prizes = _posted(_fold(state, plan, event))
    return sum(one.points for one in (*earned, *prizes))


def _rewards(was: Account, terms: Prepared, event: Event) -> tuple[Taking, ...]:
    """Rewards in reach before the purchase; money off is at most what is to pay."""
    amount = sum(line.amount for line in _payload(event).lines)
    in_reach, _ = rewards_of(was, terms, terms.rank(was.tier))
    takings = []
    for one in in_reach:
        value = terms.rewards[one.reward].value
        takings.append(
            Taking(
                reward=one.reward,
                points=one.points,
                value=None if value is None else min(value, amount),
            )
        )
    return tuple(takings)
