"""Bands of risk with hysteresis: a member who sits on an edge does not flicker."""

from schemas.churn_model import ChurnModel

UNSCORED = "none"
"""The band of a member without any purchase."""


class Bands:
    """The bands of a model, lowest risk first, addressed by their place."""

    def __init__(self, model: ChurnModel) -> None:
        self.names = tuple(band.band for band in model.bands)
        self.starts = tuple(band.starts_at for band in model.bands)
        self.hysteresis = model.hysteresis

    def place(self, name: str) -> int:
        """Where a band stands; one that the model no longer has counts as the lowest."""
        return self.names.index(name) if name in self.names else 0

    def move(self, place: int, risk: float) -> int:
        """The place at `risk`, coming from `place`: up at a start, down only well below it."""
        while place + 1 < len(self.starts) and risk >= self.starts[place + 1]:
            place += 1
        while place > 0 and risk < self.starts[place] - self.hysteresis:
            place -= 1
        return place

    def rise(self, place: int) -> float | None:
        """The risk at which the next band is entered; None: this is the highest."""
        return self.starts[place + 1] if place + 1 < len(self.starts) else None

    def fall(self, place: int) -> float | None:
        """The risk below which the band is left downwards; None: it never is."""
        floor = self.starts[place] - self.hysteresis
        return floor if place > 0 and floor > 0 else None
