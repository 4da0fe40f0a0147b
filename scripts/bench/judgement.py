"""Answers of stitchers beside the truth, in SQL: who was merged, and what went to a wrong person.

In: the events as observed, the truth that was written with them, and each stitcher's answers. Out:
figures by stitcher, and by stitcher and case or class of events.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from schemas.events import EVENT_TYPES
from scripts.bench.batch_stitchers import Stitched
from scripts.bench.observed import Observed

OURS: Final = "Kizuna"
Owners = dict[str, list[Any]]
"""Columns of `event_owners`: source, event_id, member_id, reason."""


class Judged(NamedTuple):
    """`people`, `decidable`, `undecidable`: how many there are in truth. `measures`: a row a
    stitcher. `cases`, `classes`: a row a stitcher and case, or class."""

    people: int
    decidable: int
    undecidable: int
    measures: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    classes: list[dict[str, Any]]


def load(con: duckdb.DuckDBPyConnection, seen: Observed, truth: Path) -> None:
    """Make the tables `seen` (events as observed), `survivors` (of merges), `true_events` (the
    truth about each event) and `answers`, still empty."""
    members = np.array([*seen.members, None], dtype=object)
    _table(
        con,
        "seen",
        n=np.arange(len(seen.types)),
        source=seen.sources,
        event_id=seen.event_ids,
        type=seen.types,
        class_=[EVENT_TYPES[one].event_class for one in seen.types],
        money=seen.money,
        named=members[seen.named].tolist(),
        about_receipt=seen.receipt_event >= 0,
    )
    into = dict(seen.merges)
    losers = list(into)
    winners = []
    for loser in losers:
        end = into[loser]
        for _ in into:
            end = into.get(end, end)
        winners.append(end)
    _table(con, "survivors", loser=losers, winner=winners)
    columns = [
        row[0]
        for row in con.execute(f"DESCRIBE FROM read_parquet('{truth}/events.parquet')").fetchall()
    ]
    case = '"case"' if "case" in columns else "why"
    con.execute(
        f"""
        CREATE TABLE answers (stitcher VARCHAR, source VARCHAR, event_id VARCHAR,
                              profile VARCHAR, member VARCHAR);
        CREATE TABLE true_events AS
        WITH first AS (
            SELECT source, event_id, min(n) AS n, arg_min(money, n) AS money,
                   arg_min(class_, n) AS class_
            FROM seen GROUP BY ALL
        )
        SELECT t.source, t.event_id, t.type, first.class_ AS class, coalesce(t.decidable, false)
               AS decidable, coalesce({case}, why) AS "case", first.money,
               coalesce(s.winner, t.person) AS person
        FROM (FROM read_parquet('{truth}/events.parquet') WHERE duplicate_of IS NULL) t
        JOIN first USING (source, event_id) LEFT JOIN survivors s ON s.loser = t.person
        """
    )


def answers_of_run(con: duckdb.DuckDBPyConnection, run: Path) -> None:
    """Ours, as a finished run has them."""
    con.execute(f"ATTACH '{run}/warehouse.duckdb' AS run (READ_ONLY)")
    con.execute(
        f"""
        INSERT INTO answers
        SELECT '{OURS}', source, event_id, member_id, member_id FROM run.current_owners
        WHERE member_id IS NOT NULL AND reason NOT IN ('retracted', 'unlinked')
        """
    )


def answers_of_stitch(con: duckdb.DuckDBPyConnection, owners: Owners, known: list[int]) -> None:
    """Ours: the last answer about each event, as the view `current_owners` has it. `known`: when
    each was given, ms UTC."""
    known_at = np.array(known, dtype=np.int64)
    _table(con, "owned", n=np.arange(len(known)), known_at=known_at, **owners)
    con.execute(
        f"""
        INSERT INTO answers
        SELECT '{OURS}', source, event_id, m, m FROM (
            SELECT *, CASE WHEN reason NOT IN ('retracted', 'unlinked') THEN member_id END AS m
            FROM owned
            QUALIFY row_number() OVER (
                PARTITION BY source, event_id
                ORDER BY known_at DESC, reason = 'retracted', n DESC
            ) = 1
        )
        """
    )
    con.execute("DELETE FROM answers WHERE member IS NULL")


def answers_of_batch(
    con: duckdb.DuckDBPyConnection, name: str, seen: Observed, found: Stitched
) -> None:
    """Those of a batch stitcher, about the first copy of each event."""
    members = np.array([*seen.members, None], dtype=object)
    _table(
        con,
        "found",
        n=np.arange(len(seen.types)),
        profile=found.profile,
        member=members[found.member].tolist(),
    )
    con.execute(
        f"""
        INSERT INTO answers
        SELECT '{name}', source, event_id, profile::VARCHAR, member FROM found JOIN seen USING (n)
        WHERE profile >= 0
        QUALIFY row_number() OVER (PARTITION BY source, event_id ORDER BY n) = 1
        """
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, **columns: Any) -> None:
    arrays = {
        key: pa.array(column, type=pa.string() if isinstance(column, list) else None)
        for key, column in columns.items()
    }
    con.register("given", pa.table(arrays))
    con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given")
    con.unregister("given")


_MERGED: Final = """
    CREATE TABLE merged AS
    WITH of_people AS (
        SELECT DISTINCT stitcher, profile, coalesce(s.winner, named) AS person
        FROM answers JOIN seen USING (source, event_id) LEFT JOIN survivors s ON s.loser = named
        WHERE named IS NOT NULL AND NOT about_receipt
    ), profiles AS (
        SELECT stitcher, profile, count(*) AS people, list(person) AS who
        FROM of_people GROUP BY ALL HAVING count(*) > 1
    )
    SELECT stitcher, count(*) AS profiles_merged, max(people) AS largest,
           (SELECT count(DISTINCT person) FROM of_people o
            WHERE o.stitcher = p.stitcher AND o.profile IN (
                SELECT profile FROM profiles q WHERE q.stitcher = p.stitcher)) AS people_merged
    FROM profiles p GROUP BY ALL
