"""`kizuna doctor`, the part about Kafka: broker, topics, schema registry, clocks.

In: a checked configuration. Out: findings. Only reads, with time-outs of seconds. Without the
extra `live` there is nothing to look with, and runs over files need none of it.
"""

import base64
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeout  # another class in Python 3.10
from pathlib import Path
from typing import Any

from config.deployment import Deployment
from config.load import load
from config.problems import ConfigError
from config.secret_keys import REGISTRY_AUTH
from schemas.topics import Topics, check_topics
from scripts.doctor_findings import Finding, right, skipped, wrong

SECONDS_MAX = 5.0
STEPS_SHOWN = 3


def examine(deployment: Deployment, config: Path) -> Iterator[Finding]:
    """Findings about whatever `kafka` of the settings names. `config`: the configuration folder."""
    try:
        import confluent_kafka.admin  # noqa: F401, PLC0415
    except ImportError:
        remedy = "pip install 'kizuna[live]'; runs over files don't need it"
        yield skipped("broker", "not asked: confluent-kafka isn't installed", remedy)
    else:
        yield from _broker(deployment, config)
    yield _registry(deployment.settings.kafka.schema_registry, deployment.secrets.registry)


def _broker(deployment: Deployment, config: Path) -> Iterator[Finding]:
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    from config.kafka_access import demand_access  # noqa: PLC0415
    from config.kafka_clients import client_options  # noqa: PLC0415

    kafka = deployment.settings.kafka
    options = client_options(kafka, deployment.secrets)
    try:
        demand_access(options, SECONDS_MAX)
    except ConfigError as refused:
        yield wrong("broker", f"{kafka.brokers}: {refused}", "correct it; see docs/kafka.md")
        return
    try:
        client = AdminClient({**options, "log_level": 0, "socket.timeout.ms": 4_000})
        seen = client.list_topics(timeout=SECONDS_MAX)
    except KafkaException as error:
        yield wrong(
            "broker",
            f"{kafka.brokers}: {error.args[0].str()}",
            "start it (here: make kafka), or correct kafka.brokers; runs over files don't need one",
        )
        return
    yield right(
        "broker", f"{kafka.brokers}: {len(seen.brokers)} of them, {len(seen.topics)} topics"
    )
    file = config / "topics.yaml"
    if not file.exists():
        yield skipped("topics", f"{file} isn't there, so none are declared", "")
        return
    try:
        declared = load(file, Topics, check_topics)
    except ConfigError as error:
        yield wrong("topics", str(error), "correct it")
        return
    yield _topics(client, declared, kafka.topic_prefix)
    names = [kafka.topic_prefix + topic.name for topic in declared.topics]
    partitions = [
        (name, partition)
        for name in names
        if name in seen.topics
        for partition in seen.topics[name].partitions
    ]
    yield _clock(client, partitions, deployment.settings.clock_bound_minutes)


def _topics(client: Any, declared: Topics, prefix: str) -> Finding:
    from scripts.topics import plan  # noqa: PLC0415

    try:
        steps = plan(client, declared, prefix)
    except ConnectionError as error:
        return wrong("topics", str(error), "allow this user to describe topics")
    if not steps:
        return right("topics", f"all {len(declared.topics)} are as declared")
    shown = "; ".join(f"{step.topic}: {step.action} {step.detail}" for step in steps[:STEPS_SHOWN])
    more = f"; and {len(steps) - STEPS_SHOWN} more" if len(steps) > STEPS_SHOWN else ""
    return wrong(
        "topics", shown + more, "kizuna topics plan shows all, kizuna topics apply does it"
    )


def _clock(client: Any, partitions: list[tuple[str, int]], bound_minutes: int) -> Finding:
    """Kafka doesn't tell the time, but its newest record does: it can't be from the future."""
    from confluent_kafka import KafkaException, TopicPartition  # noqa: PLC0415
    from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # noqa: PLC0415

    newest = 0
    latest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
    wanted = {TopicPartition(*partition): latest for partition in partitions}
    asked = client.list_offsets(wanted, request_timeout=SECONDS_MAX) if wanted else {}
    for future in asked.values():
        try:
            newest = max(newest, future.result(timeout=SECONDS_MAX).timestamp)
        except (KafkaException, FutureTimeout):
            continue
    if newest <= 0:
        return skipped("clock", "can't be compared: no topic holds a record yet", "")
    ahead = newest / 1000 - time.time()
    if ahead > 60 * bound_minutes:
        return wrong(
            "clock",
            f"the newest record is {ahead:,.0f} s ahead of this machine's clock, which refuses "
            f"what is more than {bound_minutes} minutes ahead",
            "compare this clock, the broker's and the producers' with a time server",
        )
    said = f"the newest record is {-ahead:,.0f} s old" if ahead < 0 else "agrees"
    return right("clock", said)


def _registry(url: str | None, auth: str | None) -> Finding:
    """`auth`: user:password, which no message shows."""
    if url is None:
        return skipped("schema registry", "none set: only JSON is read", "")
    if url.startswith("mock://"):
        return skipped("schema registry", f"{url} is for tests", "")
    shown = _without_password(url)
    request = urllib.request.Request(f"{shown.rstrip('/')}/subjects")
    if auth is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(auth.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as response:
            response.read()
    except urllib.error.HTTPError as error:
        remedy = f"correct kafka.schema_registry or {REGISTRY_AUTH}"
        return wrong("schema registry", f"{shown}: answers {error.code} {error.reason}", remedy)
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", error)
        return wrong("schema registry", f"{shown}: {said}", "start it, or correct its URL")
    return right("schema registry", f"{shown} answers")


def _without_password(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
