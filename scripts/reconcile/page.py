"""A comparison on a page that a finance person can sign: Markdown.

In: a `Reconciliation`. Out: what was compared (files by their SHA-256, runs, versions), whether it
agrees, the totals, and a line to sign; then the tables, and where the biggest differences come
from. The same comparison makes the same page.
"""

from collections.abc import Iterable, Iterator, Sequence

from scripts.reconcile import words
from scripts.reconcile.compared import NOT_COMPARED
from scripts.reconcile.result import Parting, Reconciliation


def page(found: Reconciliation) -> str:
    """The whole page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Reconciliation) -> Iterator[str]:
    yield "# Reconciliation of two warehouses"
    yield ""
    yield f"**{words.headline(found)}**"
    yield ""
    left_out = [name for name in found.not_compared if name not in NOT_COMPARED]
    if left_out:
        yield f"Not all was compared. Left out: {', '.join(left_out)}."
        yield ""
    for warning in found.warnings:
        yield f"* Warning: {_safe(warning)}"
    if found.warnings:
        yield ""
    yield "## What was compared"
    yield ""
    for name, side in (("A", found.a), ("B", found.b)):
        yield from _table((name, ""), words.side_facts(side), "--")
    yield "## Totals"
    yield ""
    yield "Folded from the entries, lots and messages of each side; money in minor units."
    yield ""
    yield from _table(("", "A", "B", "difference"), _totals(found), "-rrr")
    yield "## Signed"
    yield ""
    yield from _table(("Date", "Name", "Signature"), [("<br><br>", "", "")], "---")
    yield "## Annex: rows"
    yield ""
    yield "Nothing is tolerated: every value of every row must be the same."
    yield ""
    yield from _table(
        ("table", "rows in A", "rows in B", "only in A", "only in B", "changed"),
        [words.table_cells(one) for one in found.compared],
        "-rrrrr",
    )
    for line in words.changed_columns(found):
        yield f"* {line}"
    if found.first:
        yield ""
        yield "## Annex: where the histories part"
        yield ""
        yield f"First of all {_safe(found.first)}."
        yield ""
        for parting in found.partings:
            yield from _parting(parting)


def _totals(found: Reconciliation) -> Iterator[Sequence[str]]:
    for group in dict.fromkeys(total.group for total in found.totals):
        yield f"**{group}**", "", "", ""
        yield from (words.total_cells(one) for one in found.totals if one.group == group)


def _parting(parting: Parting) -> Iterator[str]:
    yield f"### {_safe(words.parting_title(parting))}"
    yield ""
    yield " ".join(map(_safe, words.parting_sentences(parting)))
    yield ""
    rows = list(words.change_cells(parting.first))
    if parting.event is not None:
        rows = [*words.event_cells(parting.event), *rows]
    yield from _table(("at the parting", "A", "B"), rows, "---")
    if parting.later:
        yield from _table(("after it", "A", "B"), words.change_cells(parting.later), "---")
    if parting.left_out:
        yield f"… and {parting.left_out:,} more after that."
        yield ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], aligned: str) -> Iterator[str]:
    yield "| " + " | ".join(map(_safe, head)) + " |"
    yield "|" + "|".join("---:" if one == "r" else "---" for one in aligned) + "|"
    for row in rows:
        yield "| " + " | ".join(_safe(cell).strip() for cell in row) + " |"
    yield ""


def _safe(cell: str) -> str:
    """A text that can't break out of its cell."""
    return cell.replace("|", "\\|").replace("\n", " ")
