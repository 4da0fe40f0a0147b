"""What clients of Kafka and of the schema registry are told: settings and secrets together.

Comes in: checked settings and secrets. Goes out: librdkafka's properties that every client of a
deployment needs, and the registry client's. Promised: nothing is connected to, and a password
comes from the environment alone.
"""

from typing import Any

from config.secret_keys import Secrets
from schemas.settings import Kafka

REGISTRY_SECONDS = 5
SASL = {"security.protocol": "SASL_SSL", "sasl.mechanisms": "SCRAM-SHA-512"}
"""Where there is a password and `kafka.options` doesn't say otherwise: never in the clear."""


def client_options(kafka: Kafka, secrets: Secrets) -> dict[str, Any]:
    """librdkafka's properties for brokers, TLS and SASL; `kafka.options` go before defaults."""
    options: dict[str, Any] = {"bootstrap.servers": kafka.brokers, "client.id": kafka.group_id}
    if secrets.kafka is not None:
        options |= SASL
    # The two names of one property: librdkafka would take whichever it is told last.
    renamed = {"sasl.mechanism": "sasl.mechanisms"}
    options |= {renamed.get(name, name): value for name, value in kafka.options.items()}
    if secrets.kafka is not None:
        options["sasl.username"], options["sasl.password"] = secrets.kafka
    return options


def registry_options(kafka: Kafka, secrets: Secrets) -> dict[str, Any] | None:
    """The properties of a SchemaRegistryClient; None: there is no registry.

    The caller tries again by itself, so that the client doesn't.
    """
    if kafka.schema_registry is None:
        return None
    options: dict[str, Any] = {"url": kafka.schema_registry}
    if not kafka.schema_registry.startswith("mock://"):
        options |= {"timeout": REGISTRY_SECONDS, "max.retries": 0}
    if secrets.registry is not None:
        options["basic.auth.user.info"] = secrets.registry
    return options
