"""What a simulation is asked for, and how it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class SimulationRefused(RuntimeError):
    """It can't be done as asked; says what must be, what was got and what to do."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What differs in the alternative. Everything that isn't named stays as it is."""

    folder: Path | None = None
    """A whole configuration folder in place of the current one; the files go on top of it."""
    programmes: Sequence[Path] = ()
    journeys: Sequence[Path] = ()
    without_journeys: Sequence[str] = ()
    identity: Path | None = None
    effective_from: int | None = None
    """ms UTC: the newest version of each programme file counts from then on."""


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """`as_of`: ms UTC, where time ends; None: with the input."""

    inputs: Sequence[Path]
    output: Path
    config: Path
    changes: Changes
    baseline: Path | None = None
    """A warehouse that holds this history by the current configuration already."""
    as_of: int | None = None
    point_value: float | None = None
    """What a point costs when it is redeemed, minor units; None: as the baseline's parameters."""
    alternative_point_value: float | None = None
    """The same under the alternative; None: as `point_value`."""
    breakage: float | None = None
    """The share of outstanding points that will never be redeemed; None: as the parameters."""
    plots: bool = True
    """Whether to draw; tables are always made."""
