"""Where a dataflow begins and ends: its source, its outputs and its archive, by what it reads.

Over files: the files of one generation in; the warehouse, trigger files and quarantine out.
Live: Kafka's topics in; the warehouse, output topics and the archive out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bytewax.inputs import Source
from bytewax.outputs import FixedPartitionedSink

from config.deployment import Deployment
from pipelines.loyalty import RowsTo, to_files, to_warehouse
from pipelines.plan import Plan
from pipelines.sources.alignment import Alignment
from pipelines.sources.files import FileSource, upstream_name
from pipelines.sources.journal import Generation
from pipelines.sources.raw import RawBatch
from schemas.codec import ArchiveBatch
from sinks.duckdb.sink import WarehouseSink
from sinks.files import output_files
from transforms.decode import Decoder

FLUSH_SECONDS = 1.0
"""How old the warehouse is at most, live."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """`upstreams`: the source's partitions, as the key groups of the event rung know them."""

    source: Source[RawBatch]
    upstreams: list[str]
    outputs: list[RowsTo]
    archive: FixedPartitionedSink[ArchiveBatch, Any] | None = None
    finished: Callable[[int, int], None] | None = None
    """Told what the last step is done with, so that the source doesn't run ahead of it."""


def over_files(plan: Plan, generation: Generation, decoder: Decoder) -> Ends:
    """From the files of a generation to the warehouse and files."""
    output = Path(plan.output)
    return Ends(
        source=FileSource(
            generation,
            alignment_path=output / "journal" / "alignment.slots",
            received_at=decoder.received_at,
            bound_at=plan.bound_at,
            ends_at=plan.ends_at,
            batch_bytes=plan.batch_bytes,
        ),
        upstreams=[upstream_name(generation, file.name) for file in generation.files],
        outputs=[
            RowsTo("warehouse", to_warehouse, WarehouseSink(output / "warehouse.duckdb")),
            RowsTo("files", to_files, output_files(output)),
        ],
    )


def live(plan: Plan, deployment: Deployment, decoder: Decoder) -> Ends:
    """From Kafka to the warehouse, Kafka and the archive."""
    from config.kafka_clients import client_options, registry_options  # noqa: PLC0415  # of the extra `live`
    from pipelines import metrics  # noqa: PLC0415
    from pipelines.sources.kafka.source import KafkaSource, lane_names  # noqa: PLC0415
    from pipelines.stopping import Stopping  # noqa: PLC0415
    from pipelines.timed_sinks import TimedSink  # noqa: PLC0415
    from sinks.archive import ArchiveSink  # noqa: PLC0415
    from sinks.duckdb.serve import Serve  # noqa: PLC0415
    from sinks.kafka import TopicsSink, to_topics  # noqa: PLC0415

    output = Path(plan.output)
    kafka = deployment.settings.kafka
    options = client_options(kafka, deployment.secrets)
    topics = [topic.name for topic in deployment.topics.topics if topic.direction == "in"]
    lanes, groups = lane_names(kafka.lanes), deployment.settings.key_groups
    slots = plan.slots_file
    port = plan.sql_port
    served = None if port is None else Serve(journal=output / "journal", port=port)
    return Ends(
        source=KafkaSource(
            kafka,
            options,
            topics,
            alignment_path=slots,
            promises=output / "journal" / "promises",
            received_at=decoder.own_received_at,
            bound_minutes=deployment.settings.clock_bound_minutes,
            stopping=Stopping(plan.stop_file).asked,
            groups=groups,
            registry_options=registry_options(kafka, deployment.secrets),
        ),
        upstreams=lanes,
        outputs=[
            RowsTo(
                "warehouse",
                to_warehouse,
                TimedSink(
                    "warehouse",
                    WarehouseSink(
                        output / "warehouse.duckdb", flush_seconds=FLUSH_SECONDS, serve=served
                    ),
                ),
            ),
            RowsTo(
                "topics",
                to_topics,
                TimedSink(
                    "topics",
                    TopicsSink(
                        kafka,
                        options,
                        observe_latency=metrics.END_TO_END.observe,
                        confirmed=lambda topic, count: metrics.RECORDS_OUT.labels(
                            topic.removeprefix(kafka.topic_prefix)
                        ).inc(count),
                    ),
                ),
            ),
        ],
        archive=TimedSink("archive", ArchiveSink(output / "archive", lanes)),
        finished=Alignment(slots, lanes, groups).finish,
    )
