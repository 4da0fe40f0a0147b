"""Two statements of a member beside each other: what differs, in words."""

from collections import Counter

from scripts.plain_fold.happenings import Statement


def differences(warehouse: Statement, by_hand: Statement) -> list[str]:
    """A line for each thing that isn't the same; none if all is."""
    found = []
    for name in sorted({*warehouse.accounts, *by_hand.accounts}):
        found += _differ(
            f"entries of {name}", warehouse.accounts.get(name, 0), by_hand.accounts.get(name, 0)
        )
    for name, points in by_hand.shown.items():
        found += _differ(name, warehouse.shown.get(name), points)
    found += _differ("tier", warehouse.tier, by_hand.tier)
    found += _differ("qualifying", warehouse.qualifying, by_hand.qualifying)
    for what, theirs, ours in (
        ("lot", Counter(warehouse.lots), Counter(by_hand.lots)),
        ("redemption", Counter(warehouse.redemptions), Counter(by_hand.redemptions)),
    ):
        found += [f"{what} only in the warehouse: {_said(one)}" for one in sorted(theirs - ours)]
        found += [f"{what} only by hand: {_said(one)}" for one in sorted(ours - theirs)]
    return found


def _differ(name: str, warehouse: object, by_hand: object) -> list[str]:
    return (
        [] if warehouse == by_hand else [f"{name}: {warehouse} in the warehouse, {by_hand} by hand"]
    )


def _said(row: tuple[object, ...]) -> str:
    return ", ".join(map(str, row))
