"""Scenes in which an identifier says something wrong, or says it of too many people."""

from typing import Final

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, between, pick, token
from scripts.traffic.people import plain_phone, typed_email, typed_phone
from scripts.traffic.stage import Actor, Stage, known_by, minutes_after

TOLD: Final = 0.7
"""Share of members who say that a number isn't theirs any more, so that its link is revoked: at
once, or in as many cases when they see somebody else's purchases."""
EARLIER: Final = 0.4
"""Share of new owners who use a number before they say that it is theirs."""
WEEK_MS: Final = 7 * DAY_MS
BAD_LUCK: Final = 0.05
"""Share of typing mistakes that make another member's number of it."""
FLOOD_DAYS: Final = 4
GROUPS: Final = (2, 2, 2, 3, 3, 6)
"""How many share an address."""
NO_CARD: Final = ("0000000000", "null", "-1")
NO_COOKIE: Final = ("anonymous", "null", "undefined")


def recycled_phone(stage: Stage, actor: Actor) -> bool:
    """One gives a number up, another one gets it. Most tell, and the link is revoked; of the
    others, the number has two owners once the second one has said that it is theirs."""
    rng, person = stage.rng, actor.person
    number = person.phone
    given_up_at = stage.moment(person.enrolled_at + 2 * HOUR_MS, stage.end - 3 * DAY_MS)
    if given_up_at is None or any(
        h.sent.occurred_at <= given_up_at and h.sent.type != "enrolled"
        for h in actor.own()
        if plain_phone(h.sent.identifiers.get("phone", "")) == number
    ):
        return False  # what came through the number would be taken back
    got_at = stage.moment(given_up_at + 2 * HOUR_MS, given_up_at + (stage.end - given_up_at) // 2)
    if got_at is None:
        return False
    other = stage.other(
        actor, lambda one: one.person.enrolled_at < got_at and bool(one.since(got_at))
    )
    if other is None:
        return False
    other.cast = True
    told, at_once = rng.random() < TOLD, rng.random() < 0.5
    _give_up(stage, actor, given_up_at)
    for happening in other.own():
        if happening.sent.occurred_at > got_at and "phone" in happening.sent.identifiers:
            happening.sent.identifiers["phone"] = typed_phone(rng, number)
            happening.case = "recycled_phone"
    with other.diary.playing("recycled_phone"):
        has = {"member_id": other.member_id, "phone": typed_phone(rng, number)}
        stage.add(other, "profile", "profile_updated", got_at, has)
    used = other.since(got_at)[:3]
    earlier = [r for r in other.since(given_up_at) if r.basket.occurred_at < got_at][-1:]
    since = got_at - WEEK_MS
    earlier = [r for r in earlier if r.basket.occurred_at > since and rng.random() < EARLIER]
    for receipt in used + earlier:
        known_by(receipt, {"phone": typed_phone(rng, number)}, "recycled_phone")
    if told:
        late = stage.moment(got_at + HOUR_MS, got_at + WEEK_MS) or got_at
        _revoke(stage, actor, number, minutes_after(rng, given_up_at if at_once else late))
    other.person.phone = number
    return True


def _give_up(stage: Stage, actor: Actor, at: int) -> None:
    """A new number from now on."""
    rng, number = stage.rng, actor.person.phone
    new = stage.new_phone(actor, 1)
    with actor.diary.playing("recycled_phone"):
        has = {"member_id": actor.member_id, "phone": typed_phone(rng, new)}
        stage.add(actor, "profile", "profile_updated", at, has)
    for happening in actor.own():
        sent = happening.sent
        if sent.occurred_at > at and plain_phone(sent.identifiers.get("phone", "")) == number:
            sent.identifiers = {**sent.identifiers, "phone": typed_phone(rng, new)}
            happening.case = "recycled_phone"
    actor.person.phone = new


def _revoke(stage: Stage, actor: Actor, number: str, at: int) -> None:
    """The service takes the link back, on the member's word."""
    payload = {
        "owner": f"member_id:{actor.member_id}",
        "reason": "number given up",
        "actor": "service",
    }
    with actor.diary.playing("recycled_phone"):
        ordered = stage.add(actor, "command", "unlink", at, {"phone": number}, payload)
    ordered.person = None  # no member did it


def typo(stage: Stage, actor: Actor) -> bool:
    """At the till or on the web: usually nobody's, by bad luck another member's number."""
    rng = stage.rng
    if rng.random() < 0.35:
        at = stage.moment(actor.person.enrolled_at + HOUR_MS, stage.end)
        if at is None:
            return False
        cookie = {"cookie": stage.new_cookie(actor)}
        with actor.diary.playing("typo"):
            at = stage.look_around(actor, at, cookie, 2)
            known = {**cookie, "email": _mistyped(actor)}
            stage.add(actor, "web", "subscribed", at + MINUTE_MS, known)
        return True
    if not actor.receipts:
        return False
    receipt = pick(rng, actor.receipts)
    at = receipt.basket.occurred_at
    wrong = {"phone": typed_phone(rng, stage.new_phone(actor, 2))}
    if rng.random() < BAD_LUCK:
        other = stage.other(actor, lambda one: one.person.enrolled_at < at)
        if other is None:
            return False
        other.cast = True
        wrong = {"phone": typed_phone(rng, other.person.phone)}
    elif rng.random() < 0.3:
        wrong = {"email": _mistyped(actor)}
    known_by(receipt, wrong, "typo")
    return True


def _mistyped(actor: Actor) -> str:
    """The first letter twice."""
    return actor.person.email[0] + actor.person.email


def group_email(stage: Stage, actor: Actor) -> bool:
    """Several say that an address is theirs; from the second one on it is nobody's."""
    rng = stage.rng
    group = [actor]
    for _ in range(pick(rng, GROUPS) - 1):
        other = stage.other(actor, lambda one: one not in group)
        if other is not None:
            group.append(other)
    joined = max(one.person.enrolled_at for one in group)
    at = stage.moment(joined + HOUR_MS, stage.end - 2 * DAY_MS)
    if len(group) < 2 or at is None:
        return False
    address = f"group.{token(rng)[:8]}@example.org"
    for one in group:
        one.cast = True
        at += between(rng, HOUR_MS, 3 * HOUR_MS)
        with one.diary.playing("group_email"):
            account = {"member_id": one.member_id, "email": typed_email(rng, address)}
            stage.add(one, "profile", "profile_updated", at, account)
    for one in group[:2]:
        at += between(rng, HOUR_MS, 6 * HOUR_MS)
        with one.diary.playing("group_email"):
            known = {"cookie": stage.new_cookie(one), "email": typed_email(rng, address)}
            stage.order(one, at, known)
        for receipt in one.since(at)[:1]:
            known_by(receipt, {"email": typed_email(rng, address)}, "group_email")
    return True


def not_reset(stage: Stage, actor: Actor) -> bool:
    """Nobody signs out: what the second one does before they sign in reads as the first one's."""
    rng = stage.rng
    other = stage.other(actor)
    if other is None:
        return False
    joined = max(actor.person.enrolled_at, other.person.enrolled_at)
    at = stage.moment(joined + HOUR_MS, stage.end - DAY_MS)
    if at is None:
        return False
    other.cast = True
    cookie = {"cookie": stage.new_cookie(actor, other)}
    with actor.diary.playing("not_reset"):
        stage.add(actor, "web", "signed_in", at, {**cookie, "member_id": actor.member_id})
        at = stage.look_around(actor, at, cookie, 3)
    with other.diary.playing("not_reset"):
        at = stage.look_around(other, at + between(rng, 10 * MINUTE_MS, 20 * HOUR_MS), cookie, 2)
        at += MINUTE_MS
        account = {**cookie, "member_id": other.member_id}
        stage.add(other, "web", "signed_in", at, dict(account))
        at = stage.look_around(other, at, cookie, 2)
        if rng.random() < 0.5:
            stage.order(other, at + MINUTE_MS, account)
    return True


def cookie_flood(stage: Stage, actor: Actor) -> bool:
    """For some days a broken page gives everybody the same cookie."""
    rng = stage.rng
    middle = (stage.start + stage.end) // 2
    at = stage.moment(
        max(middle, actor.person.enrolled_at + MINUTE_MS), middle + FLOOD_DAYS * DAY_MS
    )
    if at is None:
        return False
    cookie = {"cookie": stage.flood_cookie}
    account = {**cookie, "member_id": actor.member_id}
    with actor.diary.playing("cookie_flood"):
        at = stage.look_around(actor, at, cookie, 1)
        stage.add(actor, "web", "signed_in", at + MINUTE_MS, dict(account))
        at = stage.look_around(actor, at + MINUTE_MS, cookie, 2)
        if rng.random() < 0.3:
            stage.order(actor, at + MINUTE_MS, account)
    return True


def blocked_value(stage: Stage, actor: Actor) -> bool:
    """A default that somebody forgot to fill in: alone it says nothing, beside a card no harm."""
    rng = stage.rng
    if rng.random() < 0.4 or not actor.receipts:
        at = stage.moment(actor.person.enrolled_at + HOUR_MS, stage.end)
        if at is None:
            return False
        with actor.diary.playing("blocked_value"):
            stage.look_around(actor, at, {"cookie": pick(rng, NO_COOKIE)}, 2)
        return True
    receipt = pick(rng, actor.receipts)
    if rng.random() < 0.4:
        known_by(receipt, {"card": pick(rng, NO_CARD)}, "blocked_value")
    else:
        known_by(receipt, {"card": actor.person.card, "phone": "0000000000"}, "blocked_value")
    return True
