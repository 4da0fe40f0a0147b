"""The file of tombstones: what an output knows of people who were erased from it.

In: records of erased people, by keyed hashes alone. Out: `OUT/erased/tombstones.jsonl`, a line
each, durable before anything is erased, since a replay would bring back whatever has none. Another
output over the same events needs a copy: `--erased FILE`.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from config.secret_keys import Secrets
from pipelines.processes import RunRefused
from schemas.erasure import Erased
from sinks.position import sync_directory
from transforms.decode.tombstones import Tombstones

FILE: Final = Path("erased") / "tombstones.jsonl"
PLAN: Final = Path("journal") / "erasure.sealed"
"""There while an erasure is under way."""


def erased_of(output: Path) -> list[Erased]:
    """Whom an output knows as erased; nobody if it has no file."""
    path = output / FILE
    return read_erased(path) if path.is_file() else []


def read_erased(path: Path) -> list[Erased]:
    """The records of a file. Raises RunRefused if it is none."""
    decoder = msgspec.json.Decoder(Erased)
    found: list[Erased] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found.append(decoder.decode(line))
        except msgspec.DecodeError as error:
            raise RunRefused(
                f"{path}:{number}: must be a line of tombstones; {error}; bring back a copy that "
                "is whole"
            ) from None
    return found


def add_erased(output: Path, fresh: Iterable[Erased]) -> list[Erased]:
    """Add those that aren't there yet, written aside and moved into place; all that are there."""
    known = erased_of(output)
    added = [one for one in fresh if one not in known]
    if added:
        path = output / FILE
        path.parent.mkdir(exist_ok=True)
        aside = path.with_suffix(".new")
        with aside.open("wb") as file:
            file.write(msgspec.json.Encoder().encode_lines([*known, *added]))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_directory(path.parent)
        sync_directory(output)
    return [*known, *added]


def take_over(path: Path, output: Path, *, begun: bool) -> None:
    """Make the tombstones of another output this one's. Raises RunRefused once it has begun:
    what it holds by then they wouldn't take away."""
    given = read_erased(path)
    if begun and any(one not in erased_of(output) for one in given):
        raise RunRefused(
            f"--erased: must be given from an output's first start on; {output} has begun without "
            "these; start with a fresh --output"
        )
    add_erased(output, given)


def tombstones(erased: Sequence[Erased], secrets: Secrets) -> Tombstones:
    """The tombstones of a deployment."""
    return Tombstones(secrets.erasure_key, erased)
