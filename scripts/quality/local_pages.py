"""Data Docs that need nothing but their folder.

In: the pages as Great Expectations writes them, which load scripts and styles from eight other
hosts. Out: the same pages without any of that, with a stylesheet of ours, and an index that
isn't drawn by a script: readable offline, and nobody learns that somebody looks at them. What the
scripts did (filtering, folding) is gone; every row is shown.
"""

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from scripts.quality.question import Finding

_ELSEWHERE: Final = (
    re.compile(r"<script\b.*?</script>", re.DOTALL),
    re.compile(r"<link\b[^>]*https?://[^>]*>"),
    re.compile(r"<img\b[^>]*https?://.*?/?>", re.DOTALL),
    re.compile(r"<p>Stay current on everything GX.*?</p>", re.DOTALL),
    re.compile(r"background: url\('https?://[^']*'\)[^;]*;"),
)
_STYLE: Final = """<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1d2733; margin: 0 auto; max-width: 76rem;
  padding: 1rem 1.5rem; background: #fff; }
a { color: #0b5cad; text-decoration: none; } a:hover { text-decoration: underline; }
h1, h2, h3, h4, h5, h6 { margin: 1.2em 0 .4em; }
table { border-collapse: collapse; margin: .4em 0 1em; width: 100%; table-layout: auto; }
th, td { border-bottom: 1px solid #dde3ea; padding: .35em .6em; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { background: #f3f6f9; white-space: nowrap; overflow-wrap: normal; }
th.n, td.n { text-align: right; } td.bad { color: #c1121f; font-weight: 600; }
ul, ol { padding-left: 1.2rem; } li p { margin: 0; display: inline; }
.container, .container-fluid, .sticky { padding: 0; position: static; }
.breadcrumb, nav ol { list-style: none; padding: 0; display: flex; gap: .6rem; }
.popover, .modal, .tooltip-inner, .top, input[type=radio], .btn { display: none; }
.text-success, .fa-check-circle::before { color: #1a7f37; }
.text-danger, .fa-times::before { color: #c1121f; }
.fa-check-circle::before { content: "✔"; } .fa-times::before { content: "✘"; }
.fa-exclamation-triangle::before { content: "▲"; color: #b26a00; }
.badge { padding: .1em .5em; border-radius: .6em; background: #e8edf3; }
.list-group, .nav { list-style: none; padding: 0; }
</style>
</head>"""


_OUTCOMES: Final = ("holds", "fails", "warns", "empty")


def make_local(docs: Path, findings: Sequence[Finding]) -> None:
    """Change every page of a folder, and write its index; pages that were changed stay."""
    for page in docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if _STYLE in text:
            continue
        for elsewhere in _ELSEWHERE:
            text = elsewhere.sub("", text)
        page.write_text(text.replace("</head>", _STYLE, 1), encoding="utf-8")
    (docs / "index.html").write_text(_index(docs, findings), encoding="utf-8")


def _index(docs: Path, findings: Sequence[Finding]) -> str:
    rows = []
    for suite, each in groupby(findings, key=lambda one: one.suite):
        outcomes = [one.outcome for one in each]
        cells = []
        for name in _OUTCOMES:
            count = outcomes.count(name)
            bad = " bad" if count and name in ("fails", "warns") else ""
            cells.append(f'<td class="n{bad}">{count or "·"}</td>')
        pages = sorted((docs / "validations" / suite).rglob("*.html"))
        # Of several runs into one folder the newest is the last by name.
        name = escape(suite)
        if pages and set(outcomes) != {"empty"}:
            name = f'<a href="{escape(pages[-1].relative_to(docs).as_posix())}">{name}</a>'
        rows.append(f"<tr><td>{name}</td>{''.join(cells)}</tr>")
    heads = "<th>suite</th>" + "".join(f'<th class="n">{name}</th>' for name in _OUTCOMES)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Expectations</title>'
        f"{_STYLE}<body><h1>Expectations</h1><p>What holds and what doesn't, a suite a line. "
        "empty: there was nothing to look at.</p>"
        f"<table><tr>{heads}</tr>{''.join(rows)}</table></body></html>\n"
    )
