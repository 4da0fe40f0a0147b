"""Settings of a deployment as typed structs, and the part of them that decode needs.

`config/default.yaml` holds every default; `config.settings` merges it with a deployment's
file, `KIZUNA_*` variables and the command line. Secrets are never in a file: they come from
the environment and are kept apart, in structs whose `repr` shows nothing.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.events import Namespace

Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="an ISO 4217 code such as USD")]
Region = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="an ISO 3166 code such as US")]


class Market(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A country or a brand: what its events mean where they don't say it themselves."""

    currency: Currency
    time_zone: Annotated[str, Meta(description="an IANA name such as America/New_York")]
    region: Region
    """Where a phone number without a country code belongs."""
    programme: Annotated[str, Meta(description="the name of a file in config/programmes")]


class Blocked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identifier values that identify nobody. They are compared trimmed and in lower case."""

    values: tuple[str, ...]
    patterns: tuple[str, ...]
    """Regular expressions that the whole value must match."""


class Kafka(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `kizuna run --kafka` reaches its broker, and how its time ticks."""

    brokers: Annotated[str, Meta(min_length=1)]
    """host:port, several separated by commas."""
    group_id: Annotated[str, Meta(min_length=1)]
    """Under which read offsets are also committed, for tools that show lag."""
    topic_prefix: str
    """Put before the name of every topic."""
    lanes: Annotated[int, Meta(ge=1, le=64)]
    """Readers that share the partitions of all topics; fixed for the life of an output."""
    tick_ms: Annotated[int, Meta(ge=10, le=10_000)]
    """How often time advances: the least a trigger waits."""
    epoch_ms: Annotated[int, Meta(ge=100)]
    """How often state is saved."""
    batch_records: Annotated[int, Meta(ge=1)]
    """Records that a lane reads at once at most."""
    schema_registry: str | None
    """Its URL; null: only JSON is read."""
    options: dict[str, str | int | float | bool]
    """Further librdkafka properties of every client: security.protocol, ssl.ca.location, …"""


class Cluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hosts of a live run that is spread over several."""

    addresses: tuple[str, ...]
    """host:port of each, the same on all of them; empty: there is one."""
    host: Annotated[int, Meta(ge=0)] | None
    """Which of them this one is, counted from 0."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a deployment may set, beside its programmes, journeys and ladder."""

    markets: Annotated[dict[str, Market], Meta(min_length=1)]
    key_groups: Annotated[int, Meta(ge=1, le=4096)]
    """Into how many shards keys hash; fixed for the life of an output directory."""
    unique_namespaces: tuple[Namespace, ...]
    """Two values of one of these on one event: nobody knows whose it is, so it is refused."""
    blocked: Blocked
    identifiers_max: Annotated[int, Meta(ge=1, le=1000)]
    """Identifiers that one event may carry."""
    event_bytes_max: Annotated[int, Meta(ge=1_000)]
    """A longer record is refused without being parsed."""
    clock_bound_minutes: Annotated[int, Meta(ge=0)]
    """How far ahead of the engine's clock a `received_at` may be before it is refused."""
    kafka: Kafka
    cluster: Cluster


class Pepper(msgspec.Struct, frozen=True, kw_only=True):
    """The secret key of a version of pseudonyms."""

    version: str
    key: bytes

    def __repr__(self) -> str:
        return f"Pepper(version={self.version!r}, key=<secret>)"


class DecodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `transforms.decode` depends on, secrets included."""

    markets: dict[str, Market]
    unique_namespaces: tuple[str, ...]
    blocked: Blocked
    identifiers_max: int
    event_bytes_max: int
    peppers: tuple[Pepper, ...]
    """The first one writes; the others are still known, to find people by what they once wrote."""
    quarantine_key: bytes
    """32 or 64 bytes."""

    def __repr__(self) -> str:
        return f"DecodeSettings(markets={sorted(self.markets)}, peppers={self.peppers})"
