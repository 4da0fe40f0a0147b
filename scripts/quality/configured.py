"""What was configured, as tables that expectations can name.

In: a deployment. Out: `configured_tiers`, `configured_rewards`, `configured_versions`,
`configured_markets`, `configured_caps`, `configured_quiet_hours`, `configured_ladder`,
`configured_types` in a DuckDB connection.
"""

from collections.abc import Iterable
from typing import Any

import duckdb

from config.deployment import Deployment
from schemas.events import EVENT_TYPES


def make_tables(connection: duckdb.DuckDBPyConnection, deployment: Deployment) -> None:
    """Make the tables; the time zone of times without one is UTC."""
    programmes = deployment.programmes
    conversation = deployment.conversation
    _make(
        connection,
        "configured_markets (market VARCHAR, programme VARCHAR, currency VARCHAR, "
        "time_zone VARCHAR)",
        (
            (name, market.programme, market.currency, market.time_zone)
            for name, market in deployment.settings.markets.items()
        ),
    )
    _make(
        connection,
        "configured_versions (programme VARCHAR, version BIGINT, effective_from BIGINT, "
        "metric VARCHAR)",
        (
            (
                one.programme,
                terms.version,
                round(terms.effective_from.timestamp() * 1000),
                terms.tiers.metric if terms.tiers else None,
            )
            for one in programmes
            for terms in one.versions
        ),
    )
    _make(
        connection,
        "configured_tiers (programme VARCHAR, version BIGINT, tier VARCHAR, threshold BIGINT)",
        (
            (one.programme, terms.version, level.tier, level.threshold)
            for one in programmes
            for terms in one.versions
            if terms.tiers
            for level in terms.tiers.levels
        ),
    )
    _make(
        connection,
        "configured_rewards (programme VARCHAR, version BIGINT, reward VARCHAR, points BIGINT)",
        (
            (one.programme, terms.version, reward.reward, reward.points)
            for one in programmes
            for terms in one.versions
            for reward in terms.rewards
        ),
    )
    _make(
        connection,
        "configured_caps (cap VARCHAR, most BIGINT, hours DOUBLE, calendar VARCHAR, "
        "channels VARCHAR[], purposes VARCHAR[])",
        (
            (cap.cap, cap.limit, cap.hours, cap.calendar, list(cap.channels), list(cap.purposes))
            for cap in conversation.caps
        ),
    )
    _make(
        connection,
        "configured_quiet_hours (channels VARCHAR[], purposes VARCHAR[], since TIME, until TIME)",
        (
            (
                list(rule.channels),
                list(rule.purposes),
                rule.from_time,
                rule.until_time,
            )
            for rule in conversation.quiet_hours
        ),
    )
    _make(
        connection,
        "configured_types (type VARCHAR, source VARCHAR, money BOOLEAN)",
        (
            (name, source, kind.money)
            for name, kind in EVENT_TYPES.items()
            for source in sorted(kind.sources)
        ),
    )
    ladder = deployment.ladder
    _make(
        connection,
        "configured_ladder (deduplicate_days BIGINT, receipt_wait_days BIGINT)",
        [(ladder.deduplicate_days, ladder.receipt_wait_days)],
    )


def _make(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    connection.execute(f"CREATE TEMP TABLE {table}")
    name, given = table.split(" ", 1)[0], list(rows)
    if given:
        places = ", ".join("?" for _ in given[0])
        connection.executemany(f"INSERT INTO {name} VALUES ({places})", given)
