"""`kizuna correct`: what an output's accounts must stand at by a rebuild, as commands.

In: an output that is at rest, and its rebuild by corrected rules or programs. Out: a `correct`
command for each member whose points or tier differ, and what they amount to. Promises: the same
differences are the same commands, so that ordering them again adds nothing. What was answered
stays answered: points that a redemption spent or holds in the output are spent or held in what it
must stand at, whatever the rebuild would have answered. Messages stay sent.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from pipelines.history import find_history
from pipelines.processes import RunRefused, exclusive
from schemas.commands import Command
from schemas.payloads import CorrectedLot
from scripts.command_log import journal_of
from scripts.correct_compare import ACCOUNTS, Books, Ledgers, Pair

NEVER = 1 << 62


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A member whose account must be put right: as it is, and as it must be."""

    member_id: str
    market: str
    live: Books
    right: Books

    @property
    def points(self) -> int:
        """By how much the member's points grow."""
        return self.right.own - self.live.own


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`answered`: members who differ only by answers to redemptions, which stay."""

    stands_at: int
    members: int
    point_value: float
    differences: list[Difference]
    answered: int


def compare(output: Path, rebuilt: Path) -> Comparison:
    """What differs between an output and its rebuild, ms UTC.

    Raises RunRefused if they can't be compared, with what to do about it.
    """
    journal_of(output)
    try:
        with exclusive(output):
            stands_at = find_history([output], None).ends_at
            assert stands_at is not None
            with Ledgers(output / "warehouse.duckdb", _warehouse(rebuilt)) as ledgers:
                ledgers.refuse_other_time(stands_at, output)
                pairs = list(ledgers.differing())
                members, value = ledgers.members(), ledgers.point_value()
    except RunRefused as refused:
        if "must not be in use" not in str(refused):
            raise
        raise RunRefused(
            f"{output}: must be at rest, or the comparison is wrong the moment that it is made; a "
            "run holds it; stop it by SIGTERM (over files: wait until it ends), rebuild, correct, "
            "and start it again"
        ) from None
    differences, answered = [], 0
    for pair in pairs:
        right = must_stand_at(pair, stands_at)
        if differs(pair.live, right):
            differences.append(
                Difference(
                    member_id=pair.member_id, market=pair.market, live=pair.live, right=right
                )
            )
        else:
            answered += 1
    return Comparison(
        stands_at=stands_at,
        members=members,
        point_value=value,
        differences=differences,
        answered=answered,
    )


def must_stand_at(pair: Pair, at: int) -> Books:
    """The rebuilt books, with the answers that the output gave to redemptions."""
    live, rebuilt = pair.live.accounts, pair.rebuilt.accounts
    spent = live["redeemed"] + live["held"] - rebuilt["redeemed"] - rebuilt["held"]
    accounts = {
        **rebuilt,
        "redeemed": live["redeemed"],
        "held": live["held"],
        "available": rebuilt["available"] - spent,
    }
    lots = dict(pair.rebuilt.lots)
    left = _spend(lots, spent, at) if spent > 0 else _give_back(lots, -spent, pair.rebuilt.debt, at)
    if left and spent < 0:
        accounts["available"] -= left
        accounts["expired"] += left
    return Books(
        accounts=accounts, lots=lots, qualifying=pair.rebuilt.qualifying, tier=pair.rebuilt.tier
    )


def differs(live: Books, right: Books) -> bool:
    """Whether anything is to be put right."""
    if live.accounts != right.accounts or live.qualifying != right.qualifying:
        return True
    if right.tier is not None and live.tier != right.tier:
        return True
    return _shown(live.lots) != _shown(right.lots)


def commands_of(comparison: Comparison, reason: str, actor: str) -> list[Command]:
    """The differences as commands."""
    return [_command(one, comparison.stands_at, reason, actor) for one in comparison.differences]


def _command(one: Difference, at: int, reason: str, actor: str) -> Command:
    right = one.right
    said = msgspec.json.encode([one.member_id, at, _told(one.live), _told(right)])
    return Command(
        event_id=f"correct-{xxhash.xxh3_128_hexdigest(said)}",
        type="correct",
        occurred_at=at,
        market=one.market,
        about={"member_id": one.member_id},
        payload={
            "reason": reason,
            "actor": actor,
            "compared_at": at,
            **right.accounts,
            "debt": right.debt,
            "qualifying": right.qualifying,
            "tier": right.tier,
            "lots": [
                msgspec.structs.asdict(lot)
                for _, lot in sorted(right.lots.items())
                if lot.remaining
            ],
        },
    )


def _told(books: Books) -> list[Any]:
    return [
        [books.accounts[name] for name in ACCOUNTS],
        sorted(_shown(books.lots).items()),
        books.qualifying,
        books.tier,
    ]


def _shown(lots: dict[str, CorrectedLot]) -> dict[str, tuple[int, int, int | None, int]]:
    return {
        key: (lot.earned_at, lot.available_at, lot.expires_at, lot.remaining)
        for key, lot in lots.items()
        if lot.remaining
    }


def _usable(lots: Iterable[CorrectedLot], at: int) -> list[CorrectedLot]:
    """Lots whose points can be spent at an instant, in the order in which they are."""
    order = sorted(
        (NEVER if lot.expires_at is None else lot.expires_at, lot.earned_at, lot.lot_id)
        for lot in lots
        if lot.available_at <= at and (lot.expires_at is None or lot.expires_at > at)
    )
    by_id = {lot.lot_id: lot for lot in lots}
    return [by_id[key] for _, _, key in order]


def _spend(lots: dict[str, CorrectedLot], points: int, at: int) -> int:
    """Take points out of lots; those that no lot has are a debt."""
    for lot in _usable(list(lots.values()), at):
        part = min(points, lot.remaining)
        lots[lot.lot_id] = msgspec.structs.replace(lot, remaining=lot.remaining - part)
        points -= part
    return points


def _give_back(lots: dict[str, CorrectedLot], points: int, debt: int, at: int) -> int:
    """Put points back that are not spent after all; how many there is no lot for any more."""
    points -= min(points, debt)
    for lot in reversed(_usable(list(lots.values()), at)):
        room = max(0, lot.points - lot.expired - lot.remaining)
        part = min(points, room)
        lots[lot.lot_id] = msgspec.structs.replace(lot, remaining=lot.remaining + part)
        points -= part
    return points


def _warehouse(rebuilt: Path) -> Path:
    path = rebuilt / "warehouse.duckdb" if rebuilt.is_dir() else rebuilt
    if not path.is_file():
        raise RunRefused(
            f"--from: must be the output folder of kizuna rebuild, or its warehouse; got {rebuilt}"
        )
    return path
