"""What a programme of a flat rate gives, worked out from the raw lines of history by slow loops.

No tiers, no lots, no accounts: receipts, what came back of them, and rewards asked for. Whose an
event is, and when that became known, is taken from a warehouse, since it isn't in question here.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

DAY_MS = 86_400_000
NOT_OURS = {"GIFT CARDS", "TAX", "SHIPPING"}
BUYS = ("sale", "order_placed", "order_collected", "order_delivered")


def read(events: Path) -> list[dict[str, Any]]:
    """Every event once, however often it was sent, in the order in which they became known."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for file in sorted(events.rglob("*.jsonl")):
        for line in file.read_text().splitlines():
            event = json.loads(line)
            seen.setdefault((event["source"], event["event_id"]), event)
    return sorted(seen.values(), key=lambda one: one["received_at"])


def owners(warehouse: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """Whose each event is in the end, and since when that is known."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        found = con.execute(
            "SELECT source, event_id, member_id, epoch_ms(known_at) FROM current_owners "
            "WHERE member_id IS NOT NULL"
        ).fetchall()
    return {(source, event_id): (member, at) for source, event_id, member, at in found}


class FlatRate:
    """Points of everybody at so many points a dollar. `price`: of the only reward asked for."""

    def __init__(self, events: Path, warehouse: Path, rate: int, price: int) -> None:
        self.issued: dict[str, int] = defaultdict(int)
        self.reversed: dict[str, int] = defaultdict(int)
        self.redeemed: dict[str, int] = defaultdict(int)
        whose = owners(warehouse)
        history = [one for one in read(events) if (one["source"], one["event_id"]) in whose]
        receipts: dict[str, dict[str, int]] = {}
        bought: list[tuple[int, int, str, int]] = []
        for event in history:
            if event["type"] in BUYS and event["payload"].get("lines"):
                name = event["payload"].get("order_id") or event["payload"]["transaction_id"]
                if name in receipts:
                    continue
                member, known_at = whose[event["source"], event["event_id"]]
                receipts[name] = lines = {
                    line["line_id"]: line["amount"]
                    for line in event["payload"]["lines"]
                    if line.get("category") not in NOT_OURS
                }
                points = rate * sum(lines.values()) // 100
                self.issued[member] += points
                bought.append((known_at, event["occurred_at"] + 3 * DAY_MS, member, points))
        for event in history:
            if event["type"] == "return":
                member, _ = whose[event["source"], event["event_id"]]
                lines = receipts[event["payload"]["transaction_id"]]
                before = rate * sum(lines.values()) // 100
                for back in event["payload"]["lines"]:
                    lines[back["line_id"]] -= back["amount"]
                    assert lines[back["line_id"]] >= 0
                self.reversed[member] += before - rate * sum(lines.values()) // 100
        for event in history:
            if event["type"] == "redeem":
                member, at = whose[event["source"], event["event_id"]]
                has = sum(
                    points
                    for known_at, usable_at, who, points in bought
                    if who == member and known_at <= at and usable_at <= at
                )
                if has - self.reversed[member] - self.redeemed[member] >= price:
                    self.redeemed[member] += price

    def points(self, member: str) -> int:
        return self.issued[member] - self.reversed[member] - self.redeemed[member]
