"""Expectations that nobody writes: they follow from what is declared at each field.

In: the event structs (`schemas.events`, by `schemas.field_rules`) and the row classes of the
warehouse. Out: the tables `sent_…`, a column a field of the payload, and questions about each
declared field: is it there, within its bounds, one of its values. Decode refuses events by the
very same declarations, so that a bound can't be one thing in the stream and another here.

The frame's column holds the field's extremes (least and greatest, shortest and longest, one null
if there is any), or its different values: an expectation holds for them just when it holds for
all, and a table of any size is never loaded.
"""

from collections.abc import Iterator
from typing import Final

import duckdb
import msgspec

from schemas.events import EVENT_TYPES, NAMESPACES, SOURCES, Event
from schemas.field_rules import LATEST_MS, FieldRule, rules_of
from schemas.payloads import Payload
from scripts.quality.question import Expected, Question
from sinks.duckdb.schema import ROW_TABLES

ENVELOPE: Final = "contract_envelope"
COLUMNS: Final = "columns"
VALUES_MAX: Final = 50
NONE: Final = Expected("expect_column_max_to_be_between", {"max_value": 0})
"""Of a column that counts offending rows."""
THERE: Final = Expected("expect_column_values_to_not_be_null", {})
_TO_DO: Final = (
    "The producer breaks the contract: decode refuses such an event (docs/events.md). If it is in "
    "an archive, the archive was written or changed by something else."
)
_TO_DO_ROWS: Final = (
    "No row is ever written so: the warehouse was changed by hand, by another release, or is "
    "damaged. Rebuild it."
)
_IDS: Final = "source, event_id, type"


def payload_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `sent_<payload>` and `sent_<payload>_<list>` from `events`."""
    for payload in Payload.__subclasses__():
        tag, rules = _tag(payload), rules_of(payload)
        types = ", ".join(
            f"'{name}'" for name, kind in EVENT_TYPES.items() if kind.payload is payload
        )
        columns = "".join(
            f", try_cast(json_extract_string(payload, '$.{rule.name}') AS {_sql_type(rule)}) "
            f'AS "{rule.name}"'
            for rule in rules.values()
            if not rule.items
        )
        connection.execute(
            f"CREATE TEMP TABLE sent_{tag} AS SELECT {_IDS}, file, record, market, known_at, "
            f"occurred_at, payload{columns} FROM events WHERE type IN ({types})"
        )
        for rule in rules.values():
            if rule.items:
                shape = ", ".join(f'"{each.name}": "{_sql_type(each)}"' for each in rule.items)
                connection.execute(
                    f"CREATE TEMP TABLE sent_{tag}_{rule.name} AS SELECT {_IDS}, file, record, "
                    f"unnest(from_json("
                    f"json_extract(payload, '$.{rule.name}'), '[{{{shape}}}]'), recursive := true) "
                    f"FROM sent_{tag}"
                )


def contract_questions() -> Iterator[Question]:
    """Of events: the envelope, then each payload's fields."""
    yield from _envelope()
    for payload in Payload.__subclasses__():
        suite, table = f"contract_{_tag(payload)}", f"sent_{_tag(payload)}"
        for rule in rules_of(payload).values():
            if not rule.items:
                yield from _field(suite, table, rule, f'"{rule.name}"', rule.name)
                continue
            if rule.required:
                yield _there(
                    suite, table, rule.name, f"json_extract_string(payload, '$.{rule.name}')"
                )
            listed = f"{table}_{rule.name}"
            for each in rule.items:
                if each.name == rule.may_lack:
                    each = msgspec.structs.replace(each, required=False)  # noqa: PLW2901
                yield from _field(suite, listed, each, f'"{each.name}"', f"{rule.name}.{each.name}")
            if rule.named_by is not None:
                yield _rows(
                    suite,
                    f"{rule.name}.{rule.named_by}_names_one",
                    f"{rule.named_by} is there and different on each of the {rule.name}",
                    f'SELECT {_IDS}, file, record, "{rule.named_by}", count(*) AS times '
                    f"FROM {listed} "
                    f"GROUP BY ALL HAVING times > 1 OR \"{rule.named_by}\" = ''",
                    listed,
                )


def _envelope() -> Iterator[Question]:
    fields = rules_of(Event)
    for name in ("event_id", "type", "source", "occurred_at", "received_at", "market"):
        yield from _field(ENVELOPE, "events", fields[name], name, name)
    yield _one_of(ENVELOPE, "events", "type", "type", tuple(EVENT_TYPES))
    yield _one_of(ENVELOPE, "events", "source", "source", SOURCES)
    yield _rows(
        ENVELOPE,
        "source_may_send_type",
        "each type comes on a stream that may send it",
        f"SELECT {_IDS} FROM events ANTI JOIN configured_types USING (type, source)",
        "events",
    )
    yield _rows(
        ENVELOPE,
        "market_is_configured",
        "the market is one of the configuration's",
        f"SELECT {_IDS}, market FROM events ANTI JOIN configured_markets USING (market)",
        "events",
    )
    namespaces = ", ".join(f"'{name}:'" for name in NAMESPACES)
    yield _rows(
        ENVELOPE,
        "namespaces_are_known",
        "identifiers are of the contract's namespaces",
        f"SELECT {_IDS}, split_part(one, ':', 1) AS namespace FROM (SELECT {_IDS}, "
        "unnest(identifiers) AS one FROM events) "
        f"WHERE split_part(one, ':', 1) || ':' NOT IN ({namespaces})",
        "events",
    )


