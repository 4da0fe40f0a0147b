"""Gamma-Gamma in closed form: what the next purchase day of a member is worth.

Source: Fader and Hardie, "The Gamma-Gamma model of monetary value" (2013).
"""

from schemas.churn_model import Spend


def expected_spend(model: Spend, repeats: int, repeat_spend: float) -> float:
    """Expected spend of a purchase day, in the unit of `model.v`.

    `repeat_spend` is the sum over the `repeats` purchase days after the first. A newcomer gets
    the mean of all members, p·v/(q−1); each repeat pulls the estimate towards what this member
    spends.

    >>> from schemas.churn_model import Spend
    >>> cdnow = Spend(p=6.25, q=3.74, v=15.44)
    >>> [round(expected_spend(cdnow, n, n * 50.0), 2) for n in (0, 1, 100)]
    [35.22, 45.49, 49.94]
    """
    return model.p * (model.v + repeat_spend) / (model.p * repeats + model.q - 1.0)
