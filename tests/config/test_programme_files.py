"""Whatever somebody writes into a programme file, they are told what is wrong, and where."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.load import convert
from config.nodes import parse, value_of
from config.problems import ConfigError
from schemas.programme import Programme
from transforms.accrue.check import check_programme

FOLDER = Path(__file__).parents[2] / "config" / "programmes"
SHIPPED = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
BOUNDED = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.sampled_from([0, -1, 1, 10**9, 2**63, 10**30, 0.5, 1e300]),
    st.sampled_from(
        ["", "x", "NaN", "Infinity", "1e999999999", "1e-999999999", "-0", "0.0000000001", "gold"]
    ),
    st.sampled_from(
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2017-02-30", "13-40", "02-29"]
    ),
    st.sampled_from(["Mars/Olympus", "../etc", "25:61", "22:00", "base", "points", "edited"]),
    st.just([]),
    st.just({}),
    st.lists(st.sampled_from(["a", "b", 1, None]), max_size=3),
    st.dictionaries(st.sampled_from(["rule", "points", "when", "x"]), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a file."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from places(inner, (*path, at))


def plain(text: str) -> Any:
    """A file's values, as our own YAML has them: `on` is a word there."""
    return value_of(parse(text, "mine.yaml"), set())


def inside(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def read(text: str) -> Programme:
    """As a start and a check of the config read it."""
    return convert(parse(text, "mine.yaml"), Programme, check_programme)


def problems_of(text: str) -> list[str]:
    try:
        read(text)
    except ConfigError as error:
        return [str(one) for one in error.problems]
    return []


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_is_only_written_anew_stays_right(name: str) -> None:
    assert problems_of(yaml.safe_dump(plain(SHIPPED[name]), sort_keys=False)) == []


@st.composite
def edited(draw: Any) -> str:
    """A file that ships, after a few random edits."""
    whole = plain(SHIPPED[draw(st.sampled_from(sorted(SHIPPED)))])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(whole))))
        holder, step = inside(whole, path[:-1]), path[-1]
        way = draw(st.sampled_from(["replace", "replace", "drop", "twice", "add", "move"]))
        if way == "replace":
            holder[step] = draw(ODD)
        elif way == "drop":
            del holder[step]
        elif way == "twice" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[step]))
        elif way == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["rate", "when", "cap", "per", "unheard_of"]))] = draw(ODD)
        elif way == "move":
            other = draw(st.sampled_from(list(places(whole))))
            holder[step] = copy.deepcopy(inside(whole, other))
        if not whole:
            break
    return yaml.safe_dump(whole, sort_keys=False)


@BOUNDED
@given(edited())
def test_an_edited_file_is_used_or_told_what_is_wrong(text: str) -> None:
    for said in problems_of(text):
        assert said.startswith("mine.yaml") and ": $" in said and "\n" not in said, said
        assert len(said) < 1000, said


@BOUNDED
@given(
    st.sampled_from(sorted(SHIPPED)), st.integers(0, 10**6), st.text(max_size=3), st.integers(0, 3)
)
def test_a_slip_of_the_keyboard_is_told(name: str, at: int, typed: str, gone: int) -> None:
    text = SHIPPED[name]
    place = at % len(text)
    for said in problems_of(text[:place] + typed + text[place + gone :]):
        assert said.startswith("mine.yaml") and ": $" in said, said


GROCER = """
programme: mine
markets: [us]
currency: USD
time_zone: America/New_York
versions:
  - version: 1
    effective_from: 2016-01-01T00:00:00-05:00
    earn:
      - {rule: base, rate: 1}
      - SPOILT
"""


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{rule: bonus, points: 5, pionts: 3}", "$.versions[0].earn[1].pionts: unknown field"),
        ("{rule: bonus, points: five}", "$.versions[0].earn[1].points: must be a whole number"),
        ("{rule: bonus, points: 0}", "$.versions[0].earn[1].points: must be a whole number"),
        ("{rule: bonus}", "$.versions[0].earn[1]: 'points' is missing"),
        (
            "{rule: bonsu, points: 5}",
            "$.versions[0].earn[1].rule: must be one of base, tier_rate,",
        ),
        ("{points: 5}", "$.versions[0].earn[1]: 'rule' is missing"),
        (
            "{rule: bonus, points: 5, when: {weekday: [sun]}}",
            "$.versions[0].earn[1].when.weekday: unknown field 'weekday'; did you mean 'weekdays'?",
        ),
        (
            "{rule: bonus, points: 5, when: {weekdays: [sunday]}}",
            "$.versions[0].earn[1].when.weekdays[0]: must be one of",
        ),
        (
            "{rule: bonus, points: 5, when: {hours: {from: '25:00', to: '06:00'}}}",
            "$.versions[0].earn[1].when.hours.from: must be text",
        ),
        (
            "{rule: bonus, points: 5, when: {dates: [2017-02-30]}}",
            "$.versions[0].earn[1].when.dates[0]: must be a date such as 2017-01-31; got",
        ),
        (
            "{rule: bonus, points: 5, when: {from: 2017-02-01}}",
            "$.versions[0].earn[1].when.from: must be a time such as",
        ),
        (
            "{rule: bonus, points: 5, cap: {points: 5, per: hour}}",
            "$.versions[0].earn[1].cap.per: must be one of",
        ),
        (
            "{rule: bonus, points: 5, when: {birthday: week}}",
            "$.versions[0].earn[1].when.birthday: must be one of",
        ),
        (
            "{rule: action, on: sale, points: 5}",
            "$.versions[0].earn[1].on: must be one of",
        ),
        (
            "{rule: action, on: activity_completed, activities: workout, points: 5}",
            "$.versions[0].earn[1].activities: must be a list",
        ),
        (
            "{rule: bonus, points: 5, when: {spend_at_least: 12.50}}",
            "$.versions[0].earn[1].when.spend_at_least: must be a whole number",
        ),
        ("{rule: bonus, points: 5, name: Big Day}", "$.versions[0].earn[1].name: "),
        (
            "{rule: base, name: more, rate: two}",
            "$.versions[0].earn[1].rate: must be a number; got",
        ),
        ("{rule: base, name: more, rate: '1e999999999'}", "$.versions[0].earn[1].rate: must be"),
    ],
)
def test_a_slip_in_a_rule_is_named_by_line_and_path(rule: str, said: str) -> None:
    (problem,) = problems_of(GROCER.replace("SPOILT", rule))
    assert problem.startswith("mine.yaml:11:"), problem
    assert said in problem


def test_all_slips_of_a_file_are_told_at_once() -> None:
    rules = "{rule: bonus}\n      - {rule: bonus, points: x}\n      - {rule: base, name: b, rat: 1}"
    assert len(problems_of(GROCER.replace("SPOILT", rules))) >= 3
