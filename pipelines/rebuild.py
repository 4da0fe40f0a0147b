"""The same program on Beam: history in, the tables that the live flow would have written out.

    read → decode → stitch (a rung a class of identifiers) → accrue, score, decide → part files

Every step is the pure operator of the live flow, grouped by key group and folded from the
beginning of history to its end. Runners differ in how they group, not in what comes out.
`pipelines.fold_history.rebuild` runs it and publishes what it made.
"""

import os
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsSingleton, PCollection

from config.deployment import Deployment
from pipelines.assemble import member_operators, read_configuration, stitch_operators
from pipelines.foundation import config_hash
from pipelines.history import History
from pipelines.keyed_beam import FoldGroups
from pipelines.read_history import ENDS, FIRST_STEP, ReadHistory
from transforms.operator import Operator

MEMBER_STEP = "accrue"
"""Where the ladder ends: accrue, score and decide are one step, for they have the same keys."""


def rebuild_pipeline(
    pipeline: beam.Pipeline, history: History, *, config: Path, groups: int, parts: Path
) -> None:
    """Read it from top to bottom: an event takes the same way."""
    rungs = [rung.name for rung in stitch_operators(read_configuration(config))]
    steps = [*rungs, MEMBER_STEP]
    files = (
        pipeline
        | "files" >> beam.Create(list(enumerate(history.files)))
        | "spread" >> beam.Reshuffle()
    )
    read = files | "read" >> beam.ParDo(
        ReadHistory(
            config=str(config),
            bound_at=history.bound_at,
            ends_at=history.ends_at,
            groups=groups,
            parts=str(parts),
            erased=history.erased,
        )
    ).with_outputs(ENDS, FIRST_STEP)
    ends_at = AsSingleton(read[ENDS] | "end" >> beam.CombineGlobally(max))

    sent: dict[str, list[PCollection]] = {FIRST_STEP: [read[FIRST_STEP]]}
    for height, step in enumerate(steps):
        above = steps[height + 1 :]
        folded = (
            sent[step]
            | f"into {step}" >> beam.Flatten()
            | f"group {step}" >> beam.GroupByKey()
            | step
            >> beam.ParDo(
                FoldGroups(
                    step,
                    partial(operators_of, str(config), step),
                    rung=height,
                    groups=groups,
                    parts=str(parts),
                ),
                ends_at,
            ).with_outputs(*above)
        )
        for other in above:
            sent.setdefault(other, []).append(folded[other])


def operators_of(config: str, step: str) -> Sequence[Operator[Any]]:
    """What a step of the pipeline folds with; called by whoever does the work."""
    deployment = _deployment(config, config_hash(Path(config)), _variables())
    if step == MEMBER_STEP:
        return member_operators(deployment)
    return [rung for rung in stitch_operators(deployment) if rung.name == step]


@lru_cache(maxsize=2)
def _deployment(config: str, content: str, variables: tuple[str, ...]) -> Deployment:
    """Read once a process, and again if `content` or `variables` are others: each step asks."""
    return read_configuration(Path(config))


def _variables() -> tuple[str, ...]:
    return tuple(sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("KIZUNA_")))
