"""What the ledger's state machine checks of members, from what was written alone."""

from collections import Counter
from typing import Any

from accrue_till import Till
from merged_tills import Tills
from privilege_till import newest
from test_ledger_properties import end_of

from schemas.privileges import BenefitUsage, ChallengeProgress, OfferGrant, Unlocked
from transforms.accrue.standing import progress


def stands(till: Till, now: int) -> dict[str, Any]:
    """Where an account stands, and what is open; what is over may be forgotten."""
    account = till.state.current
    membership = account.membership
    return {
        **end_of(till),
        "holds": account.holds,
        "unbacked": account.unbacked,
        "kept": account.kept,
        "grace_ends": account.grace_ends,
        "timer": till.operator.next_timer(till.state),
        "offers": {
            (one.offer, one.status, one.granted_at, one.expires_at)
            for one in account.offers.values()
            if one.closed_at is None
        },
        "challenges": {
            key: (progress(one), one.times)
            for key, one in account.challenges.items()
            if (one.until is None or one.until > now) and (progress(one) or one.times)
        },
        "membership": membership and (membership.plan, membership.status, membership.until),
        "access": {name for name, one in account.access.items() if one.ended_at is None},
        "purchases": account.purchases,
        "birthday": account.birthday,
    }


def check_privileges(till: Till) -> None:
    """The warehouse knows of everything besides points what the account does, and of each group at
    most one offer is open."""
    account = till.state.current
    open_groups = Counter(
        one.group or one.offer for one in account.offers.values() if one.status == "open"
    )
    assert max(open_groups.values(), default=1) == 1
    if till.state.merged_into:
        return
    granted = newest(till, OfferGrant, ("grant_id",))
    for key, one in account.offers.items():
        row = granted[(key,)]
        assert (row.offer_id, row.status, row.expires_at) == (one.offer, one.status, one.expires_at)
    still = {"open", "waiting"}
    assert {key for (key,), row in granted.items() if row.status in still} == {
        key for key, one in account.offers.items() if one.status in still
    }
    met = newest(till, ChallengeProgress, ("challenge", "since"))
    for name, one in account.challenges.items():
        row = met[name.partition("@")[0], one.since]
        assert (row.progress, row.met) == (progress(one), one.times), name
    unlocked = newest(till, Unlocked, ("access",))
    assert {name for (name,), row in unlocked.items() if row.until is None} == {
        name for name, one in account.access.items() if one.ended_at is None
    }
    used = newest(till, BenefitUsage, ("source", "event_id"))
    for key, use in account.uses.items():
        row = used.get(tuple(key.split("/", 1)))
        assert (row and (row.code, row.left)) == (use.code, use.left) or account.taken


def check_entries(tills: Tills) -> None:
    """Ids are used once, corrections never exceed what they correct, and no more is taken back
    than was earned."""
    everything = {one.entry_id: one for till in tills.members.values() for one in till.entries}
    assert len(everything) == sum(len(till.entries) for till in tills.members.values())
    left = {entry_id: one.points for entry_id, one in everything.items()}
    for one in everything.values():
        assert one.points > 0
        if one.corrects is not None:
            corrected = everything[one.corrects]
            assert (corrected.debit, corrected.credit) == (one.credit, one.debit)
            left[one.corrects] -= one.points
    assert all(points >= 0 for points in left.values())
    earned: Counter[str] = Counter()
    for entry_id, points in left.items():
        earned[everything[entry_id].kind] += points
    assert earned["reverse"] <= earned["earn"] + earned["bonus"]
    for till in tills.members.values():
        assert all(lot.entry_id in everything for lot in till.lots().values())
