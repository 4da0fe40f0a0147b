"""A city with wanted rates of returns, late uploads, duplicates and redemptions."""

import msgspec
import pytest

from schemas.events import EVENT_TYPES
from scripts.generate import generate
from scripts.traffic.rates import Rates

RATES = Rates(returns=0.05, late=0.03, duplicates=0.01, redemptions=0.02)
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """(summary, events) of one city, events in the order of their files."""
    folder = tmp_path_factory.mktemp("rates")
    summary = generate(400, 365, 7, folder, events_per_member_day=0, rates=RATES)
    paths = sorted((folder / "events").rglob("*.jsonl"))
    return summary, [msgspec.json.decode(line) for path in paths for line in path.open("rb")]


@pytest.fixture(scope="module")
def events(city):
    """The first record of each event."""
    return {(one["source"], one["event_id"]): one for one in reversed(city[1])}.values()


def of_type(events, type):
    return [one for one in events if one["type"] == type]


def test_the_rates_come_out_as_wanted(city):
    rates = city[0]["rates"]
    assert rates["wanted"] == msgspec.to_builtins(RATES)
    assert rates["counts"]["purchases"] > 7_000
    assert rates["shares"]["returns"] == pytest.approx(0.05, rel=0.15)
    assert rates["shares"]["late"] == pytest.approx(0.03, rel=0.15)
    assert rates["shares"]["duplicates"] == pytest.approx(0.01, rel=0.25)
    assert rates["shares"]["redemptions"] == pytest.approx(0.02, rel=0.15)


def test_what_is_counted_is_what_was_written(city, events):
    counts = city[0]["rates"]["counts"]
    sales = of_type(events, "sale")
    told_twice = [one for one in sales if "order_id" in one["payload"]]
    bought = len(sales) + len(of_type(events, "order_placed")) - len(told_twice)
    late = [
        one
        for one in [*sales, *of_type(events, "order_placed")]
        if one["received_at"] - one["occurred_at"] >= HOUR
    ]
    assert (counts["purchases"], counts["told_twice"]) == (bought, len(told_twice))
    assert counts["late"] == len(late)
    assert counts["returns"] == len(of_type(events, "return"))
    assert counts["redemptions"] == len(of_type(events, "redeem"))
    all_records = [one for one in city[1] if one["type"] in ("sale", "order_placed")]
    first = len(sales) + len(of_type(events, "order_placed"))
    assert counts["copies"] == len(all_records) - first > 20


def test_events_keep_the_contract(city):
    for one in city[1]:
        kind = EVENT_TYPES[one["type"]]
        msgspec.convert(one["payload"], kind.payload)
        assert one["source"] in kind.sources


def test_same_seed_same_bytes(tmp_path):
    for name in "ab":
        generate(30, 90, 5, tmp_path / name, events_per_member_day=0, rates=RATES)
    written = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(written) > 5
    for path in written:
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes(), path


@pytest.mark.parametrize("name", ["returns", "late", "duplicates", "redemptions"])
def test_a_rate_is_a_share(tmp_path, name):
    with pytest.raises(ValueError, match=f"^{name}: must be a share from 0 to "):
        generate(1, 1, 1, tmp_path, rates=Rates(**{name: 0.9}))
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_it_is_possible_too(tmp_path):
    none = Rates(returns=0, late=0, duplicates=0, redemptions=0)
    summary = generate(60, 90, 5, tmp_path, events_per_member_day=0, rates=none)
    assert summary["rates"]["shares"] == {
        "returns": pytest.approx(0, abs=0.005),  # of what no till reported, and in scenes
        "late": pytest.approx(0, abs=0.005),  # in scenes
        "duplicates": 0,
        "redemptions": 0,
    }


def test_late_receipts_come_within_16_days_or_after_weeks(events):
    delays = [one["received_at"] - one["occurred_at"] for one in of_type(events, "sale")]
    late = sorted(delay for delay in delays if delay >= HOUR)
    assert late[0] < 3 * HOUR
    assert any(14 * DAY < delay < 17 * DAY for delay in late)
    assert any(18 * DAY <= delay <= 31 * DAY for delay in late)
    assert not any(16 * DAY + HOUR < delay < 18 * DAY for delay in late)


def test_some_come_in_a_batch_of_a_till_that_was_offline(events):
    batches = {}
    for one in of_type(events, "sale"):
        if HOUR <= one["received_at"] - one["occurred_at"] < 3 * DAY:
            batches.setdefault(one["context"]["store_id"], []).append(one)
    together = [
        (one, other)
        for batch in batches.values()
        for one in batch
        for other in batch
        if one["occurred_at"] + HOUR < other["occurred_at"]
        and abs(one["received_at"] - other["received_at"]) < HOUR // 6
    ]
    assert together


def test_returns_of_every_kind(events):
    returns = of_type(events, "return")
    sales = {one["payload"]["transaction_id"]: one for one in of_type(events, "sale")}
    named = [one["payload"].get("transaction_id") for one in returns]
    assert None in named
    assert len(set(named) - {None}) < len([one for one in named if one])  # one receipt, twice
    assert any(
        one["received_at"] < sales[name]["received_at"]
        for one, name in zip(returns, named, strict=True)
        if name in sales
    )
    cancelled = of_type(events, "order_cancelled")
    assert {bool(one["payload"].get("lines")) for one in cancelled} == {True, False}
    placed = {one["payload"]["order_id"]: one for one in of_type(events, "order_placed")}
    for one in cancelled:
        assert placed[one["payload"]["order_id"]]["occurred_at"] < one["occurred_at"]


def test_an_order_and_its_sale_are_one_purchase(events):
    placed = {one["payload"]["order_id"]: one for one in of_type(events, "order_placed")}
    told_twice = [one for one in of_type(events, "sale") if "order_id" in one["payload"]]
    assert told_twice
    for one in told_twice:
        order = placed[one["payload"]["order_id"]]
        assert order["payload"]["lines"] == one["payload"]["lines"]
        assert order["occurred_at"] < one["occurred_at"]
    assert any(
        placed[one["payload"]["order_id"]]["received_at"] > one["received_at"] for one in told_twice
    )
