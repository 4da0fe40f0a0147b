"""The history that is folded anew: which files, from when, until when.

In: files and folders of events, an archive, or the output folder of a run. Out: the files, each
with the time at which it begins, and the bound on clocks. Of a run's output, what that run read
is taken: the files of each of its generations, or its archive if it was live, and its tombstones.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipelines import recovery
from pipelines.loyalty import DECIDE_STEP
from pipelines.processes import RunRefused
from pipelines.sources import journal as journals
from pipelines.sources.journal import InputFile
from pipelines.tombstones import PLAN, erased_of
from schemas.erasure import Erased

JOURNAL = Path("journal") / "generations.json"


class RebuildFailed(Exception):
    """The runner gave up; the message is its own."""


class NotPublished(Exception):
    """The gate found the rebuilt warehouse wrong; the message says what."""


class HistoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file and the time before which nothing in it was known, ms UTC."""

    file: InputFile
    floor: int = 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """`bound_at`: clocks beyond it are wrong; `ends_at`: where time ends, if not with the files;
    both ms UTC. `erased`: people of whom nothing may come again."""

    files: list[HistoryFile]
    bound_at: int
    ends_at: int | None = None
    erased: list[Erased] = []


def find_history(inputs: Sequence[Path], as_of: int | None) -> History:
    """The history in `inputs`. Raises RunRefused if there is none or a file has changed."""
    try:
        if len(inputs) == 1:
            for output in (inputs[0], inputs[0] / "run"):  # the latter: where demos leave it
                if (output / JOURNAL).is_file():
                    _refuse_unfinished_erasure(output)
                    history = _of_run(output, as_of)
                    return msgspec.structs.replace(history, erased=erased_of(output))
        files = [HistoryFile(file=file) for file in journals.find_inputs(inputs)]
    except journals.InputChanged as changed:
        raise RunRefused(f"--input: {changed}") from changed
    return _checked(inputs, files, _now() if as_of is None else as_of, as_of)


def _of_run(output: Path, as_of: int | None) -> History:
    journal = journals.load(output / JOURNAL, _now(), None)
    if not journal.generations:
        archive = output / "archive"
        files = [HistoryFile(file=file) for file in journals.find_inputs([archive])]
        ends_at = _stopped_at(output) if as_of is None else as_of
        return _checked([archive], files, ends_at, ends_at)
    unfinished = [g.number for g in journal.generations if g.ended_at is None]
    if unfinished:
        raise RunRefused(
            f"--input: must be the output of a run that has ended; {output} was left in the "
            "middle of its input; run the same kizuna run again, it resumes"
        )
    files = []
    for generation in journal.generations:
        for file in generation.files:
            files.append(HistoryFile(file=_unchanged(file), floor=generation.floor))
    ended_at = max(generation.ended_at or 0 for generation in journal.generations)
    if as_of is None:
        return _checked([output], files, journal.as_of, ended_at - 1)
    return _checked([output], files, as_of, as_of)


def _refuse_unfinished_erasure(output: Path) -> None:
    if (output / PLAN).is_file():
        raise RunRefused(
            f"--input: must be an output in which no erasure is under way; {output} was left in "
            f"the middle of one; kizuna erase {output} finishes it"
        )


def _stopped_at(output: Path) -> int:
    """The last instant that a live run applied. Its groups stop at one mark, which is exclusive."""
    states = recovery.positions(output / "recovery", DECIDE_STEP).values()
    marks = {msgspec.msgpack.decode(state, type=_Marked).mark for state in states}
    if len(marks) != 1:
        raise RunRefused(
            f"--input: must be the output of a run that was stopped, or --as-of be given; {output} "
            "was left in the middle; run the same kizuna run --kafka again and stop it by SIGTERM"
        )
    return marks.pop() - 1


class _Marked(msgspec.Struct):
    """Of a key group's saved state: up to when it has come."""

    mark: int


def _unchanged(file: InputFile) -> InputFile:
    path = Path(file.path)
    found = journals.find_inputs([path])[0] if path.is_file() else None
    if found is None or (found.size, found.edges) != (file.size, file.edges):
        said = "it is gone" if found is None else "its content is another"
        raise RunRefused(
            f"--input: {file.path}: must be as the run read it; {said}; put it back, or name the "
            "events themselves"
        )
    return file


def _checked(
    inputs: Sequence[Path], files: list[HistoryFile], bound_at: int, ends_at: int | None
) -> History:
    if not files:
        raise RunRefused(
            "--input: must hold .jsonl or .avro files, or be the output folder of a run; got none "
            f"in {', '.join(map(str, inputs))}"
        )
    return History(files=files, bound_at=bound_at, ends_at=ends_at)


def _now() -> int:
    return int(time.time() * 1000)
