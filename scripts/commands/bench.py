"""`kizuna bench`: how fast, measured on this machine."""

from typing import Annotated

import typer

from scripts.commands.show import progress_bar, say, table

benches = typer.Typer(no_args_is_help=True, help="Measure on this machine.")


@benches.command("engine")
def engine(
    events: Annotated[int, typer.Option("--events", min=1, help="How many.")] = 1_000_000,
    members: Annotated[int, typer.Option("--members", min=1, help="How many keys.")] = 50_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Of both sides in turn.")] = 5,
) -> None:
    """Four stateful steps on key groups against one Bytewax key a member.

    Both sides run the same trivial operators in fresh processes, in turn; their results must be
    equal. Shows the medians of rate and memory.

    Example: `kizuna bench engine --rounds 3`
    """
    from scripts.bench.engine import bench_engine, medians  # noqa: PLC0415

    with progress_bar("runs") as progress:
        found = bench_engine(events, members, rounds, progress)
    measured = {side: medians(runs) for side, runs in found.items()}
    table(
        f"{events:,} events, {members:,} members, medians of {rounds}",
        ["side", "events/s", "MiB at most"],
        [(side, f"{rate:,.0f}", f"{mib:,.0f}") for side, (rate, mib) in measured.items()],
    )
    rates = sorted((rate for rate, _ in measured.values()), reverse=True)
    say(f"{rates[0] / rates[-1]:.1f} times as fast, with equal results")
