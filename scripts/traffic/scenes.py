"""Which scenes are played in a block, by whom: each with its share of the members.

In: a stage. Out: more and other happenings in the diaries of its people. A scene answers whether
it could be played by somebody; if not, the next person is asked, so that the shares are kept as
long as there are people whom it fits.
"""

from collections.abc import Callable
from typing import Final

from scripts.traffic.cases import SHARES
from scripts.traffic.scenes_of_accounts import (
    chained_accounts,
    dangling_login,
    email_changed,
    lost_card,
    two_accounts,
)
from scripts.traffic.scenes_of_guests import (
    guest_joins,
    guest_joins_late,
    late_link,
    online_return,
    phone_then_app,
)
from scripts.traffic.scenes_of_mistakes import (
    blocked_value,
    cookie_flood,
    group_email,
    not_reset,
    recycled_phone,
    typo,
)
from scripts.traffic.stage import Actor, Stage

SCENES: Final[dict[str, Callable[[Stage, Actor], bool]]] = {
    "recycled_phone": recycled_phone,
    "group_email": group_email,
    "not_reset": not_reset,
    "late_link": late_link,
    "lost_card": lost_card,
    "email_changed": email_changed,
    "two_accounts": two_accounts,
    "chained_accounts": chained_accounts,
    "phone_then_app": phone_then_app,
    "guest_joins_late": guest_joins_late,
    "guest_joins": guest_joins,
    "online_return": online_return,
    "dangling_login": dangling_login,
    "typo": typo,
    "cookie_flood": cookie_flood,
    "blocked_value": blocked_value,
}
"""Those first for which few people fit."""


def play(stage: Stage) -> None:
    """All scenes of a block."""
    rng = stage.rng
    for case, scene in SCENES.items():
        wanted = sum(rng.random() < SHARES[case] for _ in stage.actors)
        for actor in rng.sample(stage.actors, len(stage.actors)) if wanted else ():
            if not wanted:
                break
            if actor.cast or actor.person.first_known_by:
                continue
            if scene(stage, actor):
                actor.cast = True
                wanted -= 1
