"""The other configuration: what takes whose place, and what is refused before a fold."""

from datetime import datetime, timezone
from pathlib import Path

import pytest
from simulated_city import GROCER, grocer, shipped_config, simulated
from typer.testing import CliRunner

from config.deployment import Deployment
from config.load import load
from config.problems import ConfigError
from pipelines.foundation import config_hash
from schemas.programme import Programme
from scripts import cli
from scripts.run import DEFAULT_CONFIG
from scripts.simulate.options import Changes, SimulationRefused
from scripts.simulate.overlay import lay_over

DOUBLE = ("{rule: base, rate: 1,", "{rule: base, rate: 2,")
JOURNEY = """
journey: {name}
version: 1
purpose: marketing
priority: 10
value: 1
entry: {{event: enrolled, max_age_hours: 1}}
steps:
  - step: greet
    message: {{channels: [email], content: hello@1, data: [tier], ttl_hours: 1}}
"""


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)


def of_grocer(deployment: Deployment) -> Programme:
    return next(one for one in deployment.programmes if one.programme == "grocer")


def test_nothing_changed_is_the_same_configuration(tmp_path: Path) -> None:
    overlay = lay_over(DEFAULT_CONFIG, Changes(), tmp_path / "config")
    assert overlay.changed == ()
    assert config_hash(overlay.folder) == config_hash(DEFAULT_CONFIG)


def test_a_file_takes_the_place_of_the_one_with_its_name(tmp_path: Path) -> None:
    overlay = lay_over(
        DEFAULT_CONFIG, Changes(programmes=[grocer(tmp_path, DOUBLE)]), tmp_path / "config"
    )
    assert overlay.changed == ("programmes/grocer.yaml: changed",)
    programme = of_grocer(overlay.deployment)
    assert programme.versions[0].earn[0].rate == 2  # type: ignore[union-attr]


def test_a_journey_is_replaced_added_or_taken_away(tmp_path: Path) -> None:
    for name in ("welcome", "hello"):
        (tmp_path / f"{name}_new.yaml").write_text(JOURNEY.format(name=name))
    changes = Changes(
        journeys=[tmp_path / "welcome_new.yaml", tmp_path / "hello_new.yaml"],
        without_journeys=["win_back"],
    )
    overlay = lay_over(DEFAULT_CONFIG, changes, tmp_path / "config")
    assert overlay.changed == (
        "journeys/hello_new.yaml: added",
        "journeys/welcome.yaml: changed",
        "journeys/win_back.yaml: taken away",
    )
    names = {journey.journey: journey.priority for journey in overlay.deployment.journeys}
    assert names["welcome"] == names["hello"] == 10
    assert "win_back" not in names


def test_a_whole_folder_goes_under_the_files(tmp_path: Path) -> None:
    other = shipped_config(tmp_path / "other")
    calm = other / "conversation.yaml"
    calm.write_text(calm.read_text() + "\n# calmer\n")
    changes = Changes(folder=other, programmes=[grocer(tmp_path, DOUBLE)])
    overlay = lay_over(DEFAULT_CONFIG, changes, tmp_path / "config")
    assert overlay.changed == ("conversation.yaml: changed", "programmes/grocer.yaml: changed")


def test_the_newest_version_can_count_from_another_day(tmp_path: Path) -> None:
    """Versions that would begin later are gone; what was in force before stays so."""
    text = GROCER.read_text()
    first = text[text.index("  - version: 1") : text.index("tests:")]
    later = "".join(
        first.replace("version: 1", f"version: {number}").replace("2016-01-01", day)
        for number, day in ((2, "2017-02-01"), (3, "2030-01-01"))
    ).replace("rate: 1,", "rate: 7,")
    file = tmp_path / "later.yaml"
    file.write_text(
        text.replace("tests:", later + "tests:").replace(
            "given: {", "given: {at: 2016-06-01T00:00:00Z, "
        )
    )
    load(file, Programme)
    changes = Changes(programmes=[file], effective_from=ms("2017-01-15"))
    programme = of_grocer(lay_over(DEFAULT_CONFIG, changes, tmp_path / "config").deployment)
    assert [one.version for one in programme.versions] == [1, 3]
    assert programme.versions[1].effective_from == datetime(2017, 1, 15, tzinfo=timezone.utc)
    assert programme.versions[1].earn[0].rate == 7  # type: ignore[union-attr]
    current = load(GROCER, Programme)
    assert programme.versions[0] == current.versions[0]


def refused(tmp_path: Path, changes: Changes) -> str:
    """What is said, before there is an output or anything was folded."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "pos.jsonl").write_text("{}\n")
    with pytest.raises((ConfigError, SimulationRefused)) as caught:
        simulated(tmp_path / "events", tmp_path / "out", changes)
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def test_a_bad_file_is_named_with_the_field(tmp_path: Path) -> None:
    bad = grocer(tmp_path, ("{rule: base, rate: 1,", "{rule: base, rate: two,"))
    said = refused(tmp_path, Changes(programmes=[bad]))
    assert said.startswith(f"{bad}:10:")
    assert "$.versions[0].earn[0].rate: " in said
    assert 'got "two"' in said


def test_examples_that_no_longer_hold_are_said_with_a_way_out(tmp_path: Path) -> None:
    said = refused(tmp_path, Changes(programmes=[grocer(tmp_path, DOUBLE, tests=True)]))
    assert f"{tmp_path / 'changed.yaml'}:" in said
    assert "$.tests[0].earns: says" in said
    assert "take `tests` out of a file that is only a try" in said


def test_what_only_the_whole_shows_names_the_given_file_or_folder(tmp_path: Path) -> None:
    """A market with two programmes, a journey that says what nobody knows."""
    file = grocer(tmp_path, ("programme: grocer", "programme: butcher"))
    said = refused(tmp_path, Changes(programmes=[file]))
    assert "a market has one programme" in said
    assert str(DEFAULT_CONFIG) in said

    journey = tmp_path / "bad.yaml"
    journey.write_text(JOURNEY.format(name="bad").replace("priority: 10", "priority: 1000"))
    with pytest.raises(ConfigError, match=r"journey bad: .*priority: must be from 0 to 100"):
        lay_over(DEFAULT_CONFIG, Changes(journeys=[journey]), tmp_path / "config")


def test_all_bad_files_are_said_at_once(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("nothing: here\n")
    said = refused(tmp_path, Changes(programmes=[bad], journeys=[bad], identity=bad))
    assert {"$.programme", "$.journey", "$.rungs"} <= {
        word.rstrip(":") for word in said.split() if word.startswith("$.")
    } or said.count(f"{bad}:1:1: ") >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--without-journey", "nothing"], "must be the name of a journey; got 'nothing'"),
        (["--effective-from", "2017-01-01T00:00:00Z"], "of a --programme FILE; got none"),
        (["--programme", "missing.yaml"], "does not exist"),
        (["--breakage", "2"], "'--breakage'"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "pos.jsonl").write_text("{}\n")
    asked = ["simulate", "--input", str(tmp_path), "--output", str(tmp_path / "out"), *arguments]
    done = CliRunner().invoke(cli.app, asked, env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    file = grocer(tmp_path, DOUBLE)
    assert "two files of 'grocer'" in refused(tmp_path, Changes(programmes=[file, file]))


def test_an_output_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "pos.jsonl").write_text("{}\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text('{"mine": true}')
    with pytest.raises(SimulationRefused, match="holds something else"):
        simulated(tmp_path / "events", tmp_path / "out", Changes())
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["summary.json"]
