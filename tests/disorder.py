"""The same history as a worse world would have delivered it.

In: a folder of event files. Out: another one with the same events, some of them late, all a
little out of order and some twice. What happened, and when, is untouched: only when it became
known is another time. Commands are answered when they arrive, so theirs is kept.
"""

import json
import random
from pathlib import Path

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
