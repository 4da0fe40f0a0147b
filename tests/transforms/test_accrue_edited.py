"""A version that was in force is edited afterwards: what it earned is returned all the same."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import Till, accrue, day, line, return_, sale
from earning_till import activity, by_rule, plain_terms, receipt, reversed_
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Cap, Multiply, When
from schemas.programme import Exclusions
from transforms.accrue import Accrue

BASE = BaseRate(rate=Decimal(1))
BOUGHT = [line("1", 600), line("2", 400, category="DAIRY")]
RULES = (BASE, BonusRate(rate=Decimal("0.5"), when=When(categories=("DAIRY",))), Bonus(points=4))


def operator(*rules: Any, **changes: Any) -> Accrue:
    return accrue(plain_terms(*rules, **changes))


def edit(played: Till, after: Accrue) -> Till:
    """The run goes on with another file, in the same output folder."""
    played.operator = after
    return played


def taken(played: Till) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (_, rule), points in reversed_(played).items():
        sums[rule] += points
    return sums


@pytest.mark.parametrize(
    ("rules", "first", "total"),
    [
        (RULES, {"base": 4, "bonus_rate": 2}, {"base": 10, "bonus_rate": 2, "bonus": 4}),
        ((BASE,), {"base": 4, "edited": 6}, {"base": 10, "edited": 6}),
        ((), {"edited": 16}, {"edited": 16}),
        ((*RULES, Bonus(name="new", points=50)), None, None),
        ((BaseRate(rate=Decimal(5)), *RULES[1:]), None, None),
    ],
    ids=["as it was", "rules removed", "all removed", "a rule added", "a better rate"],
)
def test_all_of_it_can_be_returned_and_no_more(rules: Any, first: Any, total: Any) -> None:
    played = Till(operator(*RULES)).play(sale("a", day(0), BOUGHT))
    assert by_rule(played, "a") == {"base": 10, "bonus_rate": 2, "bonus": 4}
    edit(played, operator(*rules)).play(return_("r", day(1), "a", BOUGHT[1:]))
    assert sum(taken(played).values()) <= 16
    assert total is None or taken(played) == first
    played.play(return_("s", day(2), "a", BOUGHT))
    assert sum(taken(played).values()) == 16
    assert played.available == 0
    assert total is None or taken(played) == total


VERSIONS: list[tuple[Any, dict[str, Any]]] = [
    (RULES, {}),
    ((BASE,), {}),
    ((), {}),
    ((Bonus(points=4), BASE), {}),  # another order
    (RULES, {"exclude": Exclusions(skus=("sku-1",))}),
    ((BaseRate(rate=Decimal(1), cap=Cap(points=3, per="day")), *RULES[1:]), {}),
    (RULES, {"caps": (Cap(points=5, per="month"),)}),
    (
        (
            *RULES,
            Multiply(times=Decimal(3)),
            Bonus(name="first", points=9, when=When(first_purchase=True)),
        ),
        {},
    ),
    ((BonusRate(rate=Decimal(2), when=When(tenders=("card",))), BASE), {}),
    ((Action(on="activity_completed", points=5), BASE), {}),
]
STEPS = st.sampled_from(["buy", "buy", "back", "back", "back", "act", "edit", "edit"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(STEPS, st.integers(0, 9), st.integers(1, 700)), max_size=14))
def test_whatever_is_edited_nothing_breaks_and_no_more_is_taken_than_was_earned(steps: Any) -> None:
    operators = [operator(*rules, **changes) for rules, changes in VERSIONS]
    played, names = Till(operators[0], recode_state=True), []
    for number, (what, which, amount) in enumerate(steps):
        at = day(number)
        if what == "edit":
            edit(played, operators[which])
        elif what == "act":
            played.play(activity(f"n{number}", at))
        elif what == "buy":
            names.append(f"n{number}")
            played.play(receipt(names[-1], at, BOUGHT, tenders={"card": amount, "cash": 300}))
        elif names:
            back = line(str(1 + which % 2), amount)
            played.play(return_(f"n{number}", at, names[which % len(names)], [back]))
        sums = played.balances()
        assert sum(sums.values()) == 0
        earned_by = Counter[str]()
        for entry in played.entries:
            if entry.kind in ("earn", "bonus"):
                earned_by[str(entry.lot_id)] += entry.points
            elif entry.kind == "reverse":
                earned_by[str(entry.lot_id)] -= entry.points
        assert all(points >= 0 for points in earned_by.values())
        assert played.state.current.balances.get("available", 0) == sums["available"] >= 0
    for name in names:
        played.play(return_(f"all-{name}", day(30), name, BOUGHT))
    assert not [
        points
        for receipt_ in played.state.current.receipts.values()
        for points in [sum(receipt_.earned) - sum(receipt_.reversed)]
        if points
    ]
