"""`python dying_loop.py INPUTS OUTPUT CONFIG WHERE`: a run that kills itself where the loop closes.

WHERE: before_file, within_file (half of it is written), unnamed (it is whole and has no name
yet), named (it has its name, and nobody has noted that), applied (what was ordered was applied,
and nobody has noted that either); never: it ends.
"""

import os
import signal
import sys
from pathlib import Path

from pipelines import command_files, launch
from pipelines.launch import RunOptions, run


def die(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGKILL)


def within_file(descriptor):
    os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
    die()


def arrange(where: str) -> None:
    """Have the process die there."""
    if where == "before_file":
        launch.write_given = die
    elif where == "within_file":
        command_files.os = Dying(within_file)
    elif where == "unnamed":
        command_files.os = Dying(die)
    elif where == "named":
        command_files.sync_directory = die
    elif where == "applied":
        execute = launch._GenerationRun.execute

        def run_and_die(generation, *arguments):
            execute(generation, *arguments)
            die()

        launch._GenerationRun.execute = run_and_die


class Dying:
    """What the module uses of `os`, which is one call."""

    def __init__(self, fsync) -> None:
        self.fsync = fsync


if __name__ == "__main__":
    inputs, output, config, where = sys.argv[1:]
    arrange(where)
    run(RunOptions(inputs=[Path(inputs)], output=Path(output), config=Path(config), epoch_ms=200))
