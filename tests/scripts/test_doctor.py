"""`kizuna doctor`: what it finds, against a real broker and without one, and what it says then."""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import namedtuple
from pathlib import Path

import duckdb
import pytest
import typer
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from config.deployment import HERE
from config.load import load
from schemas.topics import Topics
from scripts import doctor as doctoring
from scripts.commands.doctor import doctor
from scripts.doctor import WEB_SERVER, examine
from scripts.doctor_findings import Finding
from scripts.holders import holders
from scripts.topics import apply

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command()(doctor)

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
OPEN = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration of one's own, whose broker isn't there."""
    folder = tmp_path / "config"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "grafana"))
    monkeypatch.setenv("KIZUNA_PEPPER", "v1:" + "ab" * 16)
    monkeypatch.setenv("KIZUNA_QUARANTINE_KEY", "cd" * 32)
    monkeypatch.setenv("KIZUNA_ERASURE_KEY", "ef" * 32)
    set_kafka(folder, brokers=f"127.0.0.1:{free_port()}")
    return folder


def set_kafka(folder: Path, **settings) -> None:
    file = folder / "default.yaml"
    whole = yaml.safe_load(file.read_text())
    whole["kafka"] |= settings
    file.write_text(yaml.safe_dump(whole))


@pytest.fixture
def no_kafka(monkeypatch):
    """Tests about the machine needn't wait for a broker."""
    monkeypatch.setattr(doctoring.doctor_kafka, "examine", lambda deployment, config: iter(()))


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "out"
    (folder / "recovery").mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / "recovery" / "part-0.sqlite3").touch()
    duckdb.connect(str(folder / "warehouse.duckdb")).close()
    return folder


@pytest.fixture
def process():
    """Start one that has a file open, and end it afterwards."""
    started: list[subprocess.Popen] = []

    def start(code: str, path: Path) -> subprocess.Popen:
        one = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(one)
        assert one.stdout.readline()
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate(timeout=10)


def found(config: Path, output: Path | None = None) -> dict[str, Finding]:
    """The last finding of each name; a wrong one goes before all others."""
    by_name: dict[str, Finding] = {}
    for finding in examine(config, output):
        before = by_name.get(finding.check)
        if before is None or before.state != "wrong":
            by_name[finding.check] = finding
    return by_name


def wrong(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.state == "wrong"]


def test_where_all_is_well_nothing_is_wrong(config, output, no_kafka):
    findings = found(config, output)
    assert wrong(findings) == []
    said = {name: findings[name].said for name in ("python", "packages", "config", "lock")}
    assert said["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert "bytewax 0.21.1" in said["packages"]
    assert "6 journeys" in said["config"]
    assert said["lock"] == "free: no run lives"


def test_every_mistake_of_the_configuration_is_told(config, no_kafka):
    (config / "journeys" / "cart_reminder.yaml").write_text("journey: [\n")
    whole = yaml.safe_load((config / "default.yaml").read_text())
    (config / "default.yaml").write_text(yaml.safe_dump(whole | {"key_groups": 0}))
    problems = [one.said for one in examine(config) if one.check == "config"]
    assert any("cart_reminder.yaml" in said for said in problems)
    assert any("key_groups" in said for said in problems)
    assert "config" in wrong(found(config))


def test_a_secret_for_development_is_pointed_at(config, no_kafka, monkeypatch):
    monkeypatch.delenv("KIZUNA_PEPPER")
    notes = [one for one in examine(config) if one.check == "config" and one.state == "skipped"]
    assert [note.said for note in notes if "KIZUNA_PEPPER" in note.said]
    assert wrong(found(config)) == []


def test_the_engines_server_must_be_off_whatever_the_value(config, no_kafka, monkeypatch):
    monkeypatch.setenv(WEB_SERVER, "0")
    findings = found(config)
    assert wrong(findings) == ["engine's server"]
    assert f"unset {WEB_SERVER}" in findings["engine's server"].remedy


def test_another_engine_than_the_snapshots_are_of_is_wrong(config, no_kafka, monkeypatch):
    real = doctoring.metadata.version
    monkeypatch.setattr(
        doctoring.metadata, "version", lambda name: "0.20.0" if name == "bytewax" else real(name)
    )
    findings = found(config)
    assert wrong(findings) == ["packages"]
    assert "bytewax must be 0.21.1; got 0.20.0" in findings["packages"].said


def test_a_missing_package_is_wrong_and_a_missing_extra_is_not(config, no_kafka, monkeypatch):
    real = doctoring.metadata.version

    def version(name: str) -> str:
        if name in ("pyarrow", "apache-beam"):
            raise doctoring.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctoring.metadata, "version", version)
    findings = found(config)
    assert wrong(findings) == ["packages"]
    assert findings["packages"].said == "pyarrow is missing"
    assert findings["extra batch"].state == "skipped"
    assert "kizuna[batch]" in findings["extra batch"].remedy


