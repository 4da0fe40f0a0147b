"""Questions become SQL, and SQL becomes figures and the first offending rows.

In: a DuckDB connection with the tables, and questions. Out: answers, which are small whatever
the size of the tables.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import duckdb

from scripts.quality.contract import NONE
from scripts.quality.question import Answer, Expected, Question
from scripts.quality.suites import Expectation, Suite

ROWS_MAX: Final = 5


class BadExpectation(ValueError):
    """SQL of a suite that DuckDB refuses; the message names suite and expectation."""


def questions_of(suite: Suite) -> Iterator[Question]:
    """What a suite's file asks."""
    for one in suite.expectations:
        yield Question(
            suite.suite,
            one.name,
            " ".join(one.means.split()),
            one.severity,
            " ".join(one.to_do.split()),
            one.name,
            NONE if one.wrong is not None else _bounds(one),
            None if one.wrong is not None else f"SELECT list(figure) FROM ({_figure(one)})",
            one.wrong,
            one.looked_at,
        )


def _figure(one: Expectation) -> str:
    return f"SELECT figure FROM ({one.measure}) AS given (figure) WHERE figure IS NOT NULL"


def _bounds(one: Expectation) -> Expected:
    bounds = {"min_value": one.at_least, "max_value": one.at_most}
    return Expected(
        "expect_column_values_to_be_between",
        {name: value for name, value in bounds.items() if value is not None},
    )


def make_suite_tables(connection: duckdb.DuckDBPyConnection, suite: Suite) -> None:
    """The tables that a suite's expectations share."""
    for name, sql in suite.tables.items():
        _run(connection, f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}', f"{suite.suite}.{name}")


def ask(connection: duckdb.DuckDBPyConnection, questions: Iterable[Question]) -> Iterator[Answer]:
    """The answers, in order; BadExpectation for SQL that can't be run."""
    for question in questions:
        where = f"{question.suite}.{question.name}"
        looked_at = None
        if question.looked_at is not None:
            looked_at = int(_one(_run(connection, question.looked_at, where)) or 0)
        if question.values is None:
            assert question.wrong is not None
            wrong, rows = _wrong(connection, question.wrong, where)
            yield Answer(
                question, [] if looked_at == 0 and not wrong else [wrong], looked_at, wrong, rows
            )
            continue
        values = _one(_run(connection, question.values, where)) or []
        wrong, rows = 0, []
        if question.wrong is not None and values:
            wrong, rows = _wrong(connection, question.wrong, where)
        yield Answer(question, values, looked_at, wrong, rows)


def _wrong(
    connection: duckdb.DuckDBPyConnection, sql: str, where: str
) -> tuple[int, list[dict[str, Any]]]:
    _run(connection, f"CREATE OR REPLACE TEMP TABLE offending AS {sql}", where)
    count = int(_one(connection.execute("SELECT count(*) FROM offending")) or 0)
    if not count:
        return 0, []
    first = connection.execute(f"FROM offending LIMIT {ROWS_MAX}")
    columns = [column[0] for column in first.description or ()]
    return count, [dict(zip(columns, row, strict=True)) for row in first.fetchall()]


def _run(connection: duckdb.DuckDBPyConnection, sql: str, where: str) -> duckdb.DuckDBPyConnection:
    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise BadExpectation(
            f"expectation {where}: its SQL can't be run: {first}; see config/expectations/"
        ) from error


def _one(answer: duckdb.DuckDBPyConnection) -> Any:
    row = answer.fetchone()
    return None if row is None else row[0]
