"""The perfect reader: histories by hand, one for each reason of the truth, and its limits."""

import pytest

from scripts.traffic.happenings import Diary
from scripts.traffic.reader import WHY, Reader

HOUR = 3_600_000
DAY = 24 * HOUR
SHOP = frozenset({"tablet"})
SOURCE = {"sale": "pos", "return": "pos", "enrolled": "profile", "redeem": "command"}


def judge(*history):
    """(type, at, identifiers, person, [transaction]) …; the verdict on the last one."""
    diary = Diary(1)
    for type_, at, identifiers, person, *transaction in history:
        handles = dict(pair.split(":", 1) for pair in identifiers.split())
        payload = {"transaction_id": transaction[0]} if transaction else {}
        if type_ == "sale":
            payload.setdefault("transaction_id", f"t{at}")
        diary.add(SOURCE.get(type_, "web"), type_, at, 1_000, handles, payload, person)
    last = diary.happenings[-1]
    return Reader(diary.happenings, SHOP).judge(last)


ENROLLED = ("enrolled", 0, "member_id:m1 card:c1 email:a@example.com phone:+12015550100", "m1")
ENROLLED_2 = ("enrolled", 0, "member_id:m2 card:c2 email:b@example.com phone:+12015550101", "m2")
LATE = ("enrolled", 9 * DAY, ENROLLED[2], "m1")
SIGNED_IN = ("signed_in", HOUR, "cookie:k email:A@Example.com", "m1")
CARD_TOKEN = ("sale", HOUR, "card:c1 payment_token:t", "m1")
CARD_TOKEN_2 = ("sale", 2 * HOUR, "card:c2 payment_token:t", "m2")
LOOK = "page_viewed"
D = DAY

CASES = [
    # history, why, decidable, member
    ([ENROLLED], "own_id", True, "m1"),
    ([ENROLLED, ("sale", D, "card:c1", "m1")], "own_id", True, "m1"),
    ([ENROLLED, ("sale", D, "phone:(201)555-0100", "m1")], "linked_before", True, "m1"),
    ([ENROLLED, CARD_TOKEN, ("sale", D, "payment_token:t", "m1")], "linked_before", True, "m1"),
    ([ENROLLED, SIGNED_IN, (LOOK, D, "cookie:k", "m1")], "linked_before", True, "m1"),
    ([ENROLLED, SIGNED_IN, ("signed_out", D, "cookie:k", "m1")], "linked_before", True, "m1"),
    ([LATE, ("sale", 0, "email:a@example.com", "m1")], "linked_within_window", True, "m1"),
    (
        [ENROLLED, ("sale", 13 * D, "card:c1 payment_token:t", "m1"),
         ("sale", 1, "payment_token:t", "m1")],
        "linked_within_window", True, "m1",
    ),
    (
        [ENROLLED, ("sale", 15 * D, "card:c1 payment_token:t", "m1"),
         ("sale", 1, "payment_token:t", "m1")],
        "not_linked", False, None,
    ),
    ([ENROLLED, SIGNED_IN, (LOOK, 1, "cookie:k", "m1")], "linked_within_window", True, "m1"),
    (
        [ENROLLED, ("signed_in", 25 * HOUR, "cookie:k member_id:m1", "m1"),
         (LOOK, 1, "cookie:k", "m1")],
        "not_linked", False, None,
    ),
    # money is never guessed from the next sign-in
    ([ENROLLED, SIGNED_IN, ("order_placed", 1, "cookie:k", "m1")], "not_linked", False, None),
    ([ENROLLED, SIGNED_IN, ("signed_out", D, "cookie:k", "m1"), (LOOK, D + 9, "cookie:k", "m1")],
     "not_linked", False, None),
    ([(LOOK, 0, "cookie:k", None)], "nobody", True, None),
    ([("subscribed", 0, "cookie:k email:x@example.org", None), (LOOK, 9, "cookie:k", None)],
     "nobody", True, None),
    ([ENROLLED, SIGNED_IN, (LOOK, D, "cookie:k", "m2")], "other_person_session", False, None),
    ([ENROLLED, SIGNED_IN, (LOOK, D, "cookie:k", None)], "other_person_session", False, None),
    ([ENROLLED, ("signed_in", 1, "cookie:tablet email:a@example.com", "m1"),
      (LOOK, 9, "cookie:tablet", "m1")], "shared_device", False, None),
    ([ENROLLED, ("signed_in", 1, "cookie:tablet email:a@example.com", "m1")],
     "linked_before", True, "m1"),
    ([ENROLLED, ("sale", D, "", "m1")], "no_identifier", False, None),
    ([ENROLLED, ("sale", D, "payment_token:new", "m1")], "not_linked", False, None),
    ([ENROLLED, ENROLLED_2, CARD_TOKEN, CARD_TOKEN_2, ("sale", D, "payment_token:t", "m1")],
     "ambiguous_token", False, None),
    ([ENROLLED, ENROLLED_2, CARD_TOKEN, CARD_TOKEN_2, ("sale", D, "payment_token:t card:c2", "m2")],
     "own_id", True, "m2"),
    ([ENROLLED, ("sale", D, "card:c1", "m1", "r"), ("return", 2 * D, "", "m1", "r")],
     "receipt", True, "m1"),
    ([ENROLLED, ("sale", D, "", "m1", "r"), ("return", 2 * D, "", "m1", "r")],
     "no_identifier", False, None),
]  # fmt: skip


@pytest.mark.parametrize(("history", "why", "decidable", "member"), CASES)
def test_verdict(history, why, decidable, member):
    verdict = judge(*history)
    assert (verdict.why, verdict.decidable, verdict.member_id) == (why, decidable, member)


def test_every_reason_has_a_case():
    assert {case[1] for case in CASES} == set(WHY)


def test_it_is_known_when_both_the_event_and_the_link_have_arrived():
    waited = judge(LATE, ("sale", 0, "email:a@example.com", "m1"))
    assert waited.by == 9 * DAY + 1_000
    assert judge(ENROLLED, ("sale", DAY, "phone:2015550100", "m1")).by == DAY + 1_000


def test_a_purchase_that_reads_as_somebody_elses_is_our_own_fault():
    with pytest.raises(AssertionError):
        judge(ENROLLED, CARD_TOKEN, ("sale", DAY, "payment_token:t", "m2"))
