"""Why there is an entry, and why a message went out, on a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from scripts.explain.drawing import (
    drawn_up,
    fields,
    heading,
    minute,
    pairs,
    table,
    unread,
    value_of,
    when,
)
from scripts.explain.entry import EntryStory
from scripts.explain.trigger import TriggerStory


def show_entry(console: Console, story: EntryStory) -> None:
    """Where points come from: the event and how it found its member, and the entries around."""
    entry = story.entry
    heading(
        console,
        f"{entry['points']:,} points {entry['debit']} → {entry['credit']} of {entry['member_id']}",
        f"entry {entry['entry_id']}",
    )
    rows = [
        ("kind", entry["kind"]),
        ("rule", f"{entry['rule'] or '–'} of {entry['programme_version']}"),
        ("happened", when(entry["occurred_at"])),
        ("posted", f"{when(entry['posted_at'])}, {entry['posting'].replace('_', ' ')}"),
        ("because of", entry["because_of"]),
        ("note", entry["note"]),
    ]
    if story.lot:
        lot = story.lot
        rows.append(
            (
                "lot",
                f"{lot['lot_id']}: {lot['remaining']:,} of {lot['points']:,} points left, "
                f"available {when(lot['available_at'])}, "
                f"expires {when(lot['expires_at']) or 'never'}",
            )
        )
    name = f"{entry['source']}/{entry['event_id']}" if entry["event_id"] else "a timer"
    rows.append(("event", f"{name} {story.answers[0]['type'] if story.answers else ''}"))
    if story.line:
        rows.append(("line", fields(story.line)))
    elif entry["line_id"]:
        rows.append(("line", entry["line_id"]))
    if story.event:
        rows.append(("carried", ", ".join(story.event.identifiers) or "no identifier"))
    for one in story.answers:
        whose = one["member_id"] or "nobody"
        rows.append(("whose", f"{whose}: {one['reason']}, rung {one['rung']}"))
    pairs(console, rows)
    if story.way and story.way.ways:
        console.print(Text(f"Its strongest identifier {story.says}:"))
        console.print(drawn_up(story.way))
    table(
        console,
        "Around it" if story.around else "",
        ("posted", "kind", "moved", "points", "why here"),
        _around(story.around),
    )
    unread(console, story.unread)


def show_trigger(console: Console, story: TriggerStory) -> None:
    """Why a message went out, and what became of it."""
    first = story.triggers[0]
    heading(
        console,
        f"{first['action']} {first['content']} to {first['member_id']} on {first['channel']}",
        f"trigger {first['trigger_id']}",
    )
    rows = [
        ("journey", f"{first['journey']}, step {first['step']}, {first['purpose']}"),
        ("consent", first["consent"]),
        ("address", first["handle"]),
        ("not before", when(first["not_before"])),
        ("expires", when(first["expires_at"]) or "never"),
    ]
    if story.journey:
        journey = story.journey
        left = f", left {when(journey['left_at'])}: {journey['left_because']}"
        rows.append(
            (
                "entered",
                f"{when(journey['entered_at'])}, version {journey['journey_version']}"
                + (left if journey["left_at"] else ", still in it"),
            )
        )
    if story.began:
        began = story.began
        rows.append(("begun by", f"{began['source']}/{began['event_id']} {began['type']}"))
    rows.append(("data", fields(first["data"])))
    pairs(console, rows)
    for one in story.decisions:
        console.print(
            Text.assemble(
                (f"{one['outcome']}", "bold"), f" {when(one['decided_at'])}: {one['reason']}"
            )
        )
        pairs(console, [(f"  {name}", value_of(value)) for name, value in one["inputs"].items()])
    table(
        console,
        "The channel was told" if len(story.triggers) > 1 else "",
        ("decided", "action"),
        [(minute(one["decided_at"]), one["action"]) for one in story.triggers],
    )
    table(
        console,
        "The same message on other channels" if story.others else "",
        ("decided", "channel", "outcome", "why"),
        [
            (minute(one["decided_at"]), one["channel"], one["outcome"], one["reason"])
            for one in story.others
        ],
    )
    table(
        console,
        "What the channel reported" if story.deliveries else "",
        ("at", "state", "reason"),
        [(minute(one["at"]), one["state"], one["reason"]) for one in story.deliveries],
    )


def _around(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Entries of one posting are one row, with how many they are."""
    points: Counter[tuple[str, ...]] = Counter()
    count: Counter[tuple[str, ...]] = Counter()
    for one in entries:
        why = one["why"]
        if why != "same event":
            why += f", by {one['because_of'] or one['event'] or 'a timer'}"
        moved = f"{one['debit']} → {one['credit']}"
        key = (minute(one["posted_at"]), one["kind"], moved, why)
        points[key] += one["points"]
        count[key] += 1
    rows = []
    for key, times in count.items():
        posted, kind, moved, why = key
        said = kind if times == 1 else f"{kind} ×{times:,}"
        rows.append((posted, said, moved, f"{points[key]:,}", why))
    return rows
