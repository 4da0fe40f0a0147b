"""Two members' challenges become one's.

In: an account that came, brought to now, and the account that goes on. Out: the progress of both
in the one. Promises: what counted for either counts, and wins what it is enough for; prizes that
both won stand. Of streaks older than returns are accepted the one that reached further counts.
"""

from transforms.accrue import streaks
from transforms.accrue.book import Book
from transforms.accrue.challenges import note_break, win
from transforms.accrue.forget_challenges import forget
from transforms.accrue.privileges import Progress
from transforms.accrue.standing import name_in
from transforms.accrue.state import Account


def join(book: Book, came: Account) -> None:
    """Add what came, with the times at which its periods end."""
    account = book.account
    account.challenges = forget(account.challenges, book.plan, book.at)
    mine = account.challenges
    for key, theirs in forget(came.challenges, book.plan, book.at).items():
        ours = mine.get(key)
        if ours is None:
            mine[key] = theirs
        elif (ours.run is None) == (theirs.run is None):
            _add(ours, theirs)
        _go_on(book, key, mine[key])
        book.changed["challenges", key] = None


def _add(ours: Progress, theirs: Progress) -> None:
    ours.counted_at = max(ours.counted_at, theirs.counted_at)
    ours.met = sorted([*ours.met, *theirs.met], key=lambda met: (met.at, met.cause, met.number))
    ours.before += theirs.before
    ours.before_at = max(ours.before_at, theirs.before_at)
    if ours.run is None:
        ours.counted += theirs.counted
        return
    ours.ended, ours.counted = max((ours.ended, ours.counted), (theirs.ended, theirs.counted))
    for start, period in theirs.periods.items():
        if start in ours.periods:
            ours.periods[start].events += period.events
        else:
            ours.periods[start] = period
    for met in streaks.follow(ours).unearned:
        ours.met.remove(met)
        ours.before += 1
        ours.before_at = max(ours.before_at, met.at)


def _go_on(book: Book, key: str, one: Progress) -> None:
    """Give what both are enough for together, and note when the period or the streak ends."""
    contest = book.terms.challenges.get(name_in(key))
    is_over = one.run is None and one.until is not None and one.until <= book.at
    if contest is None or is_over:
        return
    if one.run is None:
        if one.until is not None:
            book.account.timetable[f"challenge:{key}"] = one.until
        win(book, contest, one, pending=False)
        return
    one.run = streaks.follow(one).length
    note_break(book, contest, key, one)
    if one.until is not None:
        win(book, contest, one, pending=False)
        note_break(book, contest, key, one)
