"""YAML becomes structs; every mistake is reported with its place, and all of them at once."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from config.load import convert, load, load_all
from config.nodes import merge, parse, value_of
from config.problems import ConfigError


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: str
    rate: Annotated[float, Meta(gt=0, description="points a unit of currency")] = 1.0
    rounding: Literal["floor", "half_up"] = "floor"


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1)]
    effective_from: Annotated[datetime, Meta(tz=True)]
    earn: tuple[Rule, ...] = ()
    by_tier: dict[str, Rule] = {}


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    programme: str
    versions: Annotated[tuple[Version, ...], Meta(min_length=1)]
    quiet_from: str = "22:00"
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.programme == "none":
            raise ValueError("programme: must not be 'none'")


GOOD = """
programme: coffee
quiet_from: 22:00
versions:
  - version: 1
    effective_from: 2017-01-01T00:00:00-05:00
    earn:
      - {rule: base, rate: 2}
      - {rule: night, rounding: half_up}
    by_tier:
      gold: {rule: gold, rate: 1.5}
"""


def problems(text: str, **options: object) -> list[str]:
    with pytest.raises(ConfigError) as error:
        convert(parse(text, "coffee.yaml"), Programme, **options)
    assert str(error.value).splitlines() == [str(problem) for problem in error.value.problems]
    return str(error.value).splitlines()


def test_a_file_becomes_a_struct() -> None:
    programme = convert(parse(GOOD, "coffee.yaml"), Programme)
    (version,) = programme.versions
    assert programme.quiet_from == "22:00", "no number in base 60"
    assert version.effective_from == datetime(2017, 1, 1, tzinfo=timezone(timedelta(hours=-5)))
    assert [rule.rate for rule in version.earn] == [2.0, 1.0]
    assert version.by_tier == {"gold": Rule(rule="gold", rate=1.5)}


@pytest.mark.parametrize("time", ["2017-01-01T05:00:00Z", "'2017-01-01 00:00:00-05:00'"])
def test_times_with_a_zone_in_every_form(time: str) -> None:
    programme = convert(
        parse(GOOD.replace("2017-01-01T00:00:00-05:00", time), "coffee.yaml"), Programme
    )
    assert programme.versions[0].effective_from.timestamp() == 1_483_246_800


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "rate: 2",
            'rate: "two"',
            "8:28: $.versions[0].earn[0].rate: "
            'must be a number above 0; got "two"; points a unit of currency',
        ),
        (
            "rate: 2",
            "rate: 0",
            "8:28: $.versions[0].earn[0].rate: "
            "must be a number above 0; got 0; points a unit of currency",
        ),
        (
            "rounding: half_up",
            "rounding: up",
            '9:33: $.versions[0].earn[1].rounding: must be one of floor, half_up; got "up"',
        ),
        (
            "rate: 2",
            "rates: 2",
            "8:22: $.versions[0].earn[0].rates: unknown field 'rates'; did you mean 'rate'?",
        ),
        (
            "rate: 2",
            "colour: 2",
            "8:22: $.versions[0].earn[0].colour: unknown field 'colour'; "
            "known are: rule, rate, rounding",
        ),
        (
            "version: 1",
            "version: 0",
            "5:14: $.versions[0].version: must be a whole number at least 1; got 0",
        ),
        (
            "version: 1",
            "version: 1.5",
            "5:14: $.versions[0].version: must be a whole number at least 1; got 1.5",
        ),
        (
            "    effective_from: 2017-01-01T00:00:00-05:00\n",
            "",
            "5:5: $.versions[0]: 'effective_from' is missing",
        ),
        (
            "T00:00:00-05:00",
            "T00:00:00",
            "6:21: $.versions[0].effective_from: must be a time such as 2017-01-01T00:00:00-05:00 "
            'with a timezone component; got "2017-01-01T00:00:00"',
        ),
        (
            "rate: 1.5",
            "rate: [1]",
            "11:32: $.versions[0].by_tier.gold.rate: must be a number above 0; got [1]; "
            "points a unit of currency",
        ),
        ("quiet_from: 22:00", "quiet_from: 22", "3:13: $.quiet_from: must be text; got 22"),
        ("quiet_from: 22:00", "enabled: yes", '3:10: $.enabled: must be true or false; got "yes"'),
        ("programme: coffee", "programme: none", "2:1: $: programme: must not be 'none'"),
        ("programme: coffee", "programme:", "2:11: $.programme: must be text; got null"),
        (
            "quiet_from: 22:00",
            "programme: tea",
            "3:1: $.programme: stands twice; first in line 2",
        ),
        (
            "programme: coffee",
            "<<: {a: 1}",
            "2:1: $: merge keys (<<) aren't supported; write it out",
        ),
        (
            "programme: coffee",
            "programme: !secret x",
            "2:12: $.programme: tags aren't supported; got !secret",
        ),
        ("programme: coffee", "[1]: coffee", "2:1: $: a key must be plain text"),
    ],
)
def test_a_mistake_names_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    said = problems(GOOD.replace(old, new, 1))
    assert f"coffee.yaml:{expected}" in said
    assert len(said) <= 2


def test_all_mistakes_of_a_file_are_said_at_once() -> None:
    text = """
