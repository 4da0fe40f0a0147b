"""Declared topics against a broker: what would be done, what is done, what can't be."""

import time
import uuid

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from typer.testing import CliRunner

import scripts.topics
from config.deployment import HERE
from config.load import load
from config.problems import ConfigError
from schemas.topics import Topic, Topics, check_topics, properties_of
from scripts.commands.topics import topics as command
from scripts.topics import Existing, TopicsRefused, apply, existing_topics, plan, steps_to
from sinks.kafka.routes import NEWEST_COUNTS, OUTPUT_TOPICS, QUARANTINE, SHARED

OURS = load(HERE / "topics.yaml", Topics, check_topics)


def topic(name="in.a", **fields) -> Topic:
    given = {"direction": "in", "about": "tests", "partitions": 2, "retention_hours": 1} | fields
    return Topic(name=name, **given)


def declared(*topics: Topic, replicas: int | None = None) -> Topics:
    return Topics(replicas=replicas, topics=topics)


def as_is(one: Topic, **fields) -> Existing:
    """The topic on a broker, as declared but for some fields."""
    given = {"partitions": one.partitions, "replicas": 1, "properties": properties_of(one)}
    return Existing(**(given | fields))


OUT = topic("out.a", direction="out", ordered_by="member_id")
COMPACT = topic(
    "out.b", direction="out", ordered_by="member_id", cleanup="compact", retention_hours=None
)


@pytest.mark.parametrize(
    ("one", "found", "expected"),
    [
        (topic(), None, [("create", "partitions 2, cleanup.policy delete, retention.ms 3600000")]),
        (COMPACT, None, [("create", "partitions 2, cleanup.policy compact, retention.ms -1")]),
        (topic(), {}, []),
        (topic(), {"partitions": 1}, [("grow", "partitions 1 → 2")]),
        (topic(), {"partitions": 3}, [("refused", "partitions 3 → 2: Kafka can't remove")]),
        (OUT, {"partitions": 1}, [("refused", "partitions 1 → 2: a member_id would go")]),
        (OUT, {"partitions": 3}, [("refused", "partitions 3 → 2: Kafka can't remove")]),
        (topic(direction="out"), {"partitions": 1}, [("grow", "partitions 1 → 2")]),
        (
            topic(),
            {"properties": {"cleanup.policy": "compact", "retention.ms": "5", "segment.ms": "9"}},
            [("set", "cleanup.policy compact → delete"), ("set", "retention.ms 5 → 3600000")],
        ),
        (
            topic(properties={"segment.mss": "9"}),
            {"properties": properties_of(topic())},
            [("refused", "segment.mss must be a property of topics")],
        ),
    ],
)
def test_steps(one, found, expected) -> None:
    existing = {} if found is None else {f"x.{one.name}": as_is(one, **found)}
    steps = steps_to(declared(one), "x.", existing)
    assert {step.topic for step in steps} <= {f"x.{one.name}"}
    assert [step.action for step in steps] == [action for action, _ in expected]
    for step, (_, detail) in zip(steps, expected, strict=True):
        assert step.detail.startswith(detail)


def test_replicas_are_checked_only_if_declared() -> None:
    existing = {"in.a": as_is(topic(), replicas=1)}
    assert steps_to(declared(topic()), "", existing) == []
    (step,) = steps_to(declared(topic(), replicas=3), "", existing)
    assert (step.action, step.detail[:35]) == ("refused", "has 1 replicas, declared are 3; mov")
    (step,) = steps_to(declared(topic(), replicas=3), "", {})
    assert (step.action, step.replicas) == ("create", 3)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"properties": {"retention.ms": "5"}}, "$.topics[0].properties.retention.ms: must be"),
        ({"cleanup": "compact", "retention_hours": None}, "$.topics[0].ordered_by: must be"),
        ({"cleanup": "compact", "ordered_by": "a"}, "$.topics[0].retention_hours: must be"),
    ],
)
def test_a_file_that_contradicts_itself(fields, place) -> None:
    (said,) = check_topics(declared(topic(**fields)))
    assert said.startswith(place)


def test_a_topic_stands_once(tmp_path) -> None:
    file = tmp_path / "topics.yaml"
    one = "{name: a, direction: in, about: b, partitions: 1, retention_hours: 1}"
    file.write_text(f"replicas: null\ntopics:\n  - {one}\n  - {one}\n")
    with pytest.raises(ConfigError, match=r"topics\.yaml:4:12: \$\.topics\[1\]\.name: must stand"):
        load(file, Topics, check_topics)


def test_ours_are_what_is_written() -> None:
    out = {one.name: one for one in OURS.topics if one.direction == "out"}
    assert set(out) == set(OUTPUT_TOPICS) - SHARED
    # What goes round comes in by a topic of the input.
    assert {one.name for one in OURS.topics if one.direction == "in"} >= SHARED
    assert {name for name, one in out.items() if one.cleanup == "compact"} == NEWEST_COUNTS
    # A refused record belongs to nobody.
    assert {name for name, one in out.items() if one.ordered_by is None} == {QUARANTINE}


@pytest.fixture
def client(broker):
    return AdminClient({"bootstrap.servers": broker})


@pytest.fixture
def prefix():
    return f"t{uuid.uuid4().hex[:8]}."


