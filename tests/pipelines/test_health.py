"""Health: when a process is alive and ready, and how it says so over HTTP."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipelines import metrics
from pipelines.health import (
    BEHIND_SECONDS_MAX,
    LOOPBACK,
    START_SECONDS_MAX,
    TICK_SECONDS_MAX,
    Health,
    PortTaken,
    answer,
    serve,
)

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def anew():
    metrics.WATERMARK.clear()
    metrics.CONSUMER_LAG.clear()
    metrics.EVENT_TIME_LAG.clear()
    yield
    metrics.WATERMARK.clear()
    metrics.CONSUMER_LAG.clear()
    metrics.EVENT_TIME_LAG.clear()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    """A process that works as it should."""
    health = Health(clock, lag_records_max=1_000)
    health.ticked()
    health.assigned("lane-00", 3)
    metrics.WATERMARK.of("decide")[0] = NOW
    metrics.CONSUMER_LAG.labels("events.pos", "0").set(400)
    metrics.CONSUMER_LAG.labels("events.pos", "1").set(600)
    return health


@pytest.fixture
def server(health):
    server = serve(0, health=health)
    yield server
    server.shutdown()
    server.server_close()


def ask(server, path: str, method: str = "GET", headers: dict[str, str] | None = None):
    """(status, body, content type)."""
    url = f"http://{LOOPBACK}:{server.port}{path}"
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode(), response.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers["Content-Type"]


def fall_behind(topic: str, partition: str, seconds: float) -> None:
    metrics.EVENT_TIME_LAG.reached(topic, partition, int((time.time() - seconds) * 1000))


def failed(checks) -> list[str]:
    return [check.name for check in checks if not check.ok]


def test_a_process_that_works_is_alive_and_ready(health):
    assert failed(health.live()) == [] and failed(health.ready()) == []


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (lambda health: metrics.CONSUMER_LAG.labels("events.web", "0").set(1), "lag"),
        (lambda health: metrics.WATERMARK.clear(), "state"),
        (lambda health: health.assigned("lane-01", None), "partitions"),
        (lambda health: fall_behind("events.web", "3", BEHIND_SECONDS_MAX + 1), "time"),
    ],
    ids=["many records", "no state", "broker silent", "time stands"],
)
def test_whatever_is_missing_it_is_alive_and_not_ready(health, spoil, broken):
    spoil(health)
    assert failed(health.ready()) == [broken] and failed(health.live()) == []


def test_the_partition_that_is_furthest_behind_counts(health):
    fall_behind("events.web", "0", 0)
    fall_behind("events.pos", "1", BEHIND_SECONDS_MAX - 10)
    (check,) = [check for check in health.ready() if check.name == "time"]
    assert check.ok and check.said.startswith("events.pos 1 is 50.")
    fall_behind("events.web", "0", BEHIND_SECONDS_MAX + 10)
    assert failed(health.ready()) == ["time"]


def test_a_lane_may_have_no_partition(health):
    health.assigned("lane-01", 0)
    assert failed(health.ready()) == []


def test_a_loop_that_hangs_is_neither(health, clock):
    clock.now += TICK_SECONDS_MAX
    assert failed(health.live()) == []
    clock.now += 0.1
    assert failed(health.live()) == ["loop"] and failed(health.ready()) == ["loop"]
    health.ticked()
    assert failed(health.live()) == []


def test_a_large_state_may_take_longer_to_be_read_back_than_a_tick(clock):
    health = Health(clock)
    clock.now += START_SECONDS_MAX
    assert failed(health.live()) == []
    clock.now += 1
    assert failed(health.live()) == ["loop"]


def test_the_answer_is_short_unless_something_is_wrong_or_more_is_asked(health):
    assert answer("readyz", health.ready(), verbose=False) == (200, "ok\n")
    metrics.WATERMARK.clear()
    status, text = answer("readyz", health.ready(), verbose=False)
    assert status == 503
    assert re.fullmatch(r"\[-\]state failed: .+\nreadyz check failed\n", text)


def test_livez_and_readyz_over_http(server, health, clock):
    assert ask(server, "/livez")[:2] == (200, "ok\n")
    assert ask(server, "/readyz")[:2] == (200, "ok\n")
    status, text, kind = ask(server, "/readyz?verbose")
    assert status == 200 and kind.startswith("text/plain")
    assert text.splitlines() == [
        "[+]loop ok: last tick 0.0 s ago",
        "[+]partitions ok: 3 in 1 lanes",
        "[+]state ok: restored, decide at 2023-11-14T22:13:20Z",
        "[+]lag ok: 1000 records, the limit is 1000",
        "[+]time ok: no partition has begun",
        "readyz check passed",
    ]
    metrics.CONSUMER_LAG.labels("events.pos", "1").set(601)
    status, text, _ = ask(server, "/readyz?verbose=1")
    assert status == 503
    assert "[-]lag failed: 1001 records, the limit is 1000\n" in text
    assert "[+]loop ok" in text and ask(server, "/livez")[0] == 200
    clock.now += TICK_SECONDS_MAX + 5
    assert ask(server, "/livez")[:2] == (
        503,
        "[-]loop failed: last tick 35.0 s ago\nlivez check failed\n",
    )


def test_metrics_over_http(server):
    metrics.RECORDS_IN.labels("test.health").inc(7)
    status, text, kind = ask(server, "/metrics")
    assert status == 200 and kind.startswith("text/plain")
    assert 'kizuna_records_in_total{topic="test.health"} 7.0\n' in text
    _, text, kind = ask(server, "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert kind.startswith("application/openmetrics-text") and text.endswith("# EOF\n")


def test_nothing_else_is_there_and_nothing_can_be_changed(server):
    assert ask(server, "/")[0] == 404 and ask(server, "/metrics/../etc/passwd")[0] == 404
    assert ask(server, "/livez", "HEAD")[:2] == (200, "")
    assert {ask(server, "/livez", method)[0] for method in ("POST", "PUT", "DELETE")} == {501}


def test_only_this_machine_is_served_unless_told_otherwise(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_client_that_says_nothing_holds_up_nobody(server):
    with socket.create_connection((LOOPBACK, server.port)):
        began_at = time.monotonic()
        assert ask(server, "/livez")[0] == 200
        assert time.monotonic() - began_at < 2


def test_a_client_that_hangs_up_is_no_news(server, capfd):
    with socket.create_connection((LOOPBACK, server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(b"GET /metr")
    assert ask(server, "/livez")[0] == 200
    time.sleep(0.2)
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_named(server, health):
    with pytest.raises(PortTaken, match=rf"--metrics-port: must be free .* got {server.port} "):
        serve(server.port, health=health)


def test_the_server_ends_with_the_process_and_the_port_is_free_again():
    code = "from pipelines.health import serve; print(serve(0).port, flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    port = int(process.stdout.readline())
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/livez", timeout=5) as response:
        assert response.status == 200
    process.communicate(b"\n", timeout=10)
    assert process.returncode == 0
    again = serve(port, health=Health())
    again.shutdown()
    again.server_close()


FLOW = """
import json, sys, threading, time
from datetime import timedelta
import bytewax.operators as op
import psutil
from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.testing import TestingSink
from pipelines.health import HEALTH, serve
from pipelines.processes import free_addresses