programme: 5
colour: red
versions:
  - version: one
    earn: [{rate: 0}, 3, {rule: a, rate: 2}, {rule: b, rate: -1}]
    by_tier: {gold: {rule: 3}, silver: {rule: fine}, basic: {rule: 4}}
"""
    assert [said.removeprefix("coffee.yaml:") for said in problems(text)] == [
        "2:12: $.programme: must be text; got 5",
        "3:1: $.colour: unknown field 'colour'; "
        "known are: programme, versions, quiet_from, enabled",
        "5:5: $.versions[0]: 'effective_from' is missing",
        '5:14: $.versions[0].version: must be a whole number at least 1; got "one"',
        "6:12: $.versions[0].earn[0]: 'rule' is missing",
        "6:19: $.versions[0].earn[0].rate: must be a number above 0; got 0; "
        "points a unit of currency",
        "6:23: $.versions[0].earn[1]: must be a mapping; got 3",
        "6:62: $.versions[0].earn[3].rate: must be a number above 0; got -1; "
        "points a unit of currency",
        "7:28: $.versions[0].by_tier.gold.rule: must be text; got 3",
        "7:68: $.versions[0].by_tier.basic.rule: must be text; got 4",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "coffee.yaml: $: is empty"),
        ("a: [1", "coffee.yaml:1:6: $: is not YAML"),
        ("a: b: c", "coffee.yaml:1:5: $: is not YAML"),
        ("\0", "coffee.yaml: $: is not YAML"),
        ("- 1", "coffee.yaml:1:1: $: must be a mapping; got [1]"),
    ],
)
def test_what_is_no_file_of_this_kind(text: str, expected: str) -> None:
    (said,) = problems(text)
    assert said.startswith(expected)


def test_a_check_of_its_own_is_said_at_its_line() -> None:
    said = problems(GOOD, check=lambda made: ["$.versions[0].earn[1].rule: must not be night"])
    assert said == ["coffee.yaml:9:16: $.versions[0].earn[1].rule: must not be night"]


def test_many_files(tmp_path: Path) -> None:
    good, bad, absent = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml"
    binary = tmp_path / "d.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("coffee", "5"))
    binary.write_bytes(b"\xff")
    assert load(good, Programme).programme == "coffee"
    assert len(load_all([(good, Programme, None), (good, Programme, None)])) == 2
    with pytest.raises(ConfigError) as error:
        load_all([(path, Programme, None) for path in (absent, good, bad, binary)])
    assert [str(problem) for problem in error.value.problems] == [
        f"{bad}:2:12: $.programme: must be text; got 5",
        f"{absent}: $: can't be read: No such file or directory",
        f"{binary}: $: must be UTF-8",
    ]


def test_a_struct_that_would_let_a_misspelling_pass_is_our_mistake() -> None:
    class Lax(msgspec.Struct, kw_only=True):
        a: int = 0

    class Outer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
        inner: dict[str, tuple[Lax, ...]] = {}

    with pytest.raises(AssertionError, match="Lax"):
        convert(parse("inner: {}", "f"), Outer)


def test_merging_keeps_what_the_upper_file_leaves_out() -> None:
    under = parse("a: {b: 1, c: [1, 2]}\nd: 1", "under")
    over = parse("a: {c: [3], e: 5}\nf: {g: 1}", "over")
    merged = merge(under, over)
    assert value_of(merged, set()) == {"a": {"b": 1, "c": [3], "e": 5}, "d": 1, "f": {"g": 1}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc:- ", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("programme versions version earn by_tier rule rate".split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_whatever_stands_in_a_file_there_is_an_answer(value: object) -> None:
    """JSON is YAML: a mistake always has a place within the text, and no mistake comes twice."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode()
    try:
        convert(parse(text, "f"), Programme)
    except ConfigError as error:
        assert error.problems
        assert len(set(error.problems)) == len(error.problems)
        assert all(problem.line <= text.count("\n") + 1 for problem in error.problems)
