"""`kizuna sort`: put a JSON Lines file in order of `received_at`, as `run` demands of its input."""

from collections.abc import Iterable
from pathlib import Path

from config.secret_keys import decode_settings, load_secrets
from config.settings import load_settings
from transforms.decode import Decoder


def sort_file(path: Path) -> tuple[int, int]:
    """Sort `path` in place, stably; lines without a readable time stay behind their predecessor.

    Returns the lines in the file and how many of them have moved. The sorted copy is written
    aside and moved into place, so that a crash leaves the old file or the new one.
    """
    decoder = Decoder(decode_settings(load_settings().settings, load_secrets({})))
    with path.open("rb") as file:
        lines = file.readlines()
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    timed: list[tuple[int, int]] = []
    last = 0
    for number, line in enumerate(lines):
        at = decoder.received_at(line)
        last = last if at is None else at
        timed.append((last, number))
    order = sorted(timed)
    moved = sum(number != place for place, (_, number) in enumerate(order))
    if moved:
        aside = path.with_suffix(".sorting")
        with aside.open("wb") as file:
            file.writelines(lines[number] for _, number in order)
        aside.replace(path)
    return len(lines), moved


def sort_files(paths: Iterable[Path]) -> list[tuple[Path, int, int]]:
    """`sort_file` for each; (path, lines, moved)."""
    return [(path, *sort_file(path)) for path in paths]
