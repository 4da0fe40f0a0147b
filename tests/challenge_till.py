"""Programmes with challenges, and what the warehouse and surfaces then hold of them."""

from typing import Any

from accrue_till import Till, accrue, event, terms
from privilege_till import newest

from schemas.challenges import Challenge
from schemas.events import Event
from schemas.payloads import Activity
from schemas.privileges import ChallengeProgress, Unlocked
from schemas.programme import Terms
from schemas.rewards import CatalogueOffer, Discount, Prize
from transforms.accrue.standing import Standing, standings

FREE = CatalogueOffer(offer="free_coffee", discount=Discount(free_units=1))
POINTS = Prize(points=50)


def challenge(name: str = "three", **changes: Any) -> Challenge:
    usual: dict[str, Any] = {"counts": "visits", "target": 3, "prize": POINTS}
    return Challenge(challenge=name, **{**usual, **changes})


def contest_terms(*challenges: Challenge, **changes: Any) -> Terms:
    """No points but prizes, so that the balance is what was won."""
    usual: dict[str, Any] = {
        "earn": (),
        "tiers": None,
        "pending_days": 0,
        "rewards": (),
        "offers": (FREE,),
    }
    return terms(**{**usual, "challenges": challenges, **changes})


def contest_till(*challenges: Challenge, recode_state: bool = False, **changes: Any) -> Till:
    return Till(accrue(contest_terms(*challenges, **changes)), recode_state=recode_state)


def activity(name: str, at: int, quantity: int = 1, event_id: str = "") -> Event:
    payload = Activity(activity=name, quantity=quantity)
    return event("activity_completed", event_id or f"e-{name}-{at}", at, payload, "app")


def progress(till: Till) -> dict[tuple[str, int], tuple[int, int]]:
    """By challenge and beginning: progress and how often it was met."""
    rows = newest(till, ChallengeProgress, ("challenge", "since"))
    return {key: (row.progress, row.met) for key, row in rows.items()}


def stands(till: Till, at: int) -> dict[str, Standing]:
    """What a surface shows at an instant."""
    operator = till.operator
    plan = operator.programmes.named("grocer")
    assert plan is not None
    found = standings(till.state.current, plan.terms_at(at), at)
    return {one.challenge: one for one in found}


def missing(till: Till, at: int) -> dict[str, int]:
    return {name: one.missing for name, one in stands(till, at).items()}


def access(till: Till) -> dict[str, bool]:
    """What is or was unlocked, and whether it still is."""
    rows = newest(till, Unlocked, ("access",))
    return {name: row.until is None for (name,), row in rows.items()}
