"""The generator, the files it writes, and the people it invents."""

import doctest
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES
from scripts.generate import generate
from scripts.traffic import baskets, chance, people, write
from scripts.traffic.happenings import Sent
from scripts.traffic.write import EventFiles, half_years

NEW_YORK = ZoneInfo("America/New_York")
START = int(datetime(2017, 1, 1, tzinfo=NEW_YORK).timestamp()) * 1_000
DAY = 86_400_000


def content(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("module", [chance, people, write])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_same_seed_same_bytes(tmp_path):
    summaries = [generate(40, 20, seed, tmp_path / name) for name, seed in (("a", 3), ("b", 3))]
    generate(40, 20, 4, tmp_path / "c")
    assert summaries[0] == summaries[1]
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


@pytest.mark.parametrize(("days", "wanted"), [(30, 2.0), (90, 1.0), (60, 4.0)])
def test_as_many_events_a_member_and_day_as_wanted(tmp_path, days, wanted):
    summary = generate(200, days, 1, tmp_path, events_per_member_day=wanted)
    assert wanted <= summary["events"] / 200 / days <= 1.25 * wanted


def test_events_keep_the_contract_and_are_all_simulated(tmp_path):
    summary = generate(60, 200, 9, tmp_path)
    types = Counter()
    for path in (tmp_path / "events").rglob("*.jsonl"):
        for line in path.open("rb"):
            record = msgspec.json.decode(line)
            kind = EVENT_TYPES[record["type"]]
            msgspec.convert(record["payload"], kind.payload)
            assert record["source"] in kind.sources
            assert record["context"]["simulated"] == "yes"
            types[record["type"]] += 1
    assert types == summary["by_type"]
    assert sum(types.values()) == summary["events"]
    assert {p.name for p in (tmp_path / "events").iterdir()} == {"2017-H1", "2017-H2"}
    assert summary["undecidable"] <= 0.05 * summary["events"]


def test_some_invented_customers_stop_and_others_go_on():
    shelf = baskets.invented_shelf(chance.stream(1, "shelf"), 50)
    end = START + 365 * DAY
    stopped = []
    for number in range(300):
        rng = chance.stream(1, number)
        household = baskets.invented_household(rng, number, shelf, START, end)
        times = [basket.occurred_at for basket in household.baskets]
        assert times == sorted(times)
        assert all(START <= at < end + DAY for at in times)
        for basket in household.baskets:
            lines = msgspec.json.decode(basket.lines)
            assert sum(line["amount"] for line in lines) == basket.amount
        if len(times) > 3:
            gap = (times[-1] - times[0]) / (len(times) - 1)
            stopped.append(end - times[-1] > 5 * gap + 10 * DAY)
    assert 0.15 < sum(stopped) / len(stopped) < 0.85


def test_truth_names_the_person_of_every_basket(tmp_path):
    generate(80, 60, 2, tmp_path)
    found = duckdb.sql(
        f"""select count(*), count(person), bool_and(not real), count(distinct transaction_id)
        from '{tmp_path}/truth/baskets.parquet'"""
    ).fetchone()
    assert found is not None
    assert found[0] == found[1] == found[3] > 200
    assert found[2]


@pytest.mark.parametrize(
    "arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 1, -1.0)], ids=["members", "days", "events"]
)
def test_wrong_arguments(tmp_path, arguments):
    members, days, seed, *rest = arguments
    with pytest.raises(ValueError, match="must be"):
        generate(members, days, seed, tmp_path, *rest)


def test_phones_of_all_area_codes_are_valid_and_different():
    numbers = [people.fictional_phone(n) for n in (*range(2_000), *range(27_000, 28_000))]
    assert len(set(numbers)) == len(numbers)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(n)) for n in numbers)
    assert people.fictional_phone(272 * 100) != people.fictional_phone(0)


def sent(number, at, source="web"):
    return Sent(
        event_id=str(number),
        type="page_viewed",
        source=source,
        occurred_at=at,
        received_at=at,
        market="us",
        identifiers={},
        payload={},
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["web", "app"])), max_size=60),
    st.integers(1, 2_000),
)
def test_files_are_the_same_however_often_they_are_put_aside(tmp_path_factory, drawn, run_bytes):
    directory = tmp_path_factory.mktemp("runs")
    written = []
    for name, size in (("often", run_bytes), ("never", 1 << 30)):
        files = EventFiles(directory / name, START, START + 365 * DAY, size)
        for number, (day, source) in enumerate(drawn):
            files.add(sent(number, START + day * DAY, source))
        assert files.close() == sum(map(len, content(directory / name).values()))
        written.append(content(directory / name))
    assert written[0] == written[1]
    lines = {name: text.splitlines() for name, text in written[0].items()}
    assert sum(map(len, lines.values())) == len(drawn)
    for name, text in lines.items():
        times = [msgspec.json.decode(line)["received_at"] for line in text]
        assert times == sorted(times)
        july = int(datetime(2017, 7, 1, tzinfo=NEW_YORK).timestamp()) * 1_000
        assert all((at < july) == name.startswith("2017-H1") for at in times)


def test_half_years_cover_the_span():
    year = half_years(START, START + 400 * DAY)
    assert [name for name, _ in year] == ["2017-H1", "2017-H2", "2018-H1"]
    assert half_years(START, START + DAY) == year[:1]
