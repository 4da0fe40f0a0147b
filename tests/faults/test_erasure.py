"""Somebody asks to be forgotten: nothing is left of them, and everybody else keeps everything."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from erasure_city import ANA, BEGIN, BEN, DAY, GUS, SECRETS, TABLET, City, city, of
from search_bytes import found_in
from typer.testing import CliRunner

from pipelines import erase, launch
from pipelines.assemble import read_configuration
from pipelines.fold_history import RebuildOptions, rebuild
from pipelines.launch import RunOptions, run
from pipelines.processes import RunRefused
from pipelines.tombstones import FILE, PLAN
from schemas.erasure import ORPHAN
from scripts.cli import app
from scripts.generate import generate
from scripts.reconcile.warehouses import reconcile
from scripts.warehouse_hash import triggers_hash, warehouse_hash
from transforms.decode.pseudonyms import Pseudonyms

CONFIG = Path(__file__).parents[2] / "config"
DEPLOYMENT = read_configuration(CONFIG)
PSEUDONYMS = Pseudonyms(DEPLOYMENT.secrets.peppers)
HASHES = tuple(
    PSEUDONYMS.of(kind, person[kind])
    for kind, person in (("email", ANA), ("phone", ANA), ("email", GUS))
)
THEIRS = (*SECRETS, *HASHES)
NAMED = re.compile("|".join(map(re.escape, (*THEIRS, ORPHAN))))


def ran(output: Path, *inputs: Path) -> Path:
    run(RunOptions(inputs=inputs, output=output, config=CONFIG))
    return output


def rows_of(output: Path, question: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(question).fetchall()


def tables_of(output: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows, without bookkeeping."""
    names = rows_of(
        output,
        "SELECT table_name, list('\"' || column_name || '\"') FROM duckdb_columns() "
        "JOIN duckdb_tables() USING (table_name) "
        "WHERE column_name[1] <> '_' AND table_name[1] <> '_' AND table_name <> 'runs' GROUP BY 1",
    )
    return {
        table: rows_of(output, f"SELECT {', '.join(columns)} FROM {table}")
        for table, columns in names
    }


def hashes(output: Path) -> dict[str, str]:
    tables = warehouse_hash(output / "warehouse.duckdb").tables
    return {**tables, "trigger files": triggers_hash(output / "triggers")}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people of whom everything is known, among others who are invented."""
    folder = tmp_path_factory.mktemp("inputs")
    generate(8, 40, 5, folder / "others")
    city().write(folder / "events" / "known.jsonl")
    shutil.copytree(folder / "others" / "events", folder / "events", dirs_exist_ok=True)
    return folder / "events"


@pytest.fixture(scope="module")
def before(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output in which the requests wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "erase_at_rest", lambda *given: [])
        return ran(tmp_path_factory.mktemp("before") / "out", inputs)


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same output, once they are met."""
    output = tmp_path_factory.mktemp("after") / "out"
    shutil.copytree(before, output)
    done = erase.erase_at_rest(output, DEPLOYMENT)
    assert len(done) == 2
    return output


def copy_of(output: Path, folder: Path) -> Path:
    shutil.copytree(output, folder / "out")
    return folder / "out"


def test_no_file_holds_anything_of_them(before: Path, after: Path) -> None:
    """What is looked for was there: else that it isn't found would say nothing."""
    told = {text for _, text in found_in(before, THEIRS)}
    raw = {ANA["email"], ANA["phone"], GUS["email"]}
    assert told == set(THEIRS) - raw
    places = {file.split("/")[0] for file, _ in found_in(before, THEIRS)}
    assert places == {"warehouse.duckdb", "recovery", "triggers", "commands"}
    assert found_in(after, THEIRS) == []
    assert found_in(after, ["ana's wish", "redemption-ana-1", "case-of-ana"]) == []


def test_totals_stand_as_they_stood(before: Path, after: Path) -> None:
    by_sort = (
        "SELECT date_trunc('month', posted_at), kind, debit, credit, rule, programme_version, "
        "sum(points) FROM ledger_entries GROUP BY ALL ORDER BY ALL"
    )
    assert rows_of(after, by_sort) == rows_of(before, by_sort)
    ((orphan, balances),) = rows_of(
        after, "SELECT member_id, balances FROM erasures WHERE entries > 0"
    )
    was = rows_of(
        before,
        "SELECT account, sum(points) FROM account_balances WHERE member_id IN "
        f"('{ANA['member_id']}', 'member-old-ana-77b') GROUP BY 1",
    )
    assert json.loads(balances) == {account: int(points) for account, points in was}
    assert orphan.startswith(ORPHAN)
    assert rows_of(after, f"SELECT count(*) FROM members WHERE member_id = '{orphan}'") == [(0,)]


