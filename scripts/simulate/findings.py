"""What a finished comparison says, ready for a terminal, a page or JSON."""

from typing import Any, Final, NamedTuple

import duckdb

from scripts.simulate.identity_findings import IdentityFindings, read_identity
from scripts.simulate.rows import Money, rows

MOVERS: Final = 5
"""Members shown at each end."""

_HEADLINES: Final = """
    SELECT section, metric, part, unit, baseline, alternative, difference, percent
    FROM metric_differences
    WHERE baseline IS NOT NULL OR alternative IS NOT NULL
    QUALIFY (section IN ('points', 'money') AND part IN ('all', 'expired of issued'))
        OR (metric = 'issued')
        OR (part = 'all' AND bool_or(difference <> 0) OVER (PARTITION BY section, metric))
        OR (difference <> 0 AND row_number() OVER (
            PARTITION BY section, metric ORDER BY abs(difference) DESC, part) <= 9)
    ORDER BY place
"""
"""All sums of points and money; of everything else what differs."""


_MEMBERS: Final = """
    SELECT count(*) FILTER (outcome = 'better') AS better,
           count(*) FILTER (outcome = 'worse') AS worse, count(*) FILTER (outcome = 'same') AS same
    FROM member_differences
"""


class Findings(NamedTuple):
    """`identical`: not one row of any table differs."""

    identical: bool
    differing_rows: int
    tables: list[dict[str, Any]]
    headlines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    tiers: list[str]
    """In their order, the lowest first."""
    tier_matrix: list[dict[str, Any]]
    tier_movements: list[dict[str, Any]]
    better: list[dict[str, Any]]
    worse: list[dict[str, Any]]
    members: dict[str, int]
    notes: list[str]
    about: dict[str, str]
    money: Money
    identity: IdentityFindings


def read_findings(con: duckdb.DuckDBPyConnection, notes: list[str], money: Money) -> Findings:
    """`con` reads the comparison."""
    tables = rows(con, "FROM table_differences")
    differing = sum(one["only_baseline"] + one["only_alternative"] for one in tables)
    about = {one["name"]: one["value"] for one in rows(con, "FROM about")}
    movers = "SELECT * FROM member_differences WHERE outcome = ? ORDER BY {} LIMIT {}"
    return Findings(
        identical=not differing,
        differing_rows=int(differing),
        tables=tables,
        headlines=rows(con, _HEADLINES),
        metrics=rows(con, "FROM metric_differences"),
        groups=rows(con, "FROM group_differences"),
        tiers=[
            str(one["tier"])
            for one in rows(
                con,
                "SELECT tier FROM tier_ranks "
                "WHERE market IN (SELECT market FROM member_differences) "
                "GROUP BY tier ORDER BY max(rank), tier",
            )
        ],
        tier_matrix=rows(con, "FROM tier_matrix"),
        tier_movements=rows(con, "FROM tier_movements"),
        better=rows(con, movers.format("worth_difference DESC, member_id", MOVERS), "better"),
        worse=rows(con, movers.format("worth_difference, member_id", MOVERS), "worse"),
        members=rows(con, _MEMBERS)[0],
        notes=notes,
        about=about,
        money=money,
        identity=read_identity(con, about.get("changed", ""), money),
    )


def said(value: float | None, unit: str, money: Money, *, signed: bool = False) -> str:
    """A figure with its unit, as people read it."""
    if value is None:
        return "–"
    sign = "+" if signed and value > 0 else ""
    if unit == "share":
        return f"{sign}{100 * value:.2f} {'pp' if signed else '%'}"
    if unit == "money":
        return sign + money.said(value)
    return f"{sign}{value:,.0f}"


def said_percent(row: dict[str, Any]) -> str:
    """How much a figure changed; nothing where that says nothing, as of a share."""
    percent, difference = row["percent"], row["difference"]
    if row["unit"] == "share":
        return ""
    if percent is None or not difference:
        return "" if not difference else "new"
    return f"{percent:+,.1f} %"


def name_of(row: dict[str, Any]) -> str:
    """A metric's part in words; its sum has the metric's own name."""
    if row["part"] in ("all", "expired of issued"):
        return str(row["metric"])
    return f"  {row['part'].replace('_', ' ')}"


def reason_of(row: dict[str, Any]) -> str:
    """Why a member is better or worse off: what moved, and what was answered differently."""
    reasons = [row["reason"]] if row["reason"] else []
    for field, answered in (("would_be_refused", "refused"), ("would_be_accepted", "accepted")):
        if row[field]:
            reasons.append(f"{row[field]} more redemption{'s'[: row[field] > 1]} {answered}")
    return ", ".join(reasons)
