"""The command line against a broker that asks for a password over TLS, from topics to triggers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from secure_broker import MECHANISM, Authority, running_secure_broker

from config.kafka_access import LOGIN, demand_access
from config.problems import ConfigError

ROOT = Path(__file__).parents[2]
USERNAME, PASSWORD = "kizuna-live", "a-password-to-look-for"
WRONG = "another-password-to-look-for"
SECONDS_MAX = 60.0
NOW = 1_767_607_200_000


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    with running_secure_broker(folder) as (broker, authority):
        broker.admit(USERNAME, PASSWORD)
        yield broker, authority, folder


def settings_of(secured, **changes):
    """`kafka.options` of a deployment and what its environment holds, as documented."""
    broker, authority, _ = secured
    options = {"ssl.ca.location": str(authority.certificate)} | changes
    login = {"KIZUNA_KAFKA_USERNAME": USERNAME, "KIZUNA_KAFKA_PASSWORD": PASSWORD}
    kafka = {"BROKERS": broker.secure, "LANES": 1, "EPOCH_MS": 500}
    return (
        os.environ
        | {f"KIZUNA_KAFKA__{name}": str(value) for name, value in kafka.items()}
        | {"KIZUNA_KAFKA__OPTIONS": json.dumps(options)}
        | login
    )


def begin(env, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", *map(str, arguments)],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process):
    """(exit code, all that it printed)."""
    try:
        said, _ = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
    return process.returncode, said


def kizuna(env, *arguments):
    return end(begin(env, *arguments))


def enrolments(folder, members):
    """A folder of events, as `kizuna produce` reads it: each is told on a surface at once."""
    folder.mkdir()
    events = [
        {
            "event_id": f"{kind}-{number}",
            "type": kind,
            "source": source,
            "occurred_at": NOW,
            "market": "us",
            "identifiers": {"member_id": f"m-{number}", "device_id": f"d-{number}"},
            "payload": payload,
        }
        for number in range(members)
        for kind, source, payload in (("enrolled", "profile", {}), ("app_opened", "app", {}))
    ]
    for source in ("profile", "app"):
        lines = [json.dumps(event) for event in events if event["source"] == source]
        (folder / f"{source}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_events_go_in_and_triggers_come_out_under_a_password(secured) -> None:
    env, folder = settings_of(secured), secured[2]
    code, said = kizuna(env, "topics", "apply")
    assert code == 0, said
    output = folder / "live"
    run = begin(env, "run", "--kafka", "--output", output, "--workers", "1")
    try:
        events = enrolments(folder / "events", 5)
        code, said = kizuna(env, "produce", "--input", events, "--rate", "50")
        assert code == 0 and "10 events acknowledged" in said, said
        consume = ["consume", "--kafka", "--channel", "app", "--feedback"]
        deadline = time.monotonic() + SECONDS_MAX
        while "5 triggers applied" not in (said := kizuna(env, *consume)[1]):
            assert time.monotonic() < deadline, said
        run.send_signal(signal.SIGTERM)
        code, said_by_run = end(run)
    finally:
        run.kill()
    assert code == 0, said_by_run
    assert "delivery events sent" in said
    code, said = kizuna(env, "topics", "plan")
    assert code == 0 and "Nothing to do" in said
    written = [path for path in output.rglob("*") if path.is_file()]
    assert (output / "warehouse.duckdb") in written
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in said_by_run


def test_who_isnt_let_in_is_told_why_at_once(secured) -> None:
    folder = secured[2]
    events = enrolments(folder / "refused-events", 1)
    other = Authority.make(folder, "another-authority")
    wrong_password = settings_of(secured) | {"KIZUNA_KAFKA_PASSWORD": WRONG}
    untrusted = settings_of(secured, **{"ssl.ca.location": str(other.certificate)})
    asked = {
        "topics": ("topics", "apply"),
        "produce": ("produce", "--input", events, "--rate", "50"),
        "consume": ("consume", "--kafka", "--channel", "app"),
        "run": ("run", "--kafka", "--output", folder / "refused", "--workers", "1"),
    }
    login = f"kizuna: {LOGIN}: $: must be a login that the broker knows; got: "
    authority = "kizuna: settings: $.kafka.options.ssl.ca.location: must be the certificate of the "
    tried = [(wrong_password, each, login, "invalid credentials") for each in asked]
    tried += [(untrusted, each, authority, "verify failed") for each in ("topics", "run")]
    for env, command, begins, holds in tried:
        code, said = kizuna(env, *asked[command])
        assert code == 2, (command, said)
        (line,) = (line for line in said.splitlines() if line.startswith("kizuna: "))
        assert line.startswith(begins) and holds in line
        assert PASSWORD not in said and WRONG not in said and "Traceback" not in said
    assert not (folder / "refused" / "warehouse.duckdb").exists()


@pytest.mark.parametrize(
    ("changes", "path", "got"),
    [
        ({"security.protocol": "PLAINTEXT"}, "security.protocol", "got PLAINTEXT"),
        ({"security.protocol": "SASL_PLAINTEXT"}, "security.protocol", "got SASL_PLAINTEXT"),
        ({"security.protocol": "SSL"}, "security.protocol", "got SSL"),
        ({"sasl.mechanisms": "PLAIN"}, "sasl.mechanisms", "supported mechanisms: SCRAM-SHA-512"),
        ({"sasl.username": "nobody"}, None, "invalid credentials"),
        ({"sasl.username": ""}, None, "must be set"),
        ({"ssl.ca.location": "/no/such.pem"}, "ssl.ca.location", "got /no/such.pem"),
        ({"bootstrap.servers": "localhost"}, "ssl.ca.location", "certificate verify failed"),
        ({"bootstrap.servers": "plain"}, "security.protocol", "PLAINTEXT broker listener"),
        ({"no.such": "1"}, "", "no.such"),
    ],
)
def test_each_wrong_setting_is_named(secured, changes, path, got) -> None:
    broker, authority, _ = secured
    options = {
        "bootstrap.servers": broker.secure,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": MECHANISM,
        "sasl.username": USERNAME,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(authority.certificate),
    }
    demand_access(options)
    places = {"localhost": f"localhost:{broker.secure_port}", "plain": broker.bootstrap}
    place = changes.get("bootstrap.servers")
    if place is not None:
        changes = {"bootstrap.servers": places[place]}
    if not changes.get("sasl.username", "x"):
        del options["sasl.username"], options["sasl.password"]
        changes = {}
    with pytest.raises(ConfigError) as refused:
        demand_access(options | changes)
    (problem,) = refused.value.problems
    assert got in problem.message
    if path is None:
        assert problem.file == LOGIN
    else:
        assert problem.path == ".".join(filter(None, ["$.kafka.options", path]))
    assert PASSWORD not in str(problem)


def test_a_broker_that_is_away_refuses_nobody() -> None:
    began = time.monotonic()
    demand_access({"bootstrap.servers": "127.0.0.1:1"})
    assert time.monotonic() - began < 5
