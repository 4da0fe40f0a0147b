"""The same history as a worse world would have delivered it, and what must not differ then.

In: a folder of event files. Out: another one with the same events, some of them late, all a
little out of order and some twice. What happened, and when, is untouched: only when it became
known is another time. Commands are answered when they arrive, so theirs is kept.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import duckdb

HOUR = 3_600_000
DAY = 24 * HOUR


def disturb(source: Path, target: Path, *, seed: int, late=0.03, twice=0.01, days=13.0) -> dict:
    """Write the disturbed files; how many events were late and how many came twice."""
    chance = random.Random(seed)
    counts = {"events": 0, "late": 0, "twice": 0}
    for file in sorted(source.rglob("*.jsonl")):
        arrivals = []
        for line in file.read_bytes().splitlines():
            event = json.loads(line)
            counts["events"] += 1
            if event["source"] == "command":
                arrivals.append((event.get("received_at", event["occurred_at"]), line))
                continue
            known = event.get("received_at", event["occurred_at"]) + chance.randrange(HOUR)
            if chance.random() < late:
                counts["late"] += 1
                known += int(chance.random() * days * DAY)
            event["received_at"] = known
            arrivals.append((known, json.dumps(event).encode()))
            if chance.random() < twice:
                counts["twice"] += 1
                event["received_at"] = known + chance.randrange(2 * DAY)
                arrivals.append((event["received_at"], json.dumps(event).encode()))
        arrivals.sort(key=lambda arrival: arrival[0])
        written = target / file.relative_to(source)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(b"".join(line + b"\n" for _, line in arrivals))
    return counts


QUESTIONS = {
    "members": "SELECT member_id, available, pending, held, qualifying, tier FROM members",
    # A lot that was taken back before it ever held a point is no lot.
    "lots": "SELECT member_id, lot_id, earned_at, available_at, expires_at, points, remaining "
    "FROM lots WHERE points > 0",
}
ANSWERS = "SELECT member_id, redemption_id, status, code FROM redemptions"


@dataclass(frozen=True)
class Differences:
    """Rows that differ by question, of members whose redemptions were answered alike."""

    rows: dict
    compared: dict
    otherwise: set
    """Members whom a redemption was refused or granted in one history alone: balances agree given
    the same answers, so theirs aren't compared."""

    @property
    def count(self):
        return sum(self.rows.values())

    def lines(self):
        return [
            *(
                f"  {name}: {self.rows[name]:,} of {count:,} differ"
                for name, count in self.compared.items()
            ),
            f"  not compared: {len(self.otherwise):,} members with a redemption answered otherwise",
        ]


def differences(calm, rough):
    """Balances, lots and tiers of two warehouses over one history, delivered differently."""
    answers = [_rows(warehouse, ANSWERS) for warehouse in (calm, rough)]
    otherwise = {row[0] for row in answers[0] ^ answers[1]}
    rows, compared = {}, {}
    for name, sql in QUESTIONS.items():
        sides = [
            {row for row in _rows(warehouse, sql) if row[0] not in otherwise}
            for warehouse in (calm, rough)
        ]
        rows[name], compared[name] = len(sides[0] ^ sides[1]), len(sides[0])
    return Differences(rows, compared, otherwise)


def _rows(warehouse, sql):
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return set(con.execute(sql).fetchall())