def test_all_of_ours_are_created_and_then_there_is_nothing_to_do(client, prefix) -> None:
    done = apply(client, OURS, prefix)
    assert [step.action for step in done] == ["create"] * len(OURS.topics)
    assert plan(client, OURS, prefix) == []
    assert apply(client, OURS, prefix) == []
    there = client.list_topics(timeout=10).topics
    for one in OURS.topics:
        assert len(there[prefix + one.name].partitions) == one.partitions
    (future,) = client.describe_configs(
        [ConfigResource(ResourceType.TOPIC, f"{prefix}loyalty.member-state")]
    ).values()
    assert future.result(10)["cleanup.policy"].value == "compact"


def test_what_differs_is_changed_and_what_is_not_declared_is_left(client, prefix) -> None:
    apply(client, declared(topic(properties={"segment.ms": "700000"})), prefix)
    wanted = declared(topic(partitions=3, retention_hours=2))
    assert [step.action for step in apply(client, wanted, prefix)] == ["grow", "set"]
    (found,) = existing_topics(client, [f"{prefix}in.a"]).values()
    assert found.partitions == 3
    assert found.properties["retention.ms"] == "7200000"
    assert found.properties["segment.ms"] == "700000"


def test_a_refusal_changes_nothing(client, prefix) -> None:
    apply(client, declared(OUT), prefix)
    growing = topic("out.a", direction="out", ordered_by="member_id", partitions=5)
    with pytest.raises(TopicsRefused, match="out of order") as refused:
        apply(client, declared(topic("in.new"), growing), prefix)
    assert [step.topic for step in refused.value.steps] == [f"{prefix}out.a"]
    assert existing_topics(client, [f"{prefix}in.new"]) == {}
    assert existing_topics(client, [f"{prefix}out.a"])[f"{prefix}out.a"].partitions == 2


def wait_for(client, name) -> None:
    deadline = time.monotonic() + 20
    while name not in client.list_topics(timeout=10).topics:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_at_once(client, prefix, monkeypatch) -> None:
    """The second looks before the first has created what both want, and another way."""
    apply(client, declared(topic(partitions=1)), prefix)
    wait_for(client, f"{prefix}in.a")
    shown = [{}]
    look = scripts.topics.existing_topics
    monkeypatch.setattr(
        "scripts.topics.existing_topics", lambda *given: shown.pop() if shown else look(*given)
    )
    assert [step.action for step in apply(client, declared(topic()), prefix)] == ["create", "grow"]
    assert shown == []
    assert plan(client, declared(topic()), prefix) == []


def test_what_was_broken_off_is_finished(client, prefix) -> None:
    (future,) = client.create_topics([NewTopic(f"{prefix}in.b", num_partitions=1)]).values()
    future.result(10)
    wait_for(client, f"{prefix}in.b")
    steps = apply(client, declared(topic("in.a"), topic("in.b")), prefix)
    assert [(step.action, step.topic) for step in steps] == [
        ("create", f"{prefix}in.a"),
        ("grow", f"{prefix}in.b"),
        ("set", f"{prefix}in.b"),
    ]


@pytest.mark.parametrize(
    ("wrong", "replicas", "said"),
    [
        (topic("in.b", properties={"min.insync.replicas": "none"}), None, r"min\.insync"),
        (topic("in.b", properties={"segment.mss": "9"}), None, r"segment\.mss"),
        (topic("in.b"), 9, "replication factor"),
    ],
)
def test_what_the_broker_refuses_is_said_in_its_words(client, prefix, wrong, replicas, said):
    with pytest.raises(ConnectionError, match=rf"in\..: the broker refused: .*{said}"):
        apply(client, declared(topic("in.a"), wrong, replicas=replicas), prefix)
    assert existing_topics(client, [f"{prefix}in.a", f"{prefix}in.b"]) == {}


def test_no_broker(monkeypatch) -> None:
    monkeypatch.setattr("scripts.topics.ANSWER_SECONDS", 0.5)
    client = AdminClient({"bootstrap.servers": "127.0.0.1:9", "log_level": 2})
    with pytest.raises(ConnectionError, match="no broker answers") as failed:
        plan(client, OURS, "")
    assert isinstance(failed.value.__cause__, KafkaException)


def test_the_commands(broker, prefix, tmp_path) -> None:
    """Against the broker of the environment, with a file of one's own."""
    for file in ("default.yaml", "topics.yaml"):
        (tmp_path / file).write_bytes((HERE / file).read_bytes())
    environ = {"KIZUNA_KAFKA__BROKERS": broker, "KIZUNA_KAFKA__TOPIC_PREFIX": prefix}

    def call(*arguments: str):
        return CliRunner(env=environ).invoke(command, [*arguments, "--config", str(tmp_path)])

    todo = call("plan")
    assert todo.exit_code == 1
    assert f"create  {prefix}events.web " in todo.output
    done = call("apply")
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "Done")
    assert call("plan").exit_code == 0
    assert "Nothing to do" in call("apply").output
    file = tmp_path / "topics.yaml"
    more = file.read_text().replace(
        "partitions: 4\n    ordered_by", "partitions: 5\n    ordered_by"
    )
    file.write_text(more)
    refused = call("apply")
    assert refused.exit_code == 1
    assert f"refused  {prefix}loyalty.ledger" in refused.output
    assert "partitions 4 → 5" in refused.output
