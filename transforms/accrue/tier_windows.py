"""The periods in which qualifying amounts are counted, and a change from one way to another.

In: an account, terms and instants. Out: periods, and the account as it counts under those terms.
Promises: a version that changes the window or the metric begins to count anew, since points and
visits, or a year and the last six months, don't add up; what the member is by then, they stay to
the end of the first period of the new kind (of a rolling window: for its length).
"""

from typing import Final

from transforms.accrue import rolling_tiers
from transforms.accrue.local_time import anniversary_year, calendar_year
from transforms.accrue.prepared import Prepared
from transforms.accrue.programmes import Plan
from transforms.accrue.state import Account

ROLLING: Final = "rolling"
ANNIVERSARY: Final = "anniversary"


def counts_as(account: Account, plan: Plan, terms: Prepared) -> bool:
    """Whether the account counts as the terms say; amounts of different ways don't add up."""
    rolling = terms.tiers is not None and terms.tiers.window == ROLLING
    counted_otherwise = account.period_end if rolling else account.counted
    way = account.counting or plan.versions[0].counting
    return way == terms.counting and not counted_otherwise


def adopt(account: Account, plan: Plan, terms: Prepared, at: int) -> None:
    """Count as the terms say from `at` on."""
    tiers = terms.tiers
    if tiers is None or counts_as(account, plan, terms):
        return
    account.counting = terms.counting
    began = account.period_end or account.counted or account.kept
    account.qualifying = account.brought = account.period_start = account.period_end = 0
    account.counted = {}
    rolling_tiers.forget_timers(account)
    account.grace_ends, account.lapses_to = 0, ""
    account.kept = account.tier if terms.rank(account.tier) else ""
    if tiers.window == ROLLING:
        if account.kept:
            rolling_tiers.guarantee(account, terms, at)
    elif began:
        begin_period(account, terms, at)
        account.period_start = at


def period(account: Account, terms: Prepared, at: int) -> tuple[int, int]:
    """The period (first instant, first instant after it) of an instant."""
    if terms.tiers is not None and terms.tiers.window == ANNIVERSARY:
        return anniversary_year(at, account.enrolled_at or account.counts_from or at, terms.zone)
    return calendar_year(at, terms.zone)


def begin_period(account: Account, terms: Prepared, at: int) -> None:
    """Count from nothing in the period of an instant."""
    account.period_start, account.period_end = period(account, terms, at)
    account.qualifying = account.brought = 0
