"""`kizuna bench identity`: people merged by accident, by stitch and by batch ID-stitchers.

In: a history with the truth about it, and optionally a finished run of it. Out: for stitch and each
of `batch_stitchers`, over the very same decoded events: how many people were merged, what was given
to a wrong person, and how much of what can be decided was found. The truth is only compared.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from config.load import load
from pipelines.assemble import read_configuration
from pipelines.history import find_history
from schemas.events import EVENT_TYPES
from schemas.identity import EventOwner
from schemas.ladder import Ladder, check_ladder
from scripts.bench.batch_stitchers import STITCHERS, Guards, Stitched
from scripts.bench.observed import Collector, Observed, events_of
from scripts.bench.stitching import Stitching
from scripts.generate import generate
from scripts.simulate.rows import Money

OURS: Final = "Kizuna"
EVENTS_A_TICK: Final = 16_000
SEED: Final = 5


class Asked(NamedTuple):
    """`inputs`: a history as for a rebuild. `run`: the output of a finished run of it; None: its
    events are stitched here."""

    inputs: list[Path]
    truth: Path
    config: Path
    run: Path | None = None
    guards: Guards = Guards()


class Compared(NamedTuple):
    """`measures`: a row a stitcher. `cases`, `classes`: a row a stitcher and case, or class."""

    events: int
    identifiers: int
    people: int
    decidable: int
    undecidable: int
    reading_seconds: float
    measures: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    ordered: int
    """Commands that stitch gave and that nobody carried out here; 0 where a run was given."""

    @property
    def holds(self) -> bool:
        """Our own promise: nobody merged, no decidable purchase given to somebody else."""
        ours = self.measures[0]
        return not ours["people_merged"] and not ours["wrong_purchases"]


def money_of(config: Path) -> Money:
    """How amounts are said: the currency of all programmes, if they share one."""
    kinds = {(one.minor_units, one.currency) for one in read_configuration(config).programmes}
    return Money(*kinds.pop()) if len(kinds) == 1 else Money(1, "")


def small_city(folder: Path, members: int, days: int) -> list[Path]:
    """Generated traffic: the folder of its events."""
    generate(members, days, SEED, folder)
    return [folder / "events"]


def truth_beside(inputs: list[Path]) -> Path:
    """Where the truth about a folder of events lies, as generating and importing leave it."""
    return inputs[0].parent / "truth"


def bench_identity(asked: Asked, progress: Callable[[int, int], None] | None = None) -> Compared:
    """Read the history, stitch it in every way, compare with the truth."""
    began = time.perf_counter()
    ladder = load(asked.config / "ladder.yaml", Ladder, check_ladder)
    seen, owners, stitching_seconds, ordered = _read(asked, ladder, progress)
    reading = time.perf_counter() - began - stitching_seconds
    seconds = {OURS: stitching_seconds}
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(f"{folder}/compared.duckdb")
        try:
            _load_seen(con, seen, asked.truth)
            if asked.run is not None:
                _answers_of_run(con, asked.run)
            else:
                _answers_of(con, *owners)
            for name, stitch in STITCHERS.items():
                began = time.perf_counter()
                found = stitch(seen, asked.guards)
                seconds[name] = time.perf_counter() - began
                _add_answers(con, name, seen, found)
            return _compared(con, seen, seconds, reading, ordered)
        finally:
            con.close()


Owners = dict[str, list[Any]]


def _read(
    asked: Asked, ladder: Ladder, progress: Callable[[int, int], None] | None
) -> tuple[Observed, tuple[Owners, list[int]], float, int]:
    """The history in columns; and whose each event is by stitch, unless a run is asked."""
    history = find_history(asked.inputs, None)
    namespaces = [name for rung in ladder.rungs for name in rung.namespaces]
    collector = Collector({name: rank for rank, name in enumerate([*namespaces, "member_id"])})
    stitching = Stitching(ladder) if asked.run is None else None
    owners: Owners = {name: [] for name in ("source", "event_id", "member_id", "reason")}
    known: list[int] = []
    seconds, ordered, read = 0.0, 0, 0
    batch: list[Any] = []

    def stitch(mark_at: int, closed: bool = False) -> None:
        nonlocal seconds, ordered
        assert stitching is not None
        began = time.perf_counter()
        rows = stitching.advance(batch, mark_at, closed).rows
        seconds += time.perf_counter() - began
        batch.clear()
        for row in rows:
            if isinstance(row, EventOwner):
                owners["source"].append(row.source)
                owners["event_id"].append(row.event_id)
                owners["member_id"].append(row.member_id)
                owners["reason"].append(row.reason)
                known.append(row.known_at)
            ordered += row.table == "loop_commands"

    last = 0
    for known_at, event in events_of(history, asked.config):
        collector.add(event)
        read += 1
        if stitching is None:
            continue
        if len(batch) >= EVENTS_A_TICK and known_at > last:
            stitch(known_at)
            if progress:
                progress(read, 0)
        batch.append((known_at, event))
        last = known_at
    if stitching is not None:
        stitch(last if history.ends_at is None else history.ends_at, closed=True)
    return collector.done(), (owners, known), seconds, ordered


def _load_seen(con: duckdb.DuckDBPyConnection, seen: Observed, truth: Path) -> None:
    """Tables `seen` (events as observed), `survivors` and `true` (the truth about each event)."""
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


def _answers_of_run(con: duckdb.DuckDBPyConnection, run: Path) -> None:
    con.execute(f"ATTACH '{run}/warehouse.duckdb' AS run (READ_ONLY)")
    con.execute(
        f"""
        INSERT INTO answers
        SELECT '{OURS}', source, event_id, member_id, member_id FROM run.current_owners
        WHERE member_id IS NOT NULL AND reason <> 'retracted'
        """
    )


def _answers_of(con: duckdb.DuckDBPyConnection, owners: Owners, known: list[int]) -> None:
    """The last answer about each event, as the view `current_owners` has it."""
    known_at = np.array(known, dtype=np.int64)
    _table(con, "owned", n=np.arange(len(known)), known_at=known_at, **owners)
    con.execute(
        f"""
        INSERT INTO answers
        SELECT '{OURS}', source, event_id, m, m FROM (
            SELECT *, CASE WHEN reason = 'retracted' THEN NULL ELSE member_id END AS m FROM owned
            QUALIFY row_number() OVER (
                PARTITION BY source, event_id
                ORDER BY known_at DESC, reason = 'retracted', n DESC
            ) = 1
        )
        """
    )
    con.execute("DELETE FROM answers WHERE member IS NULL")


def _add_answers(
    con: duckdb.DuckDBPyConnection, name: str, seen: Observed, found: Stitched
) -> None:
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


def _compared(
    con: duckdb.DuckDBPyConnection,
    seen: Observed,
    seconds: dict[str, float],
    reading: float,
    ordered: int,
) -> Compared:
    stitchers = list(seconds)
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
        one["seconds"] = seconds[one["stitcher"]]
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
    return Compared(
        events=len(seen.types),
        identifiers=len(seen.identifiers),
        people=people,
        decidable=decidable,
        undecidable=undecidable,
        reading_seconds=reading,
        measures=measures,
        cases=parts["case"],
        classes=parts["class"],
        ordered=ordered,
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    found = con.execute(sql, list(values))
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
