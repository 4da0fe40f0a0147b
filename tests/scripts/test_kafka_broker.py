"""The broker for development and tests: it comes, goes, and comes back with what it had."""

import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from broker import HOME, demand_broker, running_broker, shared_broker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from scripts.jars import NoJava, fetch, java
from scripts.kafka_broker import TEMPLATES, Broker, NoBroker, stop_recorded
from scripts.ports import free_ports, is_open

ROOT = Path(__file__).parents[2]


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    """Acknowledged when this returns."""
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 2})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(30) == 0
    assert failed == [None] * len(values)


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    options = {"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False}
    consumer = Consumer(options)
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


def test_what_was_acknowledged_outlasts_a_stop_and_a_kill():
    topic = uuid.uuid4().hex
    with running_broker() as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 2})
        client.create_topics([NewTopic(topic, 1)])[topic].result(10)
        write(broker.bootstrap, topic, b"first")
        before = broker.bootstrap, broker.pid
        broker.stop()
        assert broker.pid is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", broker.port), 5)
        broker.start()
        assert broker.bootstrap == before[0]
        assert broker.pid not in (None, before[1])
        write(broker.bootstrap, topic, b"second")
        broker.kill()
        broker.start()
        assert read(broker.bootstrap, topic, 2) == [b"first", b"second"]
        pid = broker.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_topics_come_from_nobody_but_an_admin(broker):
    client = AdminClient({"bootstrap.servers": broker})
    topic = uuid.uuid4().hex
    options = {"bootstrap.servers": broker, "message.timeout.ms": 2000, "log_level": 2}
    producer = Producer(options)
    producer.produce(topic, b"lost")
    producer.flush(5)
    assert topic not in client.list_topics(timeout=10).topics


def test_it_listens_on_loopback_only():
    lines = (TEMPLATES / "server.properties").read_text().splitlines()
    (listeners,) = [line.split("=")[1] for line in lines if line.startswith("listeners=")]
    hosts = [listener.split("//")[1].rsplit(":", 1)[0] for listener in listeners.split(",")]
    assert hosts == ["127.0.0.1", "127.0.0.1"]


def test_a_port_that_is_taken(tmp_path, broker):
    with pytest.raises(NoBroker, match="is taken"):
        Broker(tmp_path, home=HOME, port=int(broker.split(":")[1])).start()


def test_one_that_ends_as_it_starts_shows_its_log(tmp_path):
    demand_broker()
    broker = Broker(tmp_path, home=HOME)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\n")
    with pytest.raises(NoBroker, match=r"(?s)ended as it started.*meta\.properties"):
        broker.start()


def test_in_the_background_from_the_command_line(tmp_path):
    demand_broker()
    (port,) = free_ports(1)
    (tmp_path / "jars").symlink_to(HOME / "jars")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scripts.kafka_broker", "--home", str(tmp_path)]
        return subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    started = call("start", "--background", "--port", str(port))
    try:
        assert (started.returncode, f"serves 127.0.0.1:{port}" in started.stdout) == (0, True)
    finally:
        stopped = call("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped; the data are kept\n")
    assert stop_recorded(tmp_path / "data") is False


def test_a_process_that_took_the_number_is_left_alone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (tmp_path / "broker.pid").write_text(str(other.pid))
        assert stop_recorded(tmp_path) is False
        assert other.poll() is None
        other.communicate(b"\n", timeout=10)
    assert not (tmp_path / "broker.pid").exists()


def test_a_broker_ends_with_a_test_run_that_was_killed(tmp_path):
    demand_broker()
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        bootstrap = shared_broker(tmp_path, owner.pid)
        assert shared_broker(tmp_path, owner.pid) == bootstrap
        assert is_open(int(bootstrap.split(":")[1]))
    finally:
        owner.kill()
        owner.communicate(timeout=10)
    deadline = time.monotonic() + 60
    while (tmp_path / "data" / "broker.pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not is_open(int(bootstrap.split(":")[1]))


def test_without_java_or_maven(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoJava, match="no `java`"):
        java()
    with pytest.raises(NoJava, match="no `mvn`"):
        fetch(TEMPLATES / "pom.xml", "copy-dependencies", tmp_path / "jars")
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tmp_path / "java").chmod(0o755)
    with pytest.raises(NoJava, match=r"needs Java 17 or newer; got .*11\.0\.2"):
        java()


def test_jars_are_fetched_once_and_again_when_the_pin_changes(tmp_path, monkeypatch):
    maven = tmp_path / "mvn"
    maven.write_text(
        f"#!/bin/sh\nPATH=/bin:/usr/bin\nfor a; do f=${{a#-DoutputDirectory=}}; done\n"
        f"mkdir $f && echo x >> {tmp_path}/calls && exit $(cat {tmp_path}/code)\n"
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    pom, calls, code = tmp_path / "pom.xml", tmp_path / "calls", tmp_path / "code"
    pom.write_text("1")
    code.write_text("1")
    with pytest.raises(NoJava, match="couldn't fetch it"):
        fetch(pom, "copy-dependencies", tmp_path / "home" / "jars")
    code.write_text("0")
    for pin in ("1", "1", "2"):
        pom.write_text(pin)
        fetch(pom, "copy-dependencies", tmp_path / "home" / "jars")
    assert calls.read_text() == "x\n" * 3
