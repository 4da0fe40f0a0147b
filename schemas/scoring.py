"""What score writes: churn risk and value, at each crossing of a band."""

from typing import Annotated, ClassVar

from msgspec import Meta

from schemas.flow import Row


class ChurnScore(Row, frozen=True, kw_only=True):
    """A member entered another band of churn risk."""

    table: ClassVar[str] = "churn_scores"
    member_id: Annotated[str, Meta(description="who")]
    at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    p_alive: Annotated[float, Meta(description="MBG/NBD probability of being an active customer")]
    band: Annotated[str, Meta(description="the band since then; none: no purchase is left")]
    from_band: Annotated[str, Meta(description="the band before; none: not scored yet")]
    why: Annotated[
        str,
        Meta(
            description="first, purchase, return, cancellation, retraction, merged, engagement or "
            "time (silence alone)"
        ),
    ]
