"""Benefits of a paid membership, each use of them judged.

In: a benefit that was used. Out: whether the member was entitled to it, and how often they still
are. Promises: a use is judged by the plan in force when it happened, and by the uses before it;
the first of these that applies: `no_membership`, `not_entitled`, `limit_reached`, `ok`. Only uses
that are ok count, each once, whichever events and however many tell of it.
"""

from zoneinfo import ZoneInfo

from schemas.membership import Entitlement
from transforms.accrue.book import Book
from transforms.accrue.facts import BenefitUsed
from transforms.accrue.local_time import DAY_MS, NEVER, period_of
from transforms.accrue.membership import plan_now, terms_of
from transforms.accrue.privileges import BenefitUse
from transforms.accrue.state import Account


def use(book: Book, fact: BenefitUsed) -> None:
    """Judge a benefit that was used."""
    uses = book.account.uses
    if book.cause in uses or (
        fact.reference
        and any(
            one.reference == fact.reference and one.benefit == fact.benefit and one.code == "ok"
            for one in uses.values()
        )
    ):
        return
    uses[book.cause] = _judged(book, fact)
    book.changed["uses", book.cause] = None


def counting(account: Account, said: Entitlement, at: int, zone: ZoneInfo) -> tuple[int, int]:
    """For a use at an instant: from when on earlier ones count for its limit, and until when it
    counts for later ones, ms UTC. The account has a membership."""
    if said.per is not None:
        return period_of(at, said.per, zone)
    if said.per_days is not None:
        length = said.per_days * DAY_MS
        return at - length + 1, at + length
    member = account.membership
    assert member is not None, "whoever is entitled has a membership"
    return member.since, NEVER


def uses_since(account: Account, said: Entitlement, start: int) -> list[BenefitUse]:
    """The uses of a benefit that count for its limit."""
    return [
        one
        for one in account.uses.values()
        if one.benefit == said.entitlement and one.code == "ok" and one.at >= start
    ]


def forget(account: Account, since: int) -> dict[str, BenefitUse]:
    """The uses without those before `since` that count for no limit any more."""
    member = account.membership
    whole_since = member.since if member is not None and member.status != "ended" else None
    return {
        key: one
        for key, one in account.uses.items()
        if one.at >= since
        or (
            one.counts_until >= since
            if one.counts_until < NEVER
            else whole_since is not None and one.at >= whole_since
        )
    }


def _judged(book: Book, fact: BenefitUsed) -> BenefitUse:
    judged = BenefitUse(benefit=fact.benefit, at=book.at, reference=fact.reference)
    plan = plan_now(book)
    if not plan:
        judged.code = "no_membership"
        return judged
    said = next(
        (one for one in terms_of(book, plan).entitlements if one.entitlement == fact.benefit),
        None,
    )
    if said is None:
        judged.code = "not_entitled"
    elif said.limit is not None:
        start, judged.counts_until = counting(book.account, said, book.at, book.terms.zone)
        used = len(uses_since(book.account, said, start))
        judged.left = max(0, said.limit - used - 1)
        if used >= said.limit:
            judged.code, judged.counts_until = "limit_reached", 0
    return judged
