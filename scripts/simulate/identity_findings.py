"""What an owner of identities wants to know before another ladder is deployed, ready to be shown.

In: the finished comparison. Out: how many events change their owner and by what, the members most
concerned with examples in sentences, the events that would go from one member to another, and
links made and not made.
"""

from typing import Any, Final, NamedTuple

import duckdb

from scripts.simulate.rows import Money, rows

LADDER: Final = "ladder.yaml"
MOST: Final = 5
"""Members shown."""
EXAMPLES: Final = 2
"""Events shown of each."""
RISKS: Final = 8
"""Events shown that would go from one member to another."""

_RISK: Final = """
    SELECT count(*) AS events, count(*) FILTER (purchase) AS purchases,
           coalesce(sum(abs(amount)) FILTER (purchase), 0)::BIGINT AS amount,
           len(list_distinct(array_agg(member_baseline) || array_agg(member_alternative)))
               AS members
    FROM owner_differences WHERE change = 'another_member'
"""

_TOTALS: Final = """
    SELECT count(*) AS events, count(*) FILTER (purchase) AS purchases,
           (SELECT count(*) FROM member_owner_differences) AS members,
           (SELECT coalesce(sum(abs(points_difference)), 0)::BIGINT
            FROM member_owner_differences) AS points
    FROM owner_differences
"""

_LINKS: Final = """
    SELECT namespace, count(*) FILTER (made_by = 'baseline') AS not_made,
           count(*) FILTER (made_by = 'alternative') AS made
    FROM link_differences GROUP BY ALL ORDER BY not_made + made DESC, namespace
"""

_NOTICES: Final = """
    FROM notice_differences WHERE difference <> 0 OR only_baseline > 0 OR only_alternative > 0
"""

_OF_MEMBER: Final = """
    FROM owner_differences WHERE ? IN (member_baseline, member_alternative)
    ORDER BY change = 'another_member' DESC, purchase DESC, abs(amount) DESC, source, event_id
    LIMIT ?
"""

_RISKY: Final = """
    FROM owner_differences WHERE change = 'another_member'
    ORDER BY purchase DESC, abs(amount) DESC, source, event_id LIMIT ?
"""

CHANGES: Final = {
    "another_member": "member → member",
    "to_nobody": "member → nobody",
    "to_member": "nobody → member",
}


class IdentityFindings(NamedTuple):
    """`asked`: the ladder is what was changed. `members`: the most concerned, each with sentences
    about some of their events."""

    asked: bool
    totals: dict[str, Any]
    changes: list[dict[str, Any]]
    members: list[dict[str, Any]]
    risk: dict[str, Any]
    risky: list[str]
    links: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    guests: list[dict[str, Any]]

    @property
    def shown(self) -> bool:
        """There is something to say about identity."""
        return bool(self.asked or self.totals["events"] or self.links)

    def verdict(self, money: Money) -> str:
        """The risk that comes with it, in a sentence."""
        if not self.totals["events"]:
            return "Nobody's events would move: each keeps its owner."
        risk = self.risk
        if not risk["events"]:
            return "No event would go from one member to another."
        return (
            f"{_many(risk['events'], 'event')} ({_many(risk['purchases'], 'purchase')}, "
            f"{money.said(risk['amount'])}) of {_many(risk['members'], 'member')} would go from "
            "one member to another: one of the two ladders gives them to a wrong person."
        )


def read_identity(con: duckdb.DuckDBPyConnection, changed: str, money: Money) -> IdentityFindings:
    """`con` reads the comparison. `changed`: what differs between the configurations."""
    members = rows(con, f"FROM member_owner_differences LIMIT {MOST}")
    for one in members:
        found = rows(con, _OF_MEMBER, one["member_id"], EXAMPLES)
        one["examples"] = [sentence(row, money) for row in found]
    return IdentityFindings(
        asked=LADDER in changed,
        totals=rows(con, _TOTALS)[0],
        changes=rows(con, "FROM owner_changes"),
        members=members,
        risk=rows(con, _RISK)[0],
        risky=[sentence(row, money) for row in rows(con, _RISKY, RISKS)],
        links=rows(con, _LINKS),
        notices=rows(con, _NOTICES),
        guests=rows(con, "FROM guest_differences"),
    )


