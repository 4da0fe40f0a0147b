"""What each channel shows one member, read from that channel's own trigger file.

In: the folder of trigger files. Out: for any moment, the face of each channel: the last thing
that it was told to show or send and not to take back. Promise: `check` compares faces with each
other and raises `SurfacesDisagree`; there is no common balance behind them that could make them
look alike.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

KEPT_CURRENT: Final = ("app", "web", "pos", "service")
"""Surfaces that follow every change once they show a member (the till's flag and the call
centre's note while they are in use)."""
OF_ITS_MOMENT: Final = ("receipt", "push", "email", "sms")
"""What is printed or sent once, and stays as it was."""
COMPARED: Final = ("available", "pending", "tier")


class SurfacesDisagree(Exception):
    """Two channels tell the same member different balances at the same time."""


class Told(msgspec.Struct, kw_only=True):
    """One line of a trigger file, as far as it concerns what is shown."""

    trigger_id: str
    action: str
    member_id: str
    channel: str
    journey: str
    content: str
    data: dict[str, Any]
    expires_at: int | None
    decided_at: int


class Surfaces:
    """One member's triggers, a list a channel in the order of its file."""

    def __init__(self, folder: Path, member_id: str) -> None:
        self.channels = (*KEPT_CURRENT, "wallet", *OF_ITS_MOMENT)
        self._told = {
            channel: _read(folder / f"{channel}.jsonl", member_id) for channel in self.channels
        }

    def faces(self, at: int) -> dict[str, Told]:
        """What each channel shows at `at`, ms UTC; channels that show nothing are left out."""
        faces = {channel: self._face(channel, at) for channel in self.channels}
        return {channel: face for channel, face in faces.items() if face is not None}

    def since(self, after: int, at: int) -> list[Told]:
        """What was told to any channel after one moment and up to another."""
        return [
            told
            for channel in self.channels
            for told in self._told[channel]
            if after < told.decided_at <= at
        ]

    def check(self, at: int) -> list[str]:
        """Channels whose balances agree at `at`; raises SurfacesDisagree."""
        faces = self.faces(at)
        live = [faces[channel] for channel in KEPT_CURRENT if channel in faces]
        for one in live[1:]:
            _compare(live[0], one)
        for channel in OF_ITS_MOMENT:
            snapshot = faces.get(channel)
            app = self._face("app", snapshot.decided_at) if snapshot else None
            if snapshot is not None and app is not None:
                _compare(app, snapshot)
        return [face.channel for face in live]

    def _face(self, channel: str, at: int) -> Told | None:
        taken_back: set[str] = set()
        for told in reversed(self._told[channel]):
            if told.decided_at > at:
                continue
            if told.action in ("hide", "withdraw"):
                if told.data.get("everything"):
                    return None
                taken_back.add(told.data["withdraws"])
                continue
            expired = told.action == "show" and told.expires_at and told.expires_at <= at
            if not expired and told.trigger_id not in taken_back:
                return told
        return None


def _read(path: Path, member_id: str) -> list[Told]:
    decode = msgspec.json.Decoder(Told).decode
    needle = msgspec.json.encode(member_id)
    with path.open("rb") as lines:
        told = [decode(line) for line in lines if needle in line]
    return [one for one in told if one.member_id == member_id]


def _compare(one: Told, other: Told) -> None:
    for name in COMPARED:
        if name in one.data and name in other.data and one.data[name] != other.data[name]:
            raise SurfacesDisagree(
                f"{name}: must be the same on {one.channel} and {other.channel}; got "
                f"{one.data[name]} ({one.content}, trigger {one.trigger_id}) and "
                f"{other.data[name]} ({other.content}, trigger {other.trigger_id})"
            )
