"""A quote on a terminal. In: a `Quote`. Out: text on a console."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from schemas.flow import AccountChanged
from schemas.member_view import ChallengeState
from schemas.quote import Quote
from scripts.explain.drawing import heading, minute, pairs, table

BALANCE: Final = ("available", "pending", "held", "qualifying")


def show_quote(console: Console, quote: Quote) -> None:
    """Print what a basket would earn and save."""
    where = f"{_money(quote, quote.amount)} at {_when(quote.at)} UTC, {quote.programme}"
    heading(console, f"quote for member {quote.member_id}", where)
    console.print(Text(_earns(quote), style="green" if quote.points else "yellow"))
    table(
        console,
        "Points" if quote.points else "",
        ("rule", "points"),
        [(one.name, f"{one.points:,}") for one in quote.earned]
        + [(f"{one.name} (prize)", f"{one.points:,}") for one in quote.prizes],
    )
    pairs(console, _words(quote))
    table(
        console,
        "The account before and after",
        ("", "before", "after"),
        [
            (name, f"{getattr(quote.before, name):,}", f"{getattr(quote.after, name):,}")
            for name in BALANCE
        ]
        + [("tier", quote.before.tier, quote.after.tier)]
        + [("next tier", _next_tier(quote.before), _next_tier(quote.after))],
    )
    table(console, "Challenges", ("challenge", "before", "after"), list(_challenges(quote)))
    table(
        console,
        "Open offers that it could use",
        ("offer", "until", "saves", "it would earn"),
        [
            (
                one.offer_id,
                "" if one.expires_at is None else _when(one.expires_at),
                _money(quote, one.saves),
                f"{one.points:,} points",
            )
            for one in quote.savings
        ],
    )
    columns = ("reward", "points", "takes off")
    shown = 3 if any(one.value is not None for one in quote.rewards) else 2
    table(
        console,
        "Rewards that can be taken now",
        columns[:shown],
        [
            (
                one.reward,
                f"{one.points:,}",
                "" if one.value is None else _money(quote, one.value),
            )[:shown]
            for one in quote.rewards
        ],
    )


def _earns(quote: Quote) -> str:
    if not quote.points:
        return "It earns nothing."
    spendable = "at once" if quote.available_at <= quote.at else f"from {_when(quote.available_at)}"
    return f"It earns {quote.points:,} points, to spend {spendable}."


def _words(quote: Quote) -> Iterator[tuple[str, Any]]:
    yield "uses", ", ".join(quote.offers_used)
    yield "not open", ", ".join(quote.offers_not_open)
    yield "wins", ", ".join([*(one.offer_id for one in quote.offers_won), *quote.access_won])
    yield "comes back", f"{quote.reinstated:,} expired points" if quote.reinstated else ""


def _challenges(quote: Quote) -> Iterator[tuple[str, str, str]]:
    """Those that the basket changes."""
    before = {one.challenge: one for one in _of(quote.before)}
    for after in _of(quote.after):
        was = before.get(after.challenge)
        if was != after:
            yield after.challenge, "" if was is None else _standing(was), _standing(after)


def _of(account: AccountChanged) -> tuple[ChallengeState, ...]:
    return () if account.view is None else account.view.challenges


def _standing(one: ChallengeState) -> str:
    met = f", met {one.met} times" if one.met > 1 else ", met" if one.met else ""
    return f"{one.progress:,} of {one.target:,} {one.counts}{met}"


def _next_tier(account: AccountChanged) -> str:
    return f"{account.to_next_tier:,} to {account.next_tier}" if account.next_tier else "none above"


def _money(quote: Quote, amount: int) -> str:
    places = len(str(quote.minor_units)) - 1
    return f"{amount / quote.minor_units:,.{places}f} {quote.currency}"


def _when(at: int) -> str:
    return minute(datetime.fromtimestamp(at / 1000, timezone.utc))
