"""Caps: how many points, or how often, a rule may still earn in its period.

In: the account within a book. Out: the room that each capped rule has, and after the earning less
of it. Promises: what a return gives back makes no room for others, so that an earlier return never
changes what a later purchase earns.
"""

from schemas.earn_rules import Cap
from transforms.accrue.book import Book
from transforms.accrue.local_time import NEVER, period_of
from transforms.accrue.privileges import Used
from transforms.accrue.rate import ALL


def room(book: Book) -> dict[int, int] | None:
    """Points left for each capped rule, by its place, and under `ALL` for all together; None:
    nothing is capped."""
    terms = book.terms
    if not terms.capped:
        return None
    left: dict[int, int] = {}
    for place, rule in enumerate(terms.rules):
        if rule.cap is not None:
            points = _left(book, rule.cap, _key(rule.cap, rule.name))
            if points is not None:
                left[place] = points
    for cap in terms.caps:
        points = _left(book, cap, _key(cap))
        if points is not None:
            left[ALL] = min(points, left.get(ALL, points))
    return left


def use(book: Book, earned: list[int]) -> None:
    """Note what was earned, by the rule's place."""
    terms = book.terms
    for rule, points in zip(terms.rules, earned, strict=True):
        if rule.cap is not None and points:
            _note(book, rule.cap, _key(rule.cap, rule.name), points)
    total = sum(earned)
    if total:
        for cap in terms.caps:
            _note(book, cap, _key(cap), total)


def _key(cap: Cap, rule: str = "") -> str:
    """What a cap's use is noted under: a later version goes on with it if the period stays."""
    return f"{cap.per} {rule}"


def _left(book: Book, cap: Cap, key: str) -> int | None:
    used = book.account.used.get(key)
    if used is None or book.at >= used.until:
        used = Used(until=0)
    if cap.times is not None and used.times >= cap.times:
        return 0
    return None if cap.points is None else max(0, cap.points - used.points)


def _note(book: Book, cap: Cap, key: str, points: int) -> None:
    if cap.per == "receipt":
        return
    used = book.account.used.get(key)
    if used is None or book.at >= used.until:
        until = NEVER if cap.per == "ever" else period_of(book.at, cap.per, book.terms.zone)[1]
        used = book.account.used[key] = Used(until=until)
    used.points += points
    used.times += 1
