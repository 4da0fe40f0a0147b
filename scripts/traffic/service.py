"""Support: cases that members open by phone, email or chat, and contacts without a case."""

from random import Random
from typing import Final

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between, count, pick
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Person, typed_email, typed_phone

CASES_A_YEAR: Final = 0.25
CONTACTS_A_YEAR: Final = 0.2
YEAR_MS: Final = 365 * DAY_MS


def call(rng: Random, diary: Diary, person: Person, end: int) -> None:
    """One person's dealings with support while they are enrolled."""
    first = person.enrolled_at + HOUR_MS
    years = max(0, end - first) / YEAR_MS
    for _ in range(count(rng, CASES_A_YEAR * years)):
        at = between(rng, first, end)
        case = {
            "case_id": diary.name("case-"),
            "severity": pick(rng, ("low", "normal", "normal", "high")),
            "medium": pick(rng, ("phone", "email", "chat")),
        }
        _log(rng, diary, person, "case_opened", at, case)
        closed_at = at + between(rng, HOUR_MS, 5 * DAY_MS)
        if closed_at < end:
            _log(rng, diary, person, "case_closed", closed_at, case)
    for _ in range(count(rng, CONTACTS_A_YEAR * years)):
        contact = {"case_id": diary.name("contact-"), "medium": "phone"}
        _log(rng, diary, person, "contact_logged", between(rng, first, end), contact)


def _log(
    rng: Random, diary: Diary, person: Person, type: str, at: int, payload: dict[str, object]
) -> None:
    draw = rng.random()
    if draw < 0.4:
        identifiers = {"phone": typed_phone(rng, person.phone)}
    elif draw < 0.7:
        identifiers = {"email": typed_email(rng, person.email)}
    else:
        identifiers = {"member_id": person.member_id}
    delay = between(rng, SECOND_MS, 2 * MINUTE_MS)
    context = {"touchpoint": "call_centre"}
    diary.add("service", type, at, delay, identifiers, payload, person.member_id, context)
