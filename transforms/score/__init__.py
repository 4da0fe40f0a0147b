"""score: churn risk and expected value of a member, and the moment they get worse.

Read in this order: `score_member` (the operator), `state` (what it remembers of a member),
`purchases` (how that is counted and undone), `market` (the model and bands of one), `alive` and
`spend` (the closed forms), `bands` (hysteresis), `crossing` (the moment at which risk reaches a
level), `segment` (RFM), `merge_members` (two members become one).
"""

from transforms.score.score_member import Score
from transforms.score.state import ScoreState

__all__ = ["Score", "ScoreState"]
