"""A churn model made ready for use: bands, local days, and how engagement counts."""

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.churn_model import ChurnModel
from transforms.score.bands import Bands


class Market:
    """What scoring a member of some markets needs."""

    def __init__(self, model: ChurnModel) -> None:
        self.model = model
        self.bands = Bands(model)
        self.zone = ZoneInfo(model.time_zone)
        self.weight = model.engagement.weight
        self.stale_ms = model.engagement.stale_minutes * 60_000

    def day(self, at: int) -> int:
        """The local date of a moment, as an ordinal."""
        return datetime.fromtimestamp(at // 1000, self.zone).toordinal()
