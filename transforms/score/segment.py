"""RFM: one word for how recently, how often and for how much somebody buys."""

from bisect import bisect_left, bisect_right

from schemas.churn_model import Rfm

SEGMENTS: dict[int, tuple[str, str, str, str, str]] = {
    1: ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    2: ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    3: ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    4: ("promising", "potential_loyal", "potential_loyal", "loyal", "loyal"),
    5: ("new", "potential_loyal", "potential_loyal", "champion", "champion"),
}
"""By score of recency; within it by the rounded mean of the scores of frequency and money."""


def segment(rfm: Rfm, recency_days: float, purchase_days: int, mean_spend: float) -> str:
    """The segment of a member who last bought `recency_days` ago.

    Each of the three is scored 1 (worst) to 5 (best) by the cut-offs of the model.

    >>> cuts = Rfm(recency_days=(2, 7, 21, 60), purchase_days=(2, 5, 20, 60), spend=(5, 9, 20, 40))
    >>> segment(cuts, 1, 70, 50), segment(cuts, 90, 70, 50), segment(cuts, 0, 1, 3)
    ('champion', 'cannot_lose', 'new')
    """
    recency = 5 - bisect_left(rfm.recency_days, recency_days)
    frequency = 1 + bisect_right(rfm.purchase_days, purchase_days)
    money = 1 + bisect_right(rfm.spend, mean_spend)
    return SEGMENTS[recency][(frequency + money + 1) // 2 - 1]