def sentence(row: dict[str, Any], money: Money) -> str:
    r"""What would happen to an event: what it is, whose it is and why, and whose it would be.

    >>> said = sentence({"event_id": "p-17", "type": "sale", "purchase": True, "amount": 2340,
    ...     "identifiers": "card 6004", "member_baseline": "ada", "rung_baseline": "phone",
    ...     "reason_baseline": "link", "member_alternative": None, "rung_alternative": "phone",
    ...     "reason_alternative": "held_ambiguous"}, Money(100, "USD"))
    >>> print(said.replace(", ", "\n"))
    p-17: sale of 23.40 USD by card 6004: is ada's through phone
    would be nobody's: held_ambiguous
    """
    what = str(row["type"])
    if row["purchase"] and row["amount"]:
        what += f" of {money.said(abs(row['amount']))}"
    if row["identifiers"]:
        what += f" by {row['identifiers']}"
    now, then = (
        _whose(row[f"member_{side}"], row[f"rung_{side}"], row[f"reason_{side}"])
        for side in ("baseline", "alternative")
    )
    return f"{row['event_id']}: {what}: is {now}, would be {then}"


CHANGE_HEAD: Final = ("", "now", "then", "events", "purchases", "amount")
"""Over `change_cells`."""
MEMBER_HEAD: Final = ("", "lost", "gained", "purchases", "amount", "points")
"""Over `member_cells`."""


def change_cells(row: dict[str, Any], money: Money) -> list[str]:
    """A row of `changes`, as it is shown: from whom to whom, and what answers in both."""
    return [
        CHANGES[row["change"]],
        _answer(row["rung_baseline"], row["reason_baseline"]),
        _answer(row["rung_alternative"], row["reason_alternative"]),
        f"{row['events']:,}",
        f"{row['purchases']:,}",
        money.said(row["amount"]),
    ]


def member_cells(row: dict[str, Any], money: Money) -> list[str]:
    """A row of `members`, as it is shown: what they would lose and gain."""
    points = row["points_difference"]
    return [
        row["member_id"],
        f"{row['events_lost']:,}",
        f"{row['events_gained']:,}",
        f"{row['purchases_gained'] - row['purchases_lost']:+,}",
        money.said(row["amount_gained"] - row["amount_lost"]),
        "–" if points is None else f"{points:+,}",
    ]


def _answer(rung: str | None, reason: str | None) -> str:
    """How an owner was found, or why there is none."""
    return f"{rung}: {reason}" if rung else "still waits"


def link_lines(identity: IdentityFindings) -> list[str]:
    """Links made and not made, what is shared or held in one only, and guests."""
    lines = []
    if identity.links:
        parts = [
            f"{one['namespace']} {one['made']:,} made, {one['not_made']:,} not made"
            for one in identity.links
        ]
        lines.append(f"Links: {'; '.join(parts)}.")
    for one in identity.notices:
        lines.append(
            f"{one['namespace']} {one['kind']}: {one['baseline']:,} → {one['alternative']:,} "
            f"notices; {_many(one['only_alternative'], 'identifier')} more, "
            f"{one['only_baseline']:,} no longer."
        )
    for one in identity.guests:
        if one["difference"] and one["figure"] == "guests":
            lines.append(
                f"Guests by {one['namespace']}: {one['baseline']:,} → {one['alternative']:,}."
            )
    return lines


def _whose(member_id: str | None, rung: str | None, reason: str | None) -> str:
    if member_id is None:
        return f"nobody's: {reason or 'still waiting'}"
    through = f" through {rung}" if rung != "member" else " by its member id"
    return f"{member_id}'s{through}" + (" after waiting" if reason == "released" else "")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
