"""Tell an account everything that happened, in order, and look at what it has then."""

from datetime import datetime, timezone

from scripts.plain_fold import merging, shopping, spending, tier
from scripts.plain_fold.account import NEVER, PlainAccount
from scripts.plain_fold.happenings import Happening, Statement, Story
from scripts.plain_fold.terms import PlainTerms


def tell(terms: PlainTerms, stories: dict[str, Story], until: int) -> dict[str, PlainAccount]:
    """The accounts of one person, by member, as they are at `until`, ms UTC. `stories`: of one
    member, or of several whose accounts were merged."""
    accounts: dict[str, PlainAccount] = {}
    left: dict[str, PlainAccount] = {}
    for story in sorted(
        stories.values(), key=lambda one: NEVER if one.closed_at is None else one.closed_at
    ):
        account = PlainAccount(terms)
        waiting: list[tuple[int, str, bool, str]] = []
        for one in sorted(story.happenings, key=lambda one: one.order):
            account.pass_time(one.at)
            account.now = one.at
            if one.kind == "join" and one.said["loser"] not in left:
                raise merging.NotFolded(
                    f"what was in the account of {one.said['loser']} isn't known"
                )
            if one.kind == "join":
                merging.take_over(account, left[one.said["loser"]], waiting)
                waiting.clear()
            elif one.kind == "settle" and one.said["waited"]:
                said = one.said
                waiting.append((one.at, said["redemption"], said["capture"], said["code"]))
            else:
                do(account, one)
        if story.closed_at is None:
            account.pass_time(until + 1)
        else:
            left[story.member] = merging.close(account, story.closed_at)
        accounts[story.member] = account
    return accounts


def do(account: PlainAccount, one: Happening) -> None:
    """One thing happens now."""
    said, terms = one.said, account.terms
    if one.kind == "buy":
        ours = said["currency"] in (None, terms.currency) and one.at >= terms.begins_at
        if not ours:
            return
        shopping.buy(account, one.at, one.event, said["names"], said["lines"])
    elif one.kind == "back":
        shopping.bring_back(account, one.event, said["receipt"], said["lines"])
    elif one.kind == "withdraw":
        shopping.withdraw(account, one.event)
    elif one.kind == "ask":
        spending.ask(
            account, said["redemption"], said["reward"], said["points"], said["hold"], said["code"]
        )
    elif one.kind == "settle":
        spending.settle(account, said["redemption"], said["capture"], said["code"])
    elif one.kind == "adjust":
        spending.adjust(account, one.event, said["points"])


def statement(account: PlainAccount) -> Statement:
    """What the account has."""
    return Statement(
        accounts={name: points for name, points in account.sums.items() if points},
        shown={name: account.sums[name] for name in ("available", "pending", "held")},
        lots=sorted(
            (
                heap.name,
                instant(heap.earned_at),
                instant(heap.available_at),
                instant(heap.expires_at),
                heap.points,
                heap.remaining,
            )
            for heap in account.heaps
            if heap.points
        ),
        redemptions=sorted(
            (name, one.points, one.status, one.code)
            for name, one in account.redemptions.items()
            if not one.elsewhere
        ),
        tier=account.tier,
        qualifying=tier.qualifying(account),
    )


def instant(at: int) -> str:
    """In words that sort: a time in UTC, or never."""
    if at == NEVER:
        return "never"
    return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat(" ", "milliseconds")[:23]
