"""Scenes in which it becomes known later whose something is: guests, phones, late uploads."""

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between, pick, token
from scripts.traffic.people import typed_email, typed_phone
from scripts.traffic.stage import Actor, Stage, known_by

WINDOW_DAYS_MAX = 12
"""Well within the fourteen that purchases wait."""


def guest_joins(stage: Stage, actor: Actor) -> bool:
    """An order without an account; the enrolment with the same email comes within the window."""
    joins = actor.person.enrolled_at
    at = stage.moment(joins - WINDOW_DAYS_MAX * DAY_MS, joins - HOUR_MS)
    if at is None:
        return False
    email = typed_email(stage.rng, actor.person.email)
    cookie = stage.new_cookie(actor)
    with actor.diary.playing("guest_joins"):
        looked_at = stage.look_around(actor, at, {"cookie": cookie}, 2)
        stage.order(actor, looked_at + MINUTE_MS, {"cookie": cookie, "email": email})
    return True


def guest_joins_late(stage: Stage, actor: Actor) -> bool:
    """Browsing days before the enrolment, and an order more than the window before it."""
    joins = actor.person.enrolled_at
    at = stage.moment(joins - 40 * DAY_MS, joins - 26 * HOUR_MS)
    if at is None:
        return False
    email = typed_email(stage.rng, actor.person.email)
    cookie = stage.new_cookie(actor)
    with actor.diary.playing("guest_joins_late"):
        looked_at = stage.look_around(actor, at, {"cookie": cookie}, 3)
        if at < joins - 18 * DAY_MS:
            stage.order(actor, looked_at + MINUTE_MS, {"cookie": cookie, "email": email})
        else:
            known = {"cookie": cookie, "email": email}
            stage.add(actor, "web", "subscribed", looked_at + MINUTE_MS, known)
    return True


def phone_then_app(stage: Stage, actor: Actor) -> bool:
    """The phone isn't in the account until the app signs in with it; a receipt has it before."""
    if not actor.receipts:
        return False
    rng, person = stage.rng, actor.person
    receipt = pick(rng, actor.receipts)
    bought_at = receipt.basket.occurred_at
    signed_in_at = stage.moment(bought_at + HOUR_MS, bought_at + 10 * DAY_MS)
    if signed_in_at is None:
        return False
    for happening in actor.own():
        sent = happening.sent
        if sent.type == "enrolled":
            sent.identifiers = {k: v for k, v in sent.identifiers.items() if k != "phone"}
        elif "phone" in sent.identifiers:
            happening.case = "phone_then_app"
    known_by(receipt, {"phone": typed_phone(rng, person.phone)}, "phone_then_app")
    for later in actor.since(signed_in_at)[:2]:
        known_by(later, {"phone": typed_phone(rng, person.phone)}, "phone_then_app")
    handles = stage.new_phone_with_app(actor)
    account = {"phone": typed_phone(rng, person.phone), "member_id": actor.member_id}
    with actor.diary.playing("phone_then_app"):
        stage.add(actor, "app", "app_opened", signed_in_at - 20 * SECOND_MS, dict(handles))
        stage.add(actor, "app", "signed_in", signed_in_at, {**handles, **account})
        device = {"device_id": handles["device_id"]}
        stage.look_around(actor, signed_in_at, device, 2, "app")
    return True


def online_return(stage: Stage, actor: Actor) -> bool:
    """Ordered on the web, brought back to a shop: by phone, with an unknown means of payment, by
    somebody else of the family with their card, or with the receipt alone."""
    rng, person = stage.rng, actor.person
    at = stage.moment(person.enrolled_at + HOUR_MS, stage.end - DAY_MS)
    if at is None:
        return False
    returned_at = stage.moment(at + 2 * HOUR_MS, at + 10 * DAY_MS)
    if returned_at is None:
        return False
    cookie = stage.new_cookie(actor)
    account = {"email": typed_email(rng, person.email)}
    if rng.random() < 0.5:
        account = {"member_id": actor.member_id}
    shown: list[dict[str, str]] = [
        {},
        {"phone": typed_phone(rng, person.phone)},
        {"payment_token": f"tok_{token(rng)}"},
    ]
    shown += [
        {"card": other.card}
        for other in actor.family.people
        if other is not person and other.enrolled_at < returned_at
    ]
    with actor.diary.playing("online_return"):
        order = stage.order(actor, at, {"cookie": cookie, **account})
        kept = between(rng, 0, len(order["lines"]))
        payload = {
            "return_id": actor.diary.name("r"),
            "transaction_id": order["order_id"],
            "lines": order["lines"][kept:],
        }
        context = {"store_id": person.household.home_store, "touchpoint": "till"}
        stage.add(actor, "pos", "return", returned_at, pick(rng, shown), payload, context)
    return True


def late_link(stage: Stage, actor: Actor) -> bool:
    """A receipt knows only the means of payment; the receipt that says whose it is was uploaded
    late: made before it and known after it, or made within the window and known after that."""
    rng = stage.rng
    pairs = list(zip(actor.receipts, actor.receipts[1:], strict=False))
    rng.shuffle(pairs)
    paid = {"payment_token": f"tok_{token(rng)}"}
    for early, late in pairs:
        gap = late.basket.occurred_at - early.basket.occurred_at
        if HOUR_MS < gap < 6 * DAY_MS:
            says, waits = early, late
            known_at = late.basket.occurred_at + between(rng, HOUR_MS, 2 * DAY_MS)
        elif 7 * DAY_MS < gap < WINDOW_DAYS_MAX * DAY_MS:
            says, waits = late, early
            known_at = early.basket.occurred_at + between(rng, 342 * HOUR_MS, 396 * HOUR_MS)
        else:
            continue
        known_by(waits, dict(paid), "late_link")
        known_by(says, {"card": actor.person.card, **paid}, "late_link")
        says.happening.sent.received_at = known_at
        return True
    return False
