"""What a member has, on a terminal. In: `Holdings`. Out: text on a console; what there is none of
is left out."""

from rich.console import Console

from scripts.explain.drawing import minute, pairs, table
from scripts.explain.member import Holdings


def show_holdings(console: Console, holdings: Holdings) -> None:
    """Points by expiry, offers, challenges, membership, benefits and what is unlocked."""
    table(
        console,
        "Points by expiry",
        ("until", "points", "of them pending", "lots"),
        [
            (
                minute(one["expires_at"]) or "for good",
                f"{one['points']:,}",
                f"{one['pending']:,}" if one["pending"] else "",
                f"{one['lots']:,}",
            )
            for one in holdings.lots
        ],
    )
    table(
        console,
        "Offers",
        ("offer", "until", "where it stands", "why"),
        [
            (one["offer_id"], minute(one["expires_at"]), one["status"], one["reason"])
            for one in holdings.offers
        ],
    )
    table(
        console,
        "Challenges",
        ("challenge", "progress", "until", "met"),
        [
            (
                one["challenge"],
                f"{one['progress']:,} of {one['target']:,}",
                minute(one["until"]),
                f"{one['met']:,}" if one["met"] else "",
            )
            for one in holdings.challenges
        ],
    )
    _membership(console, holdings)
    table(
        console,
        "Unlocked",
        ("what", "since", "by"),
        [(one["access"], minute(one["since"]), one["unlocked_by"]) for one in holdings.access],
    )


def _membership(console: Console, holdings: Holdings) -> None:
    """The paid membership, and what was used of it."""
    member = holdings.membership
    if member:
        ended = minute(member["ended_at"])
        pairs(
            console,
            [
                ("membership", f"{member['plan']}, {member['status']}"),
                ("since", minute(member["since"])),
                ("paid until", "" if ended else minute(member["paid_until"])),
                ("ended", f"{ended} {member['reason']}".strip()),
            ],
        )
    table(
        console,
        "Benefits used",
        ("benefit", "times", "left then", "last time", "refused"),
        [
            (
                one["benefit"],
                f"{one['used']:,}",
                "" if one["left"] is None else f"{one['left']:,}",
                minute(one["last_at"]),
                f"{one['refused']:,}" if one["refused"] else "",
            )
            for one in holdings.benefits
        ],
    )
