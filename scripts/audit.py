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

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from scripts.audit_check import Check, Finding, ask
from scripts.audit_figures import show
from scripts.audit_ledger import LEDGER
from scripts.audit_lots import LOTS
from scripts.audit_messages import MESSAGES, caps, quiet_hours
from scripts.audit_people import PEOPLE, RECORDS
from scripts.audit_shop import SHOP
from scripts.audit_tables import prepared, read_yaml

CONFIG: Final = Path(__file__).parent.parent / "config"


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
    policy = read_yaml(config / "conversation.yaml")
    real = connection.execute('SELECT count(*) FROM truth_baskets WHERE "real"').fetchall()[0][0]
    checks = [*(SHOP if real else ()), *LEDGER, *LOTS, *PEOPLE, *RECORDS]
    checks += [*MESSAGES, *caps(policy), *quiet_hours(policy), _files(output)]
    for check in checks:
        yield ask(connection, check)


def _files(output: Path) -> Check:
    """Trigger files and quarantine against their tables; a file is named after its channel."""
    files = [*sorted((output / "triggers").glob("*.jsonl")), output / "quarantine.jsonl"]
    paths = ", ".join(f"'{path}'" for path in files)
    return Check(
        "files_say_what_the_tables_say",
        "the trigger files and quarantine.jsonl hold the rows of the tables, each once, but for "
        "lines of people who were erased",
        "SELECT (SELECT count(*) FROM triggers) + (SELECT count(*) FROM quarantine)",
        f"""
        WITH written AS (
            SELECT parse_filename(filename, true) AS file,
                coalesce(trigger_id, position) AS name,
                CASE WHEN trigger_id IS NULL THEN reason ELSE action END AS what,
                count(*) AS in_files
            FROM read_json([{paths}], format = 'newline_delimited', filename = true,
                maximum_object_size = 67108864, columns = {{trigger_id: 'VARCHAR',
                action: 'VARCHAR', position: 'VARCHAR', reason: 'VARCHAR', erased: 'BOOLEAN'}})
            WHERE erased IS NOT TRUE GROUP BY ALL
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


def main(arguments: list[str]) -> int:
    """Print a line for each promise, and the figures; 1 if a promise is broken."""
    output = find_run(Path(arguments[0]))
    city = find_city(output, Path(arguments[1]) if arguments[1:] else None)
    broken = 0
    with prepared(output, city, CONFIG) as connection:
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
