"""Two ledgers beside each other: in which accounts an output and its rebuild differ.

In: the warehouse of an output and a rebuilt one, both closed. Out: of each member who differs, the
books in both. Promises: nothing is changed; accounts are added up from the entries, not taken
from what either program says of them.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from pipelines.processes import RunRefused
from schemas.payloads import CorrectedLot

ACCOUNTS: Final = (
    "issued",
    "pending",
    "available",
    "held",
    "redeemed",
    "expired",
    "reversed",
    "transferred",
)
_SUMS: Final = ", ".join(
    f"(sum(CASE WHEN credit = '{name}' THEN points ELSE 0 END)"
    f" - sum(CASE WHEN debit = '{name}' THEN points ELSE 0 END))::BIGINT AS {name}"
    for name in ACCOUNTS
)
_BATCH: Final = 20_000
"""Members whose books are in memory at once."""


class Books(msgspec.Struct, kw_only=True):
    """A member's accounts, lots and tier in one warehouse."""

    accounts: dict[str, int]
    lots: dict[str, CorrectedLot]
    qualifying: int = 0
    tier: str | None = None
    """None: the warehouse has no such member."""

    @property
    def own(self) -> int:
        """Points that are pending, available or held."""
        return sum(self.accounts[name] for name in ("pending", "available", "held"))

    @property
    def debt(self) -> int:
        return sum(lot.remaining for lot in self.lots.values()) - self.own


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A member's books in the output and in the rebuilt warehouse."""

    member_id: str
    market: str
    live: Books
    rebuilt: Books


class Ledgers:
    """Both warehouses, open for reading. Use it as a context manager."""

    def __init__(self, live: Path, rebuilt: Path) -> None:
        self._con = duckdb.connect()
        for name, path in (("live", live), ("rebuilt", rebuilt)):
            self._con.execute(
                f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)"
            )
        for name in ("live", "rebuilt"):
            self._con.execute(_accounts_sql(name))
            self._con.execute(_lots_sql(name))

    def __enter__(self) -> "Ledgers":
        return self

    def __exit__(self, *raised: object) -> None:
        self._con.close()

    def refuse_other_time(self, stands_at: int, output: Path) -> None:
        """RunRefused unless the rebuilt warehouse stands where the output does, `stands_at`."""
        (known, posted, newest), (ours,) = self._one(_NEWEST), self._one(_NEWEST_LIVE)
        (pending, expired) = self._one(_OVERDUE, [stands_at, stands_at])
        said = ""
        if max(known or 0, posted or 0) > stands_at:
            said = f"it knows what happened until {_when(max(known or 0, posted or 0))}"
        elif (ours or 0) > (newest or 0):
            said = f"it doesn't know what happened between {_when(newest)} and {_when(ours)}"
        elif pending or expired:
            said = f"{pending + expired:,} of its lots have become available or expired since"
        if said:
            raise RunRefused(
                f"--from: must stand where {output} does, {_when(stands_at)}; {said}; rebuild it: "
                f"kizuna rebuild --input {output} --output DIR --as-of {_when(stands_at)}"
            )

    def differing(self) -> Iterator[Pair]:
        """Members whose accounts, open lots or tiers differ, by id."""
        members = [row[0] for row in self._con.execute(_DIFFERING).fetchall()]
        for first in range(0, len(members), _BATCH):
            yield from self._pairs(members[first : first + _BATCH])

    def members(self) -> int:
        """How many members there are in either."""
        (count,) = self._one(
            "SELECT count(*) FROM (SELECT member_id FROM live.members UNION "
            "SELECT member_id FROM rebuilt.members)"
        )
        return int(count)

    def point_value(self) -> float:
        """What an outstanding point costs, minor units of currency."""
        (value,) = self._one(
            "SELECT (SELECT value FROM live.parameters WHERE name = 'point_value')"
            " * (1 - (SELECT value FROM live.parameters WHERE name = 'breakage'))"
        )
        return float(value)

    def _pairs(self, members: list[str]) -> Iterator[Pair]:
        live, rebuilt = self._books("live", members), self._books("rebuilt", members)
        wrong = dict(self._con.execute(_WRONG_ENTRIES, [members]).fetchall())
        for books in rebuilt.values():
            for key, lot in books.lots.items():
                if key in wrong:
                    books.lots[key] = msgspec.structs.replace(lot, corrects=wrong[key])
        markets = dict(self._con.execute(_MARKETS, [members]).fetchall())
        for member_id in members:
            yield Pair(
                member_id=member_id,
                market=markets.get(member_id, ""),
                live=live[member_id],
                rebuilt=rebuilt[member_id],
            )

    def _books(self, name: str, members: list[str]) -> dict[str, Books]:
        found = {one: Books(accounts=dict.fromkeys(ACCOUNTS, 0), lots={}) for one in members}
        for member_id, *sums in self._rows(
            f"SELECT member_id, {', '.join(ACCOUNTS)} FROM accounts_{name}", members
        ):
            found[member_id].accounts = dict(zip(ACCOUNTS, sums, strict=True))
        for member_id, tier, qualifying in self._rows(
            f"SELECT member_id, tier, qualifying FROM {name}.members", members
        ):
            found[member_id].tier, found[member_id].qualifying = tier, qualifying
        for member_id, *values in self._rows(f"FROM lots_{name}", members):
            lot = CorrectedLot(**dict(zip(_LOT_FIELDS, values, strict=True)))
            found[member_id].lots[lot.lot_id] = lot
        return found

    def _rows(self, sql: str, members: list[str]) -> Iterable[tuple[Any, ...]]:
        asked = f"SELECT * FROM ({sql}) WHERE member_id IN (SELECT unnest(?)) ORDER BY ALL"
        return self._con.execute(asked, [members]).fetchall()

    def _one(self, sql: str, values: list[Any] | None = None) -> tuple[Any, ...]:
        row = self._con.execute(sql, values or []).fetchone()
        assert row is not None
        return row


