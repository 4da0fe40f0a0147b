"""Settings: which layer wins, where a value came from, and what is said of a wrong one."""

from pathlib import Path

import pytest

from config.problems import ConfigError
from config.settings import DEFAULTS, load_settings
from schemas.settings import Settings


def test_the_defaults_are_complete_and_each_is_documented() -> None:
    loaded = load_settings()
    assert loaded.settings.key_groups == 16
    assert loaded.settings.markets["us"].currency == "USD"
    assert loaded.settings.unique_namespaces == ("member_id", "login")
    assert loaded.settings.event_bytes_max == 1_000_000
    assert loaded.warnings == ()
    assert set(loaded.origins.values()) == {str(DEFAULTS)}
    assert {path.split(".")[0] for path in loaded.origins} == set(Settings.__struct_fields__)


def test_precedence(tmp_path: Path) -> None:
    file = tmp_path / "kizuna.yaml"
    file.write_text("key_groups: 8\nidentifiers_max: 8\nevent_bytes_max: 8_000\n")
    environ = {"KIZUNA_KEY_GROUPS": "9", "KIZUNA_IDENTIFIERS_MAX": "9", "HOME": "x"}
    loaded = load_settings(file, environ, {"key_groups": 10, "clock_bound_minutes": None})
    assert (
        loaded.settings.key_groups,
        loaded.settings.identifiers_max,
        loaded.settings.event_bytes_max,
        loaded.settings.clock_bound_minutes,
    ) == (10, 9, 8_000, 5)
    assert (
        loaded.origins["key_groups"],
        loaded.origins["identifiers_max"],
        loaded.origins["event_bytes_max"],
        loaded.origins["clock_bound_minutes"],
    ) == (
        "option --key-groups",
        "environment KIZUNA_IDENTIFIERS_MAX",
        str(file),
        str(DEFAULTS),
    )


def test_markets_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    file = tmp_path / "kizuna.yaml"
    file.write_text(
        "markets:\n  us: {programme: coffee}\n"
        "  de: {currency: EUR, time_zone: Europe/Berlin, region: DE, programme: grocer}\n"
    )
    environ = {"KIZUNA_BLOCKED__VALUES": '["", nobody]'}
    loaded = load_settings(file, environ).settings
    ours = load_settings().settings.markets
    assert set(loaded.markets) == {*ours, "de"}
    assert (loaded.markets["us"].programme, loaded.markets["us"].currency) == ("coffee", "USD")
    assert loaded.blocked.values == ("", "nobody")
    assert loaded.blocked.patterns != ()


def test_every_problem_of_every_layer_is_said(tmp_path: Path) -> None:
    file = tmp_path / "kizuna.yaml"
    file.write_text("markets: {us: {currency: dollars}}\nkey_group: 8\n")
    environ = {"KIZUNA_IDENTIFIERS_MAX": "many", "KIZUNA_BLOCKED__VALUES": "["}
    with pytest.raises(ConfigError) as error:
        load_settings(file, environ, {"clock_bound_minutes": -1})
    said = [str(problem) for problem in error.value.problems]
    assert [text.split(": ")[:2] for text in said] == [
        [f"{file}:1:26", "$.markets.us.currency"],
        [f"{file}:2:1", "$.key_group"],
        ["environment KIZUNA_BLOCKED__VALUES:1:2", "$"],
        ["environment KIZUNA_IDENTIFIERS_MAX:1:1", "$.identifiers_max"],
        ["option --clock-bound-minutes:1:1", "$.clock_bound_minutes"],
    ]
    assert said[1].endswith("unknown field 'key_group'; did you mean 'key_groups'?")
    assert said[3].endswith('must be a whole number at least 1 and at most 1000; got "many"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("markets: {us: {time_zone: Mars/Base}}", "$.markets.us.time_zone: must be an IANA name"),
        ("blocked: {patterns: ['[']}", "$.blocked.patterns[0]: must be a regular expression"),
        ("unique_namespaces: [face]", "$.unique_namespaces[0]: must be one of"),
        ("key_groups: 0", "$.key_groups: must be a whole number at least 1; got 0"),
    ],
)
def test_what_a_setting_must_be(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "kizuna.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_settings(file)
    (problem,) = error.value.problems
    assert said in str(problem)
    assert problem.file == str(file) and problem.line == 1


def test_a_variable_that_is_no_setting_is_warned_of() -> None:
    secrets = {"KIZUNA_PEPPER": "v1:00", "KIZUNA_QUARANTINE_KEY": "00"}
    loaded = load_settings(environ={"KIZUNA_KEYGROUPS": "8", "KIZUNA_MOOD": "good"} | secrets)
    assert loaded.settings.key_groups == 16
    assert loaded.warnings == (
        "KIZUNA_KEYGROUPS is not a setting; did you mean KIZUNA_KEY_GROUPS?",
        "KIZUNA_MOOD is not a setting; it is ignored",
    )
