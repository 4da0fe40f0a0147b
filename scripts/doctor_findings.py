"""What `kizuna doctor` says about one thing that it looked at."""

from typing import Literal

import msgspec

State = Literal["right", "wrong", "skipped"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`skipped`: it isn't used, or can't be seen from here."""

    check: str
    state: State
    said: str
    remedy: str = ""
    """What to do about it."""


def right(check: str, said: str) -> Finding:
    return Finding(check=check, state="right", said=said)


def wrong(check: str, said: str, remedy: str) -> Finding:
    return Finding(check=check, state="wrong", said=said, remedy=remedy)


def skipped(check: str, said: str, remedy: str) -> Finding:
    return Finding(check=check, state="skipped", said=said, remedy=remedy)