def column_questions() -> Iterator[Question]:
    """Of the warehouse's columns: values that their rows declare, and times that can be."""
    for row_class, kind in ROW_TABLES.items():
        rules = rules_of(row_class)
        named = kind.table.keys or [column.name for column in kind.table.columns[:2]]
        ids = ", ".join(f'"{name}"' for name in named)
        for rule, column in zip(rules.values(), kind.table.columns, strict=False):
            path, name = f"{kind.table.name}.{column.name}", f'"{column.name}"'
            if rule.one_of:
                yield _one_of(COLUMNS, kind.table.name, path, name, rule.one_of, ids)
            if column.sql_type == "TIMESTAMP":
                # 0: a record was refused before anything was known.
                ms = f"epoch_ms({name})"
                yield _between(COLUMNS, kind.table.name, path, ms, 0, LATEST_MS - 1, ids)


def _field(suite: str, table: str, rule: FieldRule, sql: str, path: str) -> Iterator[Question]:
    if rule.required:
        yield _there(suite, table, path, sql)
    if rule.at_least is not None and rule.at_most is not None:
        yield _between(suite, table, path, sql, rule.at_least, rule.at_most)
    if rule.key or rule.length_max is not None:
        yield _length(suite, table, path, sql, rule)
    if rule.one_of:
        yield _one_of(suite, table, path, sql, rule.one_of)
    if rule.of_market is not None:
        yield _rows(
            suite,
            f"{path}_is_the_markets",
            f"{path} is the {rule.of_market} of the event's market",
            f"SELECT {_IDS}, market, {sql}, configured FROM {table} JOIN (SELECT market, "
            f"{rule.of_market} AS configured FROM configured_markets) USING (market) "
            f"WHERE {sql} <> configured",
            table,
        )


def _there(suite: str, table: str, path: str, sql: str) -> Question:
    return Question(
        suite,
        f"{path}_is_there",
        f"{path} is there",
        "error",
        _TO_DO,
        path,
        THERE,
        f"SELECT CASE WHEN count(*) = 0 THEN [] WHEN count({sql}) = count(*) "
        f"THEN [any_value({sql})] ELSE [any_value({sql}), NULL] END FROM {table}",
        f"SELECT {_IDS} FROM {table} WHERE {sql} IS NULL",
        f"SELECT count(*) FROM {table}",
    )


def _between(
    suite: str, table: str, path: str, sql: str, least: int, most: int, ids: str = _IDS
) -> Question:
    return Question(
        suite,
        f"{path}_is_within_bounds",
        f"{path} is from {least} to {most}",
        "error",
        _TO_DO if ids == _IDS else _TO_DO_ROWS,
        path,
        Expected("expect_column_values_to_be_between", {"min_value": least, "max_value": most}),
        f"SELECT CASE WHEN count({sql}) = 0 THEN [] ELSE [min({sql}), max({sql})] END FROM {table}",
        f"SELECT {ids}, {sql} AS value FROM {table} WHERE {sql} NOT BETWEEN {least} AND {most}",
        f"SELECT count({sql}) FROM {table}",
    )


def _length(suite: str, table: str, path: str, sql: str, rule: FieldRule) -> Question:
    bounds = {"min_value": 1} | ({"max_value": rule.length_max} if rule.length_max else {})
    most = f" OR length({sql}) > {rule.length_max}" if rule.length_max else ""
    return Question(
        suite,
        f"{path}_is_not_empty",
        f"{path} is not empty" + (f" and has at most {rule.length_max} characters" if most else ""),
        "error",
        _TO_DO,
        path,
        Expected("expect_column_value_lengths_to_be_between", bounds),
        f"SELECT CASE WHEN count({sql}) = 0 THEN [] ELSE [arg_min({sql}, length({sql})), "
        f"arg_max({sql}, length({sql}))] END FROM {table}",
        f"SELECT {_IDS}, {sql} AS value FROM {table} WHERE {sql} = ''{most}",
        f"SELECT count({sql}) FROM {table}",
    )


def _one_of(
    suite: str, table: str, path: str, sql: str, values: tuple[str, ...], ids: str = _IDS
) -> Question:
    known = ", ".join(f"'{value}'" for value in values)
    return Question(
        suite,
        f"{path}_is_one_of_its_values",
        f"{path} is one of {', '.join(values)}",
        "error",
        _TO_DO if ids == _IDS else _TO_DO_ROWS,
        path,
        Expected("expect_column_values_to_be_in_set", {"value_set": list(values)}),
        # What isn't known comes first, so that the limit never hides it.
        f"SELECT coalesce(list(value), []) FROM (SELECT DISTINCT {sql} AS value FROM {table} "
        f"WHERE {sql} IS NOT NULL ORDER BY value IN ({known}), value LIMIT {VALUES_MAX})",
        f"SELECT {ids}, {sql} AS value FROM {table} WHERE {sql} NOT IN ({known})",
        f"SELECT count({sql}) FROM {table}",
    )


def _rows(suite: str, name: str, means: str, wrong: str, table: str) -> Question:
    return Question(
        suite,
        name,
        means,
        "error",
        _TO_DO,
        name,
        NONE,
        None,
        wrong,
        f"SELECT count(*) FROM {table}",
    )


def _tag(payload: type[Payload]) -> str:
    return str(payload.__struct_config__.tag)


def _sql_type(rule: FieldRule) -> str:
    return "BIGINT" if rule.bounded else "VARCHAR"
