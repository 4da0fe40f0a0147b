"""What the warehouse knows about a day: whose events, which messages, why no SMS, whence points.

In: a connection to a finished warehouse. Out: rows and sentences; everything in them was read
there, and every query can be copied and run as it stands.
"""

from collections.abc import Callable
from typing import Any, Final

import duckdb
import msgspec

ATTRIBUTED: Final = """
    SELECT reason, rung, string_agg(DISTINCT type, ', ' ORDER BY type) AS types
    FROM event_owners
    WHERE member_id = $member AND known_at > make_timestamp_ms($after)
      AND known_at <= make_timestamp_ms($until)
    GROUP BY reason, rung ORDER BY reason = 'released' DESC, min(known_at), reason, rung
"""
"""How events found the member between two moments."""

MESSAGES: Final = """
    SELECT journey, step, decided_at,
           any_value(channel) FILTER (outcome = 'sent') AS sent,
           list({channel: channel, why: reason} ORDER BY channel)
               FILTER (outcome <> 'sent') AS others
    FROM decisions
    WHERE member_id = $member AND channel IN ('push', 'email', 'sms')
      AND decided_at > make_timestamp_ms($after) AND decided_at <= make_timestamp_ms($until)
    GROUP BY journey, step, entry_id, decided_at ORDER BY decided_at, journey
"""
"""Messages that interrupt: by which channel they went, and why by no other."""

WHY_NOT: Final = """
    SELECT decision_id, decided_at, journey, step, outcome, decision.reason, inputs,
           answer.type AS answer_type, answer.known_at AS answered_at
    FROM decisions AS decision
    LEFT JOIN event_owners AS answer
      ON inputs ->> 'consent' = 'opt_out:' || answer.source || '/' || answer.event_id
    WHERE decision.member_id = $member AND channel = $channel AND outcome = 'suppressed'
    ORDER BY decided_at, decision_id
"""
"""Every time that a channel didn't get a message, with the event behind a refused consent."""

INSTEAD: Final = """
    SELECT channel, outcome, reason, inputs
    FROM decisions
    WHERE (entry_id, step, decided_at) IN (
        SELECT (entry_id, step, decided_at) FROM decisions WHERE decision_id = $decision)
      AND decision_id <> $decision
    ORDER BY outcome = 'sent' DESC, channel
"""
"""What became of the same message on its other channels."""

CHAIN: Final = """
    SELECT entry.*, lots.points AS lot_points, lots.remaining, lots.available_at, lots.expires_at,
           owner.type, owner.reason, owner.rung, owner.known_at
    FROM ledger_entries AS entry
    JOIN lots USING (lot_id)
    JOIN current_owners AS owner USING (source, event_id)
    WHERE entry.member_id = $member AND entry.kind = 'earn' AND entry.line_id IS NOT NULL
    ORDER BY entry.posted_at, entry.line_id LIMIT 1
"""
"""The first points that a member earned: entry, lot, and the event with its owner."""

AFTERWARDS: Final = """
    SELECT kind, debit, credit, sum(points) AS points, min(posted_at) AS posted_at,
           coalesce(any_value(source || '/' || event_id), 'a timer') AS cause
    FROM ledger_entries WHERE lot_id = $lot AND kind <> 'earn'
    GROUP BY kind, debit, credit ORDER BY min(posted_at), kind
"""
"""What happened to a lot after it was earned."""

BALANCE: Final = "SELECT available, pending, tier FROM members WHERE member_id = $member"


def rows(con: duckdb.DuckDBPyConnection, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a query, by the names of their columns."""
    result = con.execute(sql, parameters)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def in_words(decision: dict[str, Any]) -> str:
    """The facts that a decision rests on, as a sentence."""
    facts = msgspec.json.decode(decision["inputs"])
    said = SAID.get(decision["reason"])
    return said(facts) if said else ", ".join(f"{name} {value}" for name, value in facts.items())


def _sent(facts: dict[str, Any]) -> str:
    preferred = facts.get("preferred")
    why = f"she prefers {preferred}; " if preferred else ""
    return f"{why}allowed by {facts['consent']}, at {facts['local_time'][11:16]} where she lives"


def _no_consent(facts: dict[str, Any]) -> str:
    basis, _, event = facts["consent"].partition(":")
    if basis == "opt_out":
        return f"she said no to messages of this purpose on this channel, in {event}"
    return "she never said yes to messages of this purpose on this channel"


SAID: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "ok": _sent,
    "no_consent": _no_consent,
    "unreachable": lambda facts: "no address of hers is known for this channel",
    "cap_reached": lambda facts: f"the cap {facts['cap']} was reached, {facts['sent']}",
    "other_channel": lambda facts: "open too, and not needed: one message, one channel",
}
"""How the inputs of a decision are said, by its reason; others are shown as they are."""
