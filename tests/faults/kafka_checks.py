"""What must hold after any faults. Each check answers with sentences; none: all is well.

They compare what producers were told, what consumers see and what is stored; they don't know how
Kizuna came to it.
"""

from collections import Counter, defaultdict

from kafka_load import digest
from kafka_seen import read_archive, read_topics, rows, tables

REFUSED_LATER = ("conflicting_duplicate", "too_old_to_deduplicate", "loop_of_merges")
"""Reasons of stitch: its records are archived as well."""
REPEATABLE = ("identity.links",)
"""Where rows that are equal in every field are one record id."""
SHOWN = 3
GIVEN = "SELECT command_id FROM loop_commands"


def commands_given(output):
    """The ids of the commands that operators gave; each stands on the topic once."""
    return {one for (one,) in rows(output / "warehouse.duckdb", GIVEN)}


def accounts(receipts, output):
    """Every acknowledged record is archived or refused by decode, once, as what it was; and so is
    each command that the run gave itself."""
    problems = []
    given = commands_given(output)
    came_back = Counter()
    sent = {receipt.place: receipt for receipt in receipts}
    if len(sent) != len(receipts):
        problems.append(f"{len(receipts) - len(sent)} places were acknowledged twice")
    archived = Counter()
    for record in read_archive(output / "archive"):
        place = f"{record['partition']}:{record['offset']}"
        if record["source"] == "command" and record["event_id"] in given:
            came_back[record["event_id"]] += 1
            continue
        archived[place] += 1
        receipt = sent.get(place)
        if receipt is not None and (record["source"], record["event_id"]) != (
            receipt.source,
            receipt.event_id,
        ):
            problems.append(f"{place}: archived as {record['source']}/{record['event_id']}")
    refused = {}
    positions = Counter()
    for position, reason, content in rows(
        output / "warehouse.duckdb", "SELECT position, reason, content_hash FROM quarantine"
    ):
        if reason not in REFUSED_LATER:
            positions[position] += 1
            refused[position] = reason, content
    problems += several(archived, "is archived {n} times")
    problems += several(came_back, "came back {n} times")
    problems += some(given - set(came_back), "was given and never came back")
    problems += several(positions, "is in quarantine {n} times")
    problems += some(set(archived) & set(refused), "is archived and refused by decode")
    problems += some(set(sent) - set(archived) - set(refused), "was acknowledged and is nowhere")
    problems += some((set(archived) | set(refused)) - set(sent), "was never acknowledged")
    for place, receipt in sent.items():
        reason, content = refused.get(place, (None, None))
        if reason != receipt.refused_for:
            problems.append(f"{place}: must be refused for {receipt.refused_for}; got {reason}")
        elif reason is not None and receipt.value and content != digest(receipt.value):
            problems.append(f"{place}: what is in quarantine is not what was sent")
    return problems


def topics_agree(bootstrap, prefix, topics, output):
    """Each record is on its topic once, and topics say what the warehouse says."""
    problems = []
    seen = read_topics(bootstrap, [prefix + topic for topic in topics])
    for topic in topics:
        ids = Counter(one.headers.get("record_id") for one in seen[prefix + topic])
        if ids.pop(None, 0):
            problems.append(f"{topic}: records without record_id")
        if topic not in REPEATABLE:
            problems += [f"{topic}: {each}" for each in several(ids, "is there {n} times")]
    warehouse = output / "warehouse.duckdb"
    commands = read_topics(bootstrap, [prefix + "commands"])[prefix + "commands"]
    problems += same(
        "commands, those that the run gave",
        Counter(one.said["event_id"] for one in commands if "record_id" in one.headers),
        Counter(one for (one,) in rows(warehouse, GIVEN)),
    )
    ledger = [one.said for one in seen[prefix + "loyalty.ledger"]]
    entries = [entry for entry in ledger if "entry_id" in entry]
    fields = ("entry_id", "member_id", "debit", "credit", "points", "kind")
    problems += same(
        "loyalty.ledger",
        Counter(tuple(entry[field] for field in fields) for entry in entries),
        Counter(rows(warehouse, f"SELECT {', '.join(fields)} FROM ledger_entries")),
    )
    fields = ("trigger_id", "action", "member_id", "channel", "journey", "step", "state_version")
    triggers = [
        one.said
        for topic in topics
        if topic.startswith("triggers.")
        for one in seen[prefix + topic]
    ]
    problems += same(
        "triggers.*",
        Counter(tuple(trigger[field] for field in fields) for trigger in triggers),
        Counter(rows(warehouse, f"SELECT {', '.join(fields)} FROM triggers")),
    )
    for topic in topics:
        if topic.startswith("triggers."):
            channels = {one.said["channel"] for one in seen[prefix + topic]}
            if channels - {topic.removeprefix("triggers.")}:
                problems.append(f"{topic}: has triggers for {sorted(channels)}")
    problems += same(
        "loyalty.decisions",
        Counter(one.said["decision_id"] for one in seen[prefix + "loyalty.decisions"]),
        Counter(one for (one,) in rows(warehouse, "SELECT decision_id FROM decisions")),
    )
    problems += same(
        "quarantine",
        Counter(one.said["position"] for one in seen[prefix + "quarantine"]),
        Counter(one for (one,) in rows(warehouse, "SELECT position FROM quarantine")),
    )
    fields = ("redemption_id", "member_id", "request", "points", "code", "event_id")
    answers = Counter(rows(warehouse, f"SELECT {', '.join(fields)} FROM redemption_answers"))
    told = [one.said for one in seen[prefix + "loyalty.redemptions"]]
    for topic, records in (
        ("loyalty.redemptions", told),
        ("loyalty.ledger, answers", [one for one in ledger if "entry_id" not in one]),
    ):
        problems += same(topic, Counter(tuple(one[f] for f in fields) for one in records), answers)
    problems += in_order(seen[prefix + "loyalty.member-state"])
    for topic, table, counts, keys, fields in (
        (
            "loyalty.member-state",
            "members",
            "revision",
            ("member_id",),
            ("member_id", "available", "pending", "held", "qualifying", "tier", "segment"),
        ),
        (
            "identity.links",
            "identity_links",
            "version",
            ("namespace", "value", "owner", "from_at"),
            ("namespace", "value", "owner", "event_id", "reason"),
        ),
    ):
        newest = {}
        for one in seen[prefix + topic]:
            said, key = one.said, tuple(one.said[field] for field in keys)
            if key not in newest or said[counts] >= newest[key][counts]:
                newest[key] = said
        problems += same(
            f"{topic}, the newest",
            Counter(tuple(said[field] for field in fields) for said in newest.values()),
            Counter(rows(warehouse, f"SELECT {', '.join(fields)} FROM {table}")),
        )
    return problems


