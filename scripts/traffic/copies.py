"""Events that are sent twice: exact copies, and copies of receipts with other identifiers.

A copy has the id, time and content of the first one, arrives after it, and changes nothing.
Browsing is sent again within a second, before anything else happens on its device; receipts,
returns and redemptions within hours. Sign-ins and sign-outs aren't copied.
"""

from random import Random
from typing import Final

import msgspec

from scripts.traffic.cases import PLAIN
from scripts.traffic.chance import HOUR_MS, between
from scripts.traffic.happenings import Diary, Happening
from scripts.traffic.people import Person, typed_phone

COPIED: Final = 0.006
OTHER_IDENTIFIERS: Final = 0.2
AGAIN: Final = frozenset({"sale", "return", "redeem"})
NEVER: Final = frozenset({"signed_in", "signed_out"})
SOURCES: Final = frozenset({"web", "app", "pos", "command"})


def send_again(rng: Random, diary: Diary, people: list[Person], copied: float = COPIED) -> None:
    """Add the copies to the diary. `copied`: the share of what may be copied."""
    by_id = {person.member_id: person for person in people}
    for happening in list(diary.happenings):
        sent = happening.sent
        if rng.random() > copied or sent.source not in SOURCES or sent.type in NEVER:
            continue
        if sent.source in ("pos", "command") and sent.type not in AGAIN:
            continue
        quick = sent.source in ("web", "app")
        wait = between(rng, 50, 900) if quick else int(200 * (6 * HOUR_MS / 200) ** rng.random())
        identifiers = sent.identifiers
        person = by_id.get(happening.person or "")
        carded = sent.type == "sale" and "card" in identifiers
        others = carded and person is not None and rng.random() < OTHER_IDENTIFIERS
        if others and person is not None and happening.case in (PLAIN, "late_upload"):
            identifiers = {"phone": typed_phone(rng, person.phone)}
            happening.case = "other_identifiers"
        diary.happenings.append(
            Happening(
                sent=msgspec.structs.replace(
                    sent, received_at=sent.received_at + wait, identifiers=identifiers
                ),
                person=happening.person,
                household_id=happening.household_id,
                copy=True,
                case=happening.case,
            )
        )
