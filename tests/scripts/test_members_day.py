"""One member's day: what each channel's own file says after each step, told in 100 columns."""

import io
import json
import re
import shutil
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import msgspec
import pytest
from rich.console import Console

from schemas.decisions import CHANNELS
from scripts import members_day
from scripts.day.story import MEMBER_ID, Step, encoded, story
from scripts.day.surfaces import Surfaces, SurfacesDisagree
from scripts.run import DEFAULT_CONFIG, run_files

EVENING_BEFORE = {
    "event_id": "last-1",
    "type": "sale",
    "source": "pos",
    "occurred_at": "2018-01-02T01:00:00Z",
    "market": "us",
    "identifiers": {"card": "4000000000042", "member_id": "m-other"},
    "payload": {
        "transaction_id": "last",
        "currency": "USD",
        "lines": [{"line_id": "1", "sku": "1", "amount": 1000}],
    },
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    """A run that ended on 1 January in New York, and the day that was run after it."""
    folder = tmp_path_factory.mktemp("day")
    events = folder / "year"
    events.mkdir()
    (events / "pos.jsonl").write_bytes(json.dumps(EVENING_BEFORE).encode() + b"\n")
    output = folder / "run"
    run_files([events], output, workers=1)
    shutil.rmtree(events)  # what was read needn't be there for a later run
    steps, summary = members_day.live_through(output, DEFAULT_CONFIG, 1)
    assert (summary.generations, summary.records) == (1, sum(len(step.events) for step in steps))
    return output, steps


@pytest.fixture
def told(day: tuple[Path, list[Step]]) -> str:
    output, steps = day
    out = io.StringIO()
    members_day.tell(Console(file=out, width=100), output, steps)
    return out.getvalue()


def copied(day: tuple[Path, list[Step]], folder: Path) -> Path:
    shutil.copytree(day[0] / "triggers", folder / "triggers")
    return folder / "triggers"


def test_the_story_is_in_order_and_begins_on_its_first_day() -> None:
    steps = story(date(2018, 3, 9))  # over the night in which New York skips an hour
    sent = [event for step in steps for event in step.events]
    assert all(one.received_at <= two.received_at for one, two in pairwise(sent))
    assert all(one.until < two.at or one.until == two.at - 1 for one, two in pairwise(steps))
    assert len({event.event_id for event in sent}) == len(sent)
    assert all(
        step.at <= event.occurred_at <= step.until for step in steps for event in step.events
    )
    assert encoded(steps).count(b"\n") == len(sent)
    assert all(event.context["simulated"] == "yes" for event in sent)


def test_nothing_of_it_is_refused_and_all_of_it_is_hers(day: tuple[Path, list[Step]]) -> None:
    output, steps = day
    assert (output / "quarantine.jsonl").read_bytes() == b""
    con = duckdb.connect(str(output / "warehouse.duckdb"), read_only=True)
    owners = con.sql("SELECT event_id, member_id FROM current_owners").fetchall()
    assert dict(owners) == {
        "last-1": "m-other",
        **{event.event_id: MEMBER_ID for step in steps for event in step.events},
    }


def test_the_balance_after_each_step(day: tuple[Path, list[Step]]) -> None:
    """64.20, then 80.65 and 37.75 dollars; the pan of 39.90 leaves 40.75 of the second receipt."""
    output, steps = day
    surfaces = Surfaces(output / "triggers", MEMBER_ID)
    seen = [
        {name: (face.data["available"], face.data.get("pending")) for name, face in faces.items()}
        for faces in (surfaces.faces(step.until) for step in steps)
    ]
    assert [one["app"] for one in seen] == [
        (0, 64),
        (64, 0),
        (64, 0),
        (64, 0),
        (64, 80),
        (64, 117),
        (64, 117),
        (64, 77),
        (64, 77),
    ]
    assert [one.get("web") for one in seen] == [None, None, *[one["app"] for one in seen[2:]]]
    assert [one.get("pos") for one in seen] == [
        *[None] * 3,
        (64, None),
        *[one["app"] for one in seen[4:]],
    ]
    assert seen[-1]["service"] == (64, 77)
    assert seen[-1]["receipt"] == (64, 80)
    assert not {"email", "sms", "wallet"} & set(seen[-1])
    assert surfaces.check(steps[-1].until) == ["app", "web", "pos", "service"]


def test_one_message_and_none_beside_it(day: tuple[Path, list[Step]]) -> None:
    output, _ = day
    con = duckdb.connect(str(output / "warehouse.duckdb"), read_only=True)
    sent = con.sql(
        "SELECT journey, channel FROM triggers WHERE action = 'send' AND journey <> "
        f"'real_time_earn' AND member_id = '{MEMBER_ID}' ORDER BY decided_at"
    ).fetchall()
    assert sent == [("welcome", "push"), ("cart_reminder", "push")]


def test_what_is_told(told: str) -> None:
    assert max(map(len, told.splitlines())) <= 100
    steps = re.split(r"^\w{3} \d\d \w{3} \d\d:\d\d  ", told, flags=re.MULTILINE)
    assert [step.splitlines()[0].rstrip(" ─") for step in steps[1:]] == [
        step.title for step in story(date(2018, 1, 2))
    ]
    assert "nobody's yet: what she did waits with the cookie" in steps[2]
    assert "product_viewed: from before: the device is hers now" in steps[3]
    assert "member_in_store@1 on till flag" in steps[4]
    assert "cart_reminder 18:20 by push; email: other_channel" in steps[7]
    assert "✓ the same balance on app, web, till flag, support" in steps[9]
    why, chain = told.split("Why no SMS?")[1].split("Where do her first points come from?")
    assert "suppressed, no_consent" in why
    assert "she said no to messages of this purpose on this channel, in profile/hana-4" in why
    assert "sent, ok: she prefers push; allowed by opt_in:profile/hana-3, at 17:15" in why
    for said in ("base of grocer@1", "pos/hana-6, a sale", "64 points", "pending → available"):
        assert said in chain


@pytest.mark.parametrize(
    ("channel", "step"), [("web", -1), ("pos", -1), ("service", -1), ("receipt", 4), ("push", 5)]
)
def test_another_balance_in_one_file_is_noticed(
    day: tuple[Path, list[Step]], tmp_path: Path, channel: str, step: int
) -> None:
    """Each surface is read from its own file: a changed file changes what is shown."""
    triggers = copied(day, tmp_path)
    path = triggers / f"{channel}.jsonl"
    until = day[1][step].until
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    hers = [one for one in lines if one["member_id"] == MEMBER_ID and one["decided_at"] <= until]
    hers[-1]["data"]["available"] += 1
    path.write_bytes(msgspec.json.Encoder().encode_lines(lines))
    with pytest.raises(SurfacesDisagree, match=f"available: .*{channel}"):
        Surfaces(triggers, MEMBER_ID).check(until)


def line(number: int, action: str, at: int, **values: object) -> dict[str, object]:
    return {
        "trigger_id": f"t{number}",
        "action": action,
        "member_id": "m",
        "channel": "app",
        "journey": "j",
        "content": f"c{number}",
        "data": {"available": number},
        "expires_at": None,
        "decided_at": at,
        **values,
    }


def test_what_a_surface_shows_ends_when_it_is_taken_back_or_expires(tmp_path: Path) -> None:
    for channel in CHANNELS:
        (tmp_path / f"{channel}.jsonl").touch()
    written = [
        line(1, "show", 10),
        line(2, "show", 20, expires_at=40),
        line(3, "show", 30),
        line(4, "hide", 35, data={"withdraws": "t3"}),
        line(5, "show", 50, member_id="somebody else"),
    ]
    (tmp_path / "app.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(written))
    surfaces = Surfaces(tmp_path, "m")
    shown = {at: surfaces.faces(at).get("app") for at in (5, 10, 25, 30, 35, 39, 40, 60)}
    assert {at: face and face.content for at, face in shown.items()} == {
        5: None,
        10: "c1",
        25: "c2",
        30: "c3",
        35: "c2",
        39: "c2",
        40: "c1",
        60: "c1",
    }
