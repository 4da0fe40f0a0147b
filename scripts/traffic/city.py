"""A whole city: families of members around their baskets, a block of them after the other.

In: a function that gives the n-th household. Out: `events/`, `truth/` and `summary.json` in a
directory. Promise: the same arguments give the same bytes. Blocks don't depend on each other
(but for tablets in shops, whose turns are drawn beforehand), so memory holds one of them.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from scripts.traffic import (
    enrolment,
    orders,
    returns,
    rewards,
    service,
    spending,
    strangers,
    tablets,
)
from scripts.traffic.baskets import Household, Shelf
from scripts.traffic.chance import DAY_MS, stream, token
from scripts.traffic.copies import COPIED, send_again
from scripts.traffic.counts import Counts
from scripts.traffic.digital import EVENTS_A_SESSION, browse
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Family, make_family
from scripts.traffic.rates import Outages, Rates
from scripts.traffic.reader import Reader
from scripts.traffic.scenes import play
from scripts.traffic.stage import Actor, Stage, plain_receipts
from scripts.traffic.till import Receipt, Till
from scripts.traffic.truth import Truth
from scripts.traffic.write import EventFiles

PAIRED: Final = 0.3
"""Share of people who live in a family of two."""
FAMILIES_A_BLOCK: Final = 24
"""Those among whom numbers are recycled and devices borrowed: memory holds their events."""

Progress = Callable[[int, int], None]


class City(msgspec.Struct, kw_only=True):
    """What is to be simulated. Times in ms UTC, `start` a local midnight."""

    seed: int
    start: int
    end: int
    people: int
    household: Callable[[int], Household]
    """The household of person 0 to `people` − 1."""
    shelf: Shelf
    sessions_a_basket: float = 0.0
    sessions_a_year: float = 0.0
    events_a_member_day: float | None = None
    """If set, as many sessions as make this many events of all kinds."""
    strangers_a_member: float = 0.6
    rates: Rates = Rates()


class OutputExists(Exception):
    """The directory holds something that this didn't write."""


