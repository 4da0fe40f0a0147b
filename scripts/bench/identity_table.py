"""The comparison of stitchers on a terminal, and the same as Markdown for a page of docs."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from scripts.bench.identity import Compared
from scripts.simulate.rows import Money

Said = Callable[[dict[str, Any], Money], str]

MEASURES: Final[tuple[tuple[str, Said], ...]] = (
    ("people merged", lambda one, _: f"{one['people_merged']:,}"),
    ("people in the largest profile", lambda one, _: f"{one['largest']:,}"),
    ("events to a wrong person", lambda one, _: f"{one['wrong_events']:,}"),
    ("purchases to a wrong person", lambda one, _: f"{one['wrong_purchases']:,}"),
    ("what these were worth", lambda one, money: money.said(one["wrong_money"])),
    ("precision", lambda one, _: share(one["precision_share"])),
    ("recall", lambda one, _: share(one["recall_share"])),
    ("undecidable, right", lambda one, _: f"{one['undecidable_right']:,}"),
    ("undecidable, wrong", lambda one, _: f"{one['undecidable_wrong']:,}"),
    ("  of these purchases", lambda one, _: f"{one['undecidable_wrong_purchases']:,}"),
    ("seconds", lambda one, _: f"{one['seconds']:.1f}" if one["seconds"] else "–"),
)


def share(value: float | None) -> str:
    """A share in per cent; what isn't all of it is never rounded up to that.

    >>> share(1.0), share(0.99999), share(0.5), share(None)
    ('100 %', '99.99 %', '50.00 %', '–')
    """
    if value is None:
        return "–"
    return "100 %" if value == 1 else f"{int(value * 10_000) / 100:.2f} %"


def main_table(compared: Compared, money: Money) -> tuple[list[str], list[list[str]]]:
    """A column a stitcher, a row a measure."""
    columns = ["", *(str(one["stitcher"]) for one in compared.measures)]
    rows = [[name, *(said(one, money) for one in compared.measures)] for name, said in MEASURES]
    return columns, rows


def parts_table(parts: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """A row a part (a case or an event class): its events, and of each stitcher the recall and how
    many events it gave to a wrong person."""
    stitchers = list(dict.fromkeys(one["stitcher"] for one in parts))
    rows = []
    for part in dict.fromkeys(one["part"] for one in parts):
        each = {one["stitcher"]: one for one in parts if one["part"] == part}
        first = each[stitchers[0]]
        row = [part.replace("_", " "), f"{first['decidable']:,}", f"{first['undecidable']:,}"]
        for name in stitchers:
            wrong = each[name]["wrong_events"] + each[name]["undecidable_wrong"]
            row.append(f"{share(each[name]['recall_share'])}, {wrong:,}")
        rows.append(row)
    return ["", "decidable", "undecid.", *stitchers], rows


def headline(compared: Compared) -> str:
    """What was compared, in a line."""
    return (
        f"{compared.events:,} events with {compared.identifiers:,} identifiers of "
        f"{compared.people:,} people; {compared.decidable:,} decidable, "
        f"{compared.undecidable:,} undecidable"
    )


PARTS: Final = "recall, and events to a wrong person, undecidable ones included"


def notes(compared: Compared) -> list[str]:
    """What to know of the figures."""
    lines = [
        f"Reading and decoding took {compared.reading_seconds:.1f} seconds, for all alike. People "
        "merged: whose own member ids led to one profile; merges that history asked for aside."
    ]
    if compared.ordered:
        lines.append(
            f"Stitch gave {compared.ordered:,} commands that only a run carries out; to compare "
            "a run: --output."
        )
    return lines


def markdown(compared: Compared, money: Money, command: str) -> str:
    """All tables with what they are of, to be put into a page."""
    parts = [f"{headline(compared)}. Made by `{command}`.", _lines(*main_table(compared, money))]
    for title, of in (("class of events", compared.classes), ("case", compared.cases)):
        parts += [f"By {title}: {PARTS}:", _lines(*parts_table(of))]
    return "\n\n".join(parts) + "\n"


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])
