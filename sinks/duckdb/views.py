"""The questions people ask, as views. Nothing here is stored."""

from typing import Final

from sinks.duckdb.member_views import ACCOUNT_BALANCES, ATTRIBUTION, CURRENT_OWNERS, MEMBER_360
from sinks.duckdb.message_views import CHANNEL_PERFORMANCE, JOURNEY_FUNNEL, SUPPRESSED_BY_REASON
from sinks.duckdb.programme_views import CHURN_FLOW, POINTS_LIABILITY, TIER_MOVEMENT
from sinks.duckdb.schema import View

VIEWS: Final[tuple[View, ...]] = (
    CURRENT_OWNERS,
    ACCOUNT_BALANCES,
    MEMBER_360,
    POINTS_LIABILITY,
    SUPPRESSED_BY_REASON,
    TIER_MOVEMENT,
    CHURN_FLOW,
    CHANNEL_PERFORMANCE,
    JOURNEY_FUNNEL,
    ATTRIBUTION,
)
"""In an order in which each can be created: a view comes after those it reads."""
