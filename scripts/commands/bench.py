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


@benches.command("rebuild")
def rebuild(
    members: Annotated[int, typer.Option("--members", min=1, help="How many people.")] = 1_000,
    days: Annotated[int, typer.Option("--days", min=1, help="How long a history.")] = 90,
    workers: Annotated[
        list[int] | None, typer.Option("--workers", min=1, help="Repeatable. Default: 1, 2 and 3.")
    ] = None,
) -> None:
    """The whole history folded by Beam, by the number of workers, beside the live flow over it.

    Each command runs in fresh processes over the same generated events; all must leave equal
    tables. Memory is that of all processes of a command together.

    Example: `kizuna bench rebuild --members 2000`
    """
    from scripts.bench.rebuild import bench_rebuild  # noqa: PLC0415

    with progress_bar("commands") as progress:
        records, found = bench_rebuild(members, days, workers or [1, 2, 3], progress)
    table(
        f"{records:,} records of {members:,} members, start-up included",
        ["command", "workers", "seconds", "records/s", "MiB at most"],
        [
            (
                each.command,
                each.workers,
                f"{each.seconds:.1f}",
                f"{records / each.seconds:,.0f}",
                f"{each.peak_mib:,.0f}",
            )
            for each in found
        ],
    )
    say("All left equal tables.")
