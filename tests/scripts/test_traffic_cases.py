"""The cases of the traffic: each occurs, as often as declared, and its truth is right by
construction: told from the events alone, by other means than the perfect reader's."""

import math

import duckdb
import pytest

from scripts.generate import generate
from scripts.traffic.cases import CASES, MISLEADING, PLAIN, SHARES
from scripts.traffic.people import plain_phone
from scripts.traffic.scenes import SCENES

MEMBERS = 2_500
PAIRED = {"recycled_phone": 2, "not_reset": 2, "group_email": 3}
"""How many people take part, about; else one."""
IN_THE_ORDINARY_COURSE = {
    "stranger",
    "family_device",
    "family_token",
    "shop_tablet",
    "late_upload",
    "other_identifiers",
}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    directory = tmp_path_factory.mktemp("city")
    generate(MEMBERS, 45, 3, directory, events_per_member_day=0.5)
    connection = duckdb.connect()
    connection.execute(
        f"""create table events as
        select e.*, t.* exclude (source, event_id, type, occurred_at, received_at),
            json_extract_string(identifiers, '$.phone') as phone,
            json_extract_string(identifiers, '$.email') as email,
            json_extract_string(identifiers, '$.card') as card,
            json_extract_string(identifiers, '$.member_id') as member_id,
            json_extract_string(identifiers, '$.login') as login,
            json_extract_string(identifiers, '$.cookie') as cookie,
            json_extract_string(identifiers, '$.payment_token') as payment_token
        from read_json('{directory}/events/*/*.jsonl', columns = {{source: 'varchar',
            event_id: 'varchar', type: 'varchar', occurred_at: 'bigint', received_at: 'bigint',
            identifiers: 'json', payload: 'json'}}) as e
        join '{directory}/truth/events.parquet' as t using (source, event_id)
        where e.received_at = t.received_at;
        create table people as from '{directory}/truth/people.parquet'"""
    )
    yield connection
    connection.close()


def ask(city, query):
    return city.execute(query).fetchall()


def test_each_event_has_one_case_and_each_case_its_events(city):
    cases = {case for (case,) in ask(city, 'select distinct "case" from events')}
    assert cases == set(CASES)
    assert set(SHARES) == set(SCENES)
    assert set(CASES) == {PLAIN, *SHARES, *IN_THE_ORDINARY_COURSE}
    assert (
        ask(city, "select count(*) from events where \"case\" = 'plain'")[0][0]
        > 0.5 * (ask(city, "select count(*) from events")[0][0])
    )


def test_a_copy_shows_the_same_case(city):
    different = """select a.event_id from events a join events b using (source, event_id)
        where a.duplicate_of is null and b.duplicate_of is not null and a."case" <> b."case" """
    assert ask(city, different) == []


@pytest.mark.parametrize("case", SHARES)
def test_shares_are_as_declared(city, case):
    people = ask(
        city,
        f"""select count(distinct person) from events where "case" = '{case}' and not (
            '{case}' = 'guest_joins' and type = 'sale')""",
    )[0][0]
    wanted = SHARES[case] * MEMBERS * PAIRED.get(case, 1)
    spread = 3.5 * math.sqrt(wanted * PAIRED.get(case, 1))
    assert wanted - spread <= people <= wanted + spread


def test_nobody_has_a_part_in_two_scenes(city):
    scenes = ", ".join(f"'{case}'" for case in SHARES if case != "guest_joins")
    twice = f"""select person, list(distinct "case") from events where "case" in ({scenes})
        group by 1 having count(distinct "case") > 1"""
    assert ask(city, twice) == []


def test_only_where_it_must_does_an_event_mislead(city):
    rows = ask(
        city,
        """select "case", count(*), bool_and(phone is not null and reads_as <> person)
        from events where why = 'names_another' group by 1""",
    )
    assert {case for case, *_ in rows} <= MISLEADING
    assert all(shown for *_, shown in rows)
    purchases = "type in ('sale', 'order_placed', 'return')"
    assert (
        ask(city, f"select avg((why = 'names_another')::int) from events where {purchases}")[0][0]
        < 0.001
    )


def undecidable(city, case, condition="true"):
    """(how many events, how many of them are undecidable), of the first records."""
    return ask(
        city,
        f"""select count(*), count(*) filter (not decidable) from events
        where "case" = '{case}' and {condition} and duplicate_of is null""",
    )[0]


@pytest.mark.parametrize(
    ("case", "condition"),
    [
        ("late_link", "true"),
        ("lost_card", "(card is not null or email is not null)"),
        ("email_changed", "true"),
        ("two_accounts", "type <> 'product_viewed' and type <> 'searched'"),
        ("online_return", "true"),
        ("guest_joins", "type in ('sale', 'order_placed')"),
        ("other_identifiers", "true"),
        ("dangling_login", "member_id is not null"),
        ("blocked_value", "card like '4%'"),
    ],
)
def test_what_can_be_decided(city, case, condition):
    events, lost = undecidable(city, case, condition)
    assert events > 0
    assert lost == 0


