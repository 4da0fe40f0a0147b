"""What the warehouse and the input know of some members, as this auditor needs it.

In: the database that `scripts.audit_tables` prepares. Out: for each person their stories (what
happened, from the records as they were sent) and statements (what the warehouse says they have).

Whose an event is, and since when that is known, is taken from `event_owners`, the answers to
requests from `redemption_answers`; all else is the input's.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import duckdb

from scripts.plain_fold.happenings import Statement, Story
from scripts.plain_fold.read_story import Answers, Given, Told, add
from scripts.plain_fold.tell import instant

PEOPLE_AT_ONCE = 100
TYPES = (
    *("sale", "order_placed", "order_collected", "order_delivered", "order_cancelled", "return"),
    *("redeem", "capture", "release", "adjust", "correct", "transfer"),
)
"""What concerns points."""

Rows = Callable[[str, str], list[Any]]
"""(table, columns) -> its rows, of the people who are read now."""

TABLES = f"""
    CREATE OR REPLACE TABLE fold_people AS
    WITH RECURSIVE leads AS (
        SELECT loser AS member_id, survivor AS person, 1 AS steps FROM merges
        UNION ALL
        SELECT leads.member_id, survivor, steps + 1 FROM leads JOIN merges
            ON merges.loser = leads.person WHERE steps < 100
    ), final AS (
        SELECT member_id, arg_max(person, steps) AS person FROM leads GROUP BY ALL
    )
    SELECT member_id, coalesce(person, member_id) AS person, epoch_ms(merged_at) AS closed_at
    FROM (
        SELECT member_id FROM members SEMI JOIN fold_markets USING (market)
        UNION SELECT member_id FROM ledger_entries ANTI JOIN members USING (member_id)
    ) LEFT JOIN final USING (member_id) LEFT JOIN merges ON loser = member_id
    WHERE NOT starts_with(member_id, 'erased.') ORDER BY person;
    CREATE OR REPLACE TABLE fold_events AS
    WITH given AS (
        SELECT source, event_id, type, member_id, reason, epoch_ms(known_at) AS known_at, _seq
        FROM event_owners WHERE member_id IS NOT NULL AND reason <> 'unlinked'
            AND type IN {TYPES}
    ), sent AS (
        SELECT source, event_id, arg_min(payload, received_at) AS payload,
            min(occurred_at) AS occurred_at
        FROM records SEMI JOIN given USING (source, event_id) GROUP BY ALL
    )
    SELECT person, given.*, sent.payload, sent.occurred_at
    FROM given JOIN fold_people USING (member_id) LEFT JOIN sent USING (source, event_id)
    ORDER BY person;
    CREATE OR REPLACE TABLE fold_answers AS
    SELECT person, member_id, source, event_id, redemption_id, arg_min(code, _seq) AS code,
        epoch_ms(arg_min(answered_at, _seq)) AS answered_at
    FROM redemption_answers JOIN fold_people USING (member_id)
    WHERE request IN ('redeem', 'capture', 'release', 'sale') GROUP BY ALL
    ORDER BY person;
    CREATE OR REPLACE TABLE fold_accounts AS
    SELECT person, member_id, account, sum(points)::BIGINT AS points FROM (
        SELECT member_id, credit AS account, points FROM ledger_entries UNION ALL
        SELECT member_id, debit, -points FROM ledger_entries)
    JOIN fold_people USING (member_id) GROUP BY ALL ORDER BY person;
    CREATE OR REPLACE TABLE fold_lots AS
    WITH earned AS (
        SELECT lot_id, string_agg(DISTINCT source || '/' || event_id, ' and ') AS event
        FROM ledger_entries WHERE debit = 'issued' AND corrects IS NULL GROUP BY ALL
    )
    SELECT person, member_id, event, epoch_ms(earned_at) AS earned_at,
        epoch_ms(available_at) AS available_at, epoch_ms(expires_at) AS expires_at, points,
        remaining
    FROM lots LEFT JOIN earned USING (lot_id) JOIN fold_people USING (member_id)
    ORDER BY person;
    CREATE OR REPLACE TABLE fold_redemptions AS
    SELECT person, redemptions.* FROM redemptions JOIN fold_people USING (member_id)
    ORDER BY person;
    CREATE OR REPLACE TABLE fold_members AS
    SELECT person, members.* FROM members JOIN fold_people USING (member_id) ORDER BY person
