"""Deterministic ids and numbers: the same candidate has the same id on every replay.

Ids are xxh3-128 in hex over their parts; numbers between 0 and 1 come from xxh3-64, so nothing
here is random and nothing depends on a process, a run or a worker.
"""

from collections.abc import Iterator

import xxhash

_SCALE = 1.0 / (1 << 64)


def identify(*parts: str) -> str:
    """A 32-digit id of these parts; a separator keeps ("a", "bc") from ("ab", "c").

    >>> identify("m-1", "welcome") == identify("m-1", "welcome")
    True
    """
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode())


def share_of(salt: str, key: str) -> float:
    """Where a key falls between 0 (inclusive) and 1 (exclusive), evenly spread over keys."""
    return xxhash.xxh3_64_intdigest(f"{salt}\x1f{key}".encode()) * _SCALE


def uniforms(seed: str) -> Iterator[float]:
    """Numbers strictly between 0 and 1 that follow from the seed alone, without end."""
    text = seed.encode()
    ordinal = 0
    while True:
        yield (xxhash.xxh3_64_intdigest(text, ordinal) + 0.5) * _SCALE
        ordinal += 1
