"""Two accounts become one: the loser's is closed; later the survivor takes over what was in it."""

from copy import deepcopy

from scripts.plain_fold import shopping, spending, tier
from scripts.plain_fold.account import DAY_MS, PlainAccount

OWN = ("pending", "available", "held")


class NotFolded(Exception):
    """This auditor can't tell what must come of it; the message says why."""


def close(account: PlainAccount, at: int) -> PlainAccount:
    """Everything leaves; what left, as an account of its own that is on its way. Lots that are
    empty, and so old that nothing can be returned to them, stay where they were."""
    account.pass_time(at)
    account.now = at
    leaving = deepcopy(account)
    leaving.sums.clear()
    for name in OWN:
        points = account.sums[name]
        account.move(name, "transferred", points)
        leaving.move("transferred", name, points)
    for redemption in account.redemptions.values():
        if redemption.status == "held":
            redemption.status = "transferred"
    for redemption in leaving.redemptions.values():
        redemption.elsewhere = redemption.status != "held"
    oldest = at - account.terms.returns_days * DAY_MS
    over = [heap for heap in account.heaps if not heap.remaining and heap.earned_at < oldest]
    leaving.heaps = [heap for heap in leaving.heaps if heap.remaining or heap.earned_at >= oldest]
    account.heaps, account.debt, account.receipts = over, 0, []
    account.unbacked.clear()
    account.waiting, account.grace, account.year = [], None, 0
    return leaving


def take_over(
    account: PlainAccount, came: PlainAccount, asked: list[tuple[int, str, bool, str]]
) -> None:
    """Join a closed account with the one that goes on.

    `asked`: what was asked meanwhile of holds that were on their way, as (when, redemption,
    capture, answer); it counts from when it was asked.
    """
    for at, name, capture, code in sorted(asked):
        if name in came.redemptions:
            came.pass_time(at)
            came.now = at
            spending.settle(came, name, capture, code)
    came.pass_time(account.now)
    account.sums.update(came.sums)
    account.heaps += came.heaps
    account.debt += came.debt
    for name, one in came.redemptions.items():
        if name in account.redemptions:
            raise NotFolded(f"redemption {name} was asked for in both accounts")
        account.redemptions[name] = one
    account.unbacked.update(came.unbacked)
    _join_tiers(account, came)
    account.repay()
    _join_receipts(account, came)


def _join_tiers(account: PlainAccount, came: PlainAccount) -> None:
    """What both counted this year counts; of the tiers guaranteed the better is."""
    theirs, mine = tier.rank(came, came.kept), tier.rank(account, account.kept)
    better, other = (came, account) if theirs > mine else (account, came)
    kept, grace, least = better.kept, better.grace, other.kept
    if mine == theirs:
        if account.grace and came.grace:
            later = max(account.grace[0], came.grace[0])
            least = max(account.grace[1], came.grace[1], key=lambda one: tier.rank(account, one))
            grace = (later, least)
        else:
            grace = None
    elif grace:
        grace = (grace[0], max(grace[1], least, key=lambda one: tier.rank(account, one)))
    account.kept, account.grace = kept, grace
    account.year = max(account.year, came.year)
    account.receipts += came.receipts
    tier.look(account)


def _join_receipts(account: PlainAccount, came: PlainAccount) -> None:
    """Returns that waited on either side find purchases of the other, the latest first."""
    own = [one for one in account.receipts if one not in came.receipts]
    for one in own:
        for other in came.receipts:
            for name in set(one.names) & set(other.names):
                raise NotFolded(f"{name} was bought in both accounts")
    account.waiting += came.waiting
    oldest = account.now - account.terms.returns_days * DAY_MS
    looked_at = account.receipts if came.waiting else came.receipts
    for receipt in sorted(looked_at, key=lambda one: (one.at, one.names[0]), reverse=True):
        if account.waiting and receipt.at >= oldest and not receipt.withdrawn:
            shopping.find_waiting(account, receipt, receipt.names)
