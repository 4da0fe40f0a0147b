"""What a warehouse keeps of people who were erased: their points by month, under an orphan.

In: the erased, as the tombstones' file knows them. Out: rows of `ledger_entries` and `erasures`.
Promised: written again they are the same; no resume takes them back.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from schemas.erasure import ORPHAN, Erased, Erasure
from schemas.flow import Row
from schemas.ledger import LedgerEntry
from sinks.duckdb.columns import columns_of
from sinks.duckdb.create import open_warehouse
from sinks.duckdb.schema import SEQ
from sinks.row_batch import RowBatch


def complete_totals(path: Path, erased: Sequence[Erased]) -> None:
    """Write what stays of the erased into a warehouse that lacks it: one that was filled anew, or
    is another output's."""
    if not erased:
        return
    con = open_warehouse(path)
    try:
        row = con.execute("SELECT count(*) FROM erasures").fetchone()
        if row is None or row[0] != len(erased):
            con.begin()
            write_totals(con, erased)
            con.commit()
    finally:
        con.close()


def total_rows(erased: Sequence[Erased]) -> list[Row]:
    """What stays of the erased: entries by month, and a row each that says so."""
    rows: list[Row] = []
    for one in erased:
        balances: dict[str, int] = {}
        for number, total in enumerate(one.totals):
            balances[total.debit] = balances.get(total.debit, 0) - total.points
            balances[total.credit] = balances.get(total.credit, 0) + total.points
            rows.append(
                LedgerEntry(
                    entry_id=f"{one.member_id}-{one.erased_at}-{number}",
                    member_id=one.member_id,
                    debit=total.debit,
                    credit=total.credit,
                    points=total.points,
                    kind=total.kind,
                    rule=total.rule,
                    programme_version=total.programme_version,
                    lot_id=None,
                    source=None,
                    event_id=None,
                    line_id=None,
                    occurred_at=total.month,
                    posted_at=total.month,
                    corrects=None,
                )
            )
        rows.append(
            Erasure(
                member_id=one.member_id,
                erased_at=one.erased_at,
                identifiers=len(one.tombstones),
                entries=sum(total.entries for total in one.totals),
                balances=msgspec.json.encode(dict(sorted(balances.items()))).decode(),
            )
        )
    return rows


def write_totals(con: duckdb.DuckDBPyConnection, erased: Sequence[Erased]) -> None:
    """Put the rows of all erased in place of those that are there. `_seq` 0: no resume takes them
    back."""
    con.execute("DELETE FROM erasures")
    con.execute(f"DELETE FROM ledger_entries WHERE starts_with(member_id, '{ORPHAN}')")
    rows = total_rows(erased)
    if not rows:
        return
    for name, batch in columns_of(RowBatch(rows)).tables.items():
        numbered = pa.Table.from_batches([batch]).append_column(
            SEQ.name, pa.array([0] * batch.num_rows, pa.int64())
        )
        con.register("incoming", numbered)
        con.execute(f"INSERT INTO {name} FROM incoming")
        con.unregister("incoming")
