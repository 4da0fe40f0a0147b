"""A statement as text of fixed widths, alike on every machine.

In: a `Statement`. Out: lines, at most `WIDTH` characters each.
"""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from scripts.statement.standing import Standing
from scripts.statement.statement import Month, Statement
from scripts.statement.timeline import Happening, Movement

WIDTH: Final = 100
_DAY: Final = 14
_FIGURES: Final = (9, 10, 9, 8)
"""Of points, available, pending, held."""
_TEXT: Final = WIDTH - _DAY - sum(_FIGURES)


def draw(statement: Statement) -> str:
    """The whole text."""
    return "\n".join(line.rstrip() for line in _lines(statement)) + "\n"


def _lines(statement: Statement) -> Iterator[str]:
    zone = ZoneInfo(statement.time_zone)
    yield f"Statement of {statement.member_id}".ljust(WIDTH - 30) + _period(statement).rjust(30)
    yield (
        f"{statement.programme or 'no programme'}, market {statement.market}".ljust(WIDTH - 40)
        + f"times of {statement.time_zone}".rjust(40)
    )
    yield "═" * WIDTH
    moved = any(one.movements for month in statement.months for one in month.happenings)
    figures = moved or any(statement.closing.values())
    for month in statement.months:
        yield from _month(month, zone, figures)
    if not statement.months:
        yield "Nothing happened."
    yield "═" * WIDTH
    if figures:
        yield _row("Closing balance", ("", *_balances(statement.closing)))
        yield ""
    else:
        yield "No points were moved."
    yield from _totals(statement)
    if statement.merged_into:
        yield ""
        yield f"This account was merged: it goes on as {statement.merged_into}."
    elif statement.stands is None:
        yield ""
        yield "What is open, tier and progress are told by a statement until today."
    else:
        yield from _standing(statement.stands, statement, zone)
    if statement.unread:
        yield ""
        yield f"What was bought isn't told: {statement.unread}."


def _period(statement: Statement) -> str:
    return f"{_day(statement.since)} to {_day(statement.until)}"


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"


def _month(month: Month, zone: ZoneInfo, figures: bool) -> Iterator[str]:
    """`figures`: whether there are points to tell of."""
    name = f"{date.fromisoformat(month.month + '-01'):%B %Y}"
    yield ""
    yield _row(name, ("points", "available", "pending", "held") if figures else ("",) * 4)
    yield "─" * WIDTH
    if figures:
        yield _row("brought forward", ("", *_balances(month.opening)), indent=_DAY)
    for one in month.happenings:
        yield from _happening(one, zone)


def _happening(one: Happening, zone: ZoneInfo) -> Iterator[str]:
    at = one.at.astimezone(zone)
    title = one.what
    if one.late:
        title += f" (happened {one.happened_at.astimezone(zone):%d %b %Y %H:%M}, known now)"
    wrapped = textwrap.wrap(title, WIDTH - _DAY) or [""]
    yield f"{at:%d %a %H:%M}".ljust(_DAY) + wrapped[0]
    for line in wrapped[1:]:
        yield " " * _DAY + line
    for movement in one.movements:
        yield from _movement(movement)
    for note in one.notes:
        for line in textwrap.wrap(f"· {note}", WIDTH - _DAY - 2, subsequent_indent="  "):
            yield " " * (_DAY + 2) + line


def _movement(movement: Movement) -> Iterator[str]:
    points = f"{movement.change:+,}" if movement.change else f"({movement.points:,})"
    text = f"{movement.what}, {movement.version}"
    *first, last = textwrap.wrap(text, _TEXT - 3, subsequent_indent="  ")
    for line in first:
        yield " " * (_DAY + 2) + line
    figures = (points, *map(_number, (movement.available, movement.pending, movement.held)))
    yield _row(last, figures, indent=_DAY + 2)


