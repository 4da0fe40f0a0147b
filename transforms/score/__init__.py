"""score: churn risk and expected value of a member, and the moment they get worse.

Read in this order: `score_member` (the operator), `purchases` (what is remembered and how it is
undone), `alive` and `spend` (the closed forms), `bands` (hysteresis), `crossing` (the moment at
which risk reaches a level), `segment` (RFM).
"""

from transforms.score.score_member import Score, ScoreState

__all__ = ["Score", "ScoreState"]
