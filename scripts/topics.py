"""Topics as code: what is declared against what is on the broker.

Comes in: `Topics` of config/topics.yaml, the prefix of their names, an admin client. Goes out:
the steps from one to the other, each possible or refused with its reason. Promised: `plan`
changes nothing; `apply` changes all or, if a step is refused, nothing; a second `apply` finds
nothing to do. Topics that aren't declared, and properties that aren't, are left alone.
"""

import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as NoAnswer
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from schemas.topics import Topic, Topics, properties_of

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

ANSWER_SECONDS = 15.0
SETTLE_SECONDS = 15.0
"""How long a broker may take until its metadata show what it confirmed."""

Action = Literal["create", "grow", "set", "refused"]


class Existing(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is on the broker."""

    partitions: int
    replicas: int
    """Of the partition that has fewest."""
    properties: dict[str, str | None]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs, and what is to be done about it."""

    action: Action
    topic: str
    """With its prefix."""
    detail: str
    """What it is and what it will be; of a refused step: why."""
    partitions: int = 0
    """Of `create` and `grow`: how many there will be."""
    replicas: int | None = None
    properties: dict[str, str] = {}
    """Of `create` and `set`."""


class TopicsRefused(Exception):
    """Not everything declared can be had; nothing was changed."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        super().__init__("\n".join(f"{step.topic}: {step.detail}" for step in steps))


def steps_to(declared: Topics, prefix: str, existing: Mapping[str, Existing]) -> list[Step]:
    """The steps from what exists (by name, prefix included) to what is declared, in its order."""
    steps: list[Step] = []
    for topic in declared.topics:
        name = prefix + topic.name
        found = existing.get(name)
        if found is None:
            steps.append(_create(topic, name, declared.replicas))
            continue
        steps += _partitions(topic, name, found)
        if declared.replicas is not None and found.replicas != declared.replicas:
            steps.append(
                Step(
                    action="refused",
                    topic=name,
                    detail=f"has {found.replicas} replicas, declared are {declared.replicas}; "
                    "moving them is for kafka-reassign-partitions, or declare what it has",
                )
            )
        steps += _properties(topic, name, found)
    return steps


def _create(topic: Topic, name: str, replicas: int | None) -> Step:
    properties = properties_of(topic)
    said = [f"partitions {topic.partitions}"]
    said += [f"{key} {value}" for key, value in properties.items()]
    return Step(
        action="create",
        topic=name,
        detail=", ".join(said),
        partitions=topic.partitions,
        replicas=replicas,
        properties=properties,
    )


def _partitions(topic: Topic, name: str, found: Existing) -> list[Step]:
    if topic.partitions == found.partitions:
        return []
    change = f"partitions {found.partitions} → {topic.partitions}"
    if topic.partitions < found.partitions:
        why = f"{change}: Kafka can't remove partitions; declare {found.partitions}"
    elif topic.direction == "out" and topic.ordered_by is not None:
        why = (
            f"{change}: a {topic.ordered_by} would go to another partition while its earlier "
            "records wait in the old one, and consumers would get them out of order; "
            f"declare {found.partitions}, or start anew with another topic_prefix"
        )
    else:
        return [Step(action="grow", topic=name, detail=change, partitions=topic.partitions)]
    return [Step(action="refused", topic=name, detail=why)]


def _properties(topic: Topic, name: str, found: Existing) -> list[Step]:
    steps: list[Step] = []
    for key, value in properties_of(topic).items():
        if key not in found.properties:
            detail = f"{key} must be a property of topics; Kafka has none of this name"
            steps.append(Step(action="refused", topic=name, detail=detail))
        elif found.properties[key] != value:
            detail = f"{key} {found.properties[key]} → {value}"
            steps.append(Step(action="set", topic=name, detail=detail, properties={key: value}))
    return steps


def plan(client: "AdminClient", declared: Topics, prefix: str) -> list[Step]:
    """What `apply` would do. ConnectionError if the broker doesn't answer."""
    names = [prefix + topic.name for topic in declared.topics]
    return steps_to(declared, prefix, existing_topics(client, names))


def apply(client: "AdminClient", declared: Topics, prefix: str) -> list[Step]:
    """Make the broker's topics what is declared, and say what was done.

    TopicsRefused if that can't be; ConnectionError if the broker doesn't answer, doesn't allow it,
    or doesn't do what it confirmed. Safe to repeat, also after it broke off in the middle.
    """
    done: list[Step] = []
    deadline = time.monotonic() + SETTLE_SECONDS
    while steps := plan(client, declared, prefix):
        refused = [step for step in steps if step.action == "refused"]
        if refused:
            raise TopicsRefused(refused)
        # What was done a moment ago may not show yet, on this broker or of another `apply`.
        left = [step for step in steps if step not in done]
        for only_ask in (True, False):  # the broker looks at all steps before it takes the first
            for step in left:
                _take(client, step, only_ask)
        done += left
        if time.monotonic() > deadline:
            said = "; ".join(f"{step.topic}: {step.detail}" for step in steps)
            raise ConnectionError(f"the broker confirmed, yet there is still to do: {said}")
        if not left:
            time.sleep(0.1)
    return done


def existing_topics(client: "AdminClient", names: list[str]) -> dict[str, Existing]:
    """Those of the topics that exist."""
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import (  # type: ignore[attr-defined]  # noqa: PLC0415
        ConfigResource,
        ResourceType,
    )

    try:
        there = client.list_topics(timeout=ANSWER_SECONDS).topics
    except KafkaException as error:
        raise ConnectionError(f"no broker answers: {error.args[0].str()}") from error
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names if name in there]
    if not resources:
        return {}
    described = client.describe_configs(resources, request_timeout=ANSWER_SECONDS)
    found: dict[str, Existing] = {}
    for resource, future in described.items():
        partitions = there[resource.name].partitions.values()
        found[resource.name] = Existing(
            partitions=len(partitions),
            replicas=min((len(each.replicas) for each in partitions), default=0),
            properties={key: entry.value for key, entry in _answer(future, resource.name).items()},
        )
    return found


def _take(client: "AdminClient", step: Step, only_ask: bool) -> None:
    from confluent_kafka.admin import (  # type: ignore[attr-defined]  # noqa: PLC0415
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        NewPartitions,
        NewTopic,
        ResourceType,
    )

    how: dict[str, Any] = {"request_timeout": ANSWER_SECONDS, "validate_only": only_ask}
    futures: dict[Any, Any]
    if step.action == "create":
        new = NewTopic(
            step.topic,
            num_partitions=step.partitions,
            replication_factor=step.replicas or -1,
            config=step.properties,
        )
        futures = client.create_topics([new], **how)
    elif step.action == "grow":
        more = NewPartitions(step.topic, step.partitions)
        futures = client.create_partitions([more], **how)
    else:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in step.properties.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, step.topic, incremental_configs=entries)
        futures = client.incremental_alter_configs([resource], **how)
    for future in futures.values():
        _answer(future, step.topic, or_exists=step.action == "create")


def _answer(future: Any, topic: str, or_exists: bool = False) -> Any:
    """What the broker answered; ConnectionError with its words if it refused.

    None if a topic exists that could be there, since somebody else created it meanwhile.
    """
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415

    try:
        return future.result(ANSWER_SECONDS * 2)
    except (KafkaException, NoAnswer) as error:
        said = "no answer"
        if isinstance(error, KafkaException):
            if or_exists and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return None
            said = error.args[0].str()
        raise ConnectionError(f"topic {topic}: the broker refused: {said}") from error
