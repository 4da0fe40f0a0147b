"""Maximum likelihood for the models that score uses: MBG/NBD and Gamma-Gamma, and BG/NBD beside.

Comes in: what each customer did, an array a statistic, in any one unit of time and of money. Goes
out: a `Fit`. Sources: MBG/NBD, Batislam, Denizel and Filiztekin (2007); BG/NBD, Fader, Hardie and
Lee (2005); Gamma-Gamma, Fader and Hardie (2013). BG/NBD is for comparison only: it takes everybody
who bought once for a customer for ever.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

Floats = NDArray[np.float64]

LIMIT = 12.0
"""Bound of the logarithms of parameters: beyond e^±12 the data do not say."""


class Fit(NamedTuple):
    """Parameters in the order of the literature, and the logarithm of their likelihood."""

    parameters: tuple[float, ...]
    log_likelihood: float


def fit_mbg_nbd(repeats: Floats, last_day: Floats, days: Floats) -> Fit:
    """r, α, a, b of MBG/NBD; `last_day` and `days` (t_x and T) in one unit of time.

    `log_likelihood` leaves out nothing but the factor that holds no parameter.
    """
    repeats, last_day, days = (np.asarray(one, float) for one in (repeats, last_day, days))

    def log_likelihood(r: float, alpha: float, a: float, b: float) -> float:
        buying = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + repeats + 1) - (r + repeats) * np.log(alpha + days)
        gone = betaln(a + 1, b + repeats) - (r + repeats) * np.log(alpha + last_day)
        return float(np.sum(buying - betaln(a, b) + np.logaddexp(alive, gone)))

    return _maximise(log_likelihood, 4, scale=_gap(repeats, days))


def fit_bg_nbd(repeats: Floats, last_day: Floats, days: Floats) -> Fit:
    """r, α, a, b of BG/NBD, where nobody leaves before a first repeat."""
    repeats, last_day, days = (np.asarray(one, float) for one in (repeats, last_day, days))
    again = repeats > 0
    since = np.where(again, last_day, 1.0)
    left = np.where(again, repeats, 1.0)

    def log_likelihood(r: float, alpha: float, a: float, b: float) -> float:
        buying = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + repeats) - (r + repeats) * np.log(alpha + days)
        gone = betaln(a + 1, b + left - 1) - (r + repeats) * np.log(alpha + since)
        either = np.where(again, np.logaddexp(alive, gone), alive)
        return float(np.sum(buying - betaln(a, b) + either))

    return _maximise(log_likelihood, 4, scale=_gap(repeats, days))


def fit_gamma_gamma(repeats: Floats, mean_spend: Floats) -> Fit:
    """p, q, v of Gamma-Gamma, `v` in the unit of `mean_spend`; of those who repeated and paid."""
    counts = (np.asarray(repeats, float) > 0) & (np.asarray(mean_spend, float) > 0)
    n, mean = np.asarray(repeats, float)[counts], np.asarray(mean_spend, float)[counts]

    def log_likelihood(p: float, q: float, v: float) -> float:
        one = (
            gammaln(p * n + q)
            - gammaln(p * n)
            - gammaln(q)
            + q * np.log(v)
            + (p * n - 1) * np.log(mean)
            + p * n * np.log(n)
            - (p * n + q) * np.log(mean * n + v)
        )
        return float(np.sum(one))

    return _maximise(log_likelihood, 3, scale=float(np.median(mean)), scaled=2)


def _gap(repeats: Floats, days: Floats) -> float:
    """A typical time between purchases: where the search for α starts."""
    return float(np.sum(days) / max(np.sum(repeats), 1.0))


def _maximise(
    log_likelihood: Callable[..., float], parameters: int, scale: float, scaled: int = 1
) -> Fit:
    """Search over logarithms: L-BFGS-B from a few starts, then Nelder–Mead from the best end.

    The parameter at `scaled` (α, v) carries a unit, so its start is a multiple of `scale`.
    """
    bounds = [(-LIMIT, LIMIT)] * parameters
    bounds[scaled] = (-LIMIT + np.log(scale), LIMIT + np.log(scale))

    def loss(logs: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value = -log_likelihood(*np.exp(logs))
        return value if np.isfinite(value) else 1e300

    ends = []
    for start in (0.0, 1.0, -1.0):
        logs = np.full(parameters, start)
        logs[scaled] += np.log(scale)
        ends.append(minimize(loss, logs, method="L-BFGS-B", bounds=bounds))
    best = min(ends, key=lambda end: end.fun)
    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 5000, "maxfev": 10_000}
    polished = minimize(loss, best.x, method="Nelder-Mead", bounds=bounds, options=options)
    best = min(best, polished, key=lambda end: end.fun)
    return Fit(tuple(float(one) for one in np.exp(best.x)), -float(best.fun))
