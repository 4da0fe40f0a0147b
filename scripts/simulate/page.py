"""`report.html`: the findings on one page that needs nothing else, to be sent to a colleague."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from scripts.simulate.findings import Findings, name_of, reason_of, said, said_percent
from scripts.simulate.identity_findings import (
    CHANGE_HEAD,
    MEMBER_HEAD,
    change_cells,
    link_lines,
    member_cells,
)

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2530; margin: 0 auto; max-width: 62rem;
       padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.lead { color: #55606e; margin: 0 0 1rem; } .big { display: flex; gap: 1rem; flex-wrap: wrap; }
.big div { border: 1px solid #dde1e7; border-radius: 8px; padding: .6rem 1rem; min-width: 8.5rem; }
.big b { display: block; font-size: 1.35rem; } .big span { color: #55606e; font-size: .85rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4rem 0; }
th, td { padding: .22rem .8rem; text-align: right; border-bottom: 1px solid #eceff3;
         white-space: nowrap; }
td.text { white-space: normal; } figure { margin: 2rem 0 0; }
th { color: #55606e; font-weight: 600; border-bottom-color: #c9cfd8; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
tr.part td:first-child { padding-left: 1.8rem; color: #55606e; } tr.sum td { font-weight: 600; }
.better { color: #00795a; } .worse { color: #b44a00; } .muted { color: #8a94a1; }
.notes { background: #fff8e6; border: 1px solid #f0dfae; border-radius: 8px; padding: .6rem 1rem; }
.notes li { margin: .2rem 0; } svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
code { background: #f2f4f7; padding: .1rem .3rem; border-radius: 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dt { color: #55606e; } dd { margin: 0; overflow-wrap: anywhere; }
"""

WHY: Final = "why"
"""The column of words among columns of figures."""


def write_page(path: Path, findings: Findings, plots: Sequence[tuple[str, Path]]) -> None:
    """Write the page; the plots' SVG stands within it."""
    about = findings.about
    body = [
        "<h1>What would have been</h1>",
        f"<p class=lead>{escape(about['changed'])} · history from {about['history_from']} until "
        f"{about['history_until']} UTC</p>",
    ]
    if findings.identical:
        body.append(
            "<p><b>No differences.</b> Nothing would move: every row of every table is the same in "
            "both.</p>"
        )
    else:
        body += [_headline(findings), _notes(findings), "<h2>Figures</h2>", _metrics(findings)]
        body += ["<h2>Members by segment</h2>", _groups(findings)]
        for title, rows in (("better", findings.better), ("worse", findings.worse)):
            if rows:
                body += [f"<h2>Who is {title} off by most</h2>", _movers(rows)]
        if findings.identity.shown:
            body.append(_identity(findings))
        body += [
            f"<figure aria-label='{escape(title)}'>{_inline(plot)}</figure>"
            for title, plot in plots
        ]
    body += ["<h2>What was compared</h2>", _about(findings)]
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width"><title>What would have been</title>'
        f"<style>{STYLE}</style><body>{''.join(body)}</body></html>",
        encoding="utf-8",
    )


def _headline(findings: Findings) -> str:
    whole = sum(findings.members.values())
    tiles = [
        (f"{findings.members.get(one, 0):,}", f"of {whole:,} members {words}", one)
        for one, words in (
            ("better", "are better off"),
            ("worse", "are worse off"),
            ("same", "stay the same"),
        )
    ]
    for metric in ("issued", "liability", "redemption cost"):
        row = next(
            one for one in findings.metrics if one["metric"] == metric and one["part"] == "all"
        )
        change = said(row["difference"], row["unit"], findings.money, signed=True)
        tiles.append((change, f"{'points ' if metric == 'issued' else ''}{metric}", ""))
    return (
        "<div class=big>"
        + "".join(
            f"<div><b class='{kind}'>{figure}</b><span>{words}</span></div>"
            for figure, words, kind in tiles
        )
        + "</div>"
    )


def _notes(findings: Findings) -> str:
    lines = "".join(f"<li>{escape(note)}</li>" for note in findings.notes)
    return f"<h2>Before you believe it</h2><ul class=notes>{lines}</ul>"


def _metrics(findings: Findings) -> str:
    rows = []
    for row in findings.headlines:
        unit, is_part = row["unit"], name_of(row).startswith(" ")
        rows.append(
            (
                "part" if is_part else "sum",
                [
                    name_of(row).strip(),
                    said(row["baseline"], unit, findings.money),
                    said(row["alternative"], unit, findings.money),
                    said(row["difference"], unit, findings.money, signed=True)
                    if row["difference"]
                    else "–",
                    said_percent(row),
                ],
            )
        )
    return _table(["", "now", "alternative", "difference", "%"], rows)


def _groups(findings: Findings) -> str:
    return _table(
        ["", "members", "better", "worse", "same", "tier up", "tier down", "points each"],
        [
            (
                "",
                [
                    row["of_members"].replace("_", " "),
                    *(
                        f"{row[one]:,}"
                        for one in ("members", "better", "worse", "same", "tier_up", "tier_down")
                    ),
                    f"{row['worth_a_member']:+,.1f}",
                ],
            )
            for row in findings.groups
            if row["dimension"] == "segment"
        ],
    )


def _movers(rows: list[dict[str, Any]]) -> str:
    return _table(
        ["", "tier now", "alternative", "points", WHY],
        [
            (
                "",
                [
                    row["member_id"],
                    str(row["tier_baseline"]),
                    str(row["tier_alternative"]),
                    f"{row['worth_difference']:+,}",
                    reason_of(row),
                ],
            )
            for row in rows
        ],
    )


def _identity(findings: Findings) -> str:
    """Whose events would be somebody else's, and the risk that comes with it."""
    identity, money = findings.identity, findings.money
    risk = "worse" if identity.risk["events"] else "better"
    parts = [
        "<h2>Whose events would move</h2>",
        f"<p class={risk}><b>{escape(identity.verdict(money))}</b></p>",
        _sentences(identity.risky),
    ]
    if identity.changes:
        parts.append(
            _table(
                [*CHANGE_HEAD, "members"],
                [
                    ("", [*change_cells(row, money), f"{row['members']:,}"])
                    for row in identity.changes
                ],
            )
        )
    if identity.members:
        parts.append(_concerned(findings))
    return "".join([*parts, _sentences(link_lines(identity))])


def _concerned(findings: Findings) -> str:
    """The members most concerned, with examples of their events."""
    return _table(
        [*MEMBER_HEAD, WHY],
        [
            ("", [*member_cells(row, findings.money), " · ".join(row["examples"])])
            for row in findings.identity.members
        ],
    )


def _sentences(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in lines)}</ul>" if lines else ""


def _about(findings: Findings) -> str:
    facts = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(value)}</dd>"
        for name, value in findings.about.items()
    )
    return f"<dl>{facts}</dl><p class=muted>Tables of it: <code>comparison.duckdb</code></p>"


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    drawn = ["<tr>" + "".join(_cell(name, name, "th") for name in head) + "</tr>"]
    for kind, cells in rows:
        drawn.append(f"<tr class='{kind}'>" + "".join(map(_cell, head, cells)) + "</tr>")
    return f"<div class=scroll><table>{''.join(drawn)}</table></div>"


def _cell(column: str, text: str, tag: str = "td") -> str:
    kind = " class=text" if column == WHY else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _inline(plot: Path) -> str:
    """The SVG without what only a file of its own needs."""
    text = plot.read_text(encoding="utf-8")
    return text[text.index("<svg") :]
