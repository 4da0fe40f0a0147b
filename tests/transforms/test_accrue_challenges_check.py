"""Challenges in programme files: what the docs show can be used, what means nothing is named."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from accrue_till import programme, terms
from challenge_till import challenge, contest_terms

from config.load import load
from schemas.challenges import Challenge
from schemas.earn_rules import When
from transforms.accrue.check import check_programme

FOUR_KINDS = """
- {challenge: three_visits, counts: visits, target: 3, within: week, prize: {points: 50}}
- challenge: coffee_card
  counts: units
  target: 9
  repeat: true
  when: {categories: [COFFEE]}
  prize: {offer: free_coffee}
- challenge: four_weeks
  counts: visits
  in_a_row: week
  target: 4
  when: {spend_at_least: 1000}
  prize: {points: 100}
- challenge: hundred_km
  counts: quantity
  on: activity_completed
  activities: [run]
  target: 100
  prize: {access: early_sale}
"""


def test_the_four_kinds_are_one_grammar(tmp_path: Path) -> None:
    path = tmp_path / "challenges.yaml"
    path.write_text(FOUR_KINDS)
    found = load(path, tuple[Challenge, ...])
    assert check_programme(programme(contest_terms(*found))) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"counts": "spend"}, "counted something else in a version before"),
        ({"in_a_row": "week"}, "counted something else in a version before"),
        ({"target": 5, "within": "week", "repeat": True}, ""),
        ({"when": When(end=datetime(2018, 5, 1, tzinfo=timezone.utc))}, "at another time"),
    ],
)
def test_progress_goes_on_only_in_what_counts_the_same(
    changes: dict[str, Any], problem: str
) -> None:
    later = datetime(2018, 1, 1, tzinfo=timezone.utc)
    versions = (
        contest_terms(challenge()),
        contest_terms(challenge(**changes), version=2, effective_from=later),
    )
    problems = check_programme(programme(*versions))
    assert [one.startswith("$.versions[1].challenges[0].") for one in problems] == (
        [True] if problem else []
    )
    assert all(problem in one for one in problems)


@pytest.mark.parametrize("name", ["adjust", "base"])
def test_entries_can_be_told_apart_by_their_rule(name: str) -> None:
    problems = check_programme(programme(terms(challenges=(challenge(name),))))
    assert [one.partition(": ")[0] for one in problems] == ["$.versions[0].challenges[0].challenge"]
