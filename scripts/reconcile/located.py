"""Every differing row with whose it is, when it was written and the event behind it.

In: the tables `diff_<table>`. Out: a temporary view `located_<table>` each (its row and `_member`,
`_at`, `_source`, `_event_id`), and one table `located` over all of them, with what each row does
to the points that its member has left.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

from scripts.reconcile.attach import SIDES
from scripts.reconcile.compared import Compared

OUTSTANDING: Final = "('pending', 'available', 'held')"
"""The accounts whose points a member can spend, now or later."""
EFFECT: Final = f"points * ((credit IN {OUTSTANDING})::BIGINT - (debit IN {OUTSTANDING})::BIGINT)"
"""What an entry does to them."""
ORDER: Final = "history DESC, moment NULLS LAST, stage, source, event_id, in_a DESC"
"""The first row in this order is where histories part."""


def locate(con: duckdb.DuckDBPyConnection, compared: Sequence[Compared]) -> None:
    """Make the views and the table."""
    _met(con, compared)
    _posted(con, compared)
    con.execute(
        "CREATE TEMP TABLE located (member_id VARCHAR, history BOOLEAN, moment TIMESTAMP, "
        "stage BIGINT, name VARCHAR, in_a BOOLEAN, source VARCHAR, event_id VARCHAR, "
        "points BIGINT)"
    )
    for one in compared:
        con.execute(
            f"CREATE TEMP VIEW located_{one.name} AS SELECT d.*, {one.member} AS _member, "
            f"{one.at} AS _at, {one.source} AS _source, {one.event_id} AS _event_id "
            f"FROM diff_{one.name} AS d {one.joins}"
        )
        effect = "0"
        if one.name == "ledger_entries":
            effect = f"CASE WHEN in_a THEN -1 ELSE 1 END * {EFFECT}"
        con.execute(
            f"INSERT INTO located SELECT _member, {one.history}, _at, {one.stage}, "
            f"'{one.name}', in_a, _source, _event_id, {effect} FROM located_{one.name}"
        )


def _met(con: duckdb.DuckDBPyConnection, compared: Sequence[Compared]) -> None:
    """`met`: events that differing rows name without saying whose they are or when known."""
    naming = [one for one in compared if "met AS m" in one.joins]
    named = " UNION ".join(
        f"SELECT {one.source}, {one.event_id} FROM diff_{one.name} AS d"
        + (" WHERE d.member_id IS NULL" if "member_id" in one.columns else "")
        for one in naming
    )
    answers = " UNION ALL ".join(
        f"SELECT source, event_id, member_id, known_at FROM {side}.event_owners "
        "SEMI JOIN named USING (source, event_id)"
        for side in SIDES
    )
    con.execute(
        f"""
        CREATE TEMP TABLE met AS
        WITH named (source, event_id) AS ({named or "SELECT NULL::VARCHAR, NULL::VARCHAR"})
        SELECT source, event_id, min(known_at) AS known_at,
            arg_max(member_id, (known_at, member_id)) FILTER (member_id IS NOT NULL) AS member_id
        FROM ({answers}) GROUP BY source, event_id
        """
    )


def _posted(con: duckdb.DuckDBPyConnection, compared: Sequence[Compared]) -> None:
    """`posted`: when the receipt was posted whose business time a change of tier bears."""
    asked = "SELECT NULL::VARCHAR, NULL::TIMESTAMP"
    if any(one.name == "tier_changes" for one in compared):
        asked = 'SELECT DISTINCT member_id, "at" FROM diff_tier_changes'
    entries = " UNION ALL ".join(
        f"SELECT member_id, occurred_at, posted_at FROM {side}.ledger_entries "
        "SEMI JOIN asked USING (member_id, occurred_at)"
        for side in SIDES
    )
    con.execute(
        f"""
        CREATE TEMP TABLE posted AS
        WITH asked (member_id, occurred_at) AS ({asked})
        SELECT member_id, occurred_at, min(posted_at) AS posted_at
        FROM ({entries}) GROUP BY member_id, occurred_at
        """
    )
