"""Each expectation holds on good data, and finds what breaks it."""

from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec
import pytest
from quality_run import DEPLOYMENT, Ran
from violations import EVENTS, WAREHOUSE

from scripts.quality.ask import ask, make_suite_tables, questions_of
from scripts.quality.contract import column_questions
from scripts.quality.gate import gate
from scripts.quality.judge import judge
from scripts.quality.question import Finding, Question
from scripts.quality.show import in_words
from scripts.quality.suites import OURS, Suite, read_suites
from scripts.quality.target import Target

SUITES = {suite.suite: suite for suite in read_suites(OURS)}
CASES = {
    f"{suite}.{name}": (suite, name, sql)
    for suites in (WAREHOUSE, EVENTS)
    for suite, cases in suites.items()
    for name, sql in cases.items()
}
COLUMNS = {question.name: question for question in column_questions()}


@pytest.fixture(scope="module")
def tables(city: Ran) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """The tables of a good warehouse and of a good archive, which can be changed."""
    with (
        Target(city.warehouse).opened(DEPLOYMENT, None) as warehouse,
        Target(city.archive).opened(DEPLOYMENT, None) as archive,
    ):
        views = warehouse.execute(
            "SELECT view_name FROM duckdb_views() WHERE database_name = 'temp' AND NOT internal"
        ).fetchall()
        for (name,) in views:
            warehouse.execute(
                f"DROP VIEW {name}; CREATE TEMP TABLE {name} AS FROM warehouse.{name}"
            )
        yield {"warehouse": warehouse, "archive": archive}


@pytest.mark.parametrize("what", ["warehouse", "archive", "events"])
def test_good_data_is_as_expected(what: str, city: Ran) -> None:
    verdict = gate(getattr(city, what))
    assert verdict.passed
    assert verdict.said() == ""
    held = [one for one in verdict.findings if one.outcome == "holds"]
    assert len(held) > 50


def broken(
    connection: duckdb.DuckDBPyConnection, suite: Suite, name: str, sql: str
) -> tuple[Finding, Finding]:
    """What is found of an expectation before and after the tables were changed."""
    (question,) = (one for one in questions_of(suite) if one.name == name)
    make_suite_tables(connection, suite)
    before = found(connection, question)
    connection.execute("BEGIN")
    try:
        for statement in sql.split(";"):
            connection.execute(statement)
        changed = {table for table in suite.tables if table in sql}
        kept = {name: sql for name, sql in suite.tables.items() if name not in changed}
        make_suite_tables(connection, _with_tables(suite, kept))
        return before, found(connection, question)
    finally:
        connection.execute("ROLLBACK")


def _with_tables(suite: Suite, tables: dict[str, Any]) -> Suite:
    return msgspec.structs.replace(suite, tables=tables)


def found(connection: duckdb.DuckDBPyConnection, question: Question) -> Finding:
    (finding,) = judge(list(ask(connection, [question])))
    return finding


@pytest.mark.parametrize("case", CASES)
def test_what_breaks_an_expectation_is_found(
    case: str, tables: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    suite, name, sql = CASES[case]
    before, after = broken(tables[SUITES[suite].of], SUITES[suite], name, sql)
    assert before.outcome in ("holds", "empty"), in_words(before)
    severity = after.answer.question.severity
    assert after.outcome == {"error": "fails", "warning": "warns"}[severity]
    if after.answer.question.wrong is not None:
        assert after.answer.wrong > 0
        assert after.answer.rows
    assert after.answer.question.to_do in in_words(after)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_with_something_else_is_found(
    name: str, tables: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    question, connection = COLUMNS[name], tables["warehouse"]
    table, column = question.column.split(".")
    value = "'nothing of the kind'" if name.endswith("values") else "TIMESTAMP '2100-01-01'"
    assert found(connection, question).outcome in ("holds", "empty")
    connection.execute("BEGIN")
    connection.execute(f'INSERT INTO {table} ("{column}") VALUES ({value})')
    finding = found(connection, question)
    connection.execute("ROLLBACK")
    assert (finding.outcome, finding.answer.wrong) == ("fails", 1)


def test_each_expectation_has_a_violation() -> None:
    declared = {
        (suite.suite, one.name): suite.of for suite in SUITES.values() for one in suite.expectations
    }
    cases = {(suite, name): "warehouse" for suite, names in WAREHOUSE.items() for name in names}
    cases |= {(suite, name): "archive" for suite, names in EVENTS.items() for name in names}
    assert declared == cases
