"""When people join, what they then say about themselves, and the offers they are granted.

Most join some time before their first receipt and their first campaign; those whose first
receipt is of the first days join in the night the programme opens. About one in twenty shops
first and joins within ten days: these first receipts are known by the email that asked for a
digital receipt or by the means of payment, and wait for the enrolment.
"""

from random import Random
from typing import Final

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Person, typed_email, typed_phone

LATE_SHARE: Final = 0.06
LATE_DAYS_MAX: Final = 10
TOKEN_WAIT_DAYS_MAX: Final = 12
"""A first receipt known by its token must meet the first one with card and token by then:
two days before the fourteen that purchases wait, so that no decision hangs on a minute."""
CONSENTS: Final = (
    ("email", "marketing", 0.72),
    ("sms", "marketing", 0.38),
    ("push", "marketing", 0.55),
    ("email", "service", 0.92),
    ("sms", "service", 0.6),
    ("push", "service", 0.7),
)


def plan_enrolment(rng: Random, person: Person, start: int, end: int) -> None:
    """Set `enrolled_at` and `first_known_by` from the household's receipts and campaigns."""
    baskets = person.household.baskets
    firsts = [b.occurred_at for b in baskets[:1]]
    firsts += [c.starts_at for c in person.household.campaigns if c.starts_at > start]
    if not firsts:
        person.enrolled_at = start + between(rng, 10 * MINUTE_MS, max(HOUR_MS, (end - start) // 2))
        return
    first = min(firsts)
    if rng.random() < LATE_SHARE and len(baskets) > 2 and _join_late(rng, person, first):
        return
    latest = first - 10 * MINUTE_MS
    opens = start + 10 * MINUTE_MS
    earliest = max(opens, latest - between(rng, HOUR_MS, 12 * DAY_MS))
    if earliest == opens:
        latest = min(latest, start + 6 * HOUR_MS)
    person.enrolled_at = between(rng, min(earliest, latest), latest)


def _join_late(rng: Random, person: Person, first: int) -> bool:
    baskets = person.household.baskets
    at = baskets[0].occurred_at
    campaigns = person.household.campaigns
    joins = at + between(rng, 6 * HOUR_MS, LATE_DAYS_MAX * DAY_MS - HOUR_MS)
    after = next((b.occurred_at for b in baskets if b.occurred_at > joins + MINUTE_MS), None)
    if first < at or any(c.starts_at < joins for c in campaigns) or after is None:
        return False
    if any(abs(b.occurred_at - joins) < 10 * MINUTE_MS for b in baskets):
        return False
    by_token = rng.random() < 0.8 and after < at + TOKEN_WAIT_DAYS_MAX * DAY_MS
    person.enrolled_at = joins
    person.first_known_by = "payment_token" if by_token else "email"
    return True


def enrol(rng: Random, diary: Diary, person: Person, end: int) -> None:
    """The enrolment, consents for channels and purposes, later changes of mind and of profile."""
    at, who = person.enrolled_at, person.member_id
    diary.add(
        "profile",
        "enrolled",
        at,
        between(rng, 200, 4 * SECOND_MS),
        {
            "member_id": who,
            "card": person.card,
            "email": typed_email(rng, person.email),
            "phone": typed_phone(rng, person.phone),
        },
        {
            "birthday": person.birthday,
            "time_zone": person.time_zone,
            "locale": person.locale,
            "preferred_channel": person.preferred_channel,
            "home_store": person.household.home_store,
        },
        who,
    )
    spread = (end - at) // 2
    for place, (channel, purpose, share) in enumerate(CONSENTS):
        if rng.random() > 0.9:
            continue  # never asked: no consent event at all
        granted = rng.random() < share
        _consent(rng, diary, person, at + (8 + 2 * place) * SECOND_MS, channel, purpose, granted)
        if spread > 2 * DAY_MS and rng.random() < 0.08:
            later = between(rng, at + DAY_MS, at + 2 * spread)
            _consent(rng, diary, person, later, channel, purpose, not granted)
    if spread > DAY_MS and rng.random() < 0.06:
        diary.add(
            "profile",
            "profile_updated",
            between(rng, at + DAY_MS, at + 2 * spread),
            between(rng, 200, 4 * SECOND_MS),
            {"member_id": who},
            {"preferred_channel": "sms" if person.preferred_channel == "email" else "email"},
            who,
        )


def _consent(
    rng: Random, diary: Diary, person: Person, at: int, channel: str, purpose: str, granted: bool
) -> None:
    diary.add(
        "profile",
        "consent_changed",
        at,
        between(rng, 200, 2 * SECOND_MS),
        {"member_id": person.member_id},
        {"channel": channel, "purpose": purpose, "granted": granted},
        person.member_id,
    )


def grant_campaigns(rng: Random, diary: Diary, person: Person) -> None:
    """Each campaign that the household received, as an offer from its start to its end.

    Campaigns that had begun before the programme opened are granted right after enrolment.
    These are facts of the data set, so they aren't labelled as simulated.
    """
    for campaign in person.household.campaigns:
        after = person.enrolled_at + between(rng, MINUTE_MS, 30 * MINUTE_MS)
        happening = diary.add(
            "command",
            "grant_offer",
            max(campaign.starts_at, after),
            between(rng, 50, 2 * SECOND_MS),
            {"member_id": person.member_id},
            {
                "offer_id": f"campaign:{campaign.campaign_id}",
                "expires_at": campaign.ends_at,
                "reason": campaign.kind,
            },
            person.member_id,
            event_id=f"campaign-{campaign.campaign_id}-{person.household.household_id}",
        )
        happening.sent.context = {}
