"""How well a churn model foresees who will still buy, on a period that its fit has not seen.

Comes in: parameters of MBG/NBD, customers as of the end of the fit, and who bought afterwards.
Goes out: an `Evaluation`: the ranking by P(alive) and by the chance of a purchase in the period,
beside two naive ones, and whether that chance comes true. P(alive) itself is never observed:
somebody who is alive may just not have come in the period. The chance of a purchase can be.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.churn_likelihoods import Floats


class Group(NamedTuple):
    """Customers of like prospects: what was foreseen on average, and what happened."""

    customers: int
    p_alive: float
    p_buys: float
    bought: float


class Evaluation(NamedTuple):
    """Areas under the ROC curve: 0.5 is guessing, 1 is certainty."""

    window_days: int
    customers: int
    bought: int
    auc_alive: float
    auc_buys: float
    auc_recency: float
    auc_frequency: float
    groups: tuple[Group, ...]
    """Worst prospects first."""

    @property
    def calibration_error(self) -> float:
        """Mean distance between foreseen and seen over the groups, weighted by customers."""
        off = sum(one.customers * abs(one.p_buys - one.bought) for one in self.groups)
        return off / self.customers


def chance_alive(
    parameters: tuple[float, ...], repeats: Floats, last_day: Floats, days: Floats
) -> Floats:
    """P(alive) of MBG/NBD for every customer, as score computes it for one."""
    r, alpha, a, b = parameters
    growth = np.log((alpha + days) / (alpha + last_day))
    odds = np.log(a / (b + repeats)) + (r + repeats) * growth
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(odds, 700.0))), dtype=np.float64)


def chance_of_purchase(
    parameters: tuple[float, ...],
    repeats: Floats,
    last_day: Floats,
    days: Floats,
    window_days: float,
) -> Floats:
    """P(at least one purchase in the window): alive, and the next one comes in time.

    Nobody leaves between purchases, so the wait for the next one depends on the rate alone,
    which given the past is Gamma(r + x, α + T).
    """
    alive = chance_alive(parameters, repeats, last_day, days)
    r, alpha = parameters[0], parameters[1]
    elapsed = alpha + days
    none = np.exp((r + repeats) * np.log(elapsed / (elapsed + window_days)))
    return np.asarray(alive * (1.0 - none), dtype=np.float64)


def area_under_curve(score: Floats, happened: NDArray[np.bool_]) -> float:
    """The chance that somebody to whom it happened ranks above somebody to whom it did not."""
    order = np.unique(score, return_inverse=True)[1]
    counts = np.bincount(order)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[order]
    hits = int(happened.sum())
    misses = len(happened) - hits
    return float((ranks[happened].sum() - hits * (hits + 1) / 2.0) / (hits * misses))


def evaluate(
    parameters: tuple[float, ...],
    repeats: Floats,
    last_day: Floats,
    days: Floats,
    *,
    bought: NDArray[np.bool_],
    window_days: int,
    groups: int = 10,
) -> Evaluation:
    """Compare what the model foresaw at `days` with who bought in the window after it."""
    alive = chance_alive(parameters, repeats, last_day, days)
    buys = chance_of_purchase(parameters, repeats, last_day, days, window_days)
    parts = np.array_split(np.argsort(buys, kind="stable"), groups)
    return Evaluation(
        window_days=window_days,
        customers=len(alive),
        bought=int(bought.sum()),
        auc_alive=area_under_curve(alive, bought),
        auc_buys=area_under_curve(buys, bought),
        auc_recency=area_under_curve(last_day - days, bought),
        auc_frequency=area_under_curve(repeats, bought),
        groups=tuple(
            Group(
                customers=len(part),
                p_alive=float(alive[part].mean()),
                p_buys=float(buys[part].mean()),
                bought=float(bought[part].mean()),
            )
            for part in parts
        ),
    )
