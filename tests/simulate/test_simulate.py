"""`kizuna simulate` on a city's history: what must move does, by what it must, and no more."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import msgspec
import pytest
from matplotlib import pyplot
from raw_receipts import FlatRate
from rich.console import Console
from simulated_city import (
    GROCER,
    ask,
    differing_tables,
    grocer,
    ladder_without,
    metric,
    shipped_config,
    simulated,
)
from typer.testing import CliRunner

from config.load import load
from pipelines.assemble import read_configuration
from schemas.programme import Programme
from scripts import cli
from scripts.generate import generate
from scripts.run import DEFAULT_CONFIG, run_files
from scripts.simulate.findings import Findings
from scripts.simulate.notes import about_dates, one
from scripts.simulate.options import Changes, SimulationRefused
from scripts.simulate.reuse import refuse_other_history
from scripts.simulate.terminal import show
from transforms.accrue.check import check_programme

IDENTITY = {"event_owners", "identity_links", "identity_notices", "guests", "quarantine"}
POINTS = {"ledger_entries", "lots", "redemptions", "redemption_answers", "tier_changes"}
MESSAGES = {"decisions", "triggers", "journeys"}
PLOTS = {
    "points": ("Points by what became of them", "points", "now", "alternative", "issued"),
    "outstanding": ("Points that members have, day by day", "points outstanding"),
    "liability": ("Liability by month of expiry", "USD", "Jul 2017"),
    "tiers": ("Members by tier at the end", "tier now", "tier under the alternative", "silver"),
    "segments": ("Members better and worse off, by segment", "better", "worse", "same"),
    "members": ("By how much members differ (", "members"),
    "channels": ("Messages sent or shown, by channel", "messages", "push"),
    "suppressed": ("Messages not sent, by reason", "decisions", "no consent"),
}
"""Of each plot: how its title begins, and labels that must be there."""
Simulated = tuple[Path, Findings]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    city = tmp_path_factory.mktemp("simulate") / "city"
    generate(60, 60, 1, city)
    return city / "events"


@pytest.fixture(scope="module")
def baseline(events: Path) -> Path:
    """What the live flow made of it."""
    output = events.parent.parent / "run"
    run_files([events], output, workers=1, config=shipped_config(output.parent / "config"))
    return output / "warehouse.duckdb"


def people(output: Path) -> int:
    """Members of the baseline: people, and the accounts of those who were merged."""
    ((count,),) = ask(output, "SELECT count(*) FROM baseline.members")
    return int(count)


def against(
    baseline: Path, events: Path, output: Path, changes: Changes, **options: Any
) -> Findings:
    """A simulation that needs only one fold."""
    config = baseline.parent.parent / "config"
    return simulated(events, output, changes, baseline, config=config, **options)


@pytest.fixture(scope="module")
def double_rate(events: Path, baseline: Path) -> Simulated:
    """Two points a dollar, and nothing more for better tiers."""
    file = grocer(events.parent, ("{rule: base, rate: 1,", "{rule: base, rate: 2,"))
    output = events.parent.parent / "double"
    return output, against(baseline, events, output, Changes(programmes=[file]), plots=True)


def test_the_unchanged_programme_makes_no_difference(
    events: Path, baseline: Path, tmp_path: Path
) -> None:
    """From the command line; the live flow's warehouse is the baseline of Beam's fold."""
    output = tmp_path / "same"
    asked = ["simulate", "--input", str(events), "--output", str(output)]
    done = CliRunner().invoke(
        cli.app,
        [*asked, "--baseline", str(baseline), "--config", str(baseline.parent.parent / "config")],
    )
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "No differences. Nothing would move: every row of all " in said
    ((people, given),) = ask(
        output,
        "SELECT (SELECT count(*) FROM baseline.members), "
        "(SELECT count(*) FROM baseline.loop_commands)",
    )
    assert f"{people} members" in said
    assert given  # the run carried out commands of its own, and the simulation gave them again
    found = ask(
        output,
        "SELECT (SELECT sum(rows_baseline) FROM table_differences), "
        "(SELECT sum(only_baseline + only_alternative) FROM table_differences), "
        "(SELECT count(*) FROM metric_differences WHERE difference <> 0), "
        "(SELECT count(*) FROM member_differences WHERE outcome <> 'same' OR reason <> '')",
    )
    assert found[0][0] > 10_000
    assert found[0][1:] == (0, 0, 0)
    assert "No differences" in (output / "report.html").read_text()


def test_a_changed_rate_agrees_with_a_slow_loop_over_the_raw_lines(
    events: Path, baseline: Path, double_rate: Simulated
) -> None:
    """Of every member, exactly: issued, reversed, redeemed, and what is left."""
    output, _ = double_rate
    due = FlatRate(events, baseline, rate=2, price=500)
    found = ask(
        output,
        """
        SELECT member_id, points_alternative + coalesce(given - taken, 0), coalesce(issued, 0),
               coalesce(reversed, 0), coalesce(redeemed, 0)
        FROM member_differences LEFT JOIN (
            SELECT member_id,
                   sum(points) FILTER (debit = 'issued') - coalesce(sum(points) FILTER (
                       credit = 'issued'), 0) AS issued,
                   sum(points) FILTER (credit = 'reversed') AS reversed,
                   sum(points) FILTER (credit = 'redeemed') AS redeemed,
                   coalesce(sum(points) FILTER (credit = 'transferred'), 0) AS given,
                   coalesce(sum(points) FILTER (debit = 'transferred'), 0) AS taken
            FROM alternative.ledger_entries GROUP BY member_id
        ) USING (member_id)
        """,
    )
    assert len(found) == people(output) >= 60
    assert {
        member: (due.points(member), due.issued[member], due.reversed[member], due.redeemed[member])
        for member, *_ in found
    } == {member: tuple(figures) for member, *figures in found}
    assert sum(due.reversed.values()) > 0
    assert sum(due.redeemed.values()) > 0


def test_the_metrics_of_a_changed_rate_are_the_sums_of_that_loop(
    events: Path, baseline: Path, double_rate: Simulated
) -> None:
    _, findings = double_rate
    due = FlatRate(events, baseline, rate=2, price=500)
    for name, points in (
        ("issued", due.issued),
        ("reversed", due.reversed),
        ("redeemed", due.redeemed),
    ):
        assert metric(findings, name)["alternative"] == sum(points.values()), name
    left = sum(due.issued.values()) - sum(due.reversed.values()) - sum(due.redeemed.values())
    assert metric(findings, "outstanding")["alternative"] == left
    assert metric(findings, "liability")["alternative"] == left  # a cent a point, nobody in debt
    assert metric(findings, "redemption cost")["alternative"] == sum(due.redeemed.values())
    assert metric(findings, "issued")["percent"] > 90
    assert not differing_tables(findings) & IDENTITY


def test_what_made_the_difference_adds_up(double_rate: Simulated) -> None:
    output, findings = double_rate
    wrong = ask(
        output,
        """
        SELECT member_id, points_difference, total
        FROM member_differences LEFT JOIN (
            SELECT member_id, sum(difference) AS total FROM member_movements GROUP BY ALL
        ) USING (member_id) WHERE points_difference <> coalesce(total, 0)
        """,
    )
    assert wrong == []
    explained = ask(output, "SELECT worth_difference, reason FROM member_differences")
    for difference, reason in explained:
        assert (
            sum(int(part.rpartition(" ")[2]) for part in reason.split(", ") if part) == difference
        )
    groups = {
        one["dimension"]: [
            sum(row[field] for row in findings.groups if row["dimension"] == one["dimension"])
            for field in ("members", "better", "worse", "same", "worth_difference")
        ]
        for one in findings.groups
    }
    assert groups["segment"] == groups["tier"] == groups["market"]
    assert groups["segment"][0] == sum(findings.members.values()) == people(output)
    ((whole,),) = ask(output, "SELECT sum(worth_difference) FROM member_differences")
    assert groups["segment"][-1] == whole
    last = ask(output, "FROM points_by_day ORDER BY day DESC LIMIT 1")[0]
    assert last[3:] == tuple(
        metric(findings, "outstanding")[side] for side in ("baseline", "alternative")
    )


def test_a_lower_tier_threshold_moves_tiers_and_what_follows_from_them(
    events: Path, baseline: Path, tmp_path: Path
) -> None:
    """Whoever has 300 points is silver; the base rate gives everybody what it gave."""
    file = grocer(tmp_path, ("{tier: silver, from: 1000}", "{tier: silver, from: 300}"))
    findings = against(baseline, events, tmp_path / "out", Changes(programmes=[file]))
    moved = ask(
        tmp_path / "out",
        "SELECT member_id, tier_alternative, tier_outcome, qualifying FROM member_differences "
        "JOIN baseline.members USING (member_id)",
    )
    for member, tier, outcome, qualifying in moved:
        assert tier == ("silver" if qualifying >= 300 else "basic"), member
        assert outcome == ("up" if 300 <= qualifying < 1000 else "same"), member
    ups = sum(outcome == "up" for _, _, outcome, _ in moved)
    assert ups > 5
    matrix = {(one["tier_baseline"], one["tier_alternative"]): one for one in findings.tier_matrix}
    assert matrix["basic", "silver"]["members"] == ups
    assert metric(findings, "moves between tiers")["difference"] == ups
    assert metric(findings, "issued", "base")["difference"] == 0
    assert metric(findings, "issued", "tier_rate")["difference"] > 0
    assert metric(findings, "messages by journey", "tier_upgrade")["difference"] > 0
    assert metric(findings, "messages by journey", "welcome")["difference"] == 0
    assert findings.members["worse"] == 0
    assert not differing_tables(findings) & (IDENTITY | {"churn_scores"})


def test_a_dearer_reward_is_refused_and_nothing_else_happens(
    events: Path, baseline: Path, tmp_path: Path
) -> None:
    file = grocer(tmp_path, ("{reward: five_off, points: 500,", "{reward: five_off, points: 5000,"))
    findings = against(baseline, events, tmp_path / "out", Changes(programmes=[file]))
    outcomes = dict(
        ask(tmp_path / "out", "SELECT outcome, count(*) FROM redemption_differences GROUP BY ALL")
    )
    assert outcomes == {"same": 1, "would_be_refused": 1}  # one was refused in history too
    ((member, points, worth, outcome),) = ask(
        tmp_path / "out",
        "SELECT member_id, points_difference, worth_difference, outcome FROM member_differences "
        "WHERE outcome <> 'same'",
    )
    assert (points, worth, outcome) == (500, 0, "worse")  # the points, but not what they bought
    assert metric(findings, "redemption cost")["difference"] == -500
    assert metric(findings, "issued")["difference"] == 0
    assert findings.tier_movements == [{**one, "difference": 0} for one in findings.tier_movements]
    said = " ".join(findings.notes)
    assert "1 redemption that history accepted (500 points) would be refused" in said
    assert "five_off takes 5,000 points instead of 500" in said
    assert "--alternative-point-value" in said
    assert not differing_tables(findings) & (IDENTITY | {"churn_scores", "tier_changes"})
    assert ask(
        tmp_path / "out",
        "SELECT DISTINCT member_id FROM (FROM baseline.lots EXCEPT FROM alternative.lots)",
    ) == [(member,)]


def test_a_journey_taken_away_says_nothing_and_leaves_points_alone(
    events: Path, baseline: Path, tmp_path: Path
) -> None:
    changes = Changes(without_journeys=["welcome"])
    findings = against(baseline, events, tmp_path / "out", changes)
    assert differing_tables(findings) == MESSAGES
    assert metric(findings, "messages by journey", "welcome")["alternative"] == 0
    assert metric(findings, "messages by journey", "welcome")["baseline"] > 50
    assert findings.members == {"better": 0, "worse": 0, "same": people(tmp_path / "out")}
    entered = dict(
        ask(
            tmp_path / "out",
            "SELECT journey, difference FROM journey_differences WHERE passages = 'entered'",
        )
    )
    ((welcomed,),) = ask(
        tmp_path / "out", "SELECT count(*) FROM baseline.journeys WHERE journey = 'welcome'"
    )
    assert entered.pop("welcome") == -welcomed <= -60
    assert set(entered.values()) == {0}
    # Others only go out more: a welcome message can take the room of another, never make it.
    freed = ask(
        tmp_path / "out",
        "SELECT sum(only_baseline), sum(only_alternative) FROM trigger_differences "
        "WHERE journey <> 'welcome' AND action IN ('send', 'show')",
    )
    assert freed[0][0] <= freed[0][1]
    assert not (tmp_path / "out/alternative/config/journeys/welcome.yaml").exists()
    assert findings.about["changed"] == "journeys/welcome.yaml: taken away"


def test_a_ladder_without_payment_tokens_loses_what_only_they_knew(
    events: Path, baseline: Path, tmp_path: Path
) -> None:
    """Each member loses the points of exactly the purchases that are no longer theirs."""
    changes = Changes(identity=ladder_without(tmp_path, "payment_token"))
    findings = against(baseline, events, tmp_path / "out", changes)
    lost = ask(
        tmp_path / "out",
        """
        SELECT member_baseline, type, count(*) FROM owner_differences
        WHERE type IN ('sale', 'return') GROUP BY ALL
        """,
    )
    assert sum(count for _, _, count in lost) > 10
    due = FlatRate(events, baseline, rate=1, price=500)
    left = FlatRate(events, Path(findings.about["alternative"]), rate=1, price=500)
    base = dict(
        ask(
            tmp_path / "out",
            "SELECT member_id, difference FROM member_movements "
            "WHERE movement = 'issued' AND rule = 'base'",
        )
    )
    expected = {who: left.issued[who] - due.issued[who] for who in {*due.issued, *left.issued}}
    assert base == {who: points for who, points in expected.items() if points}
    assert set(base) <= {who for who, _, _ in lost}
    moved = metric(findings, "events with another owner")["alternative"]
    assert moved > 10
    assert metric(findings, "guests")["difference"] != 0
    identity = findings.identity
    assert identity.totals["events"] == moved == sum(one["events"] for one in identity.changes)
    assert {one["rung_baseline"] for one in identity.changes} >= {"payment_token"}
    assert identity.links[0]["namespace"] == "payment_token"
    assert identity.links[0]["not_made"] > 50
    lost = sum(one["events_lost"] for one in identity.members)
    assert lost
    said = identity.members[0]["examples"][0]
    assert re.search(r": sale of [\d.]+ USD by .*: is m-\S+ through payment_token, would be ", said)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Whose events would move" in page
    assert said.replace("'", "&#x27;") in page
    out = io.StringIO()
    show(findings, Console(file=out, width=200))
    assert "Events with another owner" in out.getvalue()
    assert identity.verdict(findings.money) in out.getvalue()
    wrong = ask(
        tmp_path / "out",
        "SELECT count(*) FROM owner_differences WHERE occurred_at IS NULL OR identifiers = ''",
    )
    assert wrong[0][0] < moved / 10  # returns that carry only their receipt


def test_points_that_never_expire_leave_no_breakage(events: Path, tmp_path: Path) -> None:
    """At the end of the year, when those of this history have expired; both sides folded."""
    file = grocer(tmp_path, ("{mode: fixed, months: 6, round_up: month}", "{mode: none}"))
    findings = simulated(
        events,
        tmp_path / "out",
        Changes(programmes=[file]),
        as_of=1_514_764_799_000,
        point_value=2.0,
        breakage=0.25,
    )
    issued, expired = metric(findings, "issued"), metric(findings, "expired")
    share = metric(findings, "breakage", "expired of issued")
    assert expired["baseline"] > 0.9 * issued["baseline"]
    assert share["baseline"] == expired["baseline"] / issued["baseline"]
    assert (expired["alternative"], share["alternative"]) == (0, 0)
    liability, left = metric(findings, "liability"), metric(findings, "outstanding")
    assert left["baseline"] == liability["baseline"] == 0
    assert liability["alternative"] == left["alternative"] * 2.0 * 0.75 > 0
    ((in_view,),) = ask(tmp_path / "out", "SELECT sum(value) FROM alternative.points_liability")
    assert in_view == liability["alternative"]
    assert findings.members["worse"] == 0


def test_the_report_is_whole_and_needs_nothing_else(double_rate: Simulated) -> None:
    output, findings = double_rate
    page = (output / "report.html").read_text()
    issued = f"{metric(findings, 'issued')['difference']:+,.0f}"
    for said in (issued, "potential loyal", "Before you believe it", "ATTACH", "USD"):
        assert said in page, said
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:|/|\.)", page)
    drawn = sorted((output / "plots").iterdir())
    names = {file.stem for file in drawn}
    assert names == set(PLOTS)
    assert len(drawn) == 2 * len(names)
    assert page.count("<svg") == len(names)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["finished"]
    assert not summary["identical"]
    assert summary["members"] == findings.members
    assert summary["metrics"] == findings.metrics
    assert "not a forecast" in summary["notes"][0]


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_has_a_title_labels_and_something_to_see(double_rate: Simulated, name: str) -> None:
    output, _ = double_rate
    picture = pyplot.imread(output / "plots" / f"{name}.png")
    assert picture.shape[1] > 600
    assert (picture[:, :, :3].min(axis=2) < 0.9).mean() > 0.02  # not blank
    written = ElementTree.parse(output / "plots" / f"{name}.svg").getroot()
    texts = {"".join(one.itertext()) for one in written.iter("{http://www.w3.org/2000/svg}text")}
    title, *labels = PLOTS[name]
    assert any(text.startswith(title) for text in texts), texts
    assert set(labels) <= texts


def test_the_terminal_says_the_sums_and_who_moved(double_rate: Simulated) -> None:
    _, findings = double_rate
    out = io.StringIO()
    show(findings, Console(file=out, width=80))
    said = out.getvalue()
    assert max(map(len, said.splitlines())) <= 80
    issued = metric(findings, "issued")
    for figure in (issued["baseline"], issued["alternative"]):
        assert re.search(rf"issued .*{figure:,.0f}", said)
    assert re.search(r"m-\d+ +silver +\+1,", said)
    better, same = findings.members["better"], findings.members["same"]
    assert better > 50
    assert f"Of {better + same} members: {better} better, 0 worse, {same} the same." in said


def test_a_version_says_what_part_of_history_it_rates(baseline: Path, tmp_path: Path) -> None:
    """All of it, none of it yet, or what was earned from its day on."""
    text = GROCER.read_text()
    first = text[text.index("  - version: 1") : text.index("tests:")]

    def notes(day: str) -> list[str]:
        second = first.replace("version: 1", "version: 2").replace("2016-01-01", day)
        file = tmp_path / "grocer.yaml"
        file.write_text(text[: text.index("tests:")] + second.replace("rate: 1,", "rate: 2,"))
        programme = load(file, Programme, check_programme)
        alternative = msgspec.structs.replace(current, programmes=(programme,))
        with duckdb.connect(str(baseline), read_only=True) as con:
            return list(about_dates(con, current, alternative))

    current = read_configuration(DEFAULT_CONFIG)
    with duckdb.connect(str(baseline), read_only=True) as con:
        at, before, of = one(
            con,
            "SELECT max(earned_at)::DATE, count(*) FILTER (earned_at < '2017-02-01 05:00:00'), "
            "count(*) FROM lots",
        )
    assert 0 < before < of
    assert at.year == 2017
    assert notes("2016-06-01") == [
        f"grocer version 2 is in force for all of this history: all {of} lots of points are its."
    ]
    (part,) = notes("2017-02-01")
    assert f"{of - before} of {of} lots of points are earned in its time" in part
    (later,) = notes("2030-01-01")
    assert "counts from 2030-01-01 on, after the end of this history (2017-03-02)" in later
    assert "--effective-from 2017-01-01T00:00:00Z" in later


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"as_of": 1_514_764_799_000}, "must have been made with --as-of 1514764799000"),
        ({"inputs": "profile.jsonl"}, "must be made from the same files"),
        ({"config": "other"}, "must be made with the configuration in"),
        ({"baseline": "nothing"}, "can't be read"),
        ({"baseline": "empty"}, "has no table runs"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else "",
)
def test_a_baseline_of_something_else_is_refused(
    events: Path, baseline: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    (tmp_path / "nothing").write_bytes(b"no warehouse")
    duckdb.connect(str(tmp_path / "empty")).close()
    other = shipped_config(tmp_path / "other")
    (other / "ladder.yaml").write_text((other / "ladder.yaml").read_text() + "\n# other\n")
    options: dict[str, Any] = {
        "inputs": [events],
        "config": baseline.parent.parent / "config",
        "as_of": None,
        "baseline": baseline,
    }
    if "as_of" in changed:
        options["as_of"] = changed["as_of"]
    if "inputs" in changed:
        options["inputs"] = [next(events.rglob(changed["inputs"]))]
    for name in ("config", "baseline"):
        if name in changed:
            options[name] = tmp_path / changed[name]
    with pytest.raises(SimulationRefused, match=re.escape(said)):
        refuse_other_history(
            options["baseline"], options["inputs"], options["config"], options["as_of"]
        )


def test_the_output_of_a_run_is_its_own_baseline(events: Path, baseline: Path) -> None:
    """Also without the journal that knows the files, unless one was written since."""
    config = baseline.parent.parent / "config"
    refuse_other_history(baseline, [baseline.parent], config, None)
    alone = baseline.parent.parent / "alone.duckdb"
    alone.write_bytes(baseline.read_bytes())
    with pytest.raises(SimulationRefused, match="must hold one run over all of its input"):
        refuse_other_history(alone, [events], config, None)  # its own commands were another
    with duckdb.connect(str(alone)) as con:
        con.execute("DELETE FROM runs WHERE generation > 1")
    refuse_other_history(alone, [events], config, None)
    file = next(events.rglob("command.jsonl"))
    times = file.stat()
    os.utime(file, (times.st_atime, times.st_mtime + 3600))
    try:
        with pytest.raises(SimulationRefused, match="must be younger than its input"):
            refuse_other_history(alone, [events], config, None)
    finally:
        os.utime(file, (times.st_atime, times.st_mtime))


def test_a_warehouse_that_is_being_written_is_refused(baseline: Path, tmp_path: Path) -> None:
    """By another process, as a live run would."""
    busy = tmp_path / "busy.duckdb"
    busy.write_bytes(baseline.read_bytes())
    hold = f"import duckdb, sys; c = duckdb.connect({str(busy)!r}); print('held', flush=True); "
    hold += "sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "held\n"
        with pytest.raises(SimulationRefused, match="is being written by a run; wait for its end"):
            refuse_other_history(busy, [tmp_path], DEFAULT_CONFIG, None)
        writer.stdin.close()
        writer.wait(timeout=20)