def test_nobody_elses_rows_change(before: Path, after: Path) -> None:
    was, now = tables_of(before), tables_of(after)
    assert was.keys() == now.keys()
    for table in was.keys() - {"quarantine"}:
        others, left = (
            Counter(row for row in map(repr, tables[table]) if not NAMED.search(row))
            for tables in (was, now)
        )
        assert others == left, table
    links = f"SELECT count(*), count(until_at) FROM identity_links WHERE value = '{TABLET}'"
    assert rows_of(after, links) == rows_of(before, links)
    assert rows_of(after, f"SELECT 1 FROM members WHERE member_id = '{BEN['member_id']}'") == [(1,)]


def test_refused_records_of_theirs_are_gone(before: Path, after: Path) -> None:
    reasons = "SELECT reason FROM quarantine ORDER BY 1"
    assert rows_of(before, reasons) == [
        ("conflicting_duplicate",),
        ("missing_field",),
        ("missing_field",),
    ]
    assert rows_of(after, reasons) == []
    lines = (after / "quarantine.jsonl").read_bytes()
    assert len(lines) == len((before / "quarantine.jsonl").read_bytes())
    assert [json.loads(line) for line in lines.splitlines()] == [{"erased": True}] * 3


def test_positions_in_trigger_files_stay(before: Path, after: Path) -> None:
    erased = 0
    for path in sorted((before / "triggers").glob("*.jsonl")):
        was = path.read_bytes().splitlines(keepends=True)
        now = (after / "triggers" / path.name).read_bytes().splitlines(keepends=True)
        assert [len(line) for line in was] == [len(line) for line in now]
        for one, other in zip(was, now, strict=True):
            gone = json.loads(other) == {"erased": True}
            assert gone == (json.loads(one)["member_id"] in SECRETS)
            assert gone or one == other
            erased += gone
    assert erased > 5


def test_a_rebuild_makes_the_same(after: Path, tmp_path: Path) -> None:
    rebuild(RebuildOptions(inputs=[after], output=tmp_path / "rebuilt", config=CONFIG, groups=4))
    found = reconcile(after, tmp_path / "rebuilt")
    assert list(found.differences) == []
    assert found_in(tmp_path / "rebuilt", THEIRS) == []


def test_a_replay_brings_nothing_back(after: Path, inputs: Path, tmp_path: Path) -> None:
    """The same events once more, in a file of another name."""
    output = copy_of(after, tmp_path)
    again = tmp_path / "again" / "again.jsonl"
    city().write(again)
    ran(output, inputs, again.parent)
    assert found_in(output, THEIRS) == []
    for table, columns in {
        "ledger_entries": "* EXCLUDE (_seq)",
        "lots": "* EXCLUDE (_version)",
        "members": "member_id, pending, available, tier",
        "triggers": "* EXCLUDE (_seq)",
        "guests": "* EXCLUDE (_version)",
        "erasures": "* EXCLUDE (_seq)",
        "quarantine": "*",
    }.items():
        question = f"SELECT {columns} FROM {table} ORDER BY ALL"
        assert rows_of(output, question) == rows_of(after, question), table
    rebuild(RebuildOptions(inputs=[output], output=tmp_path / "rebuilt", config=CONFIG, groups=4))
    assert list(reconcile(output, tmp_path / "rebuilt").differences) == []


def test_whoever_comes_again_is_new(after: Path, inputs: Path, tmp_path: Path) -> None:
    """With the same card, phone and email: a member with nothing but what happens from now on."""
    output = copy_of(after, tmp_path)
    life = City(first=500)
    life.add(10.0, "enrolled", "profile", of(ANA, "member_id", "card", "email", "phone"))
    life.sale(10.5, "n1", 3000, of(ANA, "card", "payment_token"))
    # What was done in the life before, and is known only now, stays with nobody.
    life.sale(6.9, "late", 5000, of(ANA, "card"))
    life.events[-1]["received_at"] = BEGIN + 11 * DAY
    life.write(tmp_path / "life" / "life.jsonl")
    ran(output, inputs, tmp_path / "life")
    ((pending, available),) = rows_of(
        output,
        f"SELECT pending, available FROM members WHERE member_id = '{ANA['member_id']}'",
    )
    assert (pending + available) == 45
    owners = "SELECT member_id FROM current_owners WHERE event_id LIKE 'sale-%' AND known_at > "
    assert rows_of(output, f"{owners} make_timestamp_ms({BEGIN + 9 * DAY})") == [
        (ANA["member_id"],)
    ]
    rebuild(RebuildOptions(inputs=[output], output=tmp_path / "rebuilt", config=CONFIG, groups=4))
    assert list(reconcile(output, tmp_path / "rebuilt").differences) == []


