"""The programmes that ship: every rule is shown by an example, and surfaces show what they promise.

The years of their members, as statements, are in `tests/scripts/test_statement.py`.
"""

from typing import Any

import msgspec
import pytest
from accrue_till import Till, message
from msgspec.structs import replace
from scripted_year import CONFIG, GOLDEN, Year, years

from config.load import load
from schemas.events import EVENT_TYPES, Event
from schemas.flow import AccountChanged
from schemas.programme import Programme
from transforms.accrue import Accrue, Programmes
from transforms.accrue.check_examples import failing_examples

FILES = sorted((CONFIG / "programmes").glob("*.yaml"))
RULES = [
    (file.stem, version, rule)
    for file in FILES
    for version, terms in enumerate(load(file, Programme).versions)
    for rule in range(len(terms.earn))
]


@pytest.mark.parametrize(("name", "version", "rule"), RULES)
def test_an_example_fails_without_the_rule(name: str, version: int, rule: int) -> None:
    programme = load(CONFIG / "programmes" / f"{name}.yaml", Programme)
    terms = programme.versions[version]
    poorer = replace(terms, earn=terms.earn[:rule] + terms.earn[rule + 1 :])
    versions = [*programme.versions]
    versions[version] = poorer
    assert failing_examples(programme) == []
    assert failing_examples(replace(programme, versions=tuple(versions))) != []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_says_what_it_is_modelled_on_and_when(file: Any) -> None:
    said = " ".join(line.lstrip("# ") for line in file.read_text().splitlines() if line[:1] == "#")
    if file.stem == "grocer":
        assert "demo" in said
    else:
        assert "publicly known rules" in said
        assert ", as of " in said
        assert "such programmes change" in said


def views(name: str) -> list[AccountChanged]:
    """What surfaces were shown in a year, in order."""
    year: Year = next(one for one in years(GOLDEN) if one.name == name)
    till = Till(Accrue(Programmes([year.programme])))
    for said in sorted(year.events, key=lambda one: one["received_at"]):
        kind = EVENT_TYPES[said["type"]].payload
        payload = msgspec.convert(said["payload"], kind)
        sent = Event(**{**said, "payload": payload, "identifiers": ()})
        till.give(message(sent, sent.received_at))
    return [one for one in till.outputs if isinstance(one, AccountChanged)]


def test_a_better_status_is_upgraded_first() -> None:
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for one in views("airline"):
        assert one.view is not None
        assert one.view.upgrade_priority
        first.setdefault(one.tier, one.view.upgrade_priority)
        last[one.tier] = one.view.upgrade_priority
    order = ["diamond", "platinum", "gold", "silver", "member"]
    assert set(first) == set(order)
    assert sorted(first.values()) == [first[tier] for tier in order]
    assert sorted(last.values()) == [last[tier] for tier in order]


def test_advisers_see_what_a_tier_is_entitled_to() -> None:
    shown = {one.tier: one.view.tier_benefits for one in views("beauty") if one.view}
    assert "makeover" in shown["luxe"]
    assert "makeover" not in shown["plus"]
    assert "adviser_notes" in shown["plus"]
    assert shown["basic"] == ("birthday_gift", "free_classes")


def test_a_card_says_how_many_stamps_are_missing() -> None:
    (bought,) = [one for one in views("stamp_card") if one.event_id == "tom-5" and one.view]
    assert bought.view is not None
    (card,) = bought.view.challenges
    assert (card.challenge, card.progress, card.target, card.missing) == ("card", 7, 9, 2)


def test_nobody_counts_points_where_there_are_none() -> None:
    shown = views("sportswear")
    assert {(one.available, one.pending, one.held, one.tier) for one in shown} == {(0, 0, 0, "")}
    assert shown[-1].view is not None
    assert set(shown[-1].view.access) == {
        "early_releases",
        "coach_sessions",
        "member_shop",
        "anniversary_design",
    }


def test_a_plan_shows_what_is_left_of_its_benefits() -> None:
    used = {one.event_id: one.view for one in views("club") if one.view and one.view.membership}
    member = used["clara-5"].membership
    assert member is not None
    left = {one.entitlement: one.left for one in member.entitlements}
    assert left["fuel_discount"] == 1
    assert left["delivery"] is None
    assert left["streaming_choice"] == 1