"""


class Person(NamedTuple):
    """One person: one member, or several whose accounts were merged."""

    name: str
    stories: dict[str, Story]
    statements: dict[str, Statement]


def prepare(connection: duckdb.DuckDBPyConnection, markets: list[str]) -> int:
    """Make the tables that are read; how many members of these markets there are."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fold_markets AS SELECT unnest(?) AS market", [markets]
    )
    connection.execute(TABLES)
    ((members,),) = connection.execute("SELECT count(*) FROM fold_people").fetchall()
    return int(members)


def read_people(connection: duckdb.DuckDBPyConnection, horizon_ms: int) -> Iterator[list[Person]]:
    """Everybody who was prepared, some at a time. `horizon_ms`: see `read_story.add`."""
    rows = connection.execute("SELECT DISTINCT person FROM fold_people ORDER BY 1").fetchall()
    names = [name for (name,) in rows]
    for first in range(0, len(names), PEOPLE_AT_ONCE):
        last = min(first + PEOPLE_AT_ONCE, len(names)) - 1
        yield _read(connection, names[first], names[last], horizon_ms)


def _read(
    connection: duckdb.DuckDBPyConnection, first: str, last: str, horizon_ms: int
) -> list[Person]:
    """All people from one name to another."""

    def rows(table: str, columns: str) -> list[Any]:
        return connection.execute(
            f"SELECT {columns} FROM {table} WHERE person BETWEEN ? AND ?", [first, last]
        ).fetchall()

    people: dict[str, Person] = {}
    for name, member, closed_at in rows("fold_people", "person, member_id, closed_at"):
        person = people.setdefault(name, Person(name, {}, {}))
        person.stories[member] = Story(member=member, closed_at=closed_at)
        person.statements[member] = Statement()
    _read_stories(rows, people, horizon_ms)
    _read_statements(rows, people)
    return list(people.values())


def _read_stories(rows: Rows, people: dict[str, Person], horizon_ms: int) -> None:
    columns = "member_id, source, event_id, redemption_id, code, answered_at"
    answers: Answers = {tuple(key): (code, at) for *key, code, at in rows("fold_answers", columns)}
    columns = (
        "person, member_id, source, event_id, type, occurred_at, payload, known_at, "
        "reason <> 'retracted', _seq"
    )
    told: dict[tuple[str, str, str, str], Told] = {}
    for name, member, source, event_id, type, occurred_at, payload, *given in rows(
        "fold_events", columns
    ):
        key = name, member, source, event_id
        if key not in told:
            told[key] = Told(source, event_id, type, occurred_at, payload, [])
        told[key].given.append(Given(*given))
    for (name, member, *_), one in told.items():
        add(people[name].stories[member], one, answers, horizon_ms)


def _read_statements(rows: Rows, people: dict[str, Person]) -> None:
    columns = "person, member_id, account, points"
    for name, member, account, points in rows("fold_accounts", columns):
        if points:
            people[name].statements[member].accounts[account] = points
    columns = "person, member_id, event, earned_at, available_at, expires_at, points, remaining"
    for name, member, event, earned_at, available_at, expires_at, points, left in rows(
        "fold_lots", columns
    ):
        if points:
            dates = [instant(at) for at in (earned_at, available_at, expires_at)]
            row = (event or "no entry", dates[0], dates[1], dates[2], points, left)
            people[name].statements[member].lots.append(row)
    columns = "person, member_id, redemption_id, points, status, code"
    for name, member, redemption, points, status, code in rows("fold_redemptions", columns):
        row = (redemption, points, status, code)
        people[name].statements[member].redemptions.append(row)
    columns = "person, member_id, available, pending, held, tier, qualifying"
    for name, member, available, pending, held, tier, qualifying in rows("fold_members", columns):
        said = people[name].statements[member]
        said.shown = {"available": available, "pending": pending, "held": held}
        said.tier, said.qualifying = tier, qualifying
