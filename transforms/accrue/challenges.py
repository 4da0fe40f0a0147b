"""Challenges: progress with every purchase or action that counts, prizes when targets are met.

In: purchases, actions, returns and the ends of periods within a book. Out: progress and prizes.
Promises: progress is the sum of what counts and was kept; a return that takes progress below a
target that it had met takes the prize back, the last one first, and it may be met again. A prize
whose offer was used stands, but the same purchases can't win another. The terms at the time of a
purchase say what it counts.
"""

from typing import Final

from transforms.accrue import membership, prizes, streaks
from transforms.accrue.book import Book
from transforms.accrue.conditions import Asked
from transforms.accrue.contributions import counted
from transforms.accrue.facts import Acted
from transforms.accrue.forget_challenges import settle_met
from transforms.accrue.local_time import period_of
from transforms.accrue.prepared import Contest
from transforms.accrue.privileges import Met, Period, Progress
from transforms.accrue.receipts import Receipt
from transforms.accrue.standing import balance, key_of, name_in, window_of

AT_ONCE_MAX: Final = 100
"""Prizes that one event wins in one challenge at most; what is beyond counts for the next event."""


def bought(book: Book, receipt: Receipt, used: frozenset[str]) -> None:
    """Count a purchase. `used`: offers that it used."""
    basket = book.baskets[receipt.basket]
    bits = 0
    for line in basket.lines:
        bits |= line.rules
    for contest in book.terms.challenges.values():
        if contest.says.on is None and bits >> contest.place & 1:
            amount = counted(contest, basket, {})
            fits = amount and _fits(book, contest, receipt.tier, used)
            if fits and _count(book, contest, amount, returnable=True):
                receipt.counted = {**receipt.counted, contest.says.challenge: amount}


def acted(book: Book, fact: Acted) -> None:
    """Count an action, for good: it can't be returned."""
    for contest in book.terms.challenges.values():
        if contest.says.on is not None and fact.rules >> contest.place & 1:
            amount = fact.quantity if contest.says.counts == "quantity" else 1
            tier = book.account.tier or book.terms.levels[0]
            if amount > 0 and _fits(book, contest, tier, frozenset()):
                _count(book, contest, amount, returnable=False)


def returned(book: Book, receipt: Receipt) -> None:
    """Uncount what came back of a purchase."""
    for name, before in list(receipt.counted.items()):
        contest = book.terms.challenges.get(name)
        if contest is None:
            continue
        basket = book.baskets[receipt.basket]
        kept = min(before, counted(contest, basket, receipt.returned))
        if kept == before:
            continue
        receipt.counted[name] = kept
        key = key_of(name, window_of(contest, book.terms, receipt.at).since)
        one = book.account.challenges.get(key)
        if one is None:
            continue
        book.changed["challenges", key] = None
        if one.run is None:
            _shrink(book, key, one, before - kept)
        elif not kept:
            _shorten(book, contest, key, one, receipt.at)


def turn_over(book: Book, key: str, due: int) -> str:
    """A period or campaign is over, or a streak: nothing counted in the whole period before."""
    name = key.partition(":")[2]
    one = book.account.challenges.get(name)
    if one is None or one.run is None:
        return "challenge_over"
    one.until, one.run = None, 0
    book.changed["challenges", name] = None
    return "streak_broken"


def _fits(book: Book, contest: Contest, tier: str, used: frozenset[str]) -> bool:
    """Whether the member is one of those whom the challenge is for."""
    if contest.member_test is None:
        return True
    terms, plan = book.terms, membership.plan_now(book)
    return contest.member_test(Asked(book.account, tier, book.at, terms.zone, used, plan))


def _count(book: Book, contest: Contest, amount: int, returnable: bool) -> bool:
    """Add what the book's cause counts, and give what that wins; False: nothing more is to win,
    and what was won is so for good."""
    key, one = _begin(book, contest)
    says, terms = contest.says, book.terms
    if one.times and not says.repeat and one.met_at < book.at - book.plan.returns_ms:
        return False
    one.unit = terms.minor_units if says.counts == "spend" else 1
    one.target, one.repeat = says.target * one.unit, says.repeat
    one.counted_at = book.at
    book.changed["challenges", key] = None
    if one.run is not None:
        if _lengthen(book, contest, one):
            win(book, contest, one, pending=returnable)
            note_break(book, contest, key, one)
        return True
    one.counted += amount
    win(book, contest, one, pending=returnable)
    if not returnable:
        settle_met(one, one.met)
    return True