_LOT_FIELDS: Final = (
    "lot_id",
    "earned_at",
    "available_at",
    "expires_at",
    "points",
    "remaining",
    "expired",
)
_NEWEST: Final = """
    SELECT (SELECT epoch_ms(max(known_at)) FROM rebuilt.event_owners),
        (SELECT epoch_ms(max(posted_at)) FROM rebuilt.ledger_entries),
        (SELECT epoch_ms(max(known_at)) FROM rebuilt.event_owners WHERE type <> 'correct')
"""
_NEWEST_LIVE: Final = """
    SELECT epoch_ms(max(known_at)) FROM live.event_owners WHERE type <> 'correct'
"""
_OVERDUE: Final = """
    WITH held AS (SELECT member_id FROM accounts_rebuilt WHERE held <> 0),
    waiting AS (
        SELECT lot_id FROM rebuilt.ledger_entries WHERE lot_id IS NOT NULL GROUP BY lot_id
        HAVING sum(CASE WHEN credit = 'pending' THEN points WHEN debit = 'pending' THEN -points
            ELSE 0 END) > 0
    )
    SELECT count(*) FILTER (lot_id IN (FROM waiting) AND available_at <= ?),
        count(*) FILTER (expires_at <= ? AND member_id NOT IN (FROM held))
    FROM lots_rebuilt WHERE remaining > 0
"""
_DIFFERING: Final = f"""
    SELECT member_id FROM (
        SELECT coalesce(l.member_id, r.member_id) AS member_id
        FROM accounts_live AS l FULL JOIN accounts_rebuilt AS r USING (member_id)
        WHERE {" OR ".join(f"coalesce(l.{a}, 0) <> coalesce(r.{a}, 0)" for a in ACCOUNTS)}
        UNION
        SELECT coalesce(l.member_id, r.member_id)
        FROM lots_live AS l FULL JOIN lots_rebuilt AS r USING (member_id, lot_id)
        WHERE coalesce(l.remaining, 0) <> coalesce(r.remaining, 0)
            OR (l.remaining > 0 AND (l.earned_at, l.available_at, l.expires_at)
                IS DISTINCT FROM (r.earned_at, r.available_at, r.expires_at))
        UNION
        SELECT coalesce(l.member_id, r.member_id)
        FROM live.members AS l FULL JOIN rebuilt.members AS r USING (member_id)
        WHERE coalesce(l.qualifying, 0) <> coalesce(r.qualifying, 0) OR l.tier <> r.tier
    ) ORDER BY member_id
"""
_MARKETS: Final = """
    SELECT member_id, any_value(market) FROM (
        SELECT member_id, market FROM live.members UNION ALL
        SELECT member_id, market FROM rebuilt.members
    ) WHERE member_id IN (SELECT unnest(?)) GROUP BY member_id
"""
_WRONG_ENTRIES: Final = """
    SELECT l.lot_id, any_value(l.entry_id)
    FROM live.ledger_entries AS l ANTI JOIN rebuilt.ledger_entries AS r
        ON l.entry_id = r.entry_id AND l.points = r.points
            AND l.debit = r.debit AND l.credit = r.credit
    WHERE l.member_id IN (SELECT unnest(?)) AND l.lot_id IS NOT NULL AND l.corrects IS NULL
        AND (l.debit IN ('pending', 'available', 'held'))
            <> (l.credit IN ('pending', 'available', 'held'))
    GROUP BY l.lot_id HAVING count(*) = 1
"""
"""Of each lot with a single entry that made somebody richer or poorer and which the rebuild doesn't
have like that: this entry."""


def _accounts_sql(name: str) -> str:
    return (
        f"CREATE TEMP TABLE accounts_{name} AS "
        f"SELECT member_id, {_SUMS} FROM {name}.ledger_entries GROUP BY member_id"
    )


def _lots_sql(name: str) -> str:
    """All lots, their times in ms UTC."""
    return f"""
        CREATE TEMP TABLE lots_{name} AS
        SELECT member_id, lot_id, epoch_ms(earned_at)::BIGINT AS earned_at,
            epoch_ms(available_at)::BIGINT AS available_at,
            epoch_ms(expires_at)::BIGINT AS expires_at, points, remaining,
            greatest(0, coalesce(expired, 0))::BIGINT AS expired
        FROM {name}.lots LEFT JOIN (
            SELECT lot_id, sum(CASE WHEN credit = 'expired' THEN points
                WHEN debit = 'expired' THEN -points ELSE 0 END) AS expired
            FROM {name}.ledger_entries GROUP BY lot_id
        ) USING (lot_id)
    """


def _when(at: int | None) -> str:
    """RFC 3339 in UTC, as options take it."""
    from datetime import datetime, timezone  # noqa: PLC0415

    moment = datetime.fromtimestamp((at or 0) / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
