"""Activity that keeps points alive, grace and reinstatement, against a slow and obvious account.

The oracle holds every point as an object with a date in its lot, and looks at all of them each
time; it knows months by counting days.
"""

import msgspec
from accrue_till import DAY, Till, accrue
from hypothesis import given
from hypothesis import strategies as st
from lively_account import LivelyAccount
from test_ledger_properties import (
    BOUNDED,
    Eager,
    Told,
    check_books,
    check_entries,
    end_of,
    histories,
    in_order,
    lived,
    small_terms,
)

from schemas.programme import Terms
from schemas.tiers import Expiry

EXPIRIES = st.builds(
    Expiry,
    mode=st.sampled_from(["activity", "activity", "fixed"]),
    months=st.just(1),
    round_up=st.sampled_from(["day", "month"]),
    activity=st.sampled_from([("purchase",), ("redemption",), ("purchase", "redemption")]),
    grace_days=st.sampled_from([0, 3]),
    reinstate_days=st.sampled_from([0, 1, 15]),
)


def expiring(expiry: Expiry, policy: str) -> Terms:
    return msgspec.structs.replace(small_terms(policy), expiry=expiry)


@BOUNDED
@given(
    told=histories(),
    expiry=EXPIRIES,
    policy=st.sampled_from(["negative", "floor_zero", "refuse"]),
    horizon_days=st.sampled_from([17, 17, 60]),
)
def test_any_order_within_the_horizon_ends_like_perfect_order(
    told: list[Told], expiry: Expiry, policy: str, horizon_days: int
) -> None:
    rules = expiring(expiry, policy)
    till = Till(accrue(rules, horizon_days=horizon_days))
    plain = LivelyAccount(rules, "m-1")
    plain.tell(*lived(till, in_order(told)))
    assert plain.end() == end_of(till)
    rows = till.lots()
    for lot_id, lot in till.state.current.lots.items():
        assert rows[lot_id].expires_at == lot.expires_at


@BOUNDED
@given(
    told=histories(),
    expiry=EXPIRIES,
    policy=st.sampled_from(["negative", "floor_zero", "refuse"]),
)
def test_conservation(told: list[Told], expiry: Expiry, policy: str) -> None:
    till = Till(accrue(expiring(expiry, policy), horizon_days=17), recode_state=True)
    for one in in_order(told):
        till.give(one)
        check_books(till)
        before = len(till.outputs)
        till.give(one)  # the same again
        assert not till.outputs[before:]
    till.until(till.state.changed_at + 2000 * DAY)
    check_books(till)
    check_entries(till)
    assert till.operator.next_timer(till.state) is None
    assert till.balances()["pending"] == till.balances()["held"] == 0


@BOUNDED
@given(told=histories(), expiry=EXPIRIES, returns_days=st.sampled_from([5, 40]))
def test_base_and_horizon_are_invisible(
    told: list[Told], expiry: Expiry, returns_days: int
) -> None:
    """Moving the base at every chance, or never, posts the same entries: what may still come back
    isn't forgotten, however soon returns are."""
    rules = msgspec.structs.replace(expiring(expiry, "negative"), returns_days=returns_days)
    lazy = Till(accrue(rules, horizon_days=17))
    eager = Till(Eager(lazy.operator.programmes, horizon_days=17))
    for one in in_order(told):
        assert lazy.give(one).last == eager.give(one).last
    end = lazy.state.changed_at + 120 * DAY
    assert lazy.until(end).entries == eager.until(end).entries
    assert end_of(lazy) == end_of(eager)
