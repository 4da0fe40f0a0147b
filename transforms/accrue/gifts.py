"""Gifts on a member's own days, and what a member says of themselves.

In: a profile, and the days themselves. Out: prizes. Promises: each gift at most once a calendar
year, however often the birthday changes, at the day's first instant in the programme's time zone.
A birthday that becomes known on the day itself gives its gifts then; after it, next year. What
somebody born on 29 February gets, they get on the 28th in common years.
"""

from datetime import date
from typing import Final

from transforms.accrue import tiers
from transforms.accrue.book import Book
from transforms.accrue.conditions import on_day
from transforms.accrue.facts import Profiled
from transforms.accrue.local_time import local_date, midnight
from transforms.accrue.prizes import award
from transforms.accrue.state import Account

KIND: Final = "gift:"


def learn(book: Book, fact: Profiled) -> None:
    """Remember a birthday and the enrolment, and give what is due on this very day."""
    account = book.account
    told = []
    if fact.enrolled and (not account.enrolled_at or fact.occurred_at < account.enrolled_at):
        account.enrolled_at = fact.occurred_at
        tiers.enrolled(book)
        told.append("anniversary")
    if fact.birthday and fact.birthday != account.birthday:
        if account.birthday:
            account.birthday_from = local_date(book.at, book.plan.zone).year + 1
        account.birthday = fact.birthday
        told.append("birthday")
    if book.plan.gift_days:
        today = local_date(book.at, book.plan.zone)
        for which in told:
            account.timetable.pop(KIND + which, None)
            if _on(account, which, today.year, book) == today:
                _give(book, which, today.year)


def join(account: Account, came: Account) -> None:
    """Add what another account knew of the same person. Its gifts of this year were given; the
    days are noted anew."""
    if came.enrolled_at:
        account.enrolled_at = min(came.enrolled_at, account.enrolled_at or came.enrolled_at)
        account.timetable.pop(f"{KIND}anniversary", None)
    if not account.birthday:
        account.birthday, account.birthday_from = came.birthday, came.birthday_from
    for gift, year in came.given.items():
        account.given[gift] = max(year, account.given.get(gift, year))


def schedule(book: Book) -> None:
    """Note the next of the member's days on which any version of the programme gives something,
    also if it is younger than what the member said."""
    account = book.account
    for which in book.plan.gift_days:
        known = account.birthday if which == "birthday" else account.enrolled_at
        if known and KIND + which not in account.timetable:
            _note_next(book, which)


def give(book: Book, key: str, due: int) -> str:
    """Give what this day brings, and note the same day of next year."""
    which = key.removeprefix(KIND)
    _give(book, which, local_date(due, book.plan.zone).year)
    _note_next(book, which)
    return which


def _give(book: Book, which: str, year: int) -> None:
    if not book.plan.started(book.at):
        return
    given = book.account.given
    for gift in book.terms.gifts:
        if gift.on == which and given.get(gift.gift, 0) < year:
            given[gift.gift] = year
            award(book, gift.gift, gift.prize, pending=False)


def _note_next(book: Book, which: str) -> None:
    """The next of these days that is still to begin."""
    account, zone = book.account, book.plan.zone
    this_year = local_date(book.at, zone).year
    for year in (this_year, this_year + 1):
        day = _on(account, which, year, book)
        if day is not None and (due := midnight(day, zone)) > book.at:
            account.timetable[KIND + which] = due
            return


def _on(account: Account, which: str, year: int, book: Book) -> date | None:
    """The day of a year that is the member's; None: there is none."""
    if which == "birthday":
        return on_day(account.birthday, year) if account.birthday else None
    if not account.enrolled_at:
        return None
    enrolled = local_date(account.enrolled_at, book.plan.zone)
    return on_day(f"{enrolled:%m-%d}", year) if year > enrolled.year else None
