"""What real identity graphs suffer from: the cases of the traffic, and how often each occurs.

Every event of the truth has exactly one case. Some come about in the ordinary course of the
simulation (a family takes turns on a tablet, a till is offline); the others are scenes, which
`scripts.traffic.scenes` plays with a share of the members each, nobody in two of them.
"""

from typing import Final

PLAIN: Final = "plain"
CASES: Final = {
    "plain": "nothing of what follows",
    "stranger": "a visitor who never becomes a member",
    "family_device": "on a device that two members of a family use in turn",
    "family_token": "paid by the family's card, without the loyalty card",
    "shop_tablet": "on a tablet in a shop, which dozens of members use",
    "late_upload": "the till or the phone was offline: known hours or days late",
    "late_link": "what links it was made in time and is known days later",
    "other_identifiers": "sent twice, the copy with other identifiers",
    "guest_joins": "bought as a guest, by email or means of payment, and joins within days",
    "guest_joins_late": "bought or browsed as a guest, and joins when the window is over",
    "phone_then_app": "bought by a phone number that only a later sign-in in the app links",
    "online_return": "bought online, brought back to a shop with another identifier or none",
    "lost_card": "the card was lost: an old and a new one, the email seen with both",
    "email_changed": "a new email address; the old one stays known",
    "two_accounts": "two accounts of one person, used side by side, then merged",
    "chained_accounts": "three accounts of one person, merged one into the other",
    "dangling_login": "signed in by a login that belongs to no member, or not yet",
    "not_reset": "nobody signs out, and the next member begins on the same cookie",
    "recycled_phone": "a phone number that one member gave up and another one got",
    "typo": "an email or phone typed wrongly: nobody's, or by bad luck another member's",
    "group_email": "an address that several members share",
    "cookie_flood": "a cookie that a broken page gives to everybody",
    "blocked_value": "an identifier that is none: null, anonymous, 0000",
}
"""Case → what it is. The order is that of tables."""

SHARES: Final = {
    "guest_joins": 0.008,
    "late_link": 0.01,
    "guest_joins_late": 0.008,
    "phone_then_app": 0.012,
    "online_return": 0.012,
    "lost_card": 0.012,
    "email_changed": 0.012,
    "two_accounts": 0.01,
    "chained_accounts": 0.003,
    "dangling_login": 0.012,
    "not_reset": 0.01,
    "recycled_phone": 0.006,
    "typo": 0.02,
    "group_email": 0.004,
    "cookie_flood": 0.012,
    "blocked_value": 0.015,
}
"""Scene → share of the members with whom it begins."""

MISLEADING: Final = frozenset({"recycled_phone", "typo"})
"""Where an event may carry nothing but an identifier of somebody else: no reader can know."""
