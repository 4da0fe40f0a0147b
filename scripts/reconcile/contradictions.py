"""Where one side contradicts itself about a member: a sign that a row was changed or lost.

In: members. Out: sentences by side and member. Each question is one that a warehouse which a run
or a rebuild left answers with no row, whatever its input; so what only one of two sides
contradicts speaks against that side, whoever is right about the event.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

from scripts.reconcile.attach import SIDES
from scripts.reconcile.located import EFFECT

_MOVES: Final = """
    (SELECT member_id, lot_id, credit AS account, points FROM entries
    UNION ALL SELECT member_id, lot_id, debit, -points FROM entries)
"""
_QUESTIONS: Final = (
    # The balance that surfaces show is the sum of the entries.
    f"""
    SELECT member_id, member_id || '''s entries sum to ' || e.available || ' available, '
        || e.pending || ' pending and ' || e.held || ' held, the row in members says '
        || m.available || ', ' || m.pending || ' and ' || m.held
    FROM {{side}}.members AS m SEMI JOIN asked USING (member_id)
    JOIN (SELECT a.member_id,
            coalesce(sum(points) FILTER (account = 'available'), 0) AS available,
            coalesce(sum(points) FILTER (account = 'pending'), 0) AS pending,
            coalesce(sum(points) FILTER (account = 'held'), 0) AS held
        FROM asked AS a LEFT JOIN {_MOVES} USING (member_id) GROUP BY ALL) AS e USING (member_id)
    WHERE (m.available, m.pending, m.held) <> (e.available, e.pending, e.held)
    """,
    f"""
    SELECT member_id, member_id || ' has entries that come to ' || sum({EFFECT})
        || ' points, and no row in members'
    FROM entries ANTI JOIN {{side}}.members USING (member_id) GROUP BY member_id
    """,
    # What is left in lots is what is outstanding, less debts.
    """
    SELECT member_id, member_id || '''s lots have ' || coalesce(l.remaining, 0)
        || ' points left, the row in members says ' || (pending + held + greatest(available, 0))
    FROM {side}.members SEMI JOIN asked USING (member_id)
    LEFT JOIN (SELECT member_id, sum(remaining) AS remaining FROM {side}.lots GROUP BY ALL) AS l
        USING (member_id)
    WHERE coalesce(l.remaining, 0) <> pending + held + greatest(available, 0)
    """,
    f"""
    SELECT member_id, 'lot ' || lot_id || ' of ' || member_id || ' says ' || l.points
        || ' points were earned and kept, its entries ' || coalesce(e.points, 0)
    FROM {{side}}.lots AS l SEMI JOIN asked USING (member_id)
    LEFT JOIN (SELECT member_id, lot_id, -sum(points) FILTER (account IN ('issued', 'reversed'))
        AS points FROM {_MOVES} GROUP BY ALL) AS e USING (member_id, lot_id)
    WHERE l.points <> coalesce(e.points, 0)
    """,
    # Whoever earned by an event was its owner at some time.
    """
    SELECT member_id, member_id || ' earned by ' || source || '/' || event_id
        || ', which was never found to be ' || member_id || '''s'
    FROM (SELECT DISTINCT member_id, source, event_id FROM entries
        WHERE kind IN ('earn', 'bonus') AND source IS NOT NULL)
    ANTI JOIN {side}.event_owners USING (source, event_id, member_id)
    """,
    # A message and the decision that let it out name each other.
    """
    SELECT member_id, 'decision about ' || member_id || ' ' || decision_id || ' ('
        || outcome || ' ' || journey || ' / ' || step || ' on ' || channel || ', ' || decided_at
        || ') let out a message, which triggers lacks'
    FROM {side}.decisions SEMI JOIN asked USING (member_id)
    ANTI JOIN {side}.triggers USING (trigger_id, decided_at)
    WHERE trigger_id IS NOT NULL
    """,
    """
    SELECT member_id, 'message to ' || member_id || ' ' || trigger_id || ' ('
        || action || ' ' || journey || ' / ' || step || ' on ' || channel || ', '
        || decided_at || ') has no decision that let it out'
    FROM {side}.triggers SEMI JOIN asked USING (member_id)
    ANTI JOIN {side}.decisions USING (trigger_id, decided_at)
    """,
)


def contradictions(
    con: duckdb.DuckDBPyConnection, members: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By side (A, B) and member."""
    con.execute("CREATE OR REPLACE TEMP TABLE asked (member_id VARCHAR)")
    for member in members:
        con.execute("INSERT INTO asked VALUES ($member)", {"member": member})
    found: list[dict[str, list[str]]] = []
    for side in SIDES:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE entries AS "
            f"FROM {side}.ledger_entries SEMI JOIN asked USING (member_id)"
        )
        said: dict[str, list[str]] = {}
        for question in _QUESTIONS:
            answers = con.execute(question.format(side=side)).fetchall()
            for member, sentence in sorted(answers):
                said.setdefault(member, []).append(sentence)
        found.append(said)
    return found[0], found[1]
