"""Who is behind an identifier, and what leads to a member, on a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from scripts.explain.drawing import (
    SHOWN,
    drawn_down,
    drawn_up,
    heading,
    minute,
    short,
    table,
    unread,
    until,
    when,
)
from scripts.explain.identity import Identity, Notice
from scripts.explain.member import MemberStory
from scripts.explain.show_holdings import show_holdings


def show_identity(console: Console, story: Identity) -> None:
    """Whose an identifier is, by which links, and what carried it."""
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
                f"{when(guest['last_at'])}, spent {guest['spend']:,} minor units"
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
    unread(console, story.unread)


def show_member(console: Console, story: MemberStory) -> None:
    """By what a member is known, and how their events found them."""
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
    show_holdings(console, story.holdings)
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
