"""From configuration to the parts of the dataflow."""

import os
from pathlib import Path
from typing import Any

from config.deployment import Deployment, load_deployment
from config.secret_keys import decode_settings
from pipelines.decode_records import decode_records
from pipelines.ends import live, over_files
from pipelines.key_groups import Fanout
from pipelines.loyalty import Parts
from pipelines.plan import Plan
from pipelines.tombstones import erased_of, tombstones
from schemas.ladder import DAY_MS
from transforms.accrue import Accrue, Programmes
from transforms.accrue.check import check_programme
from transforms.decide import Decide, check_journeys
from transforms.decide.template_data import asks_view
from transforms.decode import Decoder
from transforms.decode.seal import Seal
from transforms.operator import Operator
from transforms.score import Score
from transforms.stitch.ladder import rungs


def read_configuration(folder: Path) -> Deployment:
    """The checked configuration of a run; ConfigError with everything that is wrong."""
    return load_deployment(
        folder, os.environ, check_programme=check_programme, check_journeys=check_journeys
    )


def stitch_operators(deployment: Deployment) -> list[Operator[Any]]:
    """The rungs of the ladder, weakest first."""
    return rungs(deployment.ladder, Seal(deployment.secrets.quarantine_key).close)


def member_operators(
    deployment: Deployment, *, tells_state: bool = False
) -> tuple[Accrue, Score, Decide]:
    """What follows once an event's member is known, in order.

    `tells_state`: somebody is told each member's state, beside the rows that tables hold.
    """
    # Whatever stitch may still give to somebody else, accrue must be able to book again.
    horizon_days = -(-deployment.ladder.horizon_ms // DAY_MS)
    return (
        Accrue(
            Programmes(deployment.programmes),
            horizon_days=horizon_days,
            # A transfer is a command, and must fit into one with all that is around it.
            transfer_chars_max=deployment.settings.event_bytes_max * 6 // 10,
            shows_view=tells_state or asks_view(deployment.journeys, deployment.conversation),
        ),
        Score(deployment.models),
        Decide(deployment.journeys, deployment.conversation, tells_state=tells_state),
    )


def assemble(plan: Plan) -> Parts:
    """The parts of one worker's dataflow."""
    deployment = read_configuration(Path(plan.config))
    settings = deployment.settings
    erased = tombstones(erased_of(Path(plan.output)), deployment.secrets)
    decoder = Decoder(decode_settings(settings, deployment.secrets), erased)
    # Only a live run has a topic to tell states on.
    accrue, score, decide = member_operators(deployment, tells_state=plan.generation is None)
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
        rungs=stitch_operators(deployment),
        accrue=accrue,
        score=score,
        decide=decide,
        groups=settings.key_groups,
        outputs=ends.outputs,
        archive=ends.archive,
        finished=ends.finished,
    )
