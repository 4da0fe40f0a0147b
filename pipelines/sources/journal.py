"""What was read in which run: generations of input files, frozen once they began.

A clean end of a bounded input is every partition's promise that nothing earlier will
follow; the next generation's partitions start from it. So a later run with more files
goes on from there, and a crash in between changes nothing.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import xxhash

EDGE_BYTES = 65_536


class InputFile(msgspec.Struct, kw_only=True, frozen=True):
    """`name`: the path below the input it was given as; it identifies the file for good."""

    name: str
    path: str
    size: int
    edges: str = ""
    """Hash of its first and last 64 KiB: notices a file that was sorted or written anew."""


class Generation(msgspec.Struct, kw_only=True):
    number: int
    files: list[InputFile]
    floor: int
    """No known_at of this generation is below it, ms UTC."""
    ended_at: int | None = None
    """One past the greatest known_at, once the generation ended cleanly."""
    commands: bool = False
    """Its files are the output's own: what the loop wrote to `OUT/commands`."""
    more: bool = False
    """There was further input when it began, so that time doesn't end with it."""


class Journal(msgspec.Struct, kw_only=True):
    """`as_of`: the bound on clocks, ms UTC: given, or the clock of the first start."""

    as_of: int
    generations: list[Generation] = []
    foundation: dict[str, str] = {}
    """What all state in this output rests on and what therefore can't be changed under it."""
    begun: int = 0
    """The last generation whose files were found to be in order."""
    given: int = 0
    """The last generation whose commands, those that operators gave, are in `OUT/commands`."""

    def bound(self, as_of: int) -> None:
        """Believe clocks until `as_of`, and what the loop wrote: it says where time had come to."""
        self.as_of = max([as_of, *(one.floor for one in self.generations if one.commands)])


class InputChanged(Exception):
    """An input file is not what the journal says that it was."""


def load(path: Path, first_start: int, as_of: int | None) -> Journal:
    """The journal at `path`, or a fresh one that begins now. A given `as_of` replaces the bound."""
    if path.exists():
        journal = msgspec.json.decode(path.read_bytes(), type=Journal)
        if as_of is not None:
            journal.bound(as_of)
        return journal
    return Journal(as_of=first_start if as_of is None else as_of)


def save(path: Path, journal: Journal) -> None:
    """Written aside and moved into place, so that a crash leaves the old or the new one."""
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(journal), indent=1))
    aside.replace(path)


def next_generation(
    journal: Journal, inputs: Sequence[InputFile], commands: Sequence[InputFile] = ()
) -> Generation | None:
    """The generation to run now: the open one, or a new one with the files not read yet. Commands
    go before further input: they were written when nothing of that was known.

    Raises InputChanged if a file that was read, or is being read, is gone or has changed.
    """
    open_one = next((g for g in journal.generations if g.ended_at is None), None)
    present = {file.name: file for file in (*inputs, *commands)}
    if open_one is not None:
        for file in open_one.files:
            found = present.get(file.name)
            if found is None:
                raise InputChanged(
                    f"{file.name}: must be there until the run that began with it has ended; "
                    "got no such file; put it back, or start with a fresh --output"
                )
            if _differ(file, found):
                raise _changed(file, found)
        open_one.files = [present[file.name] for file in open_one.files]
        return open_one
    read = {file.name: file for g in journal.generations for file in g.files}
    for name, file in present.items():
        if name in read and _differ(read[name], file):
            raise _changed(read[name], file)
    own = [file for file in commands if file.name not in read]
    further = [file for file in inputs if file.name not in {*read, *(one.name for one in own)}]
    fresh = own or further
    if not fresh:
        return None
    last = journal.generations[-1] if journal.generations else None
    floor = last.ended_at if last is not None and last.ended_at is not None else 0
    generation = Generation(
        number=len(journal.generations) + 1,
        files=fresh,
        floor=floor,
        commands=bool(own),
        more=bool(own and further),
    )
    journal.generations.append(generation)
    journal.bound(journal.as_of)
    return generation


def _edges(path: Path) -> str:
    digest = xxhash.xxh3_64()
    with path.open("rb") as file:
        digest.update(file.read(EDGE_BYTES))
        file.seek(max(file.tell(), path.stat().st_size - EDGE_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def _differ(was: InputFile, found: InputFile) -> bool:
    return (was.size, was.edges) != (found.size, found.edges)


def _changed(was: InputFile, found: InputFile) -> InputChanged:
    return InputChanged(
        f"{found.name}: must not change once it was read; got other content ({found.size:,} bytes "
        f"where there were {was.size:,}); put what is new into a file of its own, or start with a "
        "fresh --output"
    )


def find_inputs(paths: Sequence[Path]) -> list[InputFile]:
    """Every .jsonl and .avro file given or below a given folder, in a stable order."""
    found: dict[str, InputFile] = {}
    for path in paths:
        folder = path.is_dir()
        files = sorted(path.rglob("*")) if folder else [path]
        for file in files:
            if file.suffix not in (".jsonl", ".avro") or not file.is_file():
                continue
            name = file.relative_to(path).as_posix() if folder else file.name
            if name in found and Path(found[name].path) != file.resolve():
                raise InputChanged(
                    f"{name}: must be given once; got it twice, from two folders; rename one"
                )
            found[name] = InputFile(
                name=name,
                path=str(file.resolve()),
                size=file.stat().st_size,
                edges=_edges(file),
            )
    return [found[name] for name in sorted(found)]
