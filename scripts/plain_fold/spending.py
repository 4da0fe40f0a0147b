"""Redemptions, by the answers that were given to them, and adjustments by staff."""

from scripts.plain_fold.account import DAY_MS, MINUTE_MS, PlainAccount, Redemption


def ask(
    account: PlainAccount, name: str, reward: str | None, points: int, hold: bool, code: str
) -> None:
    """A request to spend points: do what was answered. What isn't there any more is owed."""
    before = account.redemptions.get(name)
    if before and account.now - before.at <= account.terms.returns_days * DAY_MS:
        return
    minutes = account.terms.hold_minutes
    if reward is not None:
        points, minutes = account.terms.rewards.get(reward, (0, minutes))
    status = "refused" if code != "ok" else "held" if hold else "captured"
    account.redemptions[name] = Redemption(
        points=points,
        status=status,
        code=code,
        at=account.now,
        times_out_at=account.now + minutes * MINUTE_MS,
    )
    if code != "ok":
        return
    taken, missing = account.take(points)
    if not hold:
        account.move("available", "redeemed", points)
        account.debt += missing
        return
    account.move("available", "held", points)
    account.unbacked[name] = missing
    for heap, part in taken:
        heap.held[name] += part


def settle(account: PlainAccount, name: str, capture: bool, code: str) -> None:
    """A hold is captured or released: do what was answered."""
    redemption = account.redemptions.get(name)
    if code != "ok" or redemption is None or redemption.status != "held":
        return
    if not capture:
        account.let_go(name)
        return
    redemption.status = "captured"
    account.move("held", "redeemed", redemption.points)
    for heap in account.heaps:
        heap.held.pop(name, 0)
    account.debt += account.unbacked.pop(name, 0)


def adjust(account: PlainAccount, event: str, points: int) -> None:
    """Points given or taken by staff; given ones are available at once."""
    if points > 0:
        heap = account.new_heap(event, account.now, 0)
        heap.points = heap.available = points
        account.move("issued", "available", points)
        account.repay()
    else:
        account.move("available", "issued", -points)
        _, missing = account.take(-points)
        account.debt += missing
