"""What a finance person adds up, on both sides: points, what they may cost, tiers, messages.

In: a connection with `a` and `b`. Out: figures in a fixed order. They are folded from the
tables, entry by entry, not read off members or views.
"""

from collections.abc import Iterator
from typing import Final

import duckdb

from scripts.reconcile.attach import SIDES
from scripts.reconcile.result import Total

_ACCOUNTS: Final = (
    "issued",
    "pending",
    "available",
    "held",
    "redeemed",
    "expired",
    "reversed",
    "transferred",
)
_POINTS: Final = """
    SELECT split_part(programme_version, '@', 1) || ' ' || account, sum(points)::BIGINT FROM (
        SELECT programme_version, credit AS account, points FROM {side}.ledger_entries
        UNION ALL
        SELECT programme_version, debit, -points FROM {side}.ledger_entries)
    GROUP BY ALL
"""
_LIABILITY: Final = """
    WITH outstanding AS (
        SELECT coalesce(sum(remaining), 0)::BIGINT AS points FROM {side}.lots WHERE remaining > 0
    ), worth AS (
        SELECT coalesce(max(value) FILTER (name = 'point_value'), 0) AS point_value,
            coalesce(max(value) FILTER (name = 'breakage'), 0) AS breakage
        FROM {side}.parameters
    )
    SELECT unnest(['points in lots', 'debts of members, points', 'value of a point',
            'breakage', 'liability, minor units']),
        unnest([points::DOUBLE, (SELECT coalesce(-sum(available) FILTER (available < 0), 0)
            FROM {side}.members)::DOUBLE, point_value, breakage,
            points * point_value * (1 - breakage)])
    FROM outstanding, worth
"""
_TIERS: Final = "SELECT tier, count(*) FROM {side}.members GROUP BY tier"
_MESSAGES: Final = """
    SELECT channel, count(DISTINCT trigger_id) FROM {side}.triggers
    WHERE action IN ('send', 'show') GROUP BY channel
"""
_EVENTS: Final = """
    WITH last AS (
        SELECT arg_max(CASE WHEN reason <> 'retracted' THEN coalesce(member_id, '') ELSE '' END,
            (known_at, reason <> 'retracted', _seq)) AS owner
        FROM {side}.event_owners GROUP BY source, event_id
    )
    SELECT unnest(['of members', 'of guests and nobody', 'refused']),
        unnest([count(*) FILTER (owner <> ''), count(*) FILTER (owner = ''),
            (SELECT count(*) FROM {side}.quarantine)])
    FROM last
"""
_WHOLE: Final = ("points in lots", "debts of members, points")


def totals(con: duckdb.DuckDBPyConnection) -> list[Total]:
    """Every figure of both sides."""
    return [
        *_points(con),
        *_group(con, "liability", _LIABILITY),
        *_group(con, "members by tier", _TIERS),
        *_group(con, "messages by channel", _MESSAGES),
        *_group(con, "events", _EVENTS),
    ]


def _points(con: duckdb.DuckDBPyConnection) -> Iterator[Total]:
    """By programme and account. What was issued left that account, so its sign is turned."""
    a, b = ({name: int(value) for name, value in one.items()} for one in _both(con, _POINTS))
    for programme in sorted({name.rpartition(" ")[0] for name in (*a, *b)}):
        for account in _ACCOUNTS:
            name, sign = f"{programme} {account}", -1 if account == "issued" else 1
            if account != "transferred" or a.get(name) or b.get(name):
                yield Total(
                    group=f"points of {programme}",
                    name=account,
                    a=sign * a.get(name, 0),
                    b=sign * b.get(name, 0),
                )


def _group(con: duckdb.DuckDBPyConnection, group: str, sql: str) -> Iterator[Total]:
    a, b = _both(con, sql)
    ordered = sql in (_LIABILITY, _EVENTS)
    for name in a if ordered else sorted(a.keys() | b.keys()):
        ours, theirs = a.get(name, 0), b.get(name, 0)
        if name in _WHOLE:
            ours, theirs = int(ours), int(theirs)
        yield Total(group=group, name=name, a=ours, b=theirs)


def _both(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, int | float]]:
    return [dict(con.execute(sql.format(side=side)).fetchall()) for side in SIDES]
