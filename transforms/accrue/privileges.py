"""What an account holds besides points: offers, progress in challenges, membership, access.

Parts of the state; all of them are bounded, by what returns and late events can still change.
"""

from typing import Literal

from transforms.accrue.facts import Bit


class Used(Bit, kw_only=True, rename={"until": "u", "points": "p", "times": "t"}):
    """What was earned under a cap in its period."""

    until: int
    points: int = 0
    times: int = 0


class GrantedOffer(Bit, kw_only=True):
    """An offer that a member was granted, or was refused."""

    offer: str
    group: str = ""
    granted_at: int
    expires_at: int | None = None
    status: Literal["open", "waiting", "used", "expired", "revoked", "refused"] = "open"
    """waiting: until another of its group is closed."""
    code: str = "ok"
    closed_at: int | None = None
    closed_by: str = ""
    """The event that used or revoked it, source/event_id."""
    used_for: list[str] = []
    """The purchase that used it: its transaction, its order."""
    reason: str = ""


class Period(Bit, kw_only=True, rename={"end": "e", "events": "n"}):
    """A day, week or month in which something counted for a streak."""

    end: int
    """The first instant after it."""
    events: int = 1
    """How many things counted in it."""


class Met(
    Bit,
    kw_only=True,
    rename={"at": "t", "cause": "c", "number": "n", "took": "k", "version": "v", "owner": "o"},
):
    """A target that was met, as long as a return can take its prize back."""

    at: int
    cause: str
    """The event that met it: the book's cause at the award."""
    number: int = 0
    """If it met the target several times: which of them."""
    took: int
    """What of the progress went into it."""
    version: int
    """Of the terms that name its prize."""
    owner: str
    """The member who won it, whose account may have been merged into this one."""


class Progress(
    Bit,
    kw_only=True,
    rename={
        "since": "s",
        "until": "u",
        "target": "g",
        "unit": "n",
        "repeat": "y",
        "counted": "d",
        "counted_at": "a",
        "periods": "p",
        "run": "r",
        "ended": "e",
        "met": "m",
        "before": "b",
        "before_at": "t",
    },
):
    """Where a member stands in a challenge: in one of its periods, if it has any."""

    since: int = 0
    """The beginning of the period or campaign; 0: it has none."""
    until: int | None = None
    """Its end; of a streak: when it breaks, unless something counts before; None: none."""
    target: int
    """As the terms said that counted last, in the unit of what is counted."""
    unit: int = 1
    """How many of these are one of what is shown: minor units in one of currency, for spend."""
    repeat: bool = False
    counted: int = 0
    """What counts and was kept, less what went into targets met for good (`before`); of a streak:
    periods in a row up to `ended`."""
    counted_at: int = 0
    """The last time that anything counted."""
    periods: dict[int, Period] = {}
    """Of a streak: those after `ended` in which something counts, by their first instant."""
    run: int | None = None
    """Of a streak: periods in a row now, since the target was met last; None: it isn't one."""
    ended: int = 0
    """Of a streak: the end of the last period that nothing can take away any more."""
    met: list[Met] = []
    """Targets met, in their order, whose prizes can still be taken back."""
    before: int = 0
    """Targets met whose prizes stand for good."""
    before_at: int = 0
    """The last of these."""

    @property
    def times(self) -> int:
        """How often the target was met."""
        return self.before + len(self.met)

    @property
    def met_at(self) -> int:
        """The last time; 0: never."""
        return self.met[-1].at if self.met else self.before_at


class PaidMembership(Bit, kw_only=True):
    """A paid membership."""

    plan: str
    status: Literal["trial", "active", "grace", "ended"]
    since: int
    until: int
    """What is paid for, or tried, ends then."""
    ends_at: int = 0
    """When it ends for good, unless a payment comes: after the grace."""
    paid_from: int = 0
    """The day of the month on which a payment is due is this instant's."""
    months: int = 0
    """Paid for since then."""
    ended_at: int | None = None
    reason: str = ""


class BenefitUse(Bit, kw_only=True):
    """A benefit that was used."""

    benefit: str
    at: int
    reference: str = ""
    code: Literal["ok", "no_membership", "not_entitled", "limit_reached"] = "ok"
    left: int | None = None
    """How often it may still be used in the same period; None: without limit."""
    counts_until: int = 0
    """How long it counts for a limit."""


class Access(Bit, kw_only=True):
    """Something unlocked."""

    since: int
    by: str
    """The challenge or gift that unlocked it."""
    ended_at: int | None = None
    causes: dict[str, int] = {}
    """When each prize unlocked it that can still be taken back; empty: it stays."""
