"""Input with everything wrong in it: refused with its reason, neighbours taken, nothing lost.

One run reads a file of JSON Lines in which every second record is one that somebody might send,
and Avro files that are cut off or damaged. Each record's fate is written beside it.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import fastavro
import pytest

from config.secret_keys import DEVELOPMENT_QUARANTINE_KEY
from pipelines import launch, processes
from pipelines.launch import RunOptions, run
from pipelines.processes import RunRefused, WorkerFailed
from pipelines.sources.records import open_records
from schemas.avro_files import event_schemas
from scripts.sort_files import sort_files
from transforms.decode.seal import Seal

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "config"
AT = 1_488_362_400_000
DAY = 86_400_000
AS_OF = AT + 30 * DAY
LARGEST = 1_000_000
NEEDLES = (b"secret.person", b"secret%2eperson", b"5550133", b"555-0133", b"555 0133")
"""An email and a phone of the input, as they are written or normalised."""


def sale(number, **changes):
    """A sale of ten dollars, a second after the one before."""
    return {
        "event_id": f"e{number}",
        "type": "sale",
        "source": "pos",
        "occurred_at": AT + number * 1000,
        "received_at": AT + number * 1000,
        "market": "us",
        "identifiers": {"member_id": "m-1"},
        "payload": basket(number),
        **changes,
    }


def basket(number, amount=1000, **changes):
    lines = [{"line_id": "1", "sku": "s-1", "amount": amount}]
    return {"transaction_id": f"t{number}", "currency": "USD", "lines": lines, **changes}


def line(event):
    return json.dumps(event).encode()


def edited(number, old, new, **changes):
    """A sale with some of its bytes replaced."""
    whole = line(sale(number, **changes))
    assert whole.count(old) == 1
    return whole.replace(old, new)


OTHER_ID = "e-said-last"
SQL_ID = "'; DROP TABLE members; --"
FORMULA = "=HYPERLINK(A1)"
PERSON = {"email": " Secret.Person@Example.ORG", "phone": "+1 (319) 555-0133"}

# (what it is, the record, its reason in quarantine or what becomes of it)
RECORDS = [
    ("broken JSON", b'{"event_id": "e0", "type":', "unreadable"),
    ("payload of a wrong type", line(sale(1, payload="ten dollars")), "schema_mismatch"),
    ("amount as text", edited(2, b"1000}", b'"1000"}'), "schema_mismatch"),
    ("unknown type", line(sale(3, type="bought")), "unknown_type"),
    ("a type of another source", line(sale(4, source="web")), "schema_mismatch"),
    ("no id", edited(5, b'"event_id": "e5", ', b""), "missing_field"),
    ("no transaction", line(sale(6, payload=basket(6, transaction_id=""))), "missing_field"),
    ("no identifiers", line(sale(7, identifiers={})), "anonymous"),
    (
        "blocked values",
        line(sale(8, identifiers={"member_id": "NULL", "card": "0000", "email": ""})),
        "anonymous",
    ),
    (
        "two members",
        line(sale(9, identifiers={"member_id": ["m-1", "m-2"]})),
        "two_unique_identifiers",
    ),
    (
        "collector ten years ahead",
        line(sale(10, received_at=AT + 3653 * DAY)),
        "clock_beyond_bound",
    ),
    ("till ten years ahead", line(sale(11, occurred_at=AT + 3653 * DAY)), "taken"),
    ("1970", line(sale(12, occurred_at=1000, received_at=1000)), "no_time"),
    ("seconds for ms", line(sale(13, occurred_at=AT // 1000, received_at=AT // 1000)), "no_time"),
    ("microseconds for ms", line(sale(14, occurred_at=AT * 1000)), "no_time"),
    ("time without a zone", line(sale(15, occurred_at="2017-03-01T11:00:00")), "no_time"),
    ("the first of an id", line(sale(16)), "taken"),
    ("the same again", line(sale(16)), "duplicate"),
    (
        "the same id, other content",
        line(sale(16, payload=basket(16, 9900))),
        "conflicting_duplicate",
    ),
    ("older than duplicates are kept", line(sale(17, occurred_at=AT - 200 * DAY)), "too_old"),
    ("10 MB", line(sale(18, context={"note": "A" * 10_000_000})), "too_large"),
    ("a NUL byte", edited(19, b"t19", b"t\x0019"), "unreadable"),
    (
        "an escaped NUL",
        line(sale(20, payload=basket(20, transaction_id="t\x00"))),
        "schema_mismatch",
    ),
    ("not UTF-8", edited(21, b"t21", b"t\xff21"), "unreadable"),
    ("half a surrogate pair", edited(22, b"t22", b"t\\ud80022"), "unreadable"),
    ("NaN", edited(23, b"1000}", b"NaN}"), "unreadable"),
    ("1e308", edited(24, b"1000}", b"1e308}"), "schema_mismatch"),
    ("an integer of 30 digits", edited(25, b"1000}", b"1" * 30 + b"}"), "schema_mismatch"),
    ("minus zero", edited(26, b"1000}", b"-0}"), "taken"),
    ("minus zero as a float", edited(27, b"1000}", b"-0.0}"), "schema_mismatch"),
    ("less than nothing", edited(28, b"1000}", b"-1}"), "negative_amount"),
    ("another currency", line(sale(29, payload=basket(29, currency="EUR"))), "unknown_currency"),
    ("10,000 levels", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "unreadable"),
    (
        "10,000 levels in an unknown field",
        edited(30, b'"market"', b'"x": ' + b"[" * 10_000 + b"]" * 10_000 + b', "market"'),
        "unreadable",
    ),
    (
        "a key twice: the last one counts",
        edited(31, b'"market"', f'"event_id": "{OTHER_ID}", "market"'.encode()),
        "taken",
    ),
    ("null as a key", edited(32, b'"market"', b'null: 1, "market"'), "unreadable"),
    ("an empty key", edited(33, b'"market"', b'"": 1, "market"'), "taken"),
    ("SQL as an id", line(sale(34, event_id=SQL_ID)), "taken"),
    ("a formula as an id", line(sale(35, event_id=FORMULA)), "taken"),
    ("an id as a float", line(sale(36, event_id=1.5)), "schema_mismatch"),
    ("an id that is too long", line(sale(37, event_id="e" * 129)), "schema_mismatch"),
    ("an empty line", b"", "unreadable"),
    ("a line of spaces", b"   ", "unreadable"),
    ("CRLF", line(sale(38)) + b"\r", "taken"),
    ("a carriage return between tokens", edited(39, b'"market"', b'\r"market"'), "taken"),
    ("a list", b"[]", "schema_mismatch"),
    ("null", b"null", "schema_mismatch"),
    ("a byte-order mark", b"\xef\xbb\xbf" + line(sale(40)), "unreadable"),
    ("a person", line(sale(41, identifiers=PERSON)), "guest"),
    (
        "a person in other fields",
        line(
            sale(
                42,
                event_id="e-secret.person@example.org",
                context={
                    "url": "https://shop.test/?e=Secret.Person%40example.org&p=%2B13195550133"
                },
                payload=basket(42, transaction_id="t-secret.person@example.org"),
            )
        ),
        "taken",
    ),
    (
        "a person who is refused",
        line(sale(43, event_id="b-secret.person@example.org", identifiers=PERSON, type="bought")),
        "unknown_type",
    ),
    ("a person in broken JSON", line(sale(44, identifiers=PERSON))[:-9], "unreadable"),
]
FATES = {"taken", "anonymous", "guest", "duplicate"}


def position(number):
    """Records stand between neighbours that nothing is wrong with."""
    return 2 * number + 1


def avro(path, events, **options):
    with path.open("wb") as file:
        fastavro.writer(file, event_schemas()["sale"], events, sync_interval=600, **options)
    return path.read_bytes()


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """(output folder, lines of the file) of a run over all of them."""
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "in").mkdir()
    lines = []
    for number, (_, record, _) in enumerate(RECORDS):
        lines += [line(sale(1000 + number)), record]
    lines.append(line(sale(2000)))
    (folder / "in" / "pos.jsonl").write_bytes(b"\n".join(lines))
    events = [sale(3000 + number) for number in range(20)]
    whole = avro(folder / "in" / "cut.avro", events)
    (folder / "in" / "cut.avro").write_bytes(whole[: whole.rindex(b"e3019") + 3])
    events = [sale(4000 + number) for number in range(20)]
    whole = avro(folder / "in" / "damaged.avro", events)
    end = whole.index(b"e4019") - 1
    (folder / "in" / "damaged.avro").write_bytes(whole[:end] + b"\xff" * 12 + whole[end + 12 :])
    run(RunOptions(inputs=[folder / "in"], output=folder / "out", config=CONFIG, as_of=AS_OF))
    return folder / "out", lines


@pytest.fixture(scope="module")
def warehouse(refused):
    with duckdb.connect(str(refused[0] / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def rows(connection, sql):
    return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def quarantined(warehouse):
    found = rows(warehouse, "SELECT position, reason, detail, event_id, _raw FROM quarantine")
    by_position = {row[0]: row[1:] for row in found}
    assert len(by_position) == len(found), "one row a record"
    return by_position


@pytest.mark.parametrize(
    ("number", "fate"), [(n, record[2]) for n, record in enumerate(RECORDS)],
    ids=[record[0] for record in RECORDS],
)  # fmt: skip
def test_each_record_has_its_fate(quarantined, number, fate):
    row = quarantined.get(f"pos.jsonl:{position(number)}")
    if fate in FATES:
        assert row is None
    else:
        assert row is not None, "neither refused nor answered"
        assert row[0] == ("too_old_to_deduplicate" if fate == "too_old" else fate)


def test_nothing_else_is_refused(quarantined):
    refused = [n for n, record in enumerate(RECORDS) if record[2] not in FATES]
    lines = {f"pos.jsonl:{position(number)}" for number in refused}
    assert {place for place in quarantined if place.startswith("pos.jsonl")} == lines


def test_what_was_sent_is_accepted_or_refused(warehouse, quarantined):
    """Counted by hand: records = answers + duplicates + refusals; time goes on until none waits."""
    answers = dict(rows(warehouse, "SELECT event_id, count(*) FROM event_owners GROUP BY ALL"))
    neighbours = {f"e{1000 + number}" for number in range(len(RECORDS))} | {"e2000"}
    taken = neighbours | {OTHER_ID, SQL_ID, FORMULA}
    taken |= {f"e{n}" for n in (7, 8, 11, 16, 26, 33, 38, 39, 41)}
    pseudonyms = {name for name in answers if name.startswith("v0.")}
    assert len(pseudonyms) == 1, "an id that was an address"
    assert {e for e in answers if not e.startswith(("e30", "e40"))} - pseudonyms == taken
    assert set(answers.values()) == {1}
    notices = rows(warehouse, "SELECT kind, event_id FROM identity_notices")
    assert notices == [("duplicate", "e16")]
    of_lines = sum(place.startswith("pos.jsonl") for place in quarantined)
    read = 2 * len(RECORDS) + 1
    assert read == len(taken) + len(pseudonyms) + len(notices) + of_lines


def test_neighbours_earn_what_they_earn(warehouse):
    earned = dict(
        rows(
            warehouse,
            "SELECT event_id, sum(points) FROM ledger_entries WHERE rule = 'base' GROUP BY ALL",
        )
    )
    for number in range(len(RECORDS)):
        assert earned[f"e{1000 + number}"] == 10
    assert earned["e16"] == 10, "the first content of an id counts"
    assert "e26" not in earned and "e7" not in earned
    assert rows(warehouse, "SELECT count(*) FROM members WHERE market = 'us'") == [(1,)]


@pytest.mark.parametrize(("file", "first"), [("cut.avro", 3000), ("damaged.avro", 4000)])
def test_avro_is_read_up_to_the_damage(warehouse, quarantined, file, first):
    """Whatever blocks are whole are taken; the rest is one row, so that somebody looks."""
    ids = {row[0] for row in rows(warehouse, "SELECT event_id FROM event_owners")}
    taken = {f"e{first + number}" for number in range(20)} & ids
    bad = {place: row for place, row in quarantined.items() if place.startswith(file)}
    assert {row[0] for row in bad.values()} == {"unreadable"}
    assert list(bad) == [f"{file}:{len(taken)}"]
    assert taken == {f"e{first + number}" for number in range(len(taken))}
    assert 15 <= len(taken) <= 19


def test_refused_bytes_open_again(refused, quarantined):
    seal = Seal(DEVELOPMENT_QUARANTINE_KEY)
    lines = refused[1]
    for number, (what, _, fate) in enumerate(RECORDS):
        if fate in FATES:
            continue
        sealed = quarantined[f"pos.jsonl:{position(number)}"][3]
        opened = seal.unseal(sealed)
        sent = lines[position(number)] + b"\n"
        if fate in ("conflicting_duplicate", "too_old"):
            kept, whole = json.loads(opened), json.loads(sent)
            assert kept["payload"]["lines"] == whole["payload"]["lines"], what
            assert kept["event_id"] == whole["event_id"], what
        elif fate == "too_large":
            assert opened == sent[:LARGEST]
        else:
            assert opened == sent, what
        with pytest.raises(ValueError, match="another key"):
            Seal(bytes(64)).unseal(sealed)


def test_file_and_table_agree(refused, warehouse):
    columns = "source, position, reason, detail, event_id, content_hash, epoch_ms(known_at), _raw"
    of_table = sorted(rows(warehouse, f"SELECT {columns} FROM quarantine"), key=lambda row: row[1])
    of_file = []
    for text in (refused[0] / "quarantine.jsonl").read_text().splitlines():
        row = json.loads(text)
        row["raw"] = base64.b64decode(row["raw"])
        of_file.append(tuple(row.values()))
    assert sorted(of_file, key=lambda row: row[1]) == of_table


def test_no_email_or_phone_is_in_any_output(refused, warehouse):
    """As bytes in every file, and as text in every table, since the warehouse compresses."""
    output, lines = refused
    assert sum(needle in b"\n".join(lines).lower() for needle in NEEDLES) >= 2, "they were sent"
    files = [path for path in output.rglob("*") if path.is_file()]
    names = {path.relative_to(output).parts[0] for path in files}
    assert {"warehouse.duckdb", "triggers", "quarantine.jsonl", "recovery", "journal"} <= names
    for path in files:
        content = path.read_bytes().lower()
        assert not [needle for needle in NEEDLES if needle in content], path.name
    found = 0
    for (table,) in rows(warehouse, "SELECT table_name FROM duckdb_tables()"):
        for row in rows(warehouse, f'FROM "{table}"'):
            text = repr(row).encode().lower()
            assert not [needle for needle in NEEDLES if needle in text], table
            found += b"m-1" in text
    assert found > 100, "what may be read is found"
    recovery = b"".join(path.read_bytes() for path in (output / "recovery").rglob("*.sqlite3"))
    assert b"m-1" in recovery, "what may be read is found there too"


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_damaged_avro_never_raises(tmp_path, codec):
    """Whatever byte of it is damaged and wherever it ends: records, and at the end raw bytes."""
    path = tmp_path / "events.avro"
    whole = avro(path, [sale(number) for number in range(30)], codec=codec)
    schema_ends = whole.index(b"avro.codec")
    damaged = [whole[:cut] for cut in range(0, len(whole), 211)]
    for place in (*range(0, schema_ends, 127), *range(schema_ends, len(whole), 37)):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        records = open_records(path)
        while records.read():
            pass


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
@pytest.mark.parametrize("cut", [0, 40])
def test_avro_resumes_where_it_stopped(tmp_path, batch, cut):
    """Opened again after each batch, at its position: every record once, under its number."""
    path = tmp_path / "events.avro"
    whole = avro(path, [sale(number) for number in range(30)])
    path.write_bytes(whole[: len(whole) - cut])
    uninterrupted = open_records(path)
    expected = []
    while records := uninterrupted.read():
        expected += records
    assert len(expected) > 20
    found, at, count = [], 0, 0
    for _ in range(40):
        part = open_records(path, at, count, batch * 512)
        assert (part.position, part.count) == (at, count), "saved before the first read"
        found += part.read()
        at, count = part.position, part.count
    assert found == expected
    assert count == len(expected)


def test_avro_of_something_else_is_refused(tmp_path):
    """Files whose records are no records: each of them is refused, and none stops the run."""
    folder = tmp_path / "in"
    folder.mkdir()
    for schema, value in {"long": 5, "string": "x", "null": None, "double": 1.5}.items():
        with (folder / f"{schema}.avro").open("wb") as file:
            fastavro.writer(file, fastavro.parse_schema({"type": schema}), [value] * 3)
    (folder / "pos.jsonl").write_bytes(line(sale(1)) + b"\n")
    run(RunOptions(inputs=[folder], output=tmp_path / "out", config=CONFIG, as_of=AS_OF))
    with duckdb.connect(str(tmp_path / "out" / "warehouse.duckdb"), read_only=True) as connection:
        refused = rows(
            connection,
            "SELECT split_part(position, ':', 1), count(*) FROM quarantine GROUP BY ALL",
        )
        assert dict(refused) == {
            "long.avro": 3,
            "string.avro": 3,
            "null.avro": 3,
            "double.avro": 3,
        }
        assert rows(connection, "SELECT event_id FROM event_owners") == [("e1",)]


def disordered(folder, newline, late=5, many=2_000):
    """A file of sales that ends with some of two hours before the first; its path."""
    folder.mkdir()
    events = [sale(number, identifiers={"member_id": f"m-{number % 7}"}) for number in range(many)]
    before = AT - 2 * 3_600_000
    events += [
        sale(many + number, occurred_at=before + number, received_at=before + number)
        for number in range(late)
    ]
    path = folder / "pos.jsonl"
    path.write_bytes(b"\n".join(map(line, events)) + (b"\n" if newline else b""))
    return path


@pytest.mark.parametrize("newline", [True, False], ids=["", "no newline at the end"])
def test_disorder_is_refused_and_sorted(tmp_path, newline):
    """The message names the command; after it the run goes through and nothing is missing.

    State is saved often, so that the refused run has come some way: what it read must not be
    taken for the beginning of the sorted file.
    """
    path = disordered(tmp_path / "in", newline)
    options = RunOptions(
        inputs=[tmp_path / "in"],
        output=tmp_path / "out",
        config=CONFIG,
        epoch_ms=20,
        batch_bytes=50_000,
        as_of=AS_OF,
    )
    with pytest.raises(RunRefused, match=r"pos\.jsonl: record 2001: .*kizuna sort") as refusal:
        run(options)
    assert sort_files([path]) == [(path, 2_005, 2_005)]
    try:
        run(options)
    except RunRefused as changed:
        assert "fresh --output" in str(changed)
        run(_elsewhere(options, tmp_path / "fresh"))
        options = _elsewhere(options, tmp_path / "fresh")
    with duckdb.connect(str(options.output / "warehouse.duckdb"), read_only=True) as connection:
        assert rows(
            connection,
            "SELECT count(*), count(DISTINCT event_id), (SELECT count(*) FROM identity_notices) "
            "FROM event_owners",
        ) == [(2_005, 2_005, 0)]
    assert "panicked" not in str(refusal.value), "a person reads this, without a stack trace"


def _elsewhere(options, output):
    return RunOptions(
        inputs=options.inputs, output=output, config=options.config, as_of=options.as_of
    )


def test_sort_keeps_records_whole(tmp_path):
    """A carriage return within a record is white space of JSON, and no end of a line."""
    records = [
        edited(2, b'"market"', b'\r"market"'),
        line(sale(1)),
    ]
    path = tmp_path / "pos.jsonl"
    path.write_bytes(b"\n".join(records) + b"\n")
    sort_files([path])
    assert path.read_bytes() == b"\n".join(reversed(records)) + b"\n"


@pytest.fixture
def died(tmp_path, monkeypatch):
    """Options of a run over two files whose workers died early."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, number in (("a.jsonl", 1), ("b.jsonl", 2)):
        (folder / name).write_bytes(line(sale(number)) + b"\n")
    config = tmp_path / "config"
    for source in sorted(CONFIG.rglob("*.yaml")):
        copy = config / source.relative_to(CONFIG)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    options = RunOptions(inputs=[folder], output=tmp_path / "out", config=config, as_of=AS_OF)

    def watch(workers, tick):
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
        raise WorkerFailed("killed by the test")

    with monkeypatch.context() as patch:
        patch.setattr(launch, "watch", watch)
        with pytest.raises(WorkerFailed):
            run(options)
    return options