class Ticks(StatelessSourcePartition):
    left = 60
    def next_batch(self):
        time.sleep(0.02)
        HEALTH.ticked()
        self.left -= 1
        if not self.left:
            raise StopIteration
        return [self.left]

class Source(DynamicSource):
    def build(self, step_id, worker_index, worker_count):
        return Ticks()

flow = Dataflow("ticks")
op.output("out", op.input("in", flow, Source()), TestingSink([]))
ours = serve(0).port

def look():
    time.sleep(0.6)
    listening = [c.laddr for c in psutil.Process().net_connections() if c.status == "LISTEN"]
    print(json.dumps({"ours": ours, "listening": listening, "ok": HEALTH.live()[0].ok}), flush=True)

threading.Thread(target=look, daemon=True).start()
addresses = free_addresses(1) if sys.argv[1] == "cluster" else None
cli_main(
    flow,
    process_id=0 if addresses else None,
    addresses=addresses,
    epoch_interval=timedelta(seconds=1),
)
"""


@pytest.mark.parametrize("how", ["alone", "cluster"])
def test_beside_the_engine_only_our_own_server_listens(how):
    """Bytewax's own, which binds to all interfaces, stays off without its variable."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("BYTEWAX_")}
    done = subprocess.run(
        [sys.executable, "-c", FLOW, how],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        timeout=30,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert [LOOPBACK, seen["ours"]] in seen["listening"] and seen["ok"]
    assert {address for address, _ in seen["listening"]} == {LOOPBACK}
    assert 3030 not in {port for _, port in seen["listening"]}
