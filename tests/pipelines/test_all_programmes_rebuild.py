"""Every programme that ships: a rebuild makes the same rows, another order of arrival the same
accounts."""

from pathlib import Path

import duckdb
import pytest
from all_programmes import DAY, Event, rearranged, story, write
from typer.testing import CliRunner

from pipelines.fold_history import RebuildOptions, rebuild
from scripts.cli import app
from scripts.run import DEFAULT_CONFIG, run_files

MEMBERS, SEED = 3, 8
PRIVILEGES = ("offers", "challenges", "memberships", "benefit_uses", "access")
STATES = (
    "SELECT member_id, market, tier, available, pending, held, qualifying FROM members",
    "SELECT member_id, lot_id, earned_at, available_at, expires_at, points, remaining "
    "FROM lots WHERE points > 0",
    "SELECT redemption_id, member_id, reward_id, points, status, code FROM redemptions",
    "SELECT grant_id, member_id, offer_id, status, code, granted_at, expires_at, closed_at "
    "FROM offers WHERE status <> 'withdrawn'",
    "SELECT member_id, challenge, since, until, progress, target, met, met_at "
    "FROM challenges WHERE progress > 0 OR met > 0",
    "SELECT member_id, since, plan, status, paid_until, ended_at, reason "
    "FROM memberships WHERE status <> 'withdrawn'",
    "SELECT member_id, source, event_id, benefit, code, used_at "
    "FROM benefit_uses WHERE code <> 'withdrawn'",
    "SELECT member_id, access, since, unlocked_by FROM access WHERE until IS NULL",
)
"""What there is in the end. What was given and taken back on the way is there in one order only."""


@pytest.fixture(scope="module")
def told() -> list[Event]:
    return story(MEMBERS, SEED)


@pytest.fixture(scope="module")
def as_of(told: list[Event]) -> int:
    """Two months after the last of it, so that timers fire which nothing happens before."""
    return told[-1]["received_at"] + 60 * DAY


@pytest.fixture(scope="module")
def ran(told: list[Event], as_of: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("all-programmes")
    run_files([write(told, folder / "events")], folder / "run", workers=1, as_of=as_of)
    return folder / "run"


def asked(output: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_there_is_something_of_everything(ran: Path) -> None:
    for table in PRIVILEGES:
        ((count, members),) = asked(ran, f"SELECT count(*), count(DISTINCT member_id) FROM {table}")
        assert count > 10 or members >= MEMBERS, (table, count)
    kinds = {kind for (kind,) in asked(ran, "SELECT DISTINCT kind FROM ledger_entries")}
    assert kinds >= {"earn", "bonus", "correct", "expire", "reverse", "transfer_in", "release"}
    assert len(asked(ran, "SELECT DISTINCT market FROM members")) == 7
    ((moved,),) = asked(ran, "SELECT count(*) FROM event_owners WHERE reason = 'retracted'")
    assert moved >= 7
    assert asked(ran, "SELECT count(*) FROM quarantine") == [(0,)]


def test_a_rebuild_makes_the_same_rows(ran: Path, tmp_path: Path) -> None:
    again = tmp_path / "rebuilt"
    rebuild(RebuildOptions(inputs=(ran,), output=again, config=DEFAULT_CONFIG, groups=4))
    compared = CliRunner().invoke(app, ["reconcile", str(ran), str(again)])
    assert compared.exit_code == 0, compared.output
    for table in PRIVILEGES:
        assert f" {table} " in compared.output


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_of_arrival_ends_in_the_same_accounts(
    told: list[Event], ran: Path, as_of: int, tmp_path: Path, seed: int
) -> None:
    other = rearranged(told, seed)
    places = {(one["source"], one["event_id"], one["received_at"]) for one in told}
    moved = [
        one for one in other if (one["source"], one["event_id"], one["received_at"]) not in places
    ]
    assert len(moved) > len(told) / 2
    run_files([write(other, tmp_path / "events")], tmp_path / "run", workers=1, as_of=as_of)
    for sql in STATES:
        ours, theirs = (set(asked(output, sql)) for output in (ran, tmp_path / "run"))
        assert ours == theirs, (
            sql,
            *(sorted(one, key=repr) for one in (ours - theirs, theirs - ours)),
        )
