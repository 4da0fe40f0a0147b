"""What every section of a programme file is made of."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Rounding = Literal["floor", "half_up", "ceil"]
Rate = Annotated[Decimal, Meta(description="points a whole unit of currency, exact, above 0")]
LARGEST = 10**12
"""Of amounts and points: as with money."""
Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Positive = Annotated[int, Meta(gt=0, le=LARGEST)]
Days = Annotated[int, Meta(ge=0, le=36_500)]
DaysFromOne = Annotated[int, Meta(gt=0, le=36_500)]
Months = Annotated[int, Meta(ge=0, le=1_200)]
MonthsFromOne = Annotated[int, Meta(gt=0, le=1_200)]
Minutes = Annotated[int, Meta(gt=0, le=5_256_000, description="at most ten years")]
Name = Annotated[
    str,
    Meta(min_length=1, pattern=r"^[a-z0-9_]+$", description="lower-case letters, digits and _"),
]
Period = Literal["day", "week", "month", "year"]
"""Of the calendar, in the programme's time zone; weeks begin on Monday."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of a programme file."""