@pytest.mark.parametrize(
    ("case", "condition"),
    [
        ("typo", "type in ('sale', 'subscribed')"),
        ("group_email", "type in ('sale', 'order_placed')"),
        ("blocked_value", "card is null or card not like '4%'"),
        ("cookie_flood", "member_id is null"),
        ("guest_joins_late", "true"),
        ("shop_tablet", "type = 'product_viewed'"),
    ],
)
def test_what_nobody_can_decide(city, case, condition):
    events, lost = undecidable(city, case, condition)
    assert events == lost > 0


def test_a_lost_card_is_not_used_again(city):
    rows = ask(
        city,
        """with lost as (
            select person, card as new, occurred_at as lost_at from events
            where "case" = 'lost_card' and type = 'profile_updated')
        select count(*) filter (e.occurred_at < lost_at and e.card = new),
            count(*) filter (e.occurred_at > lost_at and e.card <> new),
            count(distinct person) filter (e.card is null and email is not null)
        from events e join lost using (person) where type <> 'enrolled' and type <> 'return'""",
    )
    before, after, by_email = rows[0]
    assert (before, after) == (0, 0)
    assert by_email > 10


def test_a_recycled_number_changes_hands_once(city):
    """By hand: whoever was the last to say so has the number."""
    rows = ask(
        city,
        """select type, occurred_at, phone, person, decidable, why from events
        where "case" = 'recycled_phone' and phone is not null and duplicate_of is null
        order by occurred_at, event_id""",
    )
    enrolled = {
        person: plain_phone(phone)
        for person, phone in ask(city, "select person, phone from events where type = 'enrolled'")
        if phone
    }
    told = {plain_phone(phone) for type_, _, phone, *_ in rows if type_ == "unlink"}
    first = {number: person for person, number in enrolled.items()}
    says: dict[str, str] = {}
    seen = {True: 0, False: 0}
    for type_, _, phone, person, decidable, why in rows:
        number = plain_phone(phone)
        if type_ == "profile_updated":
            says[number] = person
        elif type_ == "sale" and says.get(number) == person and first.get(number) != person:
            assert decidable == (number in told or number not in first), why
            seen[decidable] += 1
    assert min(seen.values()) > 0


def test_accounts_are_used_side_by_side_before_they_are_merged(city):
    merges = ask(
        city,
        """select person, occurred_at, payload->>'loser', payload->>'winner', "case"
        from events where type = 'account_merged' order by occurred_at""",
    )
    other = dict(ask(city, "select member_id, other_accounts from people"))
    assert {case for *_, case in merges} == {"two_accounts", "chained_accounts"}
    joined: dict[str, str] = {}
    for _, _, loser, winner, _ in merges:
        assert loser not in joined and winner not in joined
        joined[loser] = winner
    for person, _, loser, _, _ in merges:
        assert loser in other[person]
        account = loser
        while account in joined:
            account = joined[account]
        assert account == person
    chains = [m for m in merges if m[4] == "chained_accounts"]
    assert len(chains) == 2 * len({person for person, *_ in chains})
    both, after = ask(
        city,
        """with merged as (select person, occurred_at as merged_at from events
            where type = 'account_merged' and "case" = 'two_accounts')
        , cards as (select person,
                bool_or(occurred_at < merged_at and card like '4000%') as old,
                bool_or(occurred_at < merged_at and card like '4002%' and type = 'sale') as new,
                bool_or(occurred_at > merged_at and card like '4002%') as after
            from events join merged using (person) group by all)
        select count(*) filter (old and new), count(*) filter (after) from cards""",
    )[0]
    assert both > 5
    assert after > 5


def test_what_links_is_known_late_and_was_made_in_time(city):
    rows = ask(
        city,
        """with uploads as (select person, payment_token, occurred_at, received_at from events
            where "case" = 'late_link' and card is not null and duplicate_of is null)
        select u.occurred_at - e.occurred_at, u.received_at - e.occurred_at
        from events e join uploads u using (person, payment_token)
        where e.card is null and e.duplicate_of is null""",
    )
    day = 86_400_000
    assert len(rows) > 10
    assert all(made < 12 * day and 0 < known < 17 * day for made, known in rows)
    assert any(made < 0 for made, _ in rows)


def test_one_cookie_floods_the_city(city):
    cookies = ask(city, "select distinct cookie from events where \"case\" = 'cookie_flood'")
    assert len(cookies) == 1
    first, last, people = ask(
        city,
        "select min(occurred_at), max(occurred_at), count(distinct person) from events "
        "where \"case\" = 'cookie_flood'",
    )[0]
    assert people > 20
    assert last - first < 5 * 86_400_000


def test_no_typing_mistake_makes_a_valid_address_of_nobody(city):
    """By bad luck a number is another member's; an address never is."""
    known = {email for (email,) in ask(city, "select email from people")}
    typed = ask(city, "select email from events where \"case\" = 'typo' and email is not null")
    assert typed
    assert not known & {email for (email,) in typed}


def test_a_return_is_not_known_by_what_the_order_was(city):
    rows = ask(
        city,
        """select r.identifiers, o.identifiers from events r join events o
        on (r.payload->>'transaction_id') = (o.payload->>'order_id')
        where r."case" = 'online_return' and r.type = 'return' and o.type = 'order_placed'""",
    )
    assert len(rows) > 10
    shown = {returned for returned, _ in rows}
    assert "{}" in shown
    assert all(returned != ordered for returned, ordered in rows)
