"""A worker process of Beam's local runner, as quiet and as quick as a worker of the live flow.

Started by the runner, see `pipelines.fold_history`; also what other runners may start as their
Python worker (`--environment_type=PROCESS`).
"""

import logging
import sys

from pipelines.interpreter import settle_garbage_collector


def main(arguments: list[str]) -> None:
    """Work for the runner that the arguments and the environment name, until it says stop."""
    logging.disable(logging.WARNING)  # also of what Beam's import has to say
    from apache_beam.runners.worker import sdk_worker_main  # noqa: PLC0415

    settle_garbage_collector()
    sdk_worker_main.main(arguments)


if __name__ == "__main__":
    main(sys.argv)
