"""The live demo: what it says of its figures, and that it leaves nobody behind."""

import io
import os
import signal
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from scripts.kafka_demo import Outcome, Wanted, _make_room
from scripts.kafka_demo_checks import Checked
from scripts.kafka_demo_children import (
    MACHINE,
    Child,
    DemoFailed,
    Usage,
    environment,
    usage_between,
)
from scripts.kafka_demo_listener import Listener
from scripts.kafka_demo_report import failures, limits, report
from scripts.lag import Sample
from scripts.produce import Produced
from scripts.traffic.city import OutputExists

WANTED = Wanted(rate=1_000, seconds=30, workers=2)


def outcome(**changed: object) -> Outcome:
    """A run in which all was well."""
    listener = Listener({"bootstrap.servers": "127.0.0.1:1"}, "nowhere")
    listener.arrived = Counter({"push": 100})
    for ms in range(100, 200):
        listener.latencies.add("push", ms)
    fields = {
        "events": 40_000,
        "members": 400,
        "warm_up_seconds": 5.0,
        "produced": Produced(
            sent=30_000, acknowledged=30_000, seconds=30.0, by_source={"web": 30_000}
        ),
        "profiles": Produced(sent=2_000, acknowledged=2_000, seconds=2.0),
        "samples": [Sample(at=float(at), produced=0, behind=1_500) for at in range(30)],
        "drained_seconds": 2.0,
        "usage": [],
        "run_exit_code": 0,
        "checked": Checked(
            on_topics={"push": 100},
            doubled=0,
            in_warehouse={"push": 100},
            quarantined=0,
            sale_to_receipt=None,
        ),
        "listener": listener,
    }
    return Outcome(**fields | changed)


def told(seen: Outcome) -> tuple[str, list[str]]:
    console = Console(width=100, record=True, file=io.StringIO())
    wrong = report(console, Path("out"), WANTED, seen)
    return " ".join(console.export_text().split()), wrong


def test_a_good_run_is_told_and_has_nothing_wrong() -> None:
    text, wrong = told(outcome())
    assert wrong == []
    assert "p99 198 ms at 1,000 events/s: within 1,000 ms" in text
    assert "flat: +0 records a second" in text
    assert "30,000 events sent in 30.0 s, 1,000 a second" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"doubled": 2}, "2 records repeat an id"),
        ({"on_topics": {}, "in_warehouse": {}}, "triggers must arrive; none did"),
        ({"in_warehouse": {"push": 101}}, "must hold the same triggers"),
        ({"on_topics": {"push": 99}, "in_warehouse": {"push": 99}}, "must apply what is on"),
    ],
)
def test_what_must_not_be_is_a_failure(changed: dict, said: str) -> None:
    good = outcome()
    seen = msgspec.structs.replace(good, checked=msgspec.structs.replace(good.checked, **changed))
    assert any(said in line for line in failures(seen))
    assert said.rsplit(maxsplit=1)[-1] in told(seen)[0]


def test_a_run_that_does_not_stop_cleanly_is_a_failure() -> None:
    assert failures(outcome(run_exit_code=1)) == ["the dataflow must stop with exit code 0; got 1"]


def test_lag_that_grows_is_told() -> None:
    grown = [Sample(at=float(at), produced=0, behind=500 * at) for at in range(30)]
    text, wrong = told(outcome(samples=grown, drained_seconds=None))
    assert "growing: +500 records a second" in text
    assert "had not caught up when it was stopped" in text
    assert wrong == [], "a slow machine isn't a defect"


def used(name: str, cpu_seconds: float) -> Usage:
    return Usage(name=name, pid=1, cpu_seconds=cpu_seconds, at=10.0, mib=100.0)


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        ([used("worker 0", 3), used(MACHINE, 3.5)], "there is room"),
        ([used("worker 0", 9), used("worker 1", 2), used(MACHINE, 11)], "worker 0 used 90%"),
        ([used("worker 0", 9), used("broker", 9), used(MACHINE, 19)], "0.90 of them the dataflow"),
        ([used("worker 0", 5), used(MACHINE, 20)], "what else runs here 1.50"),
        ([], "there is room"),
    ],
)
def test_what_limits_is_named(usage: list[Usage], said: str) -> None:
    assert said in limits(usage, cores=2)


def test_usage_is_what_was_used_in_between() -> None:
    before = {"a/1": Usage(name="a", pid=1, cpu_seconds=5, at=100, mib=1)}
    after = {
        "a/1": Usage(name="a", pid=1, cpu_seconds=7, at=110, mib=2),
        "b/2": Usage(name="b", pid=2, cpu_seconds=4, at=110, mib=3),
    }
    spans = usage_between(before, after)
    assert [(one.name, one.cpu_seconds, one.share) for one in spans] == [
        ("b", 4, 0.4),
        ("a", 2, 0.2),
    ]


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "precious").write_text("data")
    with pytest.raises(OutputExists, match="must be an earlier demo's folder"):
        _make_room(tmp_path, WANTED)
    assert (tmp_path / "broker" / "precious").read_text() == "data"


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    _make_room(tmp_path, WANTED)
    (tmp_path / "broker").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "warehouse.duckdb").touch()
    _make_room(tmp_path, WANTED)
    assert not (tmp_path / "broker").exists()
    assert not (tmp_path / "run" / "warehouse.duckdb").exists()


def test_children_know_no_broker_but_the_demos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZUNA_KAFKA__TOPIC_PREFIX", "prod.")
    monkeypatch.setenv("KIZUNA_KAFKA_PASSWORD", "secret")
    monkeypatch.setenv("KIZUNA_KEY_GROUPS", "8")
    known = {k: v for k, v in environment("127.0.0.1:7").items() if k.startswith("KIZUNA_K")}
    assert known == {
        "KIZUNA_KAFKA__BROKERS": "127.0.0.1:7",
        "KIZUNA_KAFKA__GROUP_ID": "kizuna",
        "KIZUNA_KEY_GROUPS": "8",
    }


def test_a_child_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("sorting", ["sort", "nowhere.jsonl"], tmp_path / "log", os.environ)
    assert child.wait(60) == 2
    with pytest.raises(
        DemoFailed, match=r"sorting: must run on; ended with exit code 2:\n(?s:.)*all of"
    ):
        child.expect_alive()
    with pytest.raises(DemoFailed, match="must end with exit code 0; got 2"):
        child.has_ended(expected=0)


def test_ending_a_child_ends_it_within_bounds(tmp_path: Path) -> None:
    child = Child("slow", ["--help"], tmp_path / "log", os.environ)
    child.send(signal.SIGSTOP)
    with pytest.raises(DemoFailed, match="must end within 1 s"):
        child.wait(1)
    child.send(signal.SIGCONT)
    began = time.monotonic()
    child.end()
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
