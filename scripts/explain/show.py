"""Stories on a terminal, one function each. In: what was found out. Out: text on a console."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from scripts.explain.drawing import (
    SHOWN,
    drawn_down,
    drawn_up,
    fields,
    heading,
    minute,
    pairs,
    short,
    table,
    until,
    value_of,
    when,
)
from scripts.explain.entry import EntryStory
from scripts.explain.identity import Identity, Notice
from scripts.explain.links import Way, verdict
from scripts.explain.member import MemberStory
from scripts.explain.trigger import TriggerStory


def show_identity(console: Console, story: Identity) -> None:
    policy = f", two owners: {story.two_owners}" if story.two_owners else ""
    heading(console, story.identifier, f"rung {story.rung}{policy}")
    lead = story.lead
    style = "green" if len(lead.members) == 1 and "nobody" not in lead.says else "yellow"
    console.print(Text.assemble((lead.says, style), f", as of {when(lead.at)}"))
    if lead.way.ways:
        console.print(drawn_up(lead.way))
    table(
        console,
        "Links",
        ("from", "until", "owner", "by"),
        [
            (minute(one.from_at), until(one), short(one.owner), f"{one.reason} {one.event}")
            for one in story.links
        ],
        dim=[one.superseded for one in story.links],
        last=True,
    )
    if len(story.shared_by) > 1:
        said = f"Shared by {len(story.shared_by)} members: {', '.join(story.shared_by[:SHOWN])}"
        console.print(Text(said + (" …" if len(story.shared_by) > SHOWN else ""), style="yellow"))
    _notices(console, [(story.identifier, one) for one in story.notices], one=True)
    if story.guest:
        guest = story.guest
        console.print(
            Text(
                f"As a guest: {guest['events']:,} events from {when(guest['first_at'])} to "
                f"{when(guest['last_at'])}, spent {guest['spend'] / 100:,.2f}"
            )
        )
    counted = Counter((one.member_id or "nobody", one.reason) for one in story.events)
    table(
        console,
        f"{len(story.events):,} events that carry it" if story.events else "",
        ("whose", "why", "events"),
        [(who, why, f"{count:,}") for (who, why), count in counted.most_common()],
    )
    table(
        console,
        "The last of them" if len(story.events) > SHOWN else "",
        ("happened", "event", "type", "whose", "why"),
        [
            (minute(one.occurred_at), one.event, one.type, one.member_id or "nobody", one.reason)
            for one in story.events
        ],
        last=True,
        more=False,
    )
    _unread(console, story.unread)


def show_member(console: Console, story: MemberStory) -> None:
    account = story.account
    said = "no account yet"
    if account:
        said = (
            f"{account['tier']}, {account['available']:,} points available, "
            f"{account['pending']:,} pending, enrolled {when(account['enrolled_at']) or 'never'}"
        )
    heading(console, f"member {story.member_id}", said)
    if story.survivor:
        link = story.survivor
        console.print(
            Text(f"Goes on in {link.owner} since {when(link.from_at)}, by {link.event}", "yellow")
        )
    for link in story.merged:
        account = link.identifier.partition(":")[2]
        console.print(Text(f"{account} was merged into this one, {when(link.from_at)}"))
    if story.identifiers.ways:
        console.print(drawn_down(story.identifiers))
    else:
        console.print(Text("No identifier leads here.", style="yellow"))
    if story.counts:
        counted = ", ".join(f"{count} {name}" for name, count in sorted(story.counts.items()))
        console.print(Text(f"Standing now: {counted}", style="dim"))
    table(
        console,
        "How their events found them",
        ("why", "rung", "events", "first known", "last known"),
        [
            (one.reason, one.rung, f"{one.events:,}", minute(one.first_at), minute(one.last_at))
            for one in story.found_by
        ],
    )
    table(
        console,
        "Taken back" if story.taken_back else "",
        ("known", "event", "type"),
        [(minute(one["known_at"]), one["event"], one["type"]) for one in story.taken_back],
    )
    _notices(console, story.notices)


def show_entry(console: Console, story: EntryStory) -> None:
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
        ("posted", "kind", "moved", "points", "entries", "why here"),
        _around(story.around),
    )
    _unread(console, story.unread)


def show_trigger(console: Console, story: TriggerStory) -> None:
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


def show_way(console: Console, way: Way) -> None:
    """Only the way up and where it leads: one chain, for a report."""
    console.print(Text(verdict(way)))
    console.print(drawn_up(way))


def _around(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Entries of one posting are one row."""
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
    return [(*key[:3], f"{points[key]:,}", f"{count[key]:,}", key[3]) for key in points]


def _notices(console: Console, notices: Sequence[tuple[str, Notice]], one: bool = False) -> None:
    """`one`: they are all of one identifier, which stands above."""
    columns = ("known", "what", "detail", "by", "identifier")
    table(
        console,
        "What was decided not to be done" if notices else "",
        columns[:-1] if one else columns,
        [
            (minute(it.known_at), it.kind, short(it.detail), it.event, short(of))[: 4 if one else 5]
            for of, it in notices
        ],
    )


def _unread(console: Console, why: str) -> None:
    if why:
        console.print(Text(f"Events are missing: {why}.", style="yellow"))