def _row(text: str, figures: Iterable[str], indent: int = 0) -> str:
    left = (" " * indent + text).ljust(_DAY + _TEXT)
    cells = (cell.rjust(width) for cell, width in zip(figures, _FIGURES, strict=True))
    return left + "".join(cells)


def _balances(balances: dict[str, int]) -> Iterator[str]:
    return map(_number, (balances["available"], balances["pending"], balances["held"]))


def _number(number: int) -> str:
    return f"{number:,}"


def _totals(statement: Statement) -> Iterator[str]:
    totals = statement.totals
    parts = [
        ("opening", totals.opening, ""),
        ("earned", totals.earned, "+"),
        ("spent", totals.spent, "-"),
        ("expired", totals.expired, "-"),
        ("reversed", totals.reversed, "-"),
        ("adjusted", totals.adjusted, "+"),
        ("moved", totals.moved, "+"),
    ]
    told = [
        f"{sign} {name} {number:,}".strip()
        for name, number, sign in parts
        if number or name not in ("adjusted", "moved")
    ]
    yield " ".join(told) + f" = closing {totals.comes_to:,}"
    for said in statement.wrong:
        yield f"WRONG: {said}"


def _standing(stands: Standing, statement: Statement, zone: ZoneInfo) -> Iterator[str]:
    tier = stands.tier
    if tier is not None:
        unit = {"spend": statement.currency, "points": "points", "visits": "visits"}[tier.metric]
        said = f"{tier.tier}, {tier.qualifying:,g} {unit} count for it in this period"
        if tier.next_tier:
            said += f"; {tier.missing:,g} to {tier.next_tier}"
        yield from _section("Tier", [said, *_listed("benefits: ", tier.benefits)])
    yield from _section(
        "Points by expiry",
        [
            f"{_number(one.points):>10}  {_expiry(one.expires_at, zone)}"
            + (f", {one.pending:,} of them still pending" if one.pending else "")
            for one in stands.lots
        ],
    )
    yield from _section(
        "Challenges",
        [
            f"{row['challenge']}: {row['progress']:,} of {row['target']:,}"
            + (_period_of(row["until"], statement, zone) if row["until"] else "")
            + (f"; met {_times(row['met'])}" if row["met"] else "")
            for row in stands.challenges
        ],
    )
    yield from _section(
        "Open offers",
        [
            row["offer_id"]
            + (f", until {_local(row['expires_at'], zone)}" if row["expires_at"] else "")
            for row in stands.offers
        ],
    )
    member = stands.membership
    if member is not None:
        since = _local(member["since"], zone)
        said = f"{member['plan']}: {member['status']} since {since}"
        if member["ended_at"] is None:
            said += f", paid until {_local(member['paid_until'], zone)}"
        else:
            said = f"{member['plan']}: from {since} to {_local(member['ended_at'], zone)}"
        yield from _section("Membership", [said])
    yield from _section(
        "Benefits used",
        [
            f"{name}: {_times(granted)}" + (f", refused {_times(refused)}" if refused else "")
            for name, granted, refused in stands.benefits
        ],
    )
    yield from _section("Unlocked", stands.access)
    yield from _section(
        "Rewards within reach", [f"{name}, {points:,} points" for name, points in stands.rewards]
    )


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    told = list(lines)
    if told:
        yield ""
        yield title
        for line in told:
            yield from textwrap.wrap(
                line,
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                drop_whitespace=True,
                replace_whitespace=False,
            )


def _listed(label: str, names: list[str]) -> list[str]:
    return [label + ", ".join(names)] if names else []


def _period_of(until: datetime, statement: Statement, zone: ZoneInfo) -> str:
    over = until.astimezone(zone).date() <= statement.until
    return (
        f" in a period that ended {_local(until, zone)}"
        if over
        else f" until {_local(until, zone)}"
    )


def _expiry(at: datetime | None, zone: ZoneInfo) -> str:
    return f"expire {_local(at, zone)}" if at else "never expire"


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d %b %Y %H:%M}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
