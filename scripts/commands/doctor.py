"""`kizuna doctor`: what is wrong here, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scripts.doctor_findings import Finding

MARKS = {"right": "[green]✓[/]", "wrong": "[red]✗[/]", "skipped": "[dim]–[/]"}


def doctor(
    output: Annotated[
        Path | None,
        typer.Option("--output", file_okay=False, help="A run's folder, to look into as well."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Look at everything that a run needs, and say the remedy for what is wrong.

    Python and packages, configuration, disk, who holds the output and its warehouse, the last
    snapshot, broker, topics, schema registry, clocks. Changes nothing; exits with 1 if something
    is wrong.

    Example: `kizuna doctor --output out`
    """
    from scripts.doctor import examine  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    findings = list(examine(config or DEFAULT_CONFIG, output))
    if as_json:
        import msgspec  # noqa: PLC0415

        typer.echo(msgspec.json.format(msgspec.json.encode(findings), indent=1).decode())
    else:
        _show(findings)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def _show(findings: "list[Finding]") -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    drawn = Table(box=None, show_header=False, pad_edge=False)
    drawn.add_column(no_wrap=True)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for finding in findings:
        said = escape(finding.said)
        if finding.remedy:
            said += f"\n[dim]→[/] {escape(finding.remedy)}"
        drawn.add_row(MARKS[finding.state], escape(finding.check), said)
    Console().print(drawn, highlight=False)
    count = sum(finding.state == "wrong" for finding in findings)
    Console().print(f"{count} wrong" if count else "nothing wrong", highlight=False)
