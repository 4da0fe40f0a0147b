"""The formulas of score against published numbers, integration, simulation and SciPy."""

import doctest
import math
import random
from types import ModuleType

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta, gamma

from schemas.churn_model import Alive, Rfm, Spend
from transforms.score import alive, spend
from transforms.score import segment as rfm
from transforms.score.alive import expected_purchases, p_alive, silence_until
from transforms.score.segment import SEGMENTS, segment
from transforms.score.spend import expected_spend

CDNOW = Alive(r=0.525, alpha=6.183, a=0.891, b=1.614)
"""Batislam, Denizel and Filiztekin (2007), weeks."""
GROCER = Alive(r=1.39543, alpha=9.44372, a=0.0331443, b=34.4429)

models = st.builds(
    Alive,
    r=st.floats(0.05, 20),
    alpha=st.floats(0.1, 100),
    a=st.floats(0.01, 20),
    b=st.floats(0.05, 50),
)
pasts = st.tuples(st.integers(0, 300), st.floats(0, 1), st.floats(0.1, 2000)).map(
    lambda past: (past[0], past[1] * past[2] if past[0] else 0.0, past[2])
)
"""(x, t_x, T)"""


@pytest.mark.parametrize("module", [alive, spend, rfm], ids=lambda one: one.__name__)
def test_examples_in_the_docstrings(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0


def chances_by_integration(model: Alive, x: int, last: float, days: float) -> tuple[float, float]:
    """The likelihoods of this past while alive and while gone, integrated over the buying rate.

    Given a rate, the leaving chance is integrated numerically too, so nothing of the closed form
    is reused: alive is x + 1 times not leaving, gone is x times not leaving and then leaving.
    """
    stay = quad(lambda p: (1 - p) ** (x + 1) * beta.pdf(p, model.a, model.b), 0, 1)[0]
    leave = quad(lambda p: p * (1 - p) ** x * beta.pdf(p, model.a, model.b), 0, 1)[0]
    rate = gamma(model.r, scale=1 / model.alpha)

    def over_rates(silent_until: float) -> float:
        top = (model.r + x) / (model.alpha + silent_until) * 20
        return quad(lambda u: u**x * math.exp(-u * silent_until) * rate.pdf(u), 0, top, limit=200)[
            0
        ]

    return stay * over_rates(days), leave * over_rates(last)


@pytest.mark.parametrize(
    ("x", "last", "days"), [(0, 0.0, 10.0), (2, 30.43, 38.86), (5, 10.0, 39.0), (8, 38.0, 38.86)]
)
def test_p_alive_is_the_integral_over_unknown_rates(x: int, last: float, days: float) -> None:
    model = Alive(r=1.5, alpha=6.183, a=1.2, b=1.614)
    there, gone = chances_by_integration(model, x, last, days)
    assert p_alive(model, x, last, days) == pytest.approx(there / (there + gone), rel=1e-6)


def test_p_alive_sees_newcomers_leave() -> None:
    """BG/NBD says 1 for ever for somebody who bought once; MBG/NBD starts below 1 and falls."""
    values = [p_alive(CDNOW, 0, 0.0, days) for days in (0, 1, 10, 100)]
    assert values[0] == pytest.approx(1.614 / (1.614 + 0.891))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.3


@settings(max_examples=80, deadline=None)
@given(models, pasts, st.floats(0.01, 1000))
def test_p_alive_falls_with_silence(model: Alive, past: tuple[int, float, float], more: float):
    now, later = p_alive(model, *past), p_alive(model, past[0], past[1], past[2] + more)
    assert 0 <= later <= now <= 1
    if 1e-12 < now < 1 - 1e-9:
        assert later < now


def test_p_alive_survives_extremes() -> None:
    assert p_alive(GROCER, 20_000, 1.0, 1e6) == 0.0
    assert p_alive(GROCER, 20_000, 3650.0, 3650.0) > 0.9999
    assert silence_until(Alive(r=0.001, alpha=1, a=1e-6, b=1e6), 0, 0.0, 0.99) is None


@settings(max_examples=80, deadline=None)
@given(models, pasts, st.floats(0.01, 0.99))
def test_silence_until_inverts_p_alive(
    model: Alive, past: tuple[int, float, float], risk: float
) -> None:
    x, last, _ = past
    silence = silence_until(model, x, last, risk)
    assume(silence is not None and 0 < silence < 1e9)
    assert silence is not None
    assert 1 - p_alive(model, x, last, last + silence) == pytest.approx(risk, rel=1e-6)


@settings(max_examples=80, deadline=None)
@given(models, pasts, st.floats(1, 1000))
def test_expected_purchases_is_the_published_form(
    model: Alive, past: tuple[int, float, float], horizon: float
) -> None:
    x, _, days = past
    assume(abs(model.a - 1) > 1e-3)
    elapsed, whole = model.alpha + days, model.a + model.b + x
    z = horizon / (elapsed + horizon)
    with np.errstate(all="ignore"):
        tail = (1 - z) ** (model.r + x) * hyp2f1(model.r + x, model.b + x + 1, whole, z)
    published = whole / (model.a - 1) * (1 - tail)
    assume(math.isfinite(published) and abs(1 - tail) > 1e-7)  # SciPy's own digits end here
    assert expected_purchases(model, x, days, horizon) == pytest.approx(published, rel=1e-5)


@pytest.mark.parametrize("a", [0.5, 1.0, 1.0 + 1e-9, 3.0])
@pytest.mark.parametrize(("x", "days", "horizon"), [(0, 5.0, 365.0), (7, 80.0, 39.0)])
def test_expected_purchases_is_the_integral_over_leaving(
    a: float, x: int, days: float, horizon: float
) -> None:
    """Leaving with chance p after each purchase at rate λ: (1 − e^(−λpt))/p are still to come.

    Also at a = 1, where the published form divides by zero.
    """
    model = Alive(r=1.3, alpha=9.0, a=a, b=4.0)

    def given_leaving(p: float) -> float:
        elapsed = model.alpha + days
        return (1 - (1 + p * horizon / elapsed) ** -(model.r + x)) / p * beta.pdf(p, a, 5.0 + x)

    whole = quad(given_leaving, 0, 1, limit=500, epsabs=1e-13)[0]
    assert expected_purchases(model, x, days, horizon) == pytest.approx(whole, rel=1e-5)


def test_expected_purchases_agrees_with_a_simulation() -> None:
    """200,000 members play the story of the model; those with this past go on buying."""
    model, x, days, horizon = Alive(r=1.4, alpha=9.4, a=0.8, b=2.5), 1, 30.0, 60.0
    dice = random.Random(20170101)
    alive_later: list[int] = []
    matching = 0
    for _ in range(200_000):
        rate = dice.gammavariate(model.r, 1 / model.alpha)
        leaving = dice.betavariate(model.a, model.b)
        past, future, now, alive = 0, 0, 0.0, dice.random() >= leaving
        alive_then = alive
        while alive:
            now += dice.expovariate(rate)
            if now > days + horizon:
                break
            if now <= days:
                past += 1
            else:
                future += 1
            alive = dice.random() >= leaving
            alive_then = alive if now <= days else alive_then
        if past == x:
            matching += 1
            if alive_then:
                alive_later.append(future)
    mean = sum(alive_later) / len(alive_later)
    assert matching > 10_000
    assert expected_purchases(model, x, days, horizon) == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize(("repeats", "mean"), [(0, 0.0), (1, 20.0), (12, 80.0)])
def test_expected_spend_is_the_posterior_mean(repeats: int, mean: float) -> None:
    """A purchase is Gamma(p, ν), ν is Gamma(q, v): integrate the mean p/ν over the posterior."""
    model = Spend(p=6.25, q=3.74, v=15.44)
    posterior = gamma(
        model.q + model.p * repeats, scale=1 / (model.v + repeats * mean) if model.v else 1
    )
    top = posterior.ppf(1 - 1e-15)
    integral = quad(lambda nu: model.p / nu * posterior.pdf(nu), 0, top, limit=500)[0]
    assert expected_spend(model, repeats, repeats * mean) == pytest.approx(integral, rel=1e-6)


RFM = Rfm(recency_days=(1, 4, 8, 25), purchase_days=(11, 22, 37, 61), spend=(17, 25, 35, 51))


@pytest.mark.parametrize(
    ("recency", "purchases", "spend", "expected"),
    [
        (0.5, 61, 60.0, "champion"),
        (0.5, 1, 5.0, "new"),
        (3.0, 1, 5.0, "promising"),
        (0.5, 12, 20.0, "potential_loyal"),
        (6.0, 40, 40.0, "loyal"),
        (6.0, 22, 25.0, "need_attention"),
        (6.0, 1, 5.0, "about_to_sleep"),
        (12.0, 30, 30.0, "at_risk"),
        (60.0, 70, 60.0, "cannot_lose"),
        (60.0, 1, 5.0, "hibernating"),
    ],
)
def test_segments(recency: float, purchases: int, spend: float, expected: str) -> None:
    assert segment(RFM, recency, purchases, spend) == expected


def test_every_segment_is_in_the_table() -> None:
    names = {name for row in SEGMENTS.values() for name in row}
    assert names == {case[3] for case in test_segments.pytestmark[0].args[1]}