def test_a_disk_that_is_nearly_full_is_wrong(config, output, no_kafka, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        doctoring.shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**8, 10**8)
    )
    assert wrong(found(config, output)) == ["disk"]


@pytest.mark.parametrize("lock", [".lock", ".lock-1"])
def test_whoever_holds_the_output_is_named(config, output, no_kafka, process, lock):
    """The only host's processes, or those of a further one."""
    holder = process(HOLD, output / lock)
    findings = found(config, output)
    assert wrong(findings) == []
    assert findings["lock"].said.startswith(f"a run lives: {holder.pid} (")
    assert holders(output / lock)[0].locks


def test_a_suspended_holder_is_wrong(config, output, no_kafka, process):
    holder = process(HOLD, output / ".lock")
    holder.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while not holders(output / ".lock")[0].suspended and time.monotonic() < deadline:
        time.sleep(0.05)
    findings = found(config, output)
    assert wrong(findings) == ["lock"]
    assert "suspended" in findings["lock"].said
    assert f"kill -CONT {holder.pid}" in findings["lock"].remedy


def test_who_only_has_the_lock_file_open_holds_nothing(config, output, no_kafka, process):
    process(HOLD.replace("fcntl.flock(file, fcntl.LOCK_EX)", ""), output / ".lock")
    assert found(config, output)["lock"].said == "free: no run lives"


def test_whoever_keeps_the_warehouse_from_the_next_run_is_named(config, output, no_kafka, process):
    analyst = process(OPEN, output / "warehouse.duckdb")
    findings = found(config, output)
    assert wrong(findings) == ["warehouse"]
    assert str(analyst.pid) in findings["warehouse"].said


def age_snapshots(output: Path, seconds: float) -> None:
    for file in (output / "recovery").iterdir():
        os.utime(file, (time.time() - seconds,) * 2)


def test_an_old_snapshot_is_wrong_only_beside_a_run(config, output, no_kafka, process):
    age_snapshots(output, 3 * 3_600)
    findings = found(config, output)
    assert wrong(findings) == []
    assert findings["snapshot"].said == "the last one was taken 3 h ago"
    process(HOLD, output / ".lock")
    assert wrong(found(config, output)) == ["snapshot"]
    age_snapshots(output, 10)
    assert wrong(found(config, output)) == []


def test_a_folder_that_is_not_there_yet_is_no_mistake(config, tmp_path, no_kafka):
    findings = found(config, tmp_path / "later" / "out")
    assert wrong(findings) == [] and findings["output"].state == "skipped"


def test_without_a_broker_it_says_so_within_seconds(config):
    began_at = time.monotonic()
    findings = found(config)
    assert time.monotonic() - began_at < 12
    assert wrong(findings) == ["broker"]
    assert "runs over files don't need one" in findings["broker"].remedy
    assert "topics" not in findings and "clock" not in findings


def test_without_the_extra_it_is_not_asked(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setitem(sys.modules, "confluent_kafka.admin", None)
    findings = found(config)
    assert wrong(findings) == [] and "kizuna[live]" in findings["broker"].remedy


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        given = self.headers.get("Authorization") == "Basic dXNlcjpzZWNyZXQ="
        self.send_response(200 if given else 401)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format, *args) -> None:
        pass


