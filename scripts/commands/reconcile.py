"""`kizuna reconcile`: two warehouses row by row, and where their histories part."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.commands.show import progress_bar

if TYPE_CHECKING:
    from scripts.reconcile.result import Parting, Reconciliation


def reconcile(
    a: Annotated[Path, typer.Argument(metavar="A", help="A warehouse, or a folder with one.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="Only this table; can be given several times."),
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", help="Only this member's difference, at length.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="So many members are explained, biggest first.")
    ] = 5,
    report: Annotated[
        Path | None,
        typer.Option("--report", dir_okay=False, help="Write a page to sign, as Markdown (.md)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compare two warehouses row by row, and explain a difference by its first event.

    Counts the rows that only one side has or that changed, adds both sides up (points, what they
    may cost, tiers, messages), and goes back, for the members that differ most, to the first
    event at which the two histories part. Nothing is tolerated. Exits with 1 on a difference.

    Example: `kizuna reconcile out rebuilt --report reconciled.md`
    """
    from scripts.reconcile.attach import NotComparable  # noqa: PLC0415
    from scripts.reconcile.page import page  # noqa: PLC0415
    from scripts.reconcile.warehouses import reconcile as compare  # noqa: PLC0415

    if report is not None and report.suffix != ".md":
        raise typer.BadParameter(f"--report: must end with .md; got {report}")
    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"--report: must be in a folder that exists; got {report}")
    try:
        with progress_bar("tables") as progress:
            found = compare(
                a, b, tables=table or (), limit=limit, explain=explain, progress=progress
            )
    except NotComparable as error:
        typer.echo(f"kizuna: {error}", err=True)
        raise typer.Exit(2) from error
    if report is not None:
        report.write_text(page(found), encoding="utf-8")
    if as_json:
        import msgspec  # noqa: PLC0415

        whole = {"equal": found.equal, **msgspec.to_builtins(found)}
        typer.echo(msgspec.json.format(msgspec.json.encode(whole), indent=1).decode())
    else:
        _show(found, explain)
        if report is not None:
            typer.echo(f"To sign: {report}")
    if not found.equal:
        raise typer.Exit(1)


def _show(found: "Reconciliation", explain: str | None) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from scripts.reconcile import words  # noqa: PLC0415

    console = Console(highlight=False)
    for warning in found.warnings:
        console.print(Text.assemble(("warning", "yellow"), f": {warning}"))
    for name, side in (("A", found.a), ("B", found.b)):
        console.print(Text(f"{name}  {side.path}  sha256 {side.sha256[:16]}…"), soft_wrap=True)
    console.print(
        _drawn(
            "",
            ("table", "rows in A", "rows in B", "only in A", "only in B", "changed"),
            [words.table_cells(one) for one in found.compared],
            [bool(one.count) for one in found.compared],
        )
    )
    for line in words.changed_columns(found):
        console.print(Text(f"  {line}"))
    groups = dict.fromkeys(total.group for total in found.totals)
    rows: list[tuple[str, ...]] = []
    for group in groups:
        rows.append((group, "", "", ""))
        rows += [
            (f"  {cells[0]}", *cells[1:])
            for cells in (words.total_cells(one) for one in found.totals if one.group == group)
        ]
    console.print(
        _drawn("", ("total", "A", "B", "difference"), rows, [_parted(row) for row in rows])
    )
    if found.first:
        console.print(Text(f"The histories part first {found.first}."))
    if explain is not None and not found.partings:
        console.print(Text(f"{explain}: nothing differs."))
    for parting in found.partings:
        _show_parting(console, parting)
    if explain is None and found.parted_members > len(found.partings):
        console.print(
            Text(
                f"{found.parted_members:,} members are concerned; one of them at length: --explain "
                "MEMBER, more of them: --limit"
            )
        )
    console.print(Text(words.headline(found), style="green" if found.equal else "bold red"))


def _parted(row: Sequence[str]) -> bool:
    return row[-1] not in ("", "–")


def _show_parting(console: Any, parting: "Parting") -> None:
    from rich.text import Text  # noqa: PLC0415

    from scripts.reconcile import words  # noqa: PLC0415

    console.print(Text(f"\n{words.parting_title(parting)}", style="bold"))
    for sentence in words.parting_sentences(parting):
        console.print(Text(sentence))
    rows = list(words.change_cells(parting.first))
    if parting.event is not None:
        rows = [*words.event_cells(parting.event), *rows]
    drawn = _side_by_side(rows)
    if parting.later:
        drawn.add_section()
        for cells in words.change_cells(parting.later):
            drawn.add_row(*map(Text, cells))
    console.print(drawn)
    if parting.left_out:
        console.print(Text(f"  … and {parting.left_out:,} more after that"))


def _side_by_side(rows: Iterable[Sequence[str]]) -> Any:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD)
    for name in ("", "A", "B"):
        drawn.add_column(name, overflow="fold", ratio=1)
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _drawn(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], strong: Sequence[bool]
) -> Any:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        drawn.add_column(name, justify="right" if number else "left")
    for row, is_strong in zip(rows, strong, strict=True):
        drawn.add_row(*map(Text, row), style="bold red" if is_strong else None)
    return drawn
