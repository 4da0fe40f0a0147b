"""The figures about people, on a city of ten events that can be counted by hand."""

import doctest
import io

import duckdb
import pytest
from rich.console import Console

from scripts import audit_figures
from scripts.audit_figures import NOTE, by_case, by_class, table
from scripts.audit_people import ACCOUNTS, CLASS_OF_TYPE, OWNERS, PEOPLE
from scripts.traffic.cases import CASES

NOBODY = None
TRUTH = [
    # source, event_id, type, person, decidable, why, attributable_by, case, reads_as
    ("pos", "s1", "sale", "ana", True, "own_id", 10, "plain", "ana"),
    ("pos", "s2", "sale", "ana", False, "two_owners", None, "recycled_phone", NOBODY),
    ("pos", "s3", "sale", "ben", False, "names_another", 10, "typo", "ana"),
    ("pos", "s4", "sale", "cyd", True, "own_id", 10, "two_accounts", "cyd"),
    ("pos", "s5", "return", "ben", True, "receipt", 90 - 17 * 86_400_000, "plain", "ben"),
    ("pos", "s6", "return", "ben", True, "receipt", 91 - 17 * 86_400_000, "plain", "ben"),
    ("web", "w1", "page_viewed", NOBODY, True, "nobody", None, "stranger", NOBODY),
    ("web", "w2", "page_viewed", "ana", True, "linked_before", 10, "plain", "ana"),
    ("web", "w3", "cart_updated", "ben", False, "shared_device", None, "shop_tablet", NOBODY),
    ("profile", "p1", "enrolled", "ana", True, "own_id", 10, "plain", "ana"),
]
OWNED = [
    # source, event_id, member_id, reason
    ("pos", "s1", "ben", "link"),
    ("pos", "s1", "ben", "retracted"),
    ("pos", "s1", "ana", "link"),
    ("pos", "s2", NOBODY, "held_ambiguous"),
    ("pos", "s3", "ana", "link"),
    ("pos", "s4", "cyd-too", "member_id"),
    ("pos", "s5", "ben", "receipt"),
    ("web", "w1", NOBODY, "anonymous"),
    ("web", "w2", NOBODY, "anonymous"),
    ("web", "w2", NOBODY, "retracted"),
    ("web", "w2", "ana", "released"),
    ("web", "w3", "ana", "link"),
    ("profile", "p1", "ana", "member_id"),
]
MERGED = [("cyd-too", "cyd-mid"), ("cyd-mid", "cyd")]


@pytest.fixture
def city():
    connection = duckdb.connect()
    connection.execute(
        """create table truth (source varchar, event_id varchar, type varchar, person varchar,
            decidable boolean, why varchar, attributable_by bigint, "case" varchar,
            reads_as varchar);
        create table event_owners (source varchar, event_id varchar, member_id varchar,
            reason varchar, _seq integer);
        create table records (type varchar, payload json);
        create table clock as select 90 as ends_at"""
    )
    connection.executemany("insert into truth values (?, ?, ?, ?, ?, ?, ?, ?, ?)", TRUTH)
    owned = [(*row, number) for number, row in enumerate(OWNED)]
    connection.executemany("insert into event_owners values (?, ?, ?, ?, ?)", owned)
    payload = "json_object('loser', ?, 'winner', ?)"
    connection.executemany(f"insert into records values ('account_merged', {payload})", MERGED)
    connection.execute(f"create table person_of as select *, {CLASS_OF_TYPE} as class from truth")
    connection.execute(ACCOUNTS)
    connection.execute(OWNERS)
    yield connection
    connection.close()


def drawn(rows):
    console = Console(file=io.StringIO(), width=100)
    console.print(table("People", rows))
    lines = console.file.getvalue().splitlines()
    return [" ".join(line.split()) for line in lines if line.strip(" ─")]


def test_by_class(city):
    assert drawn(by_class(city)) == [
        "People",
        "events undecided precision recall wrong misled corrected purchases wrong",
        "purchase 6 2 100.00% 100.00% – 1 1 6 0",
        "profile 1 0 100.00% 100.00% – – – – –",
        "cart 1 1 – – 1 – – – –",
        "browse 2 0 100.00% 100.00% – – – – –",
        "all events 10 3 100.00% 100.00% 1 1 1 6 0",
    ]


def test_by_case(city):
    assert drawn(by_case(city)) == [
        "People",
        "events undecided precision recall wrong misled corrected purchases wrong",
        "plain 5 0 100.00% 100.00% – – 1 3 0",
        "stranger 1 0 – – – – – – –",
        "shop_tablet 1 1 – – 1 – – – –",
        "two_accounts 1 0 100.00% 100.00% – – – 1 0",
        "recycled_phone 1 1 – – – – – 1 0",
        "typo 1 1 – – – 1 – 1 0",
        "all events 10 3 100.00% 100.00% 1 1 1 6 0",
    ]


CHECKS = {check.name: check for check in PEOPLE}


def wrong(city, name):
    return city.execute(CHECKS[name].wrong).fetchall()


@pytest.mark.parametrize(
    "name",
    ["purchases_of_nobody_else", "decidable_events_are_right", "nobody_is_two_people",
     "members_get_their_events"],
)  # fmt: skip
def test_the_promises_hold(city, name):
    assert wrong(city, name) == []


MISTAKES = [
    # what stitch might do, and which promise it breaks
    (("pos", "s1", "ben", "link"), "nobody_is_two_people"),
    (("pos", "s1", "dan", "retracted"), "nobody_is_two_people"),
    (("pos", "s2", "ben", "link"), "purchases_of_nobody_else"),
    (("pos", "s6", "ana", "link"), "decidable_events_are_right"),
    (("web", "w1", "ana", "link"), "decidable_events_are_right"),
    (("pos", "s5", "ben", "retracted"), "members_get_their_events"),
]


@pytest.mark.parametrize(("row", "name"), MISTAKES)
def test_a_mistake_is_found(city, row, name):
    city.execute("drop table owners; drop table answers")
    city.execute("insert into event_owners values (?, ?, ?, ?, 99)", row)
    city.execute(OWNERS)
    assert wrong(city, name)


def test_a_purchase_of_somebody_else_is_counted(city):
    city.execute("drop table owners; drop table answers")
    city.execute("insert into event_owners values ('pos', 's2', 'ben', 'link', 99)")
    city.execute(OWNERS)
    row = next(row for row in by_case(city) if row.name == "recycled_phone")
    assert (row.wrong, row.misled, row.wrong_purchases) == (1, 0, 1)


def test_it_fits_a_hundred_columns_with_millions():
    most = max(CASES, key=len)
    row = audit_figures.Figures(
        most, 9_999_999, 9_999_999, 1.0, 1.0, 0, 99_999, 9_999, *[999_999] * 2, 9
    )
    console = Console(file=io.StringIO(), width=100)
    console.print(table("People", [row, row]))
    assert "…" not in console.file.getvalue()
    assert max(len(line) for line in NOTE.splitlines()) <= 100


def test_examples_in_docstrings():
    outcome = doctest.testmod(audit_figures)
    assert outcome.attempted > outcome.failed == 0
