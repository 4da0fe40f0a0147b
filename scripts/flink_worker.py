"""A Python worker of a Flink task manager, which starts it: `--environment_type=PROCESS`.

Comes in: where the task manager tells what the job is and takes the worker's results. Goes out:
nothing but those results; it ends when the task manager says so or is gone. Kizuna is expected to
be installed here, with the secrets of its settings in the environment: nothing is staged.

    python -m scripts.flink_worker --id … --provision_endpoint …
"""

import argparse
import os
import sys

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format, text_format

from pipelines import beam_worker

ANSWER_SECONDS = 60


def told_by(provision_endpoint: str, worker_id: str) -> dict[str, str]:
    """What Beam's worker wants to know of the job, as the environment variables it reads."""
    with grpc.insecure_channel(provision_endpoint) as channel:
        job = (
            beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
            .GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=[("worker_id", worker_id)],
                timeout=ANSWER_SECONDS,
                wait_for_ready=True,
            )
            .info
        )
    told = {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(job.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(job.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(job.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(job.runner_capabilities),
    }
    if job.HasField("status_endpoint"):
        status = text_format.MessageToString(job.status_endpoint)
        told["STATUS_API_SERVICE_DESCRIPTOR"] = status
    return told


def main(arguments: list[str] | None = None) -> int:
    """Work until the task manager has no more of it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.flink_worker")
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    parser.add_argument("--cluster", help="Whose worker it is, to be seen in a list of processes.")
    asked, _ = parser.parse_known_args(arguments)
    os.environ.update(told_by(asked.provision_endpoint, asked.id))
    beam_worker.main([])
    return 0


if __name__ == "__main__":
    sys.exit(main())
