"""The examples in a programme file (`tests:`): what a receipt or an action must earn.

In: a programme. Out: the examples that don't come true. Promises: they are rated by the very
functions that rate purchases; caps are taken as untouched.
"""

from schemas.programme import Example, Given, Programme
from transforms.accrue.conditions import Asked, Occasion
from transforms.accrue.prepared import Prepared
from transforms.accrue.programmes import Plan
from transforms.accrue.rate import ALL, Basis, basis_of, rate
from transforms.accrue.state import Account


def failing_examples(programme: Programme) -> list[str]:
    """The file's own examples (`tests:`) that don't come true."""
    plan = Plan(programme)
    failing = []
    for place, example in enumerate(programme.tests):
        got = quote_example(plan, example)
        wanted = {rule: points for rule, points in example.earns.items() if points}
        if got != wanted:
            failing.append(f"$.tests[{place}].earns: says {wanted}, but the rules give {got}")
    return failing


def quote_example(plan: Plan, example: Example) -> dict[str, int]:
    """What an example earns, by rule; rules that earn nothing are left out."""
    given = example.given
    at = given.at
    newest = plan.versions[-1]
    instant = newest.effective_from if at is None else round(at.timestamp() * 1000)
    terms = newest if at is None else plan.terms_at(instant)
    basis = _basis(terms, given, instant)
    tier = given.tier or terms.levels[0]
    asked = Asked(
        account=Account(purchases=0 if given.first_purchase else 1, birthday=given.birthday),
        tier=tier,
        at=instant,
        zone=terms.zone,
        offers=frozenset(given.offers),
        plan=given.plan or "",
    )
    applies = -1
    for place, test in terms.asks_member:
        if not test(asked):
            applies &= ~(1 << place)
    earned = rate(terms.rules, tier, basis, applies, _untouched(terms))
    by_rule: dict[str, int] = {}
    for rule, points in zip(terms.rules, earned, strict=True):
        if points:
            by_rule[rule.name] = by_rule.get(rule.name, 0) + points
    return by_rule


def _basis(terms: Prepared, given: Given, at: int) -> Basis:
    occasion = Occasion(
        at=at,
        source=given.source,
        store=given.store,
        touchpoint=given.touchpoint,
        fulfilment=given.fulfilment,
        tenders=given.tenders,
    )
    if given.action is not None:
        mask = terms.action_mask(occasion, given.action, given.activity)
        fits = [mask >> place & 1 for place in range(len(terms.rules))]
        return Basis(fits, [given.quantity * fit for fit in fits])
    lines = given.lines
    return basis_of(
        [line.amount for line in lines],
        [line.quantity for line in lines],
        terms.masks(occasion, [(line.sku, line.category) for line in lines]),
        len(terms.rules),
        terms.portions(occasion),
    )


def _untouched(terms: Prepared) -> dict[int, int]:
    room = {
        place: rule.cap.points
        for place, rule in enumerate(terms.rules)
        if rule.cap is not None and rule.cap.points is not None
    }
    of_all = [cap.points for cap in terms.caps if cap.points is not None]
    return room | ({ALL: min(of_all)} if of_all else {})
