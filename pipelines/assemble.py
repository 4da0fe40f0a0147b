"""From configuration to the parts of the dataflow."""

import os
from pathlib import Path

from config.deployment import Deployment, load_deployment
from config.secret_keys import decode_settings
from pipelines.decode_records import decode_records
from pipelines.key_groups import Fanout
from pipelines.loyalty import Parts, RowsTo, to_files, to_warehouse
from pipelines.plan import Plan
from pipelines.sources.files import FileSource, upstream_name
from sinks.duckdb.sink import WarehouseSink
from sinks.files import output_files
from transforms.accrue import Accrue, Programmes
from transforms.accrue.check import check_programme
from transforms.decide import Decide, check_journeys
from transforms.decode import Decoder
from transforms.decode.seal import Seal
from transforms.score import Score
from transforms.stitch.ladder import rungs


def read_configuration(folder: Path) -> Deployment:
    """The checked configuration of a run; ConfigError with everything that is wrong."""
    return load_deployment(
        folder, os.environ, check_programme=check_programme, check_journeys=check_journeys
    )


def assemble(plan: Plan) -> Parts:
    """The parts of one worker's dataflow."""
    deployment = read_configuration(Path(plan.config))
    settings = deployment.settings
    output = Path(plan.output)
    generation = plan.generation
    decoder = Decoder(decode_settings(settings, deployment.secrets))
    source = FileSource(
        generation,
        alignment_path=output / "journal" / "alignment.slots",
        received_at=decoder.received_at,
        bound_at=plan.bound_at,
        ends_at=plan.ends_at,
        batch_bytes=plan.batch_bytes,
    )
    return Parts(
        source=source,
        upstreams=[upstream_name(generation, file.name) for file in generation.files],
        decode=decode_records(decoder, Fanout(["event"], settings.key_groups)),
        rungs=rungs(deployment.ladder, Seal(deployment.secrets.quarantine_key).close),
        accrue=Accrue(Programmes(deployment.programmes)),
        score=Score(deployment.models),
        decide=Decide(deployment.journeys, deployment.conversation),
        groups=settings.key_groups,
        outputs=[
            RowsTo("warehouse", to_warehouse, WarehouseSink(output / "warehouse.duckdb")),
            RowsTo("files", to_files, output_files(output)),
        ],
    )
