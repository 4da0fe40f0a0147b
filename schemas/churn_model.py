"""A churn model as its YAML file says it: what score needs to turn purchases into risk and value.

Comes in: one file of `config/models/`. Goes out: a frozen `ChurnModel`, checked as a whole,
so that no wrong number can reach a member. Rates are per day, money is in minor units.
"""

from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]


class Alive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MBG/NBD (Batislam, Denizel and Filiztekin 2007): when people buy and when they stop.

    A member buys at a rate from Gamma(`r`, `alpha`), `alpha` in days, and after each purchase,
    the first included, leaves with a probability from Beta(`a`, `b`).
    """

    r: Positive
    alpha: Positive
    a: Positive
    b: Positive


class Spend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gamma-Gamma (Fader and Hardie 2013): what a purchase day is worth; `v` in minor units."""

    p: Positive
    q: Annotated[float, Meta(gt=1)]
    """Above 1, or the expected spend of a newcomer does not exist."""
    v: Positive


class Band(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of risk with a name; it ends where the next band starts."""

    band: Annotated[str, Meta(min_length=1)]
    starts_at: Share = msgspec.field(name="from")


class Engagement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How browsing, app sessions and clicks soften risk."""

    weight: Share = 0.5
    """A silent day up to the last sign of engagement counts as 1 − weight of a day."""
    stale_minutes: Annotated[int, Meta(ge=0)] = 60
    """Browsing that becomes known later than this after it happened is not scored."""


Cuts = tuple[float, float, float, float]
"""Where scores 2, 3, 4 and 5 start (for recency: end), ascending."""


class Rfm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cut-offs of recency, frequency and money, usually the quintiles of the fitted data."""

    recency_days: Cuts
    purchase_days: Cuts
    spend: Cuts
    """Mean spend of a purchase day, minor units."""

    def __post_init__(self) -> None:
        for name in ("recency_days", "purchase_days", "spend"):
            cuts = getattr(self, name)
            if list(cuts) != sorted(cuts):
                raise ValueError(f"{name}: must ascend; got {list(cuts)}; sort the four cut-offs")


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the numbers come from, so that they can be made again."""

    data: str
    command: str
    customers: int
    observed_from: str
    observed_until: str
    """First and last day of the purchases that were fitted."""
    log_likelihood: float
    remarks: str = ""


class ChurnModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything score needs for the members of some markets."""

    model: Annotated[str, Meta(min_length=1)]
    version: Annotated[int, Meta(ge=1)]
    markets: Annotated[tuple[str, ...], Meta(min_length=1)]
    time_zone: str
    """Purchases of one local day count as one."""
    alive: Alive
    spend: Spend
    value_days: Annotated[int, Meta(ge=1)] = 365
    """The expected value of a member is what they will spend in this time."""
    bands: Annotated[tuple[Band, ...], Meta(min_length=2)]
    hysteresis: Share
    """A band is left downwards only when risk is this far below its start."""
    engagement: Engagement = Engagement()
    rfm: Rfm
    provenance: Provenance

    def __post_init__(self) -> None:
        starts = [band.starts_at for band in self.bands]
        if starts[0] != 0:
            raise ValueError(f"bands: the first must start at 0; got {starts[0]}; set its from: 0")
        gaps = [high - low for low, high in pairwise(starts)]
        if min(gaps) <= self.hysteresis:
            raise ValueError(
                f"hysteresis: must be smaller than the narrowest band ({min(gaps):.4g}); "
                f"got {self.hysteresis}; lower it or put the bands further apart, ascending"
            )
        names = [band.band for band in self.bands]
        if len(set(names)) < len(names) or "none" in names:
            raise ValueError(
                f"bands: names must differ and none may be 'none' (not scored yet); got {names}"
            )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"time_zone: must be an IANA name; got {self.time_zone!r}; "
                "for example America/New_York"
            ) from None
