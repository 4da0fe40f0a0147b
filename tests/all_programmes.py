"""The scripted years of `tests/golden` as a stream of many members, delivered as the world does.

Each year is lived by several members, some hours apart. Some of what they do becomes known late,
some twice; some purchases come without their member: on a card that is linked days later, or on
a device that its owner's late sign-in takes away from somebody else. In each programme two of the
accounts are merged on the way. All of it follows from the seed.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripted_year import Year, years

HOUR = 3_600_000
DAY = 24 * HOUR
LATE_DAYS = 13.0
"""Less than the horizon, so that a copy may be later still."""
LATEST_DAYS = 16
"""A day less than a purchase waits for its member at most."""
LINKED_DAYS = 5
"""How long after a purchase its card's owner is known at the latest."""
PURCHASES = ("sale", "order_placed")
MERGED_AT = 0.6
"""The share of a year at which the last member turns out to be the one before."""

Event = dict[str, Any]
YEARS = years()
MARKETS = {year.member: year.market for year in YEARS}


def story(
    members: int, seed: int, *, merged: bool = True, late: float = 0.06, twice: float = 0.03
) -> list[Event]:
    """What `members` of each programme do, in the order in which it becomes known.

    `late`, `twice`: shares of the events. Commands are neither, since they are answered when they
    arrive, and nor is a purchase that settles a redemption.
    """
    chance = random.Random(seed)
    told: list[Event] = []
    for year in YEARS:
        lives = [lived(year, number, chance.randrange(12) * HOUR) for number in range(members)]
        for number, life in enumerate(lives):
            delay(life, chance, late)
            neighbour = lives[number - 1][0]["identifiers"]["member_id"]
            told += [*life, *without_member(life, neighbour, chance)]
        if merged and members > 1:
            middle = lives[-1][round(len(lives[-1]) * MERGED_AT)]["occurred_at"]
            named = [f"{year.member}{number}" for number in (members - 1, members - 2)]
            told.append(merge(*named, middle + HOUR // 2))
    told += [copy(event, chance) for event in told if not waits(event) and chance.random() < twice]
    return in_order(told)


def in_order(events: Iterable[Event]) -> list[Event]:
    """As they become known."""
    return sorted(events, key=lambda one: (one["received_at"], one["source"], one["event_id"]))


def lived(year: Year, number: int, after_ms: int) -> list[Event]:
    """A script's events as another member's, so much later."""
    text = json.dumps(year.events)
    name = f"{year.member}{number}"
    # Every id of a script begins with its member's name and a dash.
    text = text.replace(f'"{year.member}-', f'"{name}-').replace(f'"{year.member}"', f'"{name}"')
    events: list[Event] = json.loads(text)
    for event in events:
        event["occurred_at"] += after_ms + number * DAY
        event["received_at"] += after_ms + number * DAY
    return events


def waits(event: Event) -> bool:
    """Is it answered when it arrives, or does it begin something new then?"""
    payload = event["payload"]
    return (
        event["source"] == "command"
        or event["type"] == "account_merged"
        or bool(payload.get("redemptions"))
    )


def delay(events: Iterable[Event], chance: random.Random, share: float) -> None:
    """Let some become known days after they happened."""
    for event in events:
        if not waits(event) and chance.random() < share:
            event["received_at"] += round(chance.random() * LATE_DAYS * DAY)
            event["received_at"] = min(
                event["received_at"], event["occurred_at"] + LATEST_DAYS * DAY
            )


def without_member(life: list[Event], neighbour: str, chance: random.Random) -> Iterable[Event]:
    """Take the member's id off two purchases; the events that tell whose they are."""
    member = life[0]["identifiers"]["member_id"]
    fit = [event for event in life if event["type"] in PURCHASES and not waits(event)]
    on_card, on_device = chance.sample(fit, 2)
    card, device = f"card-{member}", f"device-{member}"
    on_card["identifiers"] = {"card": card}
    at = on_card["occurred_at"] + chance.randrange(HOUR, LINKED_DAYS * DAY)
    yield sign("profile_updated", "profile", member, at, at, card=card)
    on_device["identifiers"] = {"device_id": device}
    at = on_device["occurred_at"]
    yield sign("signed_in", "app", neighbour, at - 2 * HOUR, at - 2 * HOUR, device_id=device)
    late = on_device["received_at"] + chance.randrange(HOUR, 2 * DAY)
    yield sign("signed_in", "app", member, at - HOUR, late, device_id=device)


def sign(type_: str, source: str, member: str, at: int, known: int, **more: str) -> Event:
    """Somebody shows who they are, and what is theirs."""
    (identifier,) = more.values()
    return {
        "event_id": f"{type_}-{identifier}-{member}",
        "type": type_,
        "source": source,
        "occurred_at": at,
        "received_at": known,
        "market": MARKETS[member.rstrip("0123456789")],
        "identifiers": {"member_id": member, **more},
        "payload": {},
    }


def merge(loser: str, winner: str, at: int) -> Event:
    """Two members turn out to be one."""
    event = sign("account_merged", "profile", winner, at, at, member_id=winner)
    return event | {"payload": {"loser": loser, "winner": winner}}


def copy(event: Event, chance: random.Random) -> Event:
    """The same again, within two days."""
    return event | {"received_at": event["received_at"] + chance.randrange(2 * DAY)}


def rearranged(events: list[Event], seed: int) -> list[Event]:
    """The same, known at other times: each event anywhere between the commands of its programme
    that it was known between, so that these have the same answers."""
    chance = random.Random(seed)
    fixed: dict[str, list[int]] = {}
    for event in events:
        if waits(event):
            fixed.setdefault(event["market"], []).append(event["received_at"])
    told = []
    for event in events:
        known = event["received_at"]
        if not waits(event):
            bounds = fixed[event["market"]]
            days = LATEST_DAYS - (LINKED_DAYS if event["source"] == "profile" else 0)
            latest = max(known, event["occurred_at"] + days * DAY)
            first = max([event["occurred_at"], *(at + 1 for at in bounds if at <= known)])
            last = min([latest, *(at - 1 for at in bounds if at > known)])
            known = chance.randint(min(first, last), last)
        told.append(event | {"received_at": known})
    return in_order(told)


def write(events: Iterable[Event], folder: Path) -> Path:
    """A file a source, in the order in which it became known; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    by_source: dict[str, list[str]] = {}
    for event in in_order(events):
        by_source.setdefault(event["source"], []).append(json.dumps(event) + "\n")
    for source, lines in by_source.items():
        (folder / f"{source}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def slices(events: list[Event], count: int, folder: Path) -> list[Path]:
    """Folders with what became known in one part of the time after the other."""
    told = in_order(events)
    bounds = [told[len(told) * number // count]["received_at"] for number in range(1, count)]
    parts = []
    for number in range(count):
        part = [one for one in told if sum(one["received_at"] >= at for at in bounds) == number]
        target = folder / f"part-{number}"
        for file in sorted(write(part, target).iterdir()):
            # Of all inputs of a run each has a name of its own.
            file.rename(file.with_name(f"{number}-{file.name}"))
        parts.append(target)
    return parts
