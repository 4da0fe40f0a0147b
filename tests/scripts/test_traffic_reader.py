"""The perfect reader: histories by hand, one for each reason of the truth, and its limits."""

import pytest

from scripts.traffic.happenings import Diary
from scripts.traffic.reader import Reader
from scripts.traffic.rule import WHY

HOUR = 3_600_000
DAY = 24 * HOUR
SHOP = frozenset({"tablet"})
SOURCE = {"sale": "pos", "return": "pos", "enrolled": "profile", "redeem": "command"}


def judge(*history, case="plain"):
    """(type, at, identifiers, person, [transaction, owner or loser>winner], [received_at]) …; the
    verdict on the last one."""
    diary = Diary(1)
    for type_, at, identifiers, person, *rest in history:
        handles = dict(pair.split(":", 1) for pair in identifiers.split())
        named = rest[0] if rest else f"t{at}"
        payload = {}
        if type_ in ("sale", "return"):
            payload = {"transaction_id": named}
        elif type_ == "order_placed":
            payload = {"order_id": named}
        elif type_ == "unlink":
            payload = {"owner": named}
        elif type_ == "account_merged":
            payload = dict(zip(("loser", "winner"), named.split(">"), strict=True))
        delay = rest[1] - at if len(rest) > 1 else 1_000
        source = SOURCE.get(type_, "web")
        diary.add(source, type_, at, delay, handles, payload, person).case = case
    last = diary.happenings[-1]
    return Reader(diary.happenings, SHOP).judge(last)


ENROLLED = ("enrolled", 0, "member_id:m1 card:c1 email:a@example.com phone:+12015550100", "m1")
ENROLLED_2 = ("enrolled", 0, "member_id:m2 card:c2 email:b@example.com phone:+12015550101", "m2")
LATE = ("enrolled", 9 * DAY, ENROLLED[2], "m1")
SIGNED_IN = ("signed_in", HOUR, "cookie:k email:A@Example.com", "m1")
CARD_TOKEN = ("sale", HOUR, "card:c1 payment_token:t", "m1")
CARD_TOKEN_2 = ("sale", 2 * HOUR, "card:c2 payment_token:t", "m2")
GIVEN_UP = ("unlink", 2 * DAY, "phone:2015550100", None, "member_id:m1")
MERGED = ("account_merged", DAY, "member_id:m1", "m1", "m1b>m1")
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
    ([ENROLLED, SIGNED_IN, (LOOK, D, "cookie:k", "m2")], "other_person_session", False, "m1"),
    ([ENROLLED, SIGNED_IN, (LOOK, D, "cookie:k", None)], "other_person_session", False, "m1"),
    ([ENROLLED, ("signed_in", 1, "cookie:tablet email:a@example.com", "m1"),
      (LOOK, 9, "cookie:tablet", "m1")], "shared_device", False, None),
    ([ENROLLED, ("signed_in", 1, "cookie:tablet email:a@example.com", "m1")],
     "linked_before", True, "m1"),
    ([ENROLLED, ("sale", D, "", "m1")], "no_identifier", False, None),
    ([ENROLLED, ("sale", D, "payment_token:new", "m1")], "not_linked", False, None),
    ([ENROLLED, ENROLLED_2, CARD_TOKEN, CARD_TOKEN_2, ("sale", D, "payment_token:t", "m1")],
     "two_owners", False, None),
    ([ENROLLED, ENROLLED_2, CARD_TOKEN, CARD_TOKEN_2, ("sale", D, "payment_token:t card:c2", "m2")],
     "own_id", True, "m2"),
    ([ENROLLED, ("sale", D, "card:c1", "m1", "r"), ("return", 2 * D, "", "m1", "r")],
     "receipt", True, "m1"),
    ([ENROLLED, ("sale", D, "", "m1", "r"), ("return", 2 * D, "", "m1", "r")],
     "no_identifier", False, None),
    # a return is the buyer's, whatever it carries
    ([ENROLLED, ENROLLED_2, ("sale", D, "email:a@example.com", "m1", "r"),
      ("return", 2 * D, "card:c2", "m1", "r")], "receipt", True, "m1"),
    ([ENROLLED, ("return", 2 * D, "card:c1", "m1", "unseen")], "own_id", True, "m1"),
    # made in time and known late
    ([ENROLLED, ("sale", 1, "payment_token:t", "m1"),
      ("sale", 2 * D, "card:c1 payment_token:t", "m1", "r", 16 * D),
      ("sale", 3 * D, "payment_token:t", "m1")], "linked_before", True, "m1"),
    ([ENROLLED, ("sale", 2 * D, "card:c1 payment_token:t", "m1", "r", 18 * D),
      ("sale", 1, "payment_token:t", "m1")], "not_linked", False, None),
    # two cards of one member, two members with one phone
    ([ENROLLED, ("profile_updated", 1, "member_id:m1 card:c9", "m1"),
      ("sale", 2, "card:c1 payment_token:t", "m1"), ("sale", 3, "card:c9 payment_token:t", "m1"),
      ("sale", D, "payment_token:t", "m1")], "linked_before", True, "m1"),
    ([ENROLLED, ENROLLED_2, ("profile_updated", D, "member_id:m2 phone:2015550100", "m2"),
      ("sale", 2 * D, "phone:2015550100", "m2")], "two_owners", False, None),
    ([ENROLLED, ENROLLED_2, ("profile_updated", 2 * D, "member_id:m2 phone:2015550100", "m2"),
      ("sale", D, "phone:2015550100", "m1")], "linked_before", True, "m1"),
    # a link that was revoked never was
    ([ENROLLED, ENROLLED_2, GIVEN_UP, ("profile_updated", 3 * D, "member_id:m2 phone:2015550100",
      "m2"), ("sale", 4 * D, "phone:2015550100", "m2")], "linked_before", True, "m2"),
    ([ENROLLED, GIVEN_UP, ("sale", 4 * D, "phone:2015550100", "m2")], "not_linked", False, None),
    ([ENROLLED, GIVEN_UP], "nobody", True, None),
    # … for what comes after it and for purchases that may still change, not for browsing
    ([ENROLLED, ENROLLED_2, GIVEN_UP, ("profile_updated", 3 * D, "member_id:m2 phone:2015550100",
      "m2"), ("sale", D, "phone:2015550100", "m2")], "linked_within_window", True, "m2"),
    ([ENROLLED, GIVEN_UP, ("contact_logged", D, "phone:2015550100", "m1")],
     "linked_before", True, "m1"),
    ([ENROLLED, ("unlink", 30 * D, *GIVEN_UP[2:]), ("sale", D, "phone:2015550100", "m1")],
     "linked_before", True, "m1"),
    # a guest's cookie leads to their email, and that to them
    ([("order_placed", 1, "cookie:k email:a@example.com", "m1"),
      ("enrolled", 9 * HOUR, ENROLLED[2], "m1"), (LOOK, 2, "cookie:k", "m1")],
     "linked_within_window", True, "m1"),
    # a login that no account has yet, or never
    ([("signed_in", 1, "cookie:k login:u", "m1"),
      ("profile_updated", HOUR, "member_id:m1 login:u", "m1"), (LOOK, 2, "cookie:k", "m1")],
     "linked_within_window", True, "m1"),
    ([("signed_in", 1, "cookie:k login:u", "m1"), (LOOK, 2, "cookie:k", "m1")],
     "not_linked", False, None),
    # accounts that were merged are one person, before and after
    ([("enrolled", 0, "member_id:m1b card:b", "m1"), MERGED, ("sale", 1, "card:b", "m1")],
     "own_id", True, "m1"),
    ([("enrolled", 0, "member_id:m1b card:b", "m1"), MERGED,
      ("account_merged", 2 * D, "member_id:m0", "m0", "m1>m0"), ("sale", 3 * D, "card:b", "m0")],
     "own_id", True, "m0"),
    # what identifies nobody
    ([ENROLLED, ("sale", D, "card:0000000000", "m1")], "no_identifier", False, None),
    ([ENROLLED, (LOOK, D, "cookie:anonymous", "m1")], "no_identifier", False, None),
    ([ENROLLED, ("sale", D, "card:c1 phone:0000000000", "m1")], "own_id", True, "m1"),
]  # fmt: skip