@pytest.fixture
def registry(config, monkeypatch):
    """One that lets in user:secret alone."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    set_kafka(config, schema_registry=f"http://other:hidden@127.0.0.1:{server.server_port}/")
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setitem(sys.modules, "confluent_kafka.admin", None)
    yield server
    server.shutdown()
    server.server_close()


def test_a_registry_is_asked_and_no_password_is_shown(config, registry, monkeypatch):
    refused = found(config)["schema registry"]
    assert refused.state == "wrong" and "401" in refused.said
    monkeypatch.setenv("KIZUNA_REGISTRY_AUTH", "user:secret")
    accepted = found(config)["schema registry"]
    assert accepted.state == "right"
    monkeypatch.setenv("KIZUNA_REGISTRY_AUTH", "user:wrong-secret")
    for finding in (refused, accepted, *examine(config)):
        assert not any(word in str(finding) for word in ("secret:", "wrong-secret", "hidden"))


def test_a_registry_that_is_away_is_wrong(config, registry):
    registry.shutdown()
    registry.server_close()
    assert wrong(found(config)) == ["schema registry"]


@pytest.fixture
def own_topics(config, broker):
    """The declared topics are those of nobody else on this broker. Returns an admin client."""
    set_kafka(config, brokers=broker, topic_prefix=f"doctor-{uuid.uuid4().hex[:8]}.")
    (config / "topics.yaml").write_text(
        yaml.safe_dump(
            {
                "replicas": None,
                "topics": [
                    {
                        "name": "events.pos",
                        "direction": "in",
                        "about": "sales",
                        "partitions": 2,
                        "retention_hours": 24,
                    }
                ],
            }
        )
    )
    return AdminClient({"bootstrap.servers": broker})


def apply_topics(config: Path, admin) -> str:
    """Make what is declared; returns the topic's name."""
    prefix = yaml.safe_load((config / "default.yaml").read_text())["kafka"]["topic_prefix"]
    apply(admin, load(config / "topics.yaml", Topics), prefix)
    return f"{prefix}events.pos"


def test_topics_are_compared_with_what_is_declared(config, own_topics):
    findings = found(config)
    assert findings["broker"].state == "right"
    assert wrong(findings) == ["topics"]
    assert "events.pos: create" in findings["topics"].said
    assert "kizuna topics apply" in findings["topics"].remedy
    apply_topics(config, own_topics)
    findings = found(config)
    assert wrong(findings) == []
    assert findings["topics"].said == "all 1 are as declared"
    assert findings["clock"].state == "skipped"


@pytest.mark.parametrize(("ahead_seconds", "state"), [(-30, "right"), (3_600, "wrong")])
def test_clocks_are_compared_by_the_newest_record(config, broker, own_topics, ahead_seconds, state):
    topic = apply_topics(config, own_topics)
    producer = Producer({"bootstrap.servers": broker})
    at = int((time.time() + ahead_seconds) * 1000)
    producer.produce(topic, b"{}", partition=0, timestamp=at - 10_000)
    producer.produce(topic, b"{}", partition=1, timestamp=at)
    assert producer.flush(20) == 0
    finding = found(config)["clock"]
    assert finding.state == state
    assert ("ahead" in finding.said) == (state == "wrong")


def test_the_command_prints_a_mark_a_line_and_exits_with_1_if_something_is_wrong(
    config, output, no_kafka, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "120")
    asked = ["--config", str(config), "--output", str(output)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0 and "nothing wrong" in result.output
    assert "✓  python" in result.output
    monkeypatch.setenv(WEB_SERVER, "1")
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 1 and "1 wrong" in result.output
    assert "✗  engine's server" in result.output and "→ unset" in result.output


def test_the_command_says_the_same_as_json(config, output, no_kafka, monkeypatch):
    monkeypatch.setenv(WEB_SERVER, "1")
    result = CliRunner().invoke(app, ["--json", "--config", str(config), "--output", str(output)])
    said = json.loads(result.output)
    assert result.exit_code == 1
    assert {"check", "state", "said", "remedy"} == set(said[0])
    assert [one["check"] for one in said if one["state"] == "wrong"] == ["engine's server"]


def test_looking_changes_nothing(config, output, no_kafka):
    def files() -> dict[str, tuple[int, float]]:
        return {
            str(path.relative_to(output)): (path.stat().st_size, path.stat().st_mtime)
            for path in output.rglob("*")
        }

    before = files()
    found(config, output)
    assert files() == before