class Abort(Exception):
    """On purpose."""


def abort_at(patch: pytest.MonkeyPatch, number: int) -> list[Path]:
    """Fail right before (even) or after (odd) a file gets its name; those that got it."""
    replace = Path.replace
    done: list[Path] = []

    def failing(self: Path, target: Path) -> Path:
        if number == 2 * len(done):
            raise Abort
        moved = replace(self, target)
        done.append(Path(target))
        if number == 2 * len(done) - 1:
            raise Abort
        return moved

    patch.setattr(Path, "replace", failing)
    return done


def abort_after(patch: pytest.MonkeyPatch, number: int) -> None:
    """Fail after so many steps, most of which write in place."""
    steps = erase._Erasing.steps

    def failing(self: Any) -> list[Any]:
        def abort() -> None:
            raise Abort

        return [*steps(self)[:number], abort]

    patch.setattr(erase._Erasing, "steps", failing)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int, Path]:
    """Events, an output in which the requests wait, how many files its erasure moves into place,
    and the output afterwards."""
    folder = tmp_path_factory.mktemp("small")
    city().write(folder / "events" / "known.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "erase_at_rest", lambda *given: [])
        ran(folder / "waits", folder / "events")
    shutil.copytree(folder / "waits", folder / "done")
    with pytest.MonkeyPatch.context() as patch:
        moved = abort_at(patch, -1)
        erase.erase_at_rest(folder / "done", DEPLOYMENT)
    return folder / "events", folder / "waits", len(moved), folder / "done"


def test_a_crash_anywhere_is_finished_by_the_next_start(
    small: tuple[Path, Path, int, Path], tmp_path: Path
) -> None:
    """Before and after each file that is moved into place, and after each step."""
    events, waits, moves, done = small
    assert moves > 4
    wanted = hashes(done)
    for number in range(2 * moves + 4):
        output = tmp_path / str(number)
        shutil.copytree(waits, output)
        with pytest.MonkeyPatch.context() as patch:
            if number < 2 * moves:
                abort_at(patch, number)
            else:
                abort_after(patch, number - 2 * moves + 1)
            with pytest.raises(Abort):
                erase.erase_at_rest(output, DEPLOYMENT)
        if number % 5:
            erase.erase_at_rest(output, DEPLOYMENT)
        else:
            ran(output, events)
        assert hashes(output) == wanted, number
        assert not (output / PLAN).exists()
        assert found_in(output, THEIRS) == [], number
        shutil.rmtree(output)


def test_an_erasure_that_is_under_way_is_sealed_and_stops_a_rebuild(
    small: tuple[Path, Path, int, Path], tmp_path: Path
) -> None:
    output = copy_of(small[1], tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erase._Erasing, "carry_out", lambda self: (_ for _ in ()).throw(Abort))
        with pytest.raises(Abort):
            erase.erase_at_rest(output, DEPLOYMENT)
    for secret in THEIRS:
        assert secret.encode() not in (output / PLAN).read_bytes()
        assert secret.encode() not in (output / FILE).read_bytes()
    with pytest.raises(RunRefused, match="no erasure is under way"):
        rebuild(RebuildOptions(inputs=[output], output=tmp_path / "rebuilt", config=CONFIG))


def test_the_command_shows_erases_and_says_what_it_refuses(
    small: tuple[Path, Path, int, Path], tmp_path: Path
) -> None:
    output = copy_of(small[1], tmp_path)
    untouched = hashes(output)
    shown = CliRunner().invoke(app, ["erase", str(output), "--dry-run"])
    assert shown.exit_code == 1
    assert f"member {ANA['member_id']}, who asked by profile/" in shown.output
    assert "2 card, 1 cookie, 1 device_id, 1 email, " in shown.output
    assert "a guest, who asked by profile/" in shown.output
    assert "carries nothing but a device" in shown.output
    assert "Nothing was erased" in shown.output
    assert hashes(output) == untouched
    erased = CliRunner().invoke(app, ["erase", str(output)])
    assert erased.exit_code == 1
    assert "Erased 2 people" in erased.output
    assert str(small[0] / "known.jsonl") in erased.output
    assert hashes(output) == hashes(small[3])
    again = CliRunner().invoke(app, ["erase", str(output)])
    assert "Erased" not in again.output


def test_a_request_that_named_what_others_have_too_is_met_once(tmp_path: Path) -> None:
    """Ana asks by a card that Ben uses afterwards: it stays his, and her request is no longer
    open."""
    told = City()
    told.add(1, "enrolled", "profile", of(ANA, "member_id", "card"))
    told.add(2, "erasure_requested", "profile", of(ANA, "card"))
    told.sale(3, "b1", 900, {**of(ANA, "card"), **of(BEN, "member_id")})
    told.write(tmp_path / "events" / "known.jsonl")
    output = ran(tmp_path / "out", tmp_path / "events")
    assert rows_of(output, "SELECT count(*) FROM erasures") == [(1,)]
    assert rows_of(output, "SELECT identifiers FROM erasure_requests") == [
        (f'["card:{ANA["card"]}"]',)
    ]
    assert erase.find(output, DEPLOYMENT).requests == []


def test_the_middle_of_the_input_is_refused(
    small: tuple[Path, Path, int, Path], tmp_path: Path
) -> None:
    output = copy_of(small[1], tmp_path)
    path = output / "journal" / "generations.json"
    journal = json.loads(path.read_text())
    journal["generations"][-1]["ended_at"] = None
    path.write_text(json.dumps(journal))
    with pytest.raises(RunRefused, match="in the middle of"):
        erase.erase_at_rest(output, DEPLOYMENT)
    assert not (output / PLAN).exists()
    assert not (output / FILE).exists()


def test_another_output_over_the_same_events_takes_the_tombstones(
    small: tuple[Path, Path, int, Path], tmp_path: Path
) -> None:
    """From its first start on; the tables are then those of the first one."""
    events, waits, _, done = small
    tombstones = done / FILE
    run(RunOptions(inputs=[events], output=tmp_path / "other", config=CONFIG, erased=tombstones))
    assert found_in(tmp_path / "other", THEIRS) == []
    assert list(reconcile(done, tmp_path / "other").differences) == []
    with pytest.raises(RunRefused, match="from an output's first start on"):
        run(
            RunOptions(
                inputs=[events], output=copy_of(waits, tmp_path), config=CONFIG, erased=tombstones
            )
        )


def test_strangers_of_a_generated_city(tmp_path: Path) -> None:
    """Some of them, twice: what happens between is another life."""
    generate(25, 30, 3, tmp_path / "city", events_per_member_day=2.0)
    events = [
        json.loads(line)
        for path in sorted((tmp_path / "city" / "events").rglob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    events.sort(key=_known)
    half, last = _known(events[len(events) // 2]), _known(events[-1])
    members = sorted({one["identifiers"].get("member_id", "") for one in events} - {""})
    for part, until, asking in (("one", half, members[:3]), ("two", last, members[1:5])):
        told = City()
        for number, member_id in enumerate(asking):
            told.add(0, "erasure_requested", "profile", {"member_id": member_id})
            told.events[-1] |= {"occurred_at": until, "event_id": f"{part}-{number}"}
        own = [one for one in events if (_known(one) <= half) == (part == "one")]
        told.events += own
        told.write(tmp_path / part / f"{part}.jsonl")
    output = tmp_path / "out"
    ran(output, tmp_path / "one")
    ran(output, tmp_path / "one", tmp_path / "two")
    assert rows_of(output, "SELECT count(*) FROM erasures") == [(7,)]
    gone = "SELECT count(*) FROM event_owners WHERE list_contains($members, member_id)"
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as con:
        assert con.execute(gone, {"members": members[1:5]}).fetchall() == [(0,)]
    rebuild(RebuildOptions(inputs=[output], output=tmp_path / "rebuilt", config=CONFIG, groups=4))
    assert list(reconcile(output, tmp_path / "rebuilt").differences) == []


def _known(event: dict[str, Any]) -> int:
    return int(event.get("received_at", event["occurred_at"]))
