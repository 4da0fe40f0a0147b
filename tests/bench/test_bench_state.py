"""`kizuna bench state`: a population that turns over and doesn't grow, and what does."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from in_memory import CONFIG
from typer.testing import CliRunner

from config.load import load
from schemas.identity import EventOwner
from schemas.ladder import DAY_MS, Ladder
from scripts import cli
from scripts.bench.churning import WEIGHTS, Churn, Population
from scripts.bench.state import Asked, Stand, bench_state, judge, settled_at, stands
from scripts.bench.stitching import Rung, Stitching

SMALL = Population(people=40, life_days=10, cookie_days=5, events_a_day=200)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The shipped ladder with all windows of a few days, so that a short churn passes them."""
    text = (CONFIG / "ladder.yaml").read_text()
    for name, days in (("deduplicate_days", 5), ("receipt_days", 6), ("receipt_wait_days", 2)):
        text, times = re.subn(rf"(?m)^{name}: \d+", f"{name}: {days}", text)
        assert times == 1
    text, times = re.subn(r"keep_days: \d+", "keep_days: 6", text)
    assert times == 1
    text = re.sub(r"(?m)^    two_owners: (\w+)$", r"    two_owners: \1\n    forget_days: 8", text)
    text = text.replace("two_owners: hold", "two_owners: hold\n    waits: {purchase: 48}")
    file = tmp_path / "short.yaml"
    file.write_text(text)
    return file


def stand(events: int, resident: float, state: int) -> Stand:
    rung = Rung(rung="device", keys=5, state_bytes=state, timers=5, waiting=0)
    return Stand(
        events=events,
        day=1,
        seconds=1,
        keys=5,
        state_bytes=state,
        resident_mib=resident,
        timers=5,
        waiting=0,
        rungs=(rung,),
    )


def test_as_many_live_at_any_time_and_nobody_comes_back() -> None:
    lives: dict[str, list[int]] = {}
    for at, event in Churn(SMALL).events(0, 12_000):
        for identifier in event.identifiers:
            lives.setdefault(identifier, []).append(at)
    cards = {name: (seen[0], seen[-1]) for name, seen in lives.items() if name.startswith("card:")}
    for day in range(15, 55, 5):
        noon = min(seen[0] for seen in lives.values()) + day * DAY_MS
        alive = sum(first <= noon <= last for first, last in cards.values())
        assert alive == pytest.approx(SMALL.people, abs=12), day
    longest = max(last - first for first, last in cards.values())
    assert longest <= SMALL.life_days * DAY_MS
    assert len(cards) == pytest.approx(SMALL.people * (60 / SMALL.life_days + 1), rel=0.05)


def test_each_kind_of_event_happens_and_churn_in_parts_is_the_same_churn() -> None:
    whole = list(Churn(SMALL).events(0, 6_000))
    parts = Churn(SMALL)
    assert [*parts.events(0, 2_500), *parts.events(2_500, 6_000)] == whole
    types = {event.type for _, event in whole}
    assert types == {
        "app_opened",
        "contact_logged",
        "enrolled",
        "order_placed",
        "page_viewed",
        "return",
        "sale",
        "signed_in",
        "signed_out",
        "unlink",
    }
    assert sum(weight for _, weight in WEIGHTS) == 1_000


def test_stitch_answers_the_churn_and_forgets_who_is_gone(short: Path) -> None:
    """The keys of the second half of the time are no more than those of the first.

    Forgetting is rounded to weeks, so both halves are whole weeks long.
    """
    asked = Asked(events=28_000, first_at=14_000, ladder=str(short), population=SMALL, rows=2)
    found = list(stands(asked))
    assert [each.events for each in found] == [14_000, 28_000]
    verdict = judge(found, asked.first_at)
    assert verdict.last.keys <= 1.1 * verdict.first.keys
    assert verdict.state_ratio <= 1.1, verdict.growing
    assert verdict.last.waiting < 1_000
    assert all(each.keys for each in verdict.last.rungs if each.rung not in ("order", "person"))


def test_what_the_rungs_answer_in_groups_is_what_they_answer_in_one(short: Path) -> None:
    ladder = load(short, Ladder)

    def owners(groups: int, tick: int) -> list[tuple[int, str, str, str]]:
        stitching, churn = Stitching(ladder, groups), Churn(SMALL)
        found = []
        for first in range(0, 4_000, tick):
            done = stitching.advance(churn.events(first, first + tick), SMALL.at(first + tick))
            found += [
                (row.known_at, row.event_id, row.member_id or "", row.reason)
                for row in done.rows
                if isinstance(row, EventOwner)
            ]
            stitching.snapshot()
        return sorted(found)

    one = owners(1, 4_000)
    assert owners(16, 500) == one
    assert sum(bool(member) for _, _, member, _ in one) > 2_000


def test_growth_beyond_a_tenth_is_said_and_where_it_is() -> None:
    steady = judge([stand(10, 100.0, 1_000), stand(20, 109.0, 1_050)], 10)
    assert steady.holds
    assert not steady.growing
    leaking = judge([stand(5, 1.0, 10), stand(10, 100.0, 1_000), stand(20, 111.0, 1_200)], 8)
    assert not leaking.holds
    assert leaking.growing == ("device",)
    assert leaking.first.events == 10


def test_when_all_windows_have_passed() -> None:
    ladder = msgspec.convert(yaml.safe_load((CONFIG / "ladder.yaml").read_text()), Ladder)
    assert settled_at(ladder, SMALL) == (400 + 17 + 7 + 10) * 200


def test_a_process_of_its_own_measures_and_one_that_fails_is_told(short: Path) -> None:
    asked = Asked(events=2_000, first_at=1_000, ladder=str(short), population=SMALL, rows=2)
    found = bench_state(asked)
    assert [each.events for each in found] == [1_000, 2_000]
    assert all(each.resident_mib > 30 for each in found)
    with pytest.raises(RuntimeError, match="nowhere"):
        bench_state(msgspec.structs.replace(asked, ladder="nowhere.yaml"))


def test_the_command_shows_the_stands_and_draws_them(short: Path, tmp_path: Path) -> None:
    plot = tmp_path / "state.png"
    asked = f"bench state --ladder {short} --events 4000 --first-at 3000 --people 40"
    asked += f" --events-a-day 200 --life-days 10 --plot {plot}"
    done = CliRunner().invoke(cli.app, asked.split())
    assert done.exit_code in (0, 1), done.output
    assert "resident memory after 4,000 events" in done.output
    assert ("holds" in done.output) == (done.exit_code == 0)
    assert plot.read_bytes().startswith(b"\x89PNG")
    refused = CliRunner().invoke(
        cli.app, ["bench", "state", "--events", "10", "--first-at", "3000"]
    )
    assert refused.exit_code == 2
