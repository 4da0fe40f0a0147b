"""Compare two warehouses: the function that the command, `simulate` and tests of parity call."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from scripts.reconcile.attach import (
    SIDES,
    NotComparable,
    attached,
    describe,
    find,
    is_live,
    warnings,
)
from scripts.reconcile.compared import ARCHIVED, COMPARED, NAMED, NOT_COMPARED
from scripts.reconcile.differences import compare_table
from scripts.reconcile.located import locate
from scripts.reconcile.partings import first_of_all, parted_members, partings
from scripts.reconcile.result import Reconciliation
from scripts.reconcile.totals import totals

PARTINGS_MAX = 5


def reconcile(
    a: Path,
    b: Path,
    *,
    tables: Sequence[str] = (),
    limit: int = PARTINGS_MAX,
    explain: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reconciliation:
    """Every row of `a` against `b`, files or folders that hold one.

    `tables`: only these. `limit`: how many members are explained, the biggest differences first;
    0 explains nobody. `explain`: only this member, at length. Raises `NotComparable`.
    """
    unknown = sorted({*tables} - {*NAMED})
    if unknown:
        raise NotComparable(
            f"--table: must be one of {', '.join(sorted(NAMED))}; got {', '.join(unknown)}"
        )
    compared = [one for one in COMPARED if not tables or one.name in tables]
    path_a, path_b = find(a), find(b)
    with attached(path_a, path_b) as con:
        if explain is not None:
            _refuse_stranger(con, explain)
        side_a, side_b = describe(con, "a", path_a), describe(con, "b", path_b)
        if is_live(side_a) != is_live(side_b):
            compared = [replace(one, where=ARCHIVED.get(one.name, "true")) for one in compared]
        found = []
        for done, one in enumerate(compared):
            progress(done, len(compared))
            found.append(compare_table(con, one))
        progress(len(compared), len(compared))
        locate(con, [one for one, seen in zip(compared, found, strict=True) if seen.count])
        return Reconciliation(
            a=side_a,
            b=side_b,
            warnings=warnings(side_a, side_b),
            compared=found,
            not_compared=[
                *NOT_COMPARED,
                *(one.name for one in COMPARED if one.name not in {c.name for c in compared}),
            ],
            totals=totals(con),
            parted_members=parted_members(con),
            partings=partings(con, side_a, side_b, limit, explain),
            first=first_of_all(con),
        )


def _refuse_stranger(con: duckdb.DuckDBPyConnection, member: str) -> None:
    known = " UNION ALL ".join(
        f"SELECT member_id FROM {side}.{table} WHERE member_id = $who"
        for side in SIDES
        for table in ("members", "event_owners", "ledger_entries")
    )
    if not con.execute(f"{known} LIMIT 1", {"who": member}).fetchall():
        raise NotComparable(f"--explain: must be a member_id that A or B knows; got {member}")