def in_order(states):
    """A member's states follow each other on their topic, and none is overtaken."""
    problems = []
    last = {}
    for one in states:
        member, revision = one.said["member_id"], one.said["revision"]
        if last.get(member, 0) >= revision:
            problems.append(f"loyalty.member-state: {member}: {revision} after {last[member]}")
        last[member] = revision
    return problems


def money_adds_up(output):
    """Each event posts a movement once, and the accounts of each member are what entries say."""
    warehouse = output / "warehouse.duckdb"
    problems = [
        f"ledger_entries: {entry} stands {n} times"
        for entry, n in rows(
            warehouse,
            "SELECT entry_id, count(*) FROM ledger_entries GROUP BY 1 HAVING count(*) > 1",
        )
    ]
    balances = defaultdict(Counter)
    for member, debit, credit, points in rows(
        warehouse, "SELECT member_id, debit, credit, points FROM ledger_entries"
    ):
        balances[member][debit] -= points
        balances[member][credit] += points
    shown = {
        member: {"available": available, "pending": pending, "held": held}
        for member, available, pending, held in rows(
            warehouse, "SELECT member_id, available, pending, held FROM members"
        )
    }
    for member, balance in balances.items():
        for account in ("available", "pending", "held"):
            if member in shown and shown[member][account] != balance[account]:
                problems.append(
                    f"members: {member}: {account} is {shown[member][account]}, entries make "
                    f"{balance[account]}"
                )
    return problems


def same_tables(live, fresh):
    """Two outputs say the same, but for what decode refused: that is not in an archive."""
    problems = []
    left, right = tables(live / "warehouse.duckdb"), tables(fresh / "warehouse.duckdb")
    for table in sorted(left.keys() | right.keys()):
        if table not in left or table not in right:
            problems.append(f"{table}: is only in one of them")
            continue
        columns, ours = left[table]
        _, theirs = right[table]
        if table == "quarantine":
            reason = columns.index("reason")
            ours = Counter({row: n for row, n in ours.items() if row[reason] in REFUSED_LATER})
        problems += same(f"{table} ({', '.join(columns)})", ours, theirs)
    return problems


def same(what, left, right):
    """Two multisets are equal."""
    if left == right:
        return []
    lacking, beyond = right - left, left - right
    lines = [
        f"{what}: {left.total()} against {right.total()}; "
        f"{beyond.total()} only left, {lacking.total()} only right"
    ]
    for side, rows_of in (("left", beyond), ("right", lacking)):
        for row in sorted(rows_of, key=repr)[:SHOWN]:
            lines.append(f"    only {side}, {rows_of[row]} ×: {row}")
    return ["\n".join(lines)]


def several(counts, sentence):
    return some([key for key, n in counts.items() if n > 1], sentence.format(n="several"))


def some(found, sentence):
    """One line about them all."""
    if not found:
        return []
    first = sorted(map(str, found))[:SHOWN]
    return [f"{len(found)} records, such as {', '.join(first)}: {sentence}"]


def demand(problems):
    """Fail with all of them."""
    assert not problems, "\n" + "\n".join(problems[:40])
