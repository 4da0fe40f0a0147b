"""The tables that the auditor's questions are asked of, from what went in and what came out.

In: the output of a run, the traffic that it read and the truth about it, the configuration's
YAML. Out: a database of its own, deleted afterwards: the warehouse's tables as views, `records`
(everything that was sent), `receipts`, `owners`, `accounts`, `consents` and more from the raw
events, `person_of` from the truth, the rates and levels of the programme.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import yaml

from scripts.audit_messages import SENDS
from scripts.audit_people import ACCOUNTS, CLASS_OF_TYPE, ERASED, OWNERS
from scripts.audit_shop import read_shop

EVENT_BYTES_MAX: Final = 1_000_000
MEMORY_MAX: Final = "3GB"
BROWSING: Final = (
    "'page_viewed', 'screen_viewed', 'product_viewed', 'searched', 'cart_updated', "
    "'checkout_started', 'signed_in', 'signed_out', 'ad_clicked', 'app_opened', "
    "'reward_viewed', 'store_visited', 'store_left'"
)
"""Types that wait a day for an owner; all others wait two weeks."""
RECEIPTS: Final = ("sale", "order_placed", "order_ready", "order_collected", "order_delivered")


@contextmanager
def prepared(output: Path, city: Path, config: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables that the checks ask, in a database that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="kizuna-audit-") as folder:
        connection = duckdb.connect(f"{folder}/audit.duckdb")
        try:
            connection.execute(
                f"SET memory_limit = '{MEMORY_MAX}'; SET temp_directory = '{folder}/spilled'; "
                "SET preserve_insertion_order = false; SET enable_progress_bar = false"
            )
            _prepare(connection, output, city, config)
            yield connection
        finally:
            connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection, output: Path, city: Path, config: Path) -> None:
    """Make the tables that the checks ask."""
    warehouse = str(output / "warehouse.duckdb")
    connection.execute(f"ATTACH '{warehouse}' AS warehouse (READ_ONLY)")
    for (table,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse'"
    ).fetchall():
        connection.execute(f'CREATE TEMP VIEW "{table}" AS FROM warehouse."{table}"')
    truth = city / "truth"
    connection.execute(
        f"CREATE TABLE truth_baskets AS FROM read_parquet('{truth}/baskets.parquet')"
    )
    connection.execute(
        f"CREATE TABLE person_of AS SELECT * EXCLUDE (duplicate_of, simulated), "
        f"{CLASS_OF_TYPE} AS class FROM read_parquet('{truth}/events.parquet') "
        "WHERE duplicate_of IS NULL"
    )
    programme = read_yaml(config / "programmes" / "grocer.yaml")["versions"][0]
    excluded = ", ".join(f"'{name}'" for name in programme["exclude"]["categories"])
    _read_programme(connection, programme)
    _read_events(connection, output, city / "events", config, excluded)
    connection.execute(f"CREATE TABLE sends AS {SENDS}")
    if connection.execute('SELECT count(*) FROM truth_baskets WHERE "real"').fetchall()[0][0]:
        read_shop(connection, excluded)


def _read_programme(connection: duckdb.DuckDBPyConnection, programme: dict[str, Any]) -> None:
    base, tier_rate = programme["earn"]
    if (base["rate"], base["rounding"], tier_rate["rounding"]) != (1, "floor", "floor"):
        raise ValueError("the audit rates a point a dollar, rounded down; the programme doesn't")
    rates = ", ".join(f"({rate})" for rate in tier_rate["rate_by_tier"].values())
    connection.execute(
        f"CREATE TABLE tier_rates AS SELECT rate::DECIMAL(9, 4) AS rate "
        f"FROM (VALUES {rates}) AS given (rate)"
    )
    levels = ", ".join(f"('{one['tier']}', {one['from']})" for one in programme["tiers"]["levels"])
    connection.execute(f"CREATE TABLE levels AS FROM (VALUES {levels}) AS given (tier, points)")


def _read_events(
    connection: duckdb.DuckDBPyConnection, output: Path, events: Path, config: Path, excluded: str
) -> None:
    """Everything that any run read, as it was sent; lines that are no event aside."""
    ladder = read_yaml(config / "ladder.yaml")
    # What waits at a receipt may wait at an identifier after that.
    purchase_hours = 24 * (14 + ladder["receipt_wait_days"] + 2 * ladder["late_days"])
    journal = json.loads((output / "journal" / "generations.json").read_bytes())
    paths = {Path(file["path"]) for one in journal["generations"] for file in one["files"]}
    paths |= {path.resolve() for path in events.rglob("*.jsonl")}
    paths |= {path.resolve() for path in (output / "commands").glob("*.jsonl")}
    lines = sum(_lines(path) for path in paths)
    connection.execute(f"CREATE TABLE input_lines AS SELECT {lines} AS n")
    files = ", ".join(f"'{path}'" for path in sorted(paths))
    connection.execute(
        f"""
        CREATE TABLE records AS
        WITH sent AS (
            SELECT * REPLACE (
                coalesce(try_cast(occurred_at AS BIGINT),
                    epoch_ms(try_cast(occurred_at AS TIMESTAMPTZ))) AS occurred_at,
                coalesce(try_cast(received_at AS BIGINT),
                    epoch_ms(try_cast(received_at AS TIMESTAMPTZ))) AS received_at)
            FROM read_json([{files}], format = 'newline_delimited', ignore_errors = true,
                maximum_object_size = 67108864, columns = {{source: 'VARCHAR',
                event_id: 'VARCHAR', type: 'VARCHAR', occurred_at: 'VARCHAR',
                received_at: 'VARCHAR', identifiers: 'JSON', payload: 'JSON', note: 'VARCHAR'}})
            WHERE source IS NOT NULL AND event_id IS NOT NULL AND type IS NOT NULL
        )
        SELECT source, event_id, type, least(occurred_at, received_at) AS occurred_at,
            coalesce(received_at, occurred_at) AS received_at,
            coalesce(identifiers->>'$.member_id[0]', identifiers->>'member_id') AS member_id,
            lower(trim(coalesce(identifiers->>'email', identifiers->>'phone'))) AS address,
            CASE WHEN type NOT IN ({BROWSING}) THEN payload END AS payload,
            CASE WHEN type IN ({BROWSING}) THEN 24 ELSE {purchase_hours} END AS waits_hours
        FROM sent WHERE coalesce(length(note), 0) < {EVENT_BYTES_MAX};
        CREATE TABLE clock AS SELECT max(received_at) AS ends_at FROM records
        WHERE received_at <= (SELECT epoch_ms(max(as_of)) FROM runs);
        """
    )
    connection.execute(ACCOUNTS)
    connection.execute(ERASED)
    connection.execute(
        """
        CREATE TABLE doers AS
        SELECT source, event_id, CASE why WHEN 'names_another' THEN reads_as ELSE person END
            AS person
        FROM person_of
        UNION ALL
        SELECT DISTINCT source, event_id, person_id(coalesce(r.member_id, o.member_id))
        FROM records AS r ANTI JOIN person_of USING (source, event_id)
        LEFT JOIN event_owners AS o USING (source, event_id);
        CREATE TABLE erased_records AS
        SELECT DISTINCT source, event_id FROM doers SEMI JOIN erased USING (person)
        UNION
        SELECT source, event_id FROM records WHERE starts_with(member_id, 'erased.');
        DELETE FROM person_of WHERE person IN (FROM erased);
        DELETE FROM truth_baskets WHERE person IN (FROM erased)
        """
    )
    types = ", ".join(f"'{name}'" for name in RECEIPTS)
    connection.execute(
        f"""
        CREATE TABLE receipt_events AS
        SELECT DISTINCT source, event_id,
            coalesce(payload->>'order_id', payload->>'transaction_id') AS receipt
        FROM records WHERE type IN ({types});
        CREATE TABLE receipts AS
        WITH lines AS (
            SELECT source, event_id, unnest(from_json(payload->'lines',
                '[{{"amount": "BIGINT", "category": "VARCHAR"}}]'), recursive := true)
            FROM records WHERE type IN ({types})
        ), amounts AS (
            SELECT source, event_id, sum(amount) FILTER (upper(coalesce(category, ''))
                NOT IN ({excluded})) AS minor_units
            FROM lines GROUP BY ALL
        )
        SELECT receipt, coalesce(max(minor_units // times), 0)::BIGINT AS minor_units
        FROM receipt_events LEFT JOIN amounts USING (source, event_id)
        LEFT JOIN (SELECT source, event_id, count(*) AS times FROM records GROUP BY ALL)
            USING (source, event_id)
        GROUP BY ALL
        """
    )
    connection.execute(OWNERS)
    connection.execute(
        """
        CREATE TABLE consents AS
        SELECT source, event_id, occurred_at, received_at, coalesce(member_id, person) AS person,
            payload->>'channel' AS channel,
            CASE type WHEN 'unsubscribed' THEN 'marketing' ELSE payload->>'purpose' END AS purpose,
            type <> 'unsubscribed' AND (payload->>'granted')::BOOLEAN AS granted
        FROM records JOIN doers USING (source, event_id)
        WHERE type IN ('consent_changed', 'unsubscribed')
        UNION ALL
        SELECT source, event_id, occurred_at, received_at, owners.member_id, 'email', 'marketing',
            true
        FROM records JOIN owners USING (source, event_id)
        WHERE type = 'subscribed' AND owners.member_id IS NOT NULL;
        CREATE TABLE time_zones AS
        SELECT occurred_at, received_at, coalesce(member_id, person) AS person,
            payload->>'time_zone' AS time_zone
        FROM records JOIN doers USING (source, event_id)
        WHERE type IN ('enrolled', 'profile_updated') AND (payload->>'time_zone') IS NOT NULL
        """
    )


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def read_yaml(path: Path) -> Any:
    """A file of the configuration, as it is written."""
    return yaml.safe_load(path.read_text())
