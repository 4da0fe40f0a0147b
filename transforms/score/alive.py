"""MBG/NBD in closed form: P(alive), the silence that brings it to a level, purchases to come.

Comes in: the parameters (`schemas.churn_model.Alive`) and a member's sufficient statistics:
`repeats` (x: purchase days after the first), `last_day` (t_x: days from the first purchase to
the last) and `days` (T: days from the first purchase to now). Promises pure arithmetic that
neither overflows nor loses precision for any statistics that can occur.

Sources: Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for
customer base analysis", IJRM 24 (2007); Wagner and Hoppe, "Erratum on the MBG/NBD model",
IJRM 25 (2008).
"""

from math import exp, expm1, log, log1p

from schemas.churn_model import Alive

FARTHEST = 50.0
"""ln of the greatest growth of (α + T) / (α + t_x) that is still a date; beyond it: never."""

SERIES_PRECISION = 1e-8
SERIES_TERMS_MAX = 20_000


def p_alive(model: Alive, repeats: int, last_day: float, days: float) -> float:
    """The probability that a member still is a customer after `days`.

    1 / (1 + a/(b+x) · ((α+T)/(α+t_x))^(r+x)). It falls as silence (`days` − `last_day`) grows,
    and is below 1 from the start: even the first purchase may have been the last.

    >>> from schemas.churn_model import Alive
    >>> round(p_alive(Alive(r=0.525, alpha=6.183, a=0.891, b=1.614), 2, 30.43, 38.86), 4)
    0.7062
    """
    silence = days - last_day
    growth = log1p(silence / (model.alpha + last_day)) if silence > 0 else 0.0
    odds = log(model.a / (model.b + repeats)) + (model.r + repeats) * growth
    if odds > 700.0:  # e^709 is the last float
        return 0.0
    return 1.0 / (1.0 + exp(odds))


def silence_until(model: Alive, repeats: int, last_day: float, risk: float) -> float | None:
    """Days after the last purchase at which 1 − P(alive) reaches `risk`; below 0: from the start.

    The inverse of `p_alive`: (α+t_x) · ((b+x)/a · risk/(1−risk))^(1/(r+x)) − (α+t_x).
    None: not within any time worth waiting for.
    """
    odds = log(risk / (1.0 - risk)) - log(model.a / (model.b + repeats))
    growth = odds / (model.r + repeats)
    if growth > FARTHEST:
        return None
    return (model.alpha + last_day) * expm1(growth)


def expected_purchases(model: Alive, repeats: int, days: float, horizon_days: float) -> float:
    """How many purchase days to expect in the next `horizon_days` of somebody who is alive.

    Times P(alive), it is the expectation for somebody of whom that isn't known. The published
    form is C/(a−1) · (1 − ((α+T)/(α+T+t))^(r+x) · ₂F₁(r+x, b+x+1; C; z)), with C = a+b+x and
    z = t/(α+T+t). Euler's and Pfaff's transformations turn its second term into
    (1+t/(α+T))^(1−a) · ₂F₁(a+b−r, a−1; C; z), whose series converges faster the more somebody
    has bought, never overflows, and lets a − 1 be divided out, so that a = 1 is no singularity.
    """
    elapsed = model.alpha + days
    growth = log1p(horizon_days / elapsed)
    gain = (1.0 - model.a) * growth
    no_departure = growth if gain == 0.0 else expm1(gain) / (1.0 - model.a)
    departures = exp(gain) * _series(
        model.a + model.b - model.r,
        model.a,
        model.a + model.b + repeats,
        horizon_days / (elapsed + horizon_days),
    )
    return max((model.a + model.b + repeats) * (no_departure - departures), 0.0)


def _series(first: float, second: float, third: float, z: float) -> float:
    """(₂F₁(first, second − 1; third; z) − 1) / (second − 1), by its power series, 0 ≤ z < 1.

    The ratio of successive terms tends to z, so what follows the last one is nearly a geometric
    series; adding that halves the number of terms. The relative error is below 1e-9, and about 1e-6
    where z is above 0.998, beyond horizons and parameters that occur.
    """
    term = total = first / third * z
    enough = (SERIES_PRECISION * (1.0 - z)) ** 2
    ratio = z
    for n in range(1, SERIES_TERMS_MAX):
        ratio = (first + n) * (second + n - 1.0) / ((third + n) * (n + 1.0)) * z
        term *= ratio
        total += term
        if term * term <= enough * total * total:
            break
    return total + term * ratio / (1.0 - ratio)
