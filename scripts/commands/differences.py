"""Lines of texts in columns, for what differs from what is declared."""

from collections.abc import Sequence

from scripts.commands.show import say


def show_differences(title: str, rows: Sequence[Sequence[str]]) -> None:
    """A title, and each row on one line however long it is, so that a log can be searched."""
    from rich.markup import escape  # noqa: PLC0415

    say(title)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        say(escape("  " + "  ".join(cells).rstrip()))
