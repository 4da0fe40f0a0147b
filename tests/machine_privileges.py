"""Steps of the ledger's state machine: what members do, are and have besides points."""

from typing import Any

from accrue_till import DAY, event
from earning_till import activity
from hypothesis import strategies as st
from hypothesis.stateful import rule
from machine_members import AFTER, LATE, MEMBERS, Members, only_in, told
from privilege_till import benefit, grant, profile, revoke
from privilege_till import member as subscription

from schemas.payloads import Nothing

BIRTHDAYS = st.sampled_from(["12-25", "01-05", "02-29", None])


class Privileges(Members):
    """Activities, profiles, memberships, benefits and offers."""

    @only_in("bonuses", "challenges", "rolling")
    @rule(
        target=told,
        member=MEMBERS,
        what=st.sampled_from(["workout", "survey"]),
        quantity=st.integers(1, 4),
        after=AFTER,
        late=LATE,
    )
    def act(self, member: str, what: str, quantity: int, after: int, late: int) -> Any:
        one = activity(f"v{self.name()}", self.wait(after) - late, what, quantity)
        self.tell(one, member)
        return one

    @only_in("bonuses", "grocer")
    @rule(target=told, member=MEMBERS, after=AFTER, late=LATE)
    def open_app(self, member: str, after: int, late: int) -> Any:
        at = self.wait(after) - late
        one = event("app_opened", f"e-app-{self.name()}", at, Nothing(), "app")
        self.tell(one, member)
        return one

    @only_in("bonuses", "visits")
    @rule(
        target=told,
        member=MEMBERS,
        birthday=BIRTHDAYS,
        enrols=st.booleans(),
        after=AFTER,
        late=LATE,
    )
    def tell_of_themselves(
        self, member: str, birthday: str | None, enrols: bool, after: int, late: int
    ) -> Any:
        at, name = self.wait(after) - late, f"e-profile-{self.name()}"
        one = profile(at, birthday, name)
        if enrols:
            one = event("enrolled", name, at, one.payload, "profile")
        self.tell(one, member)
        return one

    @only_in("membership")
    @rule(
        target=told,
        who=MEMBERS,
        step=st.sampled_from(["started", "started", "renewed", "payment_failed", "ended"]),
        trial=st.booleans(),
        after=AFTER,
        late=LATE,
    )
    def subscribe(self, who: str, step: str, trial: bool, after: int, late: int) -> Any:
        at = self.wait(after) - late
        one = subscription(step, at, trial=trial, event_id=f"e-member-{self.name()}")
        self.tell(one, who)
        return one

    @only_in("membership")
    @rule(
        target=told,
        member=MEMBERS,
        what=st.sampled_from(["delivery", "fuel", "fuel", "choice", "spa"]),
        after=AFTER,
        late=LATE,
    )
    def use_benefit(self, member: str, what: str, after: int, late: int) -> Any:
        at = self.wait(after) - late
        one = benefit(what, at, event_id=f"e-benefit-{self.name()}")
        self.tell(one, member)
        return one

    @only_in("bonuses", "challenges", "grocer")
    @rule(
        member=MEMBERS,
        offer=st.sampled_from(["double", "triple", "treat"]),
        days=st.sampled_from([None, None, 1, 30]),
        takes=st.sampled_from([False, False, False, True]),
        after=AFTER,
    )
    def offer(self, member: str, offer: str, days: int | None, takes: bool, after: int) -> None:
        """An offer is granted, or revoked."""
        now, name = self.wait(after), f"e-offer-{self.name()}"
        until = None if days is None else now + days * DAY
        one = revoke(offer, now, name) if takes else grant(offer, now, until, event_id=name)
        self.tell(one, member)