def _lengthen(book: Book, contest: Contest, one: Progress) -> bool:
    """Whether what counts now is the first in its period of a streak."""
    start, end = _period(book, contest, book.at)
    if start in one.periods:
        one.periods[start].events += 1
        return False
    one.periods[start] = Period(end=end)
    one.run = streaks.follow(one).length
    return True


def _period(book: Book, contest: Contest, at: int) -> tuple[int, int]:
    """The period of a streak that an instant is in."""
    return period_of(at, contest.says.in_a_row or "day", book.terms.zone)


def _begin(book: Book, contest: Contest) -> tuple[str, Progress]:
    """The progress of the period that the book is at, and what it is known by."""
    account, says = book.account, contest.says
    window = window_of(contest, book.terms, book.at)
    key = key_of(says.challenge, window.since)
    one = account.challenges.get(key)
    if one is None:
        one = account.challenges[key] = Progress(since=window.since, target=says.target)
        if says.in_a_row is not None:
            one.run = 0
        elif window.until is not None:
            one.until = window.until
            if window.until > book.at:
                account.timetable[f"challenge:{key}"] = window.until
    return key, one


def win(book: Book, contest: Contest, one: Progress, pending: bool) -> None:
    """Give what the progress wins now, on behalf of the book's cause."""
    says = contest.says
    for number in range(AT_ONCE_MAX):
        done = balance(one) if one.run is None else one.run
        if done < one.target or (one.times and not says.repeat):
            return
        took = one.target if one.run is None else one.run
        prizes.award(book, says.challenge, says.prize, pending, number)
        one.met.append(
            Met(
                at=book.at,
                cause=book.cause,
                number=number,
                took=took,
                version=book.terms.version,
                owner=book.member_id,
            )
        )
        if one.run is not None:
            one.run = 0


def _shrink(book: Book, key: str, one: Progress, less: int) -> None:
    """Less of a purchase counts. Prizes go until the rest of the progress pays for what stays."""
    one.counted -= less
    for met in reversed(list(one.met)):
        if balance(one) >= 0:
            return
        _take_back(book, key, one, met)


def _shorten(book: Book, contest: Contest, key: str, one: Progress, at: int) -> None:
    """A purchase of a streak came back. If a prize that hangs on it stands, so does the streak."""
    start, _ = _period(book, contest, at)
    period = one.periods.get(start)
    if period is None:
        return
    if period.events > 1:
        period.events -= 1
        return
    del one.periods[start]
    for met in reversed(streaks.follow(one).unearned):
        if not _take_back(book, key, one, met):
            one.periods[start] = period
            break
    one.run = streaks.follow(one).length
    note_break(book, contest, key, one)


def _take_back(book: Book, key: str, one: Progress, met: Met) -> bool:
    """Take a prize back, if that is possible: a return of what it was won with is accepted as long
    as any, and its offer wasn't used."""
    name = name_in(key)
    contest = book.plan.version(met.version).challenges.get(name)
    if contest is None or book.at - met.at > book.plan.returns_ms:
        return False
    if not prizes.take_back(book, name, contest.says.prize, met.cause, met.number, met.owner):
        return False
    one.met.remove(met)
    return True


def note_break(book: Book, contest: Contest, key: str, one: Progress) -> None:
    """When a streak breaks, unless something counts before; nothing is left of one that did."""
    timer, ended = f"challenge:{key}", streaks.follow(one).ended
    one.until = None
    if one.times and not one.repeat:
        book.account.timetable.pop(timer, None)
        return
    breaks_at = _period(book, contest, ended)[1] if ended else 0
    if breaks_at > book.at:
        one.until = book.account.timetable[timer] = breaks_at
    else:
        book.account.timetable.pop(timer, None)
        one.run = 0
