"""The rungs of the ladder in one process without an engine: key groups wired by hand."""

from pathlib import Path

import msgspec
import yaml

from schemas.events import EVENT_TYPES, Event
from schemas.flow import Attributed, Climb, Message
from schemas.ladder import Ladder
from transforms.key_group import KeyGroup, Mark
from transforms.stitch.enter import entry_key
from transforms.stitch.ladder import rungs

CONFIG = Path(__file__).parent.parent / "config"
HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_483_254_000_000


def ladder() -> Ladder:
    return msgspec.convert(yaml.safe_load((CONFIG / "ladder.yaml").read_text()), Ladder)


def event(event_id, type_, at, identifiers="", *, source=None, known_at=None, **payload) -> Event:
    """`identifiers`: "cookie:c1 member_id:m1"; `at` and `known_at`: ms after START."""
    kind = EVENT_TYPES[type_]
    return Event(
        event_id=event_id,
        type=type_,
        source=source or sorted(kind.sources)[0],
        occurred_at=START + at,
        received_at=START + (at if known_at is None else known_at),
        market="us",
        identifiers=tuple(identifiers.split()),
        payload=msgspec.convert(payload, kind.payload),
    )


def climb(known_at: int, e: Event) -> Message:
    key = entry_key(e)
    place = (known_at, e.occurred_at, e.source, e.event_id, 1, -1, "", 0, e.partition, e.offset)
    return Message(order=place, key=key, body=Climb(event=e, visit=key, as_of=e.occurred_at))


def stitch(events, config=None, until=400 * DAY):
    """Feed events in order of `received_at`; (attributed events in order, all rows)."""
    config = config or ladder()
    steps = rungs(config, lambda raw: raw)
    names = [step.name for step in steps]
    groups = {}
    for height, step in enumerate(steps):
        ups = names[:height] or ["source"]
        groups[step.name] = KeyGroup(step, group=0, rung=height, upstreams=ups)
    arrivals = [climb(e.received_at, e) for e in sorted(events, key=lambda e: e.received_at)]
    groups["event"].receive("source", Mark(at=START + until, closed=True), arrivals)
    rows, attributed = [], []
    for height, name in enumerate(names):
        outcome = groups[name].advance()
        rows += outcome.rows
        for step, message in outcome.sends:
            if step == "accrue":
                if isinstance(message.body, Attributed):
                    attributed.append(message)
            else:
                assert names.index(step) > height, "a link always points up"
                groups[step].receive(name, None, [message])
        for later in names[height + 1 :]:
            groups[later].receive(name, Mark(at=groups[name].mark), [])
    attributed.sort(key=lambda m: m.order)
    return [m.body for m in attributed], rows


def answers(rows) -> dict[tuple[str, str], list]:
    """Of each event, the answers that stand: those that weren't taken back."""
    standing = {}
    for row in sorted((row for row in rows if row.table == "event_owners"), key=_when):
        given = standing.setdefault((row.source, row.event_id), [])
        if row.reason == "retracted":
            mine = [one for one in given if one.member_id == row.member_id]
            assert mine, f"{row.event_id}: {row.member_id} is taken back, and never was the answer"
            given.remove(mine[0])
        else:
            given.append(row)
    return standing


def _when(row) -> tuple[int, bool]:
    return row.known_at, row.reason == "retracted"


def owners(events, config=None) -> dict[str, tuple[str | None, str]]:
    """The final answer for each event: (member or None, reason)."""
    _, rows = stitch(events, config)
    final = {}
    for (_, event_id), given in answers(rows).items():
        assert len(given) < 2, f"two answers for {event_id}"
        if given:
            final[event_id] = (given[0].member_id, given[0].reason)
    return final


def attributed_ids(bodies: list[Attributed]) -> list[tuple[str, str]]:
    return [(body.event.event_id, body.member_id) for body in bodies]
