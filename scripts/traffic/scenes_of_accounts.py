"""Scenes about what a member has: cards, addresses, logins, and more accounts than one."""

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, between, pick, token
from scripts.traffic.people import typed_email
from scripts.traffic.stage import Actor, Stage, known_by, minutes_after


def lost_card(stage: Stage, actor: Actor) -> bool:
    """A new card from some day on; the email was seen with the old one, and with the new one."""
    if len(actor.receipts) < 3:
        return False
    rng, person = stage.rng, actor.person
    place = between(rng, 1, len(actor.receipts) - 1)
    lost_at = actor.receipts[place].basket.occurred_at - 30 * MINUTE_MS
    if lost_at < actor.receipts[place - 1].basket.occurred_at:
        return False
    old, new = person.card, f"4001{person.card[4:]}"
    with actor.diary.playing("lost_card"):
        stage.add(
            actor,
            "profile",
            "profile_updated",
            lost_at,
            {"member_id": actor.member_id, "card": new},
        )
    for happening in actor.own():
        sent = happening.sent
        if sent.occurred_at > lost_at and sent.identifiers.get("card") == old:
            sent.identifiers = {**sent.identifiers, "card": new}
        if sent.occurred_at > lost_at and sent.source == "pos":
            happening.case = "lost_card"
    before, after = actor.receipts[place - 1], actor.receipts[place]
    email = typed_email(rng, person.email)
    known_by(before, {"card": old, "email": email}, "lost_card")
    known_by(after, {"card": new, "email": email}, "lost_card")
    known_by(actor.receipts[place + 1], {"email": email}, "lost_card")
    person.card = new
    return True


def email_changed(stage: Stage, actor: Actor) -> bool:
    """A new address from some day on, for sign-ins and receipts; the old one stays theirs."""
    if len(actor.receipts) < 2:
        return False
    rng, person = stage.rng, actor.person
    place = between(rng, 1, len(actor.receipts))
    changed_at = actor.receipts[place].basket.occurred_at - 30 * MINUTE_MS
    old, new = person.email, f"new.{person.email}"
    with actor.diary.playing("email_changed"):
        stage.add(
            actor,
            "profile",
            "profile_updated",
            changed_at,
            {"member_id": actor.member_id, "email": typed_email(rng, new)},
        )
    for happening in actor.own():
        sent = happening.sent
        if (
            sent.occurred_at > changed_at
            and "email" in sent.identifiers
            and sent.type != "enrolled"
        ):
            sent.identifiers = {**sent.identifiers, "email": typed_email(rng, new)}
            happening.case = "email_changed"
    known_by(actor.receipts[place - 1], {"email": typed_email(rng, old)}, "email_changed")
    known_by(actor.receipts[place], {"email": typed_email(rng, new)}, "email_changed")
    person.email = new
    return True


def two_accounts(stage: Stage, actor: Actor) -> bool:
    """A second account, used beside the first one, and merged into it; its card goes on."""
    if len(actor.receipts) < 3:
        return False
    with actor.diary.playing("two_accounts"):
        _open_account(stage, actor, "b", 0)
        last = actor.receipts[-1].basket.occurred_at
        merged_at = between(stage.rng, actor.receipts[0].basket.occurred_at + HOUR_MS, last)
        _merge(stage, actor, merged_at, f"{actor.member_id}b", actor.member_id)
    _pay_with(stage, actor, "two_accounts", ("b",))
    return True


def chained_accounts(stage: Stage, actor: Actor) -> bool:
    """A third account, merged into the second one, and that into the first."""
    if len(actor.receipts) < 4:
        return False
    with actor.diary.playing("chained_accounts"):
        _open_account(stage, actor, "b", 0)
        _open_account(stage, actor, "c", 1)
        first, last = (actor.receipts[place].basket.occurred_at for place in (1, -1))
        merges = sorted(between(stage.rng, first + HOUR_MS, last) for _ in range(2))
        _merge(stage, actor, merges[0], f"{actor.member_id}c", f"{actor.member_id}b")
        _merge(stage, actor, merges[1] + MINUTE_MS, f"{actor.member_id}b", actor.member_id)
    _pay_with(stage, actor, "chained_accounts", ("b", "c"))
    return True


def _card(actor: Actor, account: str) -> str:
    return f"400{'abc'.index(account) + 1}{actor.person.card[4:]}"


def _open_account(stage: Stage, actor: Actor, account: str, place: int) -> None:
    """Enrolled again, shortly before one of the receipts, with a new card and address."""
    rng, person = stage.rng, actor.person
    at = actor.receipts[place].basket.occurred_at - 20 * MINUTE_MS
    member_id = f"{actor.member_id}{account}"
    person.other_accounts = [*person.other_accounts, member_id]
    identifiers = {"member_id": member_id, "card": _card(actor, account)}
    if rng.random() < 0.7:
        identifiers["email"] = f"{account}.{person.email}"
    profile = {"time_zone": person.time_zone, "preferred_channel": person.preferred_channel}
    stage.add(actor, "profile", "enrolled", at, identifiers, profile)
    if rng.random() < 0.5:
        yes = {"channel": "email", "purpose": "marketing", "granted": True}
        stage.add(actor, "profile", "consent_changed", at + 10_000, {"member_id": member_id}, yes)
    cookie = stage.new_cookie(actor)
    at = minutes_after(rng, at + HOUR_MS)
    if at < stage.end - HOUR_MS:
        stage.add(actor, "web", "signed_in", at, {"cookie": cookie, "member_id": member_id})
        stage.look_around(actor, at, {"cookie": cookie}, 3)


def _merge(stage: Stage, actor: Actor, at: int, loser: str, winner: str) -> None:
    stage.add(
        actor,
        "profile",
        "account_merged",
        at,
        {"member_id": winner},
        {"loser": loser, "winner": winner},
    )


def _pay_with(stage: Stage, actor: Actor, case: str, accounts: tuple[str, ...]) -> None:
    """One after the other of the cards, from when each was given out: all are active at once."""
    for place, receipt in enumerate(actor.receipts):
        account = pick(stage.rng, ("", *accounts[: place + 1], *accounts[: place + 1]))
        if account:
            known_by(receipt, {"card": _card(actor, account)}, case)
        else:
            receipt.happening.case = case


def dangling_login(stage: Stage, actor: Actor) -> bool:
    """A login that no account has: it gets one within days, or never."""
    rng = stage.rng
    at = stage.moment(actor.person.enrolled_at + HOUR_MS, stage.end - DAY_MS)
    if at is None:
        return False
    device = {"cookie": stage.new_cookie(actor)}
    login = {"login": f"u-{token(rng)[:10]}"}
    with actor.diary.playing("dangling_login"):
        stage.add(actor, "web", "signed_in", at, {**device, **login})
        looked_at = stage.look_around(actor, at, device, pick(rng, (2, 3, 4)))
        if rng.random() < 0.6:
            stage.order(actor, looked_at + MINUTE_MS, {**device, **login})
        linked_at = stage.moment(
            looked_at + HOUR_MS, looked_at + pick(rng, (10 * HOUR_MS, 10 * DAY_MS))
        )
        if linked_at is not None and rng.random() < 0.7:
            account = {"member_id": actor.member_id, **login}
            stage.add(actor, "profile", "profile_updated", linked_at, account)
    return True
