"""What `config/topics.yaml` may say: the topics of a deployment, as they must be on the broker."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

HOUR_MS = 3_600_000
OWN_PROPERTIES = frozenset({"cleanup.policy", "retention.ms"})


class Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic, its name without the deployment's prefix."""

    name: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,200}$")]
    direction: Literal["in", "out"]
    """`in`: Kizuna reads it; `out`: it writes it."""
    about: Annotated[str, Meta(min_length=1)]
    """What it's for."""
    partitions: Annotated[int, Meta(ge=1, le=10_000)]
    """May grow, unless `ordered_by` is given; never shrinks."""
    retention_hours: Annotated[int, Meta(ge=1)] | None
    """How long a record is kept; null: for ever. Compaction goes by key besides."""
    ordered_by: str | None = None
    """What a record's key is, by which its partition is chosen."""
    cleanup: Literal["delete", "compact"] = "delete"
    """`compact`: of each key the last record stays."""
    properties: dict[str, str] = {}
    """Further properties of Kafka's: max.message.bytes, segment.ms, …"""


class Topics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All topics of a deployment."""

    replicas: Annotated[int, Meta(ge=1, le=32)] | None
    """Copies of each partition; null: what the broker says by default."""
    topics: Annotated[tuple[Topic, ...], Meta(min_length=1)]


def check_topics(topics: Topics) -> Iterable[str]:
    """What the types of topics can't say."""
    seen: set[str] = set()
    for number, topic in enumerate(topics.topics):
        at = f"$.topics[{number}]"
        if topic.name in seen:
            yield f"{at}.name: must stand once; got {topic.name!r} again"
        seen.add(topic.name)
        for name in sorted(OWN_PROPERTIES & topic.properties.keys()):
            yield f"{at}.properties.{name}: must be said by cleanup or retention_hours; remove it"
        if topic.cleanup == "compact" and topic.ordered_by is None:
            yield f"{at}.ordered_by: must be given; compaction keeps the last record of each key"
        if topic.cleanup == "compact" and topic.retention_hours is not None:
            yield (
                f"{at}.retention_hours: must be null; got {topic.retention_hours}; "
                "compaction keeps the last record of each key whatever its age"
            )


def properties_of(topic: Topic) -> dict[str, str]:
    """A topic's properties in Kafka's words."""
    hours = topic.retention_hours
    return {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(-1 if hours is None else hours * HOUR_MS),
        **topic.properties,
    }
