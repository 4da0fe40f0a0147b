"""After an erasure the audit holds for everybody else, and notices what is left of the erased."""

import json
import shutil

import duckdb
import pytest

from scripts.audit import CONFIG, audit, said
from scripts.audit_fold import fold
from scripts.audit_tables import prepared
from scripts.generate import generate
from scripts.run import run_files

MEMBERS = 60


def ask_to_be_forgotten(folder, members):
    """One more profile event for each, at the end of the last half-year."""
    path = max(folder.glob("events/*/profile.jsonl"))
    at = json.loads(path.read_bytes().splitlines()[-1])["received_at"]
    with path.open("a") as file:
        for number, member_id in enumerate(members):
            event = {
                "event_id": f"forget-{number}",
                "type": "erasure_requested",
                "source": "profile",
                "occurred_at": at,
                "received_at": at,
                "market": "us",
                "identifiers": {"member_id": member_id},
                "payload": {},
            }
            file.write(f"{json.dumps(event)}\n")


@pytest.fixture(scope="module")
def erased(tmp_path_factory):
    """(output, city, members) of a run in which the two who bought most were erased."""
    folder = tmp_path_factory.mktemp("erased")
    generate(MEMBERS, 30, 5, folder / "city")
    people = duckdb.sql(
        f"""select person from '{folder}/city/truth/baskets.parquet'
        group by 1 order by count(*) desc, 1 limit 2"""
    ).fetchall()
    members = [member_id for (member_id,) in people]
    ask_to_be_forgotten(folder / "city", members)
    run_files([folder / "city" / "events"], folder / "out")
    return folder / "out", folder / "city", members


def test_every_promise_holds_for_those_who_are_left(erased):
    output, city, members = erased
    findings = {finding.check.name: finding for finding in audit(output, city)}
    assert [said(one) for name, one in findings.items() if one.count and "few" not in name] == []
    assert findings["the_erased_are_gone"].looked_at == len(members)


def test_the_accounts_of_those_who_are_left_are_what_comes_out_by_hand(erased):
    output, city, members = erased
    with prepared(output, city, CONFIG) as connection:
        folded = fold(connection, CONFIG)
    assert (folded.differing, folded.not_folded) == ([], [])
    assert folded.agreeing >= MEMBERS - len(members)


def test_what_is_left_of_somebody_is_found(erased, tmp_path):
    output, city, members = erased
    shutil.copytree(output, tmp_path / "out", ignore=shutil.ignore_patterns("recovery"))
    with duckdb.connect(str(tmp_path / "out" / "warehouse.duckdb")) as connection:
        connection.execute(
            "INSERT INTO event_owners SELECT * REPLACE (? AS member_id) FROM event_owners "
            "WHERE type = 'sale' LIMIT 1",
            [members[0]],
        )
    found = {finding.check.name: finding for finding in audit(tmp_path / "out", city)}
    assert found["the_erased_are_gone"].count == 1
