"""From configuration to the parts of the dataflow."""

import os
from pathlib import Path

from config.deployment import Deployment, load_deployment
from config.secret_keys import decode_settings
from pipelines.decode_records import decode_records
from pipelines.ends import live, over_files
from pipelines.key_groups import Fanout
from pipelines.loyalty import Parts
from pipelines.plan import Plan
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
    decoder = Decoder(decode_settings(settings, deployment.secrets))
    if plan.generation is None:
        ends = live(plan, deployment, decoder)
    else:
        ends = over_files(plan, plan.generation, decoder)
    return Parts(
        source=ends.source,
        upstreams=ends.upstreams,
        decode=decode_records(
            decoder, Fanout(["event"], settings.key_groups), archives=ends.archive is not None
        ),
        rungs=rungs(deployment.ladder, Seal(deployment.secrets.quarantine_key).close),
        accrue=Accrue(Programmes(deployment.programmes)),
        score=Score(deployment.models),
        decide=Decide(deployment.journeys, deployment.conversation),
        groups=settings.key_groups,
        outputs=ends.outputs,
        archive=ends.archive,
        finished=ends.finished,
    )
