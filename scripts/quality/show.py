"""A verdict for people: a line a suite, then what failed, with rows and what to do."""

from collections.abc import Iterator
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.quality.gate import Verdict
from scripts.quality.judge import row_in_words
from scripts.quality.question import Finding

_WORDS = {"fails": "FAILS", "warns": "warns", "holds": "holds", "empty": "nothing to look at"}
_COLOURS = {"fails": "red", "warns": "yellow", "holds": "green", "empty": "dim"}


def show(verdict: Verdict, console: Console) -> None:
    """Print it: the table of suites, and each finding that doesn't hold."""
    drawn = Table(
        title=f"{verdict.target.path} ({verdict.target.subject})",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    drawn.add_column("suite")
    for name in ("holds", "fails", "warns", "empty"):
        drawn.add_column(name, justify="right")
    for suite, each in groupby(verdict.findings, key=lambda one: one.suite):
        outcomes = [one.outcome for one in each]
        counts = [outcomes.count(name) for name in ("holds", "fails", "warns", "empty")]
        cells = [Text(str(count) if count else "·") for count in counts]
        if counts[1]:
            cells[1].stylize("bold red")
        if counts[2]:
            cells[2].stylize("yellow")
        drawn.add_row(suite, *cells)
    console.print(drawn)
    for one in (*verdict.failed, *verdict.warned):
        console.print(Text("\n".join(_lines(one)), style=_COLOURS[one.outcome]), soft_wrap=True)
    console.print(Text(summary(verdict), style="bold"))


def summary(verdict: Verdict) -> str:
    """The last line: how many hold, and what follows from the rest."""
    counts = {name: sum(one.outcome == name for one in verdict.findings) for name in _WORDS}
    said = f"{counts['holds']:,} expectations hold, {counts['fails']:,} fail"
    said += f", {counts['warns']:,} warn, {counts['empty']:,} had nothing to look at"
    return said + (": don't publish it" if counts["fails"] else "")


def in_words(one: Finding) -> str:
    """A finding without colours."""
    return "\n".join(_lines(one))


def _lines(one: Finding) -> Iterator[str]:
    answer = one.answer
    question = answer.question
    looked = f" of {answer.looked_at:,}" if answer.looked_at is not None else ""
    figure = f"{answer.wrong:,}{looked} wrong" if question.wrong else f"got {one.observed}"
    yield f"{_WORDS[one.outcome]:<6} {one.suite}.{one.name}: {figure}"
    yield f"       must be: {question.means}{_bounds(one)}"
    for row in answer.rows:
        yield f"         {row_in_words(row)}"
    if answer.wrong > len(answer.rows):
        yield f"         … and {answer.wrong - len(answer.rows):,} more"
    yield f"       what to do: {question.to_do}"


def _bounds(one: Finding) -> str:
    question = one.answer.question
    if question.wrong is not None:
        return ""
    kwargs = question.expected.kwargs
    parts = [
        f"{word} {kwargs[name]:g}"
        for name, word in (("min_value", "at least"), ("max_value", "at most"))
        if name in kwargs
    ]
    return f" ({', '.join(parts)})"
