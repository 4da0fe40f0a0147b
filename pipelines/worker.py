"""One worker process of the live dataflow: `python -m pipelines.worker PLAN PROCESS`."""

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax._bytewax import cli_main  # the only entry that takes both epochs and addresses
from bytewax.recovery import RecoveryConfig

from pipelines import logs
from pipelines.assemble import assemble
from pipelines.health import LOOPBACK, PortTaken, serve
from pipelines.interpreter import settle_garbage_collector
from pipelines.loyalty import loyalty
from pipelines.plan import Plan
from pipelines.processes import REFUSED
from pipelines.sources.file_stamps import InputOutOfOrder
from pipelines.sources.kafka.lost import LogLost, TopicsMissing
from pipelines.sources.kafka.promises import PromisesDamaged
from pipelines.stopping import Stopping

REFUSALS = (InputOutOfOrder, LogLost, TopicsMissing, PromisesDamaged, PortTaken)
"""What a person must put right; starting again changes nothing."""


def main(plan_file: str, process: int) -> None:
    """Run one process of the cluster until its input ends or it is stopped."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=Plan)
    threading.Thread(target=_end_with, args=(plan,), daemon=True).start()
    if plan.generation is None:  # the launcher hears them, and asks everybody to stop
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure()
    try:
        if plan.metrics_port is not None:
            serve(plan.metrics_port + process, os.environ.get("KIZUNA_METRICS_HOST", LOOPBACK))
        flow = loyalty(assemble(plan))
        settle_garbage_collector()
        cli_main(
            flow,
            process_id=process if plan.addresses else None,
            addresses=plan.addresses or None,
            epoch_interval=timedelta(milliseconds=plan.epoch_ms),
            recovery_config=RecoveryConfig(plan.store),
        )
    except BaseException as error:
        refusal = _caused_by(error, REFUSALS)
        if refusal is None:
            raise
        print(refusal, file=sys.stderr, flush=True)
        os._exit(REFUSED)


def _end_with(plan: Plan) -> None:
    """A worker whose launcher is gone would hold the output for ever; one whose launcher lost touch
    with the other hosts would be overtaken by them."""
    stopping = Stopping(plan.stop_file) if plan.generation is None else None
    while os.getppid() == plan.parent and not (stopping and stopping.is_cut_off):
        time.sleep(0.2)
    os._exit(1)


def _caused_by(
    error: BaseException | None, kinds: tuple[type[Exception], ...]
) -> BaseException | None:
    while error is not None:
        if isinstance(error, kinds):
            return error
        error = error.__cause__ or error.__context__
    return None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
