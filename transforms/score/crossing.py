"""When risk reaches a level: moments instead of polling.

Comes in: a model and a history. Goes out: risk at a moment, or the moment of a risk, both in ms
UTC on a member's softened time axis (see `score_member`).
"""

from math import ceil

from schemas.churn_model import ChurnModel
from transforms.score.alive import p_alive, silence_until
from transforms.score.purchases import History

DAY_MS = 86_400_000
NEVER = 4_102_444_800_000
"""2100-01-01: no timer is set for later."""


def days_of(history: History, at: int) -> tuple[float, float]:
    """Days from the first purchase to the last, and to `at`."""
    return (history.last_at - history.first_at) / DAY_MS, (at - history.first_at) / DAY_MS


def risk_at(model: ChurnModel, history: History, at: int) -> float:
    """1 − P(alive) at a moment."""
    last, days = days_of(history, at)
    return 1.0 - p_alive(model.alive, history.days - 1, last, days)


def moment_of(model: ChurnModel, history: History, risk: float | None) -> int | None:
    """The millisecond in which risk reaches a level, not before the last purchase; None: never."""
    if risk is None:
        return None
    last, _ = days_of(history, history.last_at)
    silence = silence_until(model.alive, history.days - 1, last, risk)
    if silence is None:
        return None
    return history.last_at + ceil(max(silence, 0.0) * DAY_MS)


def crossing_of(model: ChurnModel, history: History, risk: float | None) -> int | None:
    """The first moment worth a timer at which risk, as `risk_at` computes it, is at a level.

    Rounding in the logarithms can leave the solved moment a hair short. A timer that fired there
    would change nothing and be set again for the same moment, for ever.
    """
    moment = moment_of(model, history, risk)
    if moment is None or risk is None or moment >= NEVER:
        return None
    step = 1
    while risk_at(model, history, moment) < risk:
        moment += step
        step *= 2
    return moment
