"""Progress bars and tables, alike for all commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A bar on the terminal's error stream, so that results can be piped."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "record"), counted(2000, "record")
    ('1 record', '2,000 records')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def say(text: str) -> None:
    """A line of result."""
    from rich.console import Console  # noqa: PLC0415

    Console(soft_wrap=True, emoji=False).print(text, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; the first column is text, the others are numbers."""
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    drawn = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        drawn.add_row(*[str(cell) for cell in row])
    Console().print(drawn)
