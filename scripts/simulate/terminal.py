"""The findings on a terminal of 80 columns or more."""

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.simulate.findings import Findings, name_of, reason_of, said, said_percent
from scripts.simulate.identity_findings import (
    CHANGE_HEAD,
    MEMBER_HEAD,
    IdentityFindings,
    change_cells,
    link_lines,
    member_cells,
)
from scripts.simulate.rows import Money

UNCHANGED = (
    "[bold green]No differences.[/] Nothing would move: every row of all {tables} tables is the "
    "same in both: "
)
NOBODY, NO_TIER = "no member", "no tiers"
GOOD, BAD = "green", "red"


def show(findings: Findings, console: Console) -> None:
    """Print it all, the most asked for first."""
    for note in findings.notes:
        console.print(f"[yellow]note[/]: {escape(note)}", highlight=False)
    if findings.identical:
        whole = sum(one["rows_baseline"] for one in findings.tables)
        console.print(
            UNCHANGED.format(tables=len(findings.tables))
            + f"{whole:,} rows, {sum(findings.members.values()):,} members.",
            highlight=False,
        )
        return
    console.print(_metrics(findings))
    console.print(_tiers(findings))
    console.print(_groups(findings))
    console.print(_movers(findings))
    if findings.identity.shown:
        show_identity(findings.identity, findings.money, console)
    console.print(_verdict(findings), highlight=False)


def _metrics(findings: Findings) -> Table:
    table = _table("What would have been", "", "now", "alternative", "difference", "%")
    section = None
    for row in findings.headlines:
        if section not in (None, row["section"]):
            table.add_section()
        section = row["section"]
        unit = row["unit"]
        is_part = row["part"] not in ("all", "expired of issued")
        table.add_row(
            Text(name_of(row), style="dim" if is_part else "bold"),
            said(row["baseline"], unit, findings.money),
            said(row["alternative"], unit, findings.money),
            said(row["difference"], unit, findings.money, signed=True)
            if row["difference"]
            else Text("–", style="dim"),
            said_percent(row),
        )
    return table


def _tiers(findings: Findings) -> RenderableType:
    counts = {
        (_named(one["tier_baseline"]), _named(one["tier_alternative"])): one["members"]
        for one in findings.tier_matrix
    }
    known = [*findings.tiers, NO_TIER, NOBODY]
    before = [tier for tier in known if any(tier == one for one, _ in counts)]
    after = [tier for tier in known if any(tier == one for _, one in counts)]
    table = _table("Tier now ↓  alternative →", "", *after)
    for tier in before:
        cells = [counts.get((tier, other), 0) for other in after]
        table.add_row(tier, *(Text(f"{n:,}", style="" if n else "dim") for n in cells))
    return table


def _named(tier: str | None) -> str:
    return NOBODY if tier is None else tier or NO_TIER


def _groups(findings: Findings) -> RenderableType:
    table = _table("Members by segment", "", "members", "better", "worse", "same", "points each")
    for row in findings.groups:
        if row["dimension"] != "segment":
            continue
        table.add_row(
            row["of_members"].replace("_", " "),
            f"{row['members']:,}",
            Text(f"{row['better']:,}", style=GOOD if row["better"] else "dim"),
            Text(f"{row['worse']:,}", style=BAD if row["worse"] else "dim"),
            f"{row['same']:,}",
            f"{row['worth_a_member']:+,.1f}",
        )
    return table


def _movers(findings: Findings) -> RenderableType:
    table = _table("Who moved most, and by what", "", "tier", "points", "why")
    table.columns[-1].justify = "left"
    for rows in (findings.better, findings.worse):
        for row in rows:
            tier = _named(row["tier_baseline"])
            if row["tier_baseline"] != row["tier_alternative"]:
                tier += f" → {_named(row['tier_alternative'])}"
            table.add_row(
                row["member_id"],
                tier,
                Text(
                    f"{row['worth_difference']:+,}",
                    style=GOOD if row["outcome"] == "better" else BAD,
                ),
                reason_of(row),
            )
    if not table.rows:
        table.add_row("nobody", "", "", "")
    return Group(table)


def _verdict(findings: Findings) -> str:
    counts = [f"{findings.members.get(one, 0):,} {one}" for one in ("better", "worse", "same")]
    whole = sum(findings.members.values())
    return f"[bold]Of {whole:,} members: {', '.join(counts)} off.[/]".replace(
        "same off", "the same"
    )


def show_identity(identity: IdentityFindings, money: Money, console: Console) -> None:
    """Whose events would be somebody else's, how, and with which risk."""
    table = _table("Events with another owner", *CHANGE_HEAD)
    for column in table.columns[1:3]:
        column.justify = "left"
    for row in identity.changes:
        table.add_row(*change_cells(row, money))
    if table.rows:
        console.print(table)
    members = _table("Whose", *MEMBER_HEAD)
    for row in identity.members:
        members.add_row(*member_cells(row, money))
    if members.rows:
        console.print(members)
    for example in dict.fromkeys(one for row in identity.members for one in row["examples"]):
        console.print(f"  {escape(example)}", highlight=False)
    for line in link_lines(identity):
        console.print(line, highlight=False)
    style = BAD if identity.risk["events"] else GOOD
    console.print(f"[{style}]{escape(identity.verdict(money))}[/]", highlight=False)
    for example in identity.risky:
        console.print(f"  {escape(example)}", highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(
            column, justify="right" if place else "left", no_wrap=not place, overflow="fold"
        )
    return table
