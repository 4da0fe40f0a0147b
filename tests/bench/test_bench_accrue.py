"""`kizuna bench accrue`: the same work each round, and figures that a till confirms."""

import re
from statistics import fmean

import msgspec
from accrue_till import Till
from in_memory import CONFIG
from typer.testing import CliRunner

from config.load import load
from schemas.programme import Programme
from scripts import cli
from scripts.bench.accrue import LATE_DAYS, Asked, bench_accrue, spread
from scripts.bench.purchases import purchases
from transforms.accrue import Accrue, Programmes

GROCER = CONFIG / "programmes" / "grocer.yaml"
ASKED = Asked(programme=GROCER, members=25, days=200, rounds=2)


def test_it_counts_what_tills_count() -> None:
    found = bench_accrue(ASKED)
    messages = purchases(25, 200, "us", "USD")
    assert found.events == len(messages) > 200
    operator = Accrue(Programmes([load(GROCER, Programme)]))
    end = messages[-1].known_at
    tills: dict[str, Till] = {}
    entries = 0
    for one in messages:
        till = tills.setdefault(one.key, Till(operator))
        till.give(one)
    sizes = []
    for till in tills.values():
        entries += len(till.entries)
        sizes.append(len(msgspec.msgpack.encode(till.state)))
        assert till.state.member_id.startswith("m-")
        assert till.balances()["available"] + till.balances()["pending"] > 0 or till.state.timer
    assert found.members == len(tills)
    # The tills stand where their own last purchase left them; the bench fires what was due later.
    assert found.rounds[0].entries >= entries
    assert 0.5 < found.state_bytes.mean / fmean(sizes) < 1.5
    for till in tills.values():
        till.until(end)
    assert found.rounds[0].entries == sum(len(till.entries) for till in tills.values())
    sizes = [len(msgspec.msgpack.encode(till.state)) for till in tills.values()]
    assert found.state_bytes == spread(sizes)
    assert found.holds["lots"] == spread([len(one.state.current.lots) for one in tills.values()])
    assert sum(found.parts.values()) < found.state_bytes.mean
    assert len({one.ends_in for one in found.rounds}) == 1
    assert len(found.rounds) == 2


def test_a_late_purchase_is_rebooked_and_costs_more() -> None:
    found = bench_accrue(ASKED)
    assert [one.days for one in found.late] == list(LATE_DAYS)
    for one in found.late:
        assert one.least <= one.ratio <= one.most
        assert one.ratio > 1.2


def test_a_spread_by_hand() -> None:
    of = spread([*range(100, 0, -1), 1000])
    assert (of.p50, of.p99, of.max) == (51, 100, 1000)
    assert round(of.mean, 2) == round((5050 + 1000) / 101, 2)


def test_the_command_shows_speed_state_and_lateness() -> None:
    asked = "bench accrue --members 12 --days 120 --rounds 2"
    done = CliRunner().invoke(cli.app, asked.split())
    assert done.exit_code == 0, done.output
    assert re.search(r"events/s +[\d,]+ +[\d,]+ +[\d,]+", done.output)
    assert re.search(r"bytes +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+", done.output)
    assert "16 days late" in done.output
    assert "all ended in the same states" in done.output
    refused = CliRunner().invoke(cli.app, ["bench", "accrue", "--programme", "nowhere.yaml"])
    assert refused.exit_code == 2
