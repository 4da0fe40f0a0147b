"""The baselines do what batch ID-stitchers do: each merges, or doesn't, what it is known for."""

from in_memory import HOUR, event

from scripts.bench.batch_stitchers import STITCHERS, Guards, components, last_login
from scripts.bench.observed import Collector, Observed

RANKS = {"cookie": 0, "payment_token": 1, "email": 2, "card": 3, "member_id": 4}
LINES = [{"line_id": "1", "sku": "s", "quantity": 1, "amount": 500}]


def observed(*events) -> Observed:
    collector = Collector(RANKS)
    for each in events:
        collector.add(each)
    return collector.done()


def members(seen: Observed, name: str, guards: Guards | None = None) -> dict[str, str | None]:
    """Who each event is given to."""
    found = STITCHERS[name](seen, guards or Guards())
    named = [*seen.members, None]
    return {
        event_id: named[number]
        for event_id, number in zip(seen.event_ids, found.member.tolist(), strict=True)
    }


def tablet(people: int):
    """People who sign in on one tablet, each three times on their own cookie before."""
    for n in range(people):
        for time in range(3):
            yield event(f"own-{n}-{time}", "signed_in", 0, f"cookie:c{n} member_id:m{n}")
        yield event(f"tablet-{n}", "signed_in", HOUR * n, f"cookie:tablet member_id:m{n}")


def test_components_make_one_person_of_all_who_used_a_tablet() -> None:
    seen = observed(*tablet(4), event("later", "page_viewed", HOUR, "cookie:c3", name="home"))
    found = components(seen)
    assert len(set(found.profile.tolist())) == 1
    assert len(set(members(seen, "components").values())) == 1


def test_the_guards_leave_out_what_knows_too_many_and_what_grew_too_large() -> None:
    seen = observed(*tablet(4), event("later", "page_viewed", HOUR, "cookie:c3", name="home"))
    neighbours = members(seen, "guarded components", Guards(neighbours_max=3, identifiers_max=40))
    assert neighbours["later"] == neighbours["tablet-3"] == "m3"
    assert neighbours["own-0-0"] == "m0"
    size = members(seen, "guarded components", Guards(neighbours_max=10, identifiers_max=8))
    assert size["later"] is None  # with its component, which holds nine
    assert size["own-2-0"] == "m2"  # by name, whatever else is thrown away
    fits = members(seen, "guarded components", Guards(neighbours_max=10, identifiers_max=9))
    assert fits == members(seen, "components")


def test_a_profile_of_several_is_the_ones_who_is_named_most() -> None:
    seen = observed(
        event("a", "signed_in", 0, "cookie:c member_id:rare"),
        event("b", "signed_in", 1, "cookie:c member_id:often"),
        event("c", "signed_in", 2, "cookie:c member_id:often"),
        event("d", "page_viewed", 3, "cookie:c", name="home"),
    )
    assert set(members(seen, "components").values()) == {"often"}


def test_the_last_login_gets_all_that_was_done_on_a_device_before() -> None:
    seen = observed(
        event("before", "page_viewed", 0, "cookie:c", name="home"),
        event("a", "signed_in", 1, "cookie:c member_id:ada"),
        event("by_email", "signed_in", 2, "email:e member_id:eve"),
        event("e", "signed_in", 3, "cookie:c email:e"),
        event("after", "page_viewed", 4, "cookie:c", name="home"),
    )
    assert members(seen, "last login") == {
        "before": "eve",
        "a": "ada",
        "by_email": "eve",
        "e": "eve",
        "after": "eve",
    }
    profiles = last_login(seen).profile.tolist()
    assert profiles[1] != profiles[2]


def test_a_return_without_identifiers_goes_where_its_sale_went() -> None:
    seen = observed(
        event("j", "enrolled", 0, "card:k member_id:ada"),
        event("s", "sale", 1, "card:k", transaction_id="t1", lines=LINES, currency="USD"),
        event("r", "return", 2, "", return_id="r1", transaction_id="t1", lines=LINES),
        event("x", "return", 3, "", return_id="r2", transaction_id="t9", lines=LINES),
    )
    for name in STITCHERS:
        found = members(seen, name)
        assert (found["s"], found["r"], found["x"]) == ("ada", "ada", None), name
    assert seen.money.tolist() == [0, 500, 500, 500]


def test_a_merge_that_history_asked_for_is_no_mistake() -> None:
    seen = observed(
        event("a", "signed_in", 0, "cookie:c1 member_id:old"),
        event("m", "account_merged", 1, "", loser="old", winner="new"),
        event("b", "signed_in", 2, "cookie:c2 member_id:new"),
        event("c", "page_viewed", 3, "cookie:c1", name="home"),
    )
    for name in STITCHERS:
        found = members(seen, name)
        assert (found["a"], found["b"], found["c"]) == ("new", "new", "new"), name


def test_nothing_at_all_is_nobodys() -> None:
    seen = observed(event("a", "page_viewed", 0, "", name="home"))
    for name in STITCHERS:
        assert members(seen, name) == {"a": None}