def test_a_run_that_died_goes_on(died):
    assert run(died).records == 2


def test_a_removed_file_is_refused(died):
    path = died.inputs[0] / "b.jsonl"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(RunRefused, match=r"--input: b\.jsonl: must be there.*put it back"):
        run(died)
    path.write_bytes(kept)
    assert run(died).records == 2


def test_a_grown_file_is_refused_in_the_middle_and_afterwards(died):
    path = died.inputs[0] / "b.jsonl"
    kept = path.read_bytes()
    path.write_bytes(kept + line(sale(3)) + b"\n")
    with pytest.raises(RunRefused, match=r"b\.jsonl: must not change.*a file of its own"):
        run(died)
    path.write_bytes(kept)
    assert run(died).records == 2
    path.write_bytes(kept + line(sale(3)) + b"\n")
    with pytest.raises(RunRefused, match=r"b\.jsonl: must not change.*a file of its own"):
        run(died)


def test_another_configuration_is_refused_in_the_middle(died):
    path = died.config / "conversation.yaml"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"queue_ttl_hours: 24", b"queue_ttl_hours: 23"))
    with pytest.raises(RunRefused, match="--config: must not change"):
        run(died)
    path.write_bytes(kept)
    assert run(died).records == 2


def test_a_second_run_is_refused_while_one_lives(tmp_path, monkeypatch):
    """Also while the first is suspended: it might wake up and write."""
    (tmp_path / "in").mkdir()
    many = [line(sale(number)) for number in range(30_000)]
    (tmp_path / "in" / "pos.jsonl").write_bytes(b"\n".join(many) + b"\n")
    run_once = ROOT / "tests" / "faults" / "run_once.py"
    first = subprocess.Popen(
        [sys.executable, run_once, tmp_path / "in", tmp_path / "out", "1", "200", "4096"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            if (tmp_path / "out" / "journal" / "worker-0.log").exists():
                break
            time.sleep(0.05)
        os.kill(first.pid, signal.SIGSTOP)
        monkeypatch.setattr(processes, "LOCK_WAIT_SECONDS", 0.2)
        options = RunOptions(inputs=[tmp_path / "in"], output=tmp_path / "out", config=CONFIG)
        with pytest.raises(RunRefused, match="another run still holds"):
            run(options)
    finally:
        first.kill()
        first.wait()


def test_bad_yaml_names_file_line_and_field(died, monkeypatch):
    path = died.config / "programmes" / "grocer.yaml"
    kept = path.read_text()
    path.write_text(kept.replace("rule: base, rate: 1,", "rule: base, rate: two,"))
    line_number = next(
        number for number, text in enumerate(path.read_text().splitlines(), 1) if "two" in text
    )
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "run", "--input", str(died.inputs[0]),
         "--output", str(died.output.parent / "new"), "--config", str(died.config)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert f"grocer.yaml:{line_number}" in said.replace(" ", "")
    assert "versions[0].earn[0].rate" in said.replace(" ", "")
    assert "Traceback" not in said
