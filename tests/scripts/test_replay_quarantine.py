"""Refused records come back: decoded again under a repaired configuration, or put right by hand."""

import json
import stat
from pathlib import Path

import pytest
from loop_shop import AT, DAY, config_folder, kizuna, play, rows, sale, write
from msgspec.structs import replace

from pipelines.assemble import read_configuration
from pipelines.processes import RunRefused
from scripts.command_log import write_commands
from scripts.quarantine import as_sent, commands_of, refused_of, repaired, try_all

EMAIL = "ana.person@example.org"
FRENCH = sale(1, "m-fr", 1, 1000, market="fr")
NAMELESS = sale(2, "m-1", 1.1, 2000)
NAMELESS["payload"] = NAMELESS["payload"] | {"transaction_id": ""}
NAMELESS["identifiers"] = {"member_id": "m-1", "email": EMAIL}
BROKEN = b'{"event_id": "e3", "type":'
HEADS = [FRENCH, NAMELESS, sale(4, "m-1", 1.2, 500), sale(4, "m-1", 1.2, 900)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output that refused four records."""
    folder = tmp_path_factory.mktemp("shop")
    config_folder(folder / "config")
    config_folder(folder / "repaired", france=True)
    lines = [json.dumps(one).encode() for one in HEADS[:2]]
    lines += [BROKEN, *[json.dumps(one).encode() for one in HEADS[2:]]]
    (folder / "events").mkdir()
    (folder / "events" / "pos.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    play(folder / "events", folder / "out", folder / "config", AT + 10 * DAY)
    return folder


def test_the_loop_from_refusal_to_points(shop: Path) -> None:
    out, config, fixed = shop / "out", shop / "config", shop / "repaired"
    assert {reason for (reason,) in rows(out, "SELECT reason FROM quarantine")} == {
        "schema_mismatch",
        "missing_field",
        "unreadable",
        "conflicting_duplicate",
    }
    # Nothing is put right yet: nothing can be sent.
    done = kizuna("replay-quarantine", out, "--config", config)
    assert done.exit_code == 0, done.output
    assert not (out / "commands").exists()
    # A market that is known now: the record is taken as it was.
    dry = kizuna("replay-quarantine", out, "--config", fixed, "--dry-run")
    assert "→ taken today" in dry.output and not (out / "commands").exists()
    only = kizuna("replay-quarantine", out, "--config", fixed, "--reason", "missing_field")
    assert "1 refused" in only.output and not (out / "commands").exists()
    late = kizuna("replay-quarantine", out, "--since", str(AT + 9 * DAY), "--config", fixed)
    assert "Nothing waits" in late.output
    done = kizuna("replay-quarantine", out, "--config", fixed, "--actor", "ada")
    assert done.exit_code == 0 and "1 record →" in done.output
    again = kizuna("replay-quarantine", out, "--config", fixed)
    assert "to apply: 1 record" in again.output
    assert len(list((out / "commands").glob("*"))) == 1
    # Others are put right by hand.
    edited = shop / "edited.jsonl"
    done = kizuna("replay-quarantine", out, "--export", edited, "--config", fixed)
    assert done.exit_code == 0 and stat.S_IMODE(edited.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in edited.read_bytes().splitlines()]
    assert len(lines) == 3
    for line in lines:
        if "record" not in line:
            assert line["text"] == BROKEN.decode() + "\n"
            continue
        if line["reason"] == "missing_field":
            assert line["record"]["identifiers"]["email"] == EMAIL
            line["record"]["payload"]["transaction_id"] = "t2"
        else:
            line["record"]["event_id"] = "e4-again"
            line["record"]["payload"]["transaction_id"] = "t4-again"
    edited.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = kizuna("replay-quarantine", out, "--repaired", edited, "--config", fixed)
    assert done.exit_code == 1, done.output
    assert "1 of 3 would be refused again" in done.output
    again = kizuna("replay-quarantine", out, "--config", fixed)
    assert "to apply: 3 records" in again.output
    for file in (out / "commands").iterdir():
        assert b"ana.person" not in file.read_bytes()
        received = {json.loads(line)["received_at"] for line in file.read_bytes().splitlines()}
        assert received == {AT + 10 * DAY + 1}
    # Applied by the same run as before, once.
    summary = play(shop / "events", out, fixed, AT + 10 * DAY)
    assert summary.records == 3
    assert play(shop / "events", out, fixed, AT + 10 * DAY).generations == 0
    points = dict(rows(out, "SELECT member_id, available FROM members"))
    assert points == {"m-fr": 10, "m-1": 5 + 20 + 9}
    posted = rows(
        out,
        "SELECT event_id, epoch_ms(occurred_at), epoch_ms(posted_at), points "
        "FROM ledger_entries WHERE kind = 'earn' AND event_id <> 'e4' ORDER BY ALL",
    )
    assert posted == [
        ("e1", AT + DAY, AT + 10 * DAY + 1, 10),
        ("e2", AT + round(1.1 * DAY), AT + 10 * DAY + 1, 20),
        ("e4-again", AT + round(1.2 * DAY), AT + 10 * DAY + 1, 9),
    ]
    links = rows(
        out,
        "SELECT q.reason, r.outcome, r.event_id, r.actor FROM quarantine AS q "
        "JOIN repairs AS r USING (position, content_hash) ORDER BY ALL",
    )
    assert links == [
        ("conflicting_duplicate", "decoded", "e4-again", ""),
        ("missing_field", "decoded", "e2", ""),
        ("schema_mismatch", "decoded", "e1", "ada"),
    ]
    left = kizuna("replay-quarantine", out, "--config", fixed)
    assert "1 refused record" in left.output and "unreadable" in left.output
    # Whoever reads input and commands from the beginning comes to the same tables.
    play([shop / "events", out / "commands"], shop / "anew", fixed, AT + 10 * DAY + 1)
    assert sorted(rows(shop / "anew", "SELECT position, outcome FROM repairs")) == sorted(
        rows(out, "SELECT position, outcome FROM repairs")
    )
    assert dict(rows(shop / "anew", "SELECT member_id, available FROM members")) == points


def test_refused_again_it_is_in_quarantine_again_and_linked(tmp_path: Path) -> None:
    """The run that reads the command has a configuration that doesn't know the market."""
    config = config_folder(tmp_path / "config")
    fixed = read_configuration(config_folder(tmp_path / "repaired", france=True))
    events = write(tmp_path / "events" / "pos.jsonl", [FRENCH])
    play(events, tmp_path / "out", config)
    found = refused_of(tmp_path / "out", fixed)
    try_all(found, tmp_path / "out", fixed)
    write_commands(tmp_path / "out", commands_of(found, fixed, "ada"), fixed, "repair")
    play(events, tmp_path / "out", config)
    assert rows(
        tmp_path / "out",
        "SELECT r.outcome, r.reason, q.reason, q.event_id FROM repairs AS r "
        "JOIN quarantine AS q ON q.position = r.repaired_position",
    ) == [("refused", "schema_mismatch", "schema_mismatch", "e1")]
    # The first is settled; the second is what waits, and its bytes are those of the first.
    (waiting,) = refused_of(tmp_path / "out", fixed)
    assert waiting.raw is not None and json.loads(waiting.raw) == FRENCH
    assert waiting.position != found[0].position
    with_another_key = replace(fixed, secrets=replace(fixed.secrets, quarantine_key=bytes(64)))
    (sealed,) = refused_of(tmp_path / "out", with_another_key)
    try_all([sealed], tmp_path / "out", with_another_key)
    assert sealed.raw is None and sealed.now == "sealed"


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    for text in ("{", '{"position": "p:1", "content_hash": "x", "record": {}}'):
        (tmp_path / "edited.jsonl").write_text(text)
        with pytest.raises(RunRefused, match=r"--repaired: .*:1: must be"):
            repaired([], tmp_path / "edited.jsonl")


def test_a_folder_that_is_no_output_is_refused(tmp_path: Path) -> None:
    done = kizuna("replay-quarantine", tmp_path)
    assert isinstance(done.exception, RunRefused)


def test_a_decoded_event_as_it_could_have_been_sent() -> None:
    sent = json.loads(
        as_sent(
            json.dumps(
                {
                    "event_id": "e",
                    "identifiers": ["card:1", "email:v0.ab:cd"],
                    "payload": {"kind": "sale", "lines": []},
                    "partition": "p",
                    "offset": 3,
                }
            ).encode()
        )
    )
    assert sent == {
        "event_id": "e",
        "identifiers": {"card": ["1"], "email": ["v0.ab:cd"]},
        "payload": {"lines": []},
    }
