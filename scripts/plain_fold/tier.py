"""A member's tier: reached by what a calendar year's purchases earned and kept.

Up at once. At a year's end a tier that the year didn't reach is guaranteed for some days more, or
lost. What counts is added up anew, from the receipts, each time it is asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.plain_fold.account import PlainAccount

DAY_MS = 86_400_000


def year_of(account: PlainAccount, at: int) -> int:
    """The calendar year of an instant, where the programme's days begin."""
    return datetime.fromtimestamp(at / 1000, account.terms.zone).year


def last_instant(account: PlainAccount) -> int:
    """Of the year that counts, ms UTC."""
    after = datetime(account.year + 1, 1, 1, tzinfo=account.terms.zone)
    return round(after.timestamp() * 1000) - 1


def qualifying(account: PlainAccount) -> int:
    """Points of the year that counts, less what was returned of them."""
    return sum(
        receipt.earned - receipt.reversed
        for receipt in account.receipts
        if account.year and receipt.year == account.year
    )


def rank(account: PlainAccount, name: str) -> int:
    """A tier's place from the lowest."""
    return [tier for tier, _ in account.terms.levels].index(name)


def reached(account: PlainAccount) -> int:
    """The rank that this year's points are enough for."""
    points = max(0, qualifying(account))
    return max(n for n, (_, enough) in enumerate(account.terms.levels) if points >= enough)


def look(account: PlainAccount) -> None:
    """Put the account into the tier that it now has."""
    best = max(rank(account, account.kept), reached(account))
    account.tier = account.terms.levels[best][0]


def bought(account: PlainAccount, year: int) -> None:
    """A purchase counts for its year."""
    account.year = max(account.year, year)
    look(account)


def dues(account: PlainAccount) -> list[int]:
    """When the tier is looked at next."""
    found = [account.grace[0]] if account.grace else []
    if account.year and (qualifying(account) or rank(account, account.kept)):
        found.append(last_instant(account))
    return found


def strike(account: PlainAccount, now: int) -> None:
    """End a year, or a grace, if it is time."""
    anything = qualifying(account) or rank(account, account.kept)
    if account.year and anything and now == last_instant(account):
        _end_year(account)
    if account.grace and account.grace[0] == now:
        account.kept, account.grace = account.grace[1], None
        look(account)


def _end_year(account: PlainAccount) -> None:
    terms = account.terms
    mine, earned = rank(account, account.tier), reached(account)
    account.kept, account.grace = account.tier, None
    if earned < mine and terms.downgrade != "never":
        lower = mine - 1 if terms.downgrade == "one_down" else earned
        name = terms.levels[max(lower, earned)][0]
        if terms.grace_days:
            account.grace = (account.now + terms.grace_days * DAY_MS, name)
        else:
            account.kept = name
    account.year += 1
    look(account)