def build(city: City, output: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Write the city's events and truth into `output`; the summary, which is written there too.

    An earlier city in `output` is replaced; any other events there are left alone:
    `OutputExists`.
    """
    _make_room(output)
    truth = Truth(output / "truth")
    files = EventFiles(output / "events", city.start, city.end)
    counts = Counts()
    cookies, turns = tablets.plan(stream(city.seed, "tablets"), city.people, city.start, city.end)
    for cookie in cookies:
        truth.device("cookie", cookie, "shop", [])
    serials = list(range(city.people))
    stream(city.seed, "families").shuffle(serials)
    pairs = int(city.people * PAIRED / 2)
    groups = [serials[2 * i : 2 * i + 2] for i in range(pairs)]
    groups += [[serial] for serial in serials[2 * pairs :]]
    flood_cookie = token(stream(city.seed, "flood"))
    truth.device("cookie", flood_cookie, "shop", [])
    nobodys = frozenset({*cookies, flood_cookie})
    outages = None if city.rates.late is None else Outages(city.seed, city.rates.late)
    done = 0
    for number in range(0, len(groups), FAMILIES_A_BLOCK):
        block = groups[number : number + FAMILIES_A_BLOCK]
        homes = [
            _family(city, number + place, group, turns, truth, outages)
            for place, group in enumerate(block)
        ]
        _scenes(city, number, block, homes, flood_cookie, truth)
        _write(homes, nobodys, files, truth, counts)
        done += sum(map(len, block))
        if progress is not None:
            progress(done, city.people)
    truth.close()
    summary = {
        "seed": city.seed,
        "start": city.start,
        "end": city.end,
        "members": city.people,
        "bytes": files.close(),
        **counts.summary(city.rates),
    }
    write_summary(output, summary)
    return summary


def write_summary(output: Path, summary: dict[str, Any]) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(summary, order="sorted"), indent=2)
    (output / "summary.json").write_bytes(encoded + b"\n")


class Home(msgspec.Struct, kw_only=True):
    """A family and what it did."""

    family: Family
    diary: Diary
    receipts: list[Receipt]


def _family(
    city: City,
    number: int,
    serials: list[int],
    turns: tablets.Turns,
    truth: Truth,
    outages: Outages | None,
) -> Home:
    """What a family does in the ordinary course of things."""
    rng = stream(city.seed, "family", number)
    family = make_family(rng, number, [city.household(n) for n in serials], serials)
    diary = Diary(number)
    for person in family.people:
        enrolment.plan_enrolment(rng, person, city.start, city.end)
        enrolment.enrol(rng, diary, person, city.end)
        enrolment.grant_campaigns(rng, diary, person)
        service.call(rng, diary, person, city.end)
    rates = city.rates
    receipts = Till(rng, diary, family, rates.late, outages).ring_up()
    returns.bring_back(rng, diary, receipts, city.end, rates.returns)
    if rates.returns is not None:
        orders.cancel(rng, diary, receipts, city.end, rates.returns)
    if rates.duplicates is not None:
        orders.tell_twice(rng, diary, receipts, city.start, rates.duplicates)
    for person, serial in zip(family.people, serials, strict=True):
        own = [receipt for receipt in receipts if receipt.person is person]
        if rates.redemptions is None:
            rewards.redeem(rng, diary, person, own)
        else:
            spending.redeem_wanted(rng, diary, own, city.end, rates.redemptions)
        tablets.use(rng, diary, city.shelf, person, turns.get(serial, []))
    with diary.playing("stranger"):
        visitors = strangers.visit(
            rng, diary, city.shelf, city.start, city.end, city.strangers_a_member * len(serials)
        )
    for cookie in visitors:
        truth.device("cookie", cookie, "stranger", [])
    sessions = _sessions(city, family, len(diary.happenings))
    browse(rng, diary, family, receipts, city.shelf, city.end, sessions)
    return Home(family=family, diary=diary, receipts=receipts)


def _scenes(
    city: City,
    number: int,
    block: list[list[int]],
    homes: list[Home],
    flood_cookie: str,
    truth: Truth,
) -> None:
    """What goes wrong with identifiers among the families of a block."""
    actors = []
    for home, serials in zip(homes, block, strict=True):
        plain = plain_receipts(home.family, home.receipts, home.diary)
        for person, serial in zip(home.family.people, serials, strict=True):
            actors.append(
                Actor(
                    person=person,
                    serial=serial,
                    family=home.family,
                    diary=home.diary,
                    receipts=[receipt for receipt in plain if receipt.person is person],
                )
            )
    rng = stream(city.seed, "scenes", number)
    play(
        Stage(
            rng,
            actors,
            city.shelf,
            city.start,
            city.end,
            city.people,
            flood_cookie,
            truth.device,
        )
    )
    for home in homes:
        cast = {actor.member_id for actor in actors if actor.cast}
        others = [one for one in home.family.people if one.member_id not in cast]
        wanted = city.rates.duplicates
        share = COPIED if wanted is None else wanted * (1 - orders.TOLD_TWICE)
        send_again(rng, home.diary, others, share)


def _write(
    homes: list[Home],
    nobodys: frozenset[str],
    files: EventFiles,
    truth: Truth,
    counts: Counts,
) -> None:
    """Read a block's log as a perfect reader would, and write both."""
    for home in homes:
        truth.family(home.family)
    happenings = [happening for home in homes for happening in home.diary.happenings]
    reader = Reader(happenings, nobodys)
    for happening in happenings:
        verdict = reader.judge(happening)
        files.add(happening.sent)
        truth.event(happening, verdict)
        counts.see(happening, verdict)


def _sessions(city: City, family: Family, events: int) -> list[float]:
    """How many sessions to expect of each person of the family."""
    if city.events_a_member_day is not None:
        owners = {place for device in family.devices for place in device.owners}
        days = (city.end - city.start) / DAY_MS
        wanted = city.events_a_member_day * days * len(family.people) - events
        each = max(0.0, wanted / EVENTS_A_SESSION / max(1, len(owners)))
        return [each] * len(family.people)
    years = (city.end - city.start) / (365 * DAY_MS)
    return [
        city.sessions_a_basket * len(person.household.baskets) + city.sessions_a_year * years
        for person in family.people
    ]


def _make_room(output: Path) -> None:
    events = output / "events"
    if events.exists() and any(events.iterdir()) and not (output / "summary.json").exists():
        raise OutputExists(
            f"{events}: must be empty or an earlier import's; got other files; "
            "choose another output directory"
        )
    for name in ("events", "truth"):
        if (output / name).exists():
            shutil.rmtree(output / name)
    (output / "events").mkdir(parents=True)
