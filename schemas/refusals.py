"""What decode and stitch refuse, and the closed set of reasons."""

from typing import Annotated, ClassVar, Final, Literal, get_args

from msgspec import Meta

from schemas.flow import Row

Reason = Literal[
    "unreadable",
    "unknown_type",
    "schema_mismatch",
    "missing_field",
    "no_time",
    "clock_beyond_bound",
    "too_large",
    "two_unique_identifiers",
    "conflicting_duplicate",
    "too_old_to_deduplicate",
    "unknown_currency",
    "negative_amount",
    "loop_of_merges",
]
REASONS: Final[tuple[str, ...]] = get_args(Reason)


class Repaired(Row, frozen=True, kw_only=True):
    """A quarantined record that was sent again through the loop, and what became of it."""

    table: ClassVar[str] = "repairs"
    position: Annotated[str, Meta(description="of the quarantined record: partition:offset")]
    content_hash: Annotated[str, Meta(description="of the quarantined record")]
    repair_id: Annotated[str, Meta(description="the event_id of the command that brought it")]
    outcome: Annotated[
        Literal["decoded", "refused"],
        Meta(
            description="decoded: an event like any other from there on; refused: again, and in "
            "quarantine under repaired_position"
        ),
    ]
    reason: Annotated[Reason | None, Meta(description="why it was refused again; null: it wasn't")]
    source: Annotated[str | None, Meta(description="of the event, where it could be read")]
    event_id: Annotated[str | None, Meta(description="of the event, where it could be read")]
    repaired_position: Annotated[str, Meta(description="partition:offset of the command")]
    actor: Annotated[str, Meta(description="who sent it; empty: not said")]
    known_at: Annotated[int, Meta(description="when, ms UTC", extra={"ms": True})]


class Quarantined(Row, frozen=True, kw_only=True):
    """Input that was refused: counted, kept encrypted, replayable."""

    table: ClassVar[str] = "quarantine"
    source: Annotated[str | None, Meta(description="the stream, where it could be read")]
    position: Annotated[str, Meta(description="partition:offset of the record")]
    reason: Annotated[Reason, Meta(description="a stable code")]
    detail: Annotated[str, Meta(description="the field and what was wrong, without its value")]
    event_id: Annotated[str | None, Meta(description="where it could be read")]
    content_hash: Annotated[str, Meta(description="xxh3-128 of the raw bytes, hex")]
    known_at: Annotated[int, Meta(description="when, ms UTC", extra={"ms": True})]
    raw: Annotated[
        bytes,
        Meta(
            description="the record as it came (what stitch refuses: as decoded), encrypted",
            extra={"as": "_raw"},
        ),
    ]