"""
"""Profiles that hold events naming two or more people's own member ids, whoever did them."""

_JUDGED: Final = """
    CREATE TABLE judged AS
    SELECT k.stitcher, t.*, coalesce(s.winner, a.member) AS given_to,
           CASE WHEN given_to IS NULL THEN 'nobody' WHEN given_to = t.person THEN 'right'
                ELSE 'wrong' END AS verdict,
           t.type IN ('sale', 'order_placed', 'return') AS purchase
    FROM true_events t CROSS JOIN (SELECT unnest(?) AS stitcher) k
    LEFT JOIN answers a USING (stitcher, source, event_id)
    LEFT JOIN survivors s ON s.loser = a.member
"""

_FIGURES: Final = """
    count(*) FILTER (decidable AND verdict = 'wrong') AS wrong_events,
    count(*) FILTER (decidable AND verdict = 'wrong' AND purchase) AS wrong_purchases,
    coalesce(sum(money) FILTER (decidable AND verdict = 'wrong' AND purchase), 0)::BIGINT
        AS wrong_money,
    count(*) FILTER (decidable AND verdict = 'right')
        / nullif(count(*) FILTER (decidable AND verdict <> 'nobody'), 0) AS precision_share,
    count(*) FILTER (decidable AND verdict = 'right')
        / nullif(count(*) FILTER (decidable AND person IS NOT NULL), 0) AS recall_share,
    count(*) FILTER (decidable) AS decidable,
    count(*) FILTER (NOT decidable) AS undecidable,
    count(*) FILTER (NOT decidable AND verdict = 'right') AS undecidable_right,
    count(*) FILTER (NOT decidable AND verdict = 'wrong') AS undecidable_wrong,
    count(*) FILTER (NOT decidable AND verdict = 'wrong' AND purchase)
        AS undecidable_wrong_purchases
"""


def judge(con: duckdb.DuckDBPyConnection, stitchers: list[str]) -> Judged:
    """Compare the answers of each stitcher with the truth, in the order of `stitchers`."""
    con.execute(_MERGED)
    con.execute(_JUDGED, [stitchers])
    order = "list_position(?, min(stitcher))"
    measures = _rows(
        con,
        f"""
        SELECT stitcher, {_FIGURES}, any_value(people_merged) AS people_merged,
               any_value(profiles_merged) AS profiles_merged, any_value(largest) AS largest
        FROM judged LEFT JOIN merged USING (stitcher) GROUP BY stitcher ORDER BY {order}
        """,
        stitchers,
    )
    for one in measures:
        for name in ("people_merged", "profiles_merged"):
            one[name] = one[name] or 0
        one["largest"] = one["largest"] or 1
    parts = {
        part: _rows(
            con,
            f'SELECT "{part}" AS part, stitcher, {_FIGURES} FROM judged '
            f'GROUP BY ALL ORDER BY min(decidable::INT) DESC, "{part}", {order}',
            stitchers,
        )
        for part in ("case", "class")
    }
    ((people, decidable, undecidable),) = con.execute(
        "SELECT count(DISTINCT person), count(*) FILTER (decidable), "
        "count(*) FILTER (NOT decidable) FROM true_events"
    ).fetchall()
    return Judged(people, decidable, undecidable, measures, parts["case"], parts["class"])


def _rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    found = con.execute(sql, list(values))
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