@pytest.mark.parametrize(("history", "why", "decidable", "member"), CASES)
def test_verdict(history, why, decidable, member):
    verdict = judge(*history)
    assert (verdict.why, verdict.decidable, verdict.member_id) == (why, decidable, member)


def test_every_reason_has_a_case():
    assert {case[1] for case in CASES} == set(WHY) - {"names_another"}


def test_it_is_known_when_both_the_event_and_the_link_have_arrived():
    waited = judge(LATE, ("sale", 0, "email:a@example.com", "m1"))
    assert waited.by == 9 * DAY + 1_000
    assert judge(ENROLLED, ("sale", DAY, "phone:2015550100", "m1")).by == DAY + 1_000
    claims = ("profile_updated", DAY, "member_id:m2 phone:2015550100", "m2")
    revoked = judge(ENROLLED, ENROLLED_2, claims, GIVEN_UP, ("sale", 0, "phone:2015550100", "m2"))
    assert revoked.by == 2 * DAY + 1_000


MISTYPED = (ENROLLED, ENROLLED_2, ("sale", DAY, "phone:2015550101", "m1"))


def test_a_purchase_that_reads_as_somebody_elses_is_known_to_mislead():
    verdict = judge(*MISTYPED, case="typo")
    assert (verdict.why, verdict.decidable, verdict.member_id) == ("names_another", False, "m2")


def test_outside_the_scenes_that_mislead_it_is_our_own_fault():
    with pytest.raises(AssertionError):
        judge(*MISTYPED)
