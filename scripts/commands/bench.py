"""`kizuna bench`: how fast, how large and how right, measured on this machine."""

from pathlib import Path
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


@benches.command("accrue")
def accrue(
    members: Annotated[int, typer.Option("--members", min=1, help="How many shop.")] = 1_000,
    days: Annotated[int, typer.Option("--days", min=1, help="For how long.")] = 365,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Of all of it in turn.")] = 5,
    programme: Annotated[
        Path | None,
        typer.Option(
            "--programme", exists=True, dir_okay=False, help="A programme. Default: the grocer's."
        ),
    ] = None,
) -> None:
    """Points alone: how fast accrue posts purchases, and how many bytes it remembers of a member.

    The operator is driven in this process, without an engine, by purchases of generated baskets,
    one process and one core. Also: what an event costs that becomes known late, when the fold is
    repeated, beside the same one in order.

    Example: `kizuna bench accrue --members 300 --programme config/programmes/grocer.yaml`
    """
    from scripts.bench import accrue_table as tables  # noqa: PLC0415
    from scripts.bench.accrue import Asked, bench_accrue  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    file = programme or DEFAULT_CONFIG / "programmes" / "grocer.yaml"
    asked = Asked(programme=file, members=members, days=days, rounds=rounds)
    with progress_bar("rounds") as progress:
        found = bench_accrue(asked, progress)
    say(
        f"{found.programme}: {found.events:,} purchases of {found.members:,} members in "
        f"{days:,} days"
    )
    table(
        f"{rounds} rounds" if rounds > 1 else "One round",
        ["posted", "median", "slowest", "fastest"],
        tables.speed_rows(found),
    )
    table("State, as saved", tables.STATE_COLUMNS, tables.state_rows(found))
    if found.late:
        table(
            "One more purchase",
            ["known", "µs", "ratio to in order", "of the rounds"],
            tables.late_rows(found),
        )
    for note in tables.notes(found):
        say(note)


@benches.command("identity")
def identity(
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            exists=True,
            help="Events as for a rebuild, repeatable. Default: a small city, generated.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--output",
            exists=True,
            file_okay=False,
            help="The output folder of a finished run, whose answers are compared. Default: the "
            "events are stitched here, without points and messages.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            exists=True,
            file_okay=False,
            help="The folder truth/ of these events. Default: beside them.",
        ),
    ] = None,
    members: Annotated[
        int, typer.Option("--members", min=1, help="People of the generated city.")
    ] = 1_000,
    days: Annotated[int, typer.Option("--days", min=1, help="How long it lives.")] = 30,
    neighbours: Annotated[
        int,
        typer.Option(
            "--neighbours-max",
            min=1,
            help="The guarded baseline: an identifier linked with more others joins nothing.",
        ),
    ] = 10,
    component: Annotated[
        int,
        typer.Option(
            "--identifiers-max",
            min=1,
            help="The guarded baseline: a component with more identifiers is dropped.",
        ),
    ] = 40,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="Configuration folder. Default: ours."
        ),
    ] = None,
    as_markdown: Annotated[
        Path | None,
        typer.Option("--markdown", dir_okay=False, help="Write the tables there as well."),
    ] = None,
) -> None:
    """People merged by accident: stitch beside what batch ID-stitchers do, against the truth.

    Over the same decoded events: connected components of identifiers seen together, the same with
    the usual guards, and "the last login wins". Compared are people merged, events, purchases and
    money given to a wrong person, and precision and recall of what can be decided at all.

    Example: `kizuna bench identity --members 5000`,
    `kizuna bench identity --output demo/run --truth demo/city/truth`
    """
    import shlex  # noqa: PLC0415
    import sys  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    from scripts.audit import NothingToAudit, find_city, find_run  # noqa: PLC0415
    from scripts.bench import identity_table as tables  # noqa: PLC0415
    from scripts.bench.batch_stitchers import Guards  # noqa: PLC0415
    from scripts.bench.identity import (  # noqa: PLC0415
        Asked,
        bench_identity,
        money_of,
        small_city,
        truth_beside,
    )
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    config = config or DEFAULT_CONFIG
    with tempfile.TemporaryDirectory(prefix="kizuna-") as city, progress_bar("events") as progress:
        try:
            if run is not None:
                run = find_run(run)
                truth = find_city(run, truth) / "truth"
            elif inputs is None:
                inputs = small_city(Path(city), members, days)
            asked = Asked(
                inputs=[run] if run is not None else inputs or [],
                truth=truth or truth_beside(inputs or []),
                config=config,
                run=run,
                guards=Guards(neighbours_max=neighbours, identifiers_max=component),
            )
            compared = bench_identity(asked, progress)
        except NothingToAudit as nothing:
            raise typer.BadParameter(str(nothing)) from nothing
    money = money_of(config)
    table(tables.headline(compared), *tables.main_table(compared, money))
    table(f"By class of events: {tables.PARTS}", *tables.parts_table(compared.classes))
    table(f"By case: {tables.PARTS}", *tables.parts_table(compared.cases))
    for note in tables.notes(compared):
        say(note)
    if as_markdown is not None:
        words = [word for word in sys.argv[1:] if word not in ("--markdown", str(as_markdown))]
        command = shlex.join(["kizuna", *words])
        as_markdown.write_text(tables.markdown(compared, money, command), encoding="utf-8")
    if not compared.holds:
        raise typer.Exit(1)


@benches.command("state")
def state(
    events: Annotated[int, typer.Option("--events", min=1, help="How many in all.")] = 10_000_000,
    first_at: Annotated[
        int, typer.Option("--first-at", min=1, help="After how many nothing may grow any more.")
    ] = 2_000_000,
    people: Annotated[
        int, typer.Option("--people", min=1, help="How many live at any time.")
    ] = 2_000,
    life_days: Annotated[
        int, typer.Option("--life-days", min=1, help="After so long a person gives way to another.")
    ] = 60,
    events_a_day: Annotated[
        int, typer.Option("--events-a-day", min=1, help="Of all people together.")
    ] = 2_000,
    ladder: Annotated[
        Path | None,
        typer.Option("--ladder", exists=True, dir_okay=False, help="A ladder. Default: ours."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", dir_okay=False, help="Draw keys and memory to this PNG as well."),
    ] = None,
) -> None:
    """Memory of stitch while identifiers come and go: it must stay where it is.

    The real rungs in their key groups, saved as the engine saves them, are given events of a
    population that turns over: as many live identifiers at any time, and new ones all the time, for
    years. Resident memory at the end must be at most 1.1 times that at --first-at; exit code 1 if
    it isn't. Ten million events take some minutes.

    Example: `kizuna bench state --events 3000000 --plot state.png`
    """
    from config.load import load  # noqa: PLC0415
    from schemas.ladder import Ladder, check_ladder  # noqa: PLC0415
    from scripts.bench import state as bench  # noqa: PLC0415
    from scripts.bench.churning import Population  # noqa: PLC0415
    from scripts.bench.state_table import COLUMNS, draw, row, verdict_lines  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    if first_at > events:
        raise typer.BadParameter(f"--first-at: must be at most --events {events}; got {first_at}")
    file = ladder or DEFAULT_CONFIG / "ladder.yaml"
    population = Population(people=people, life_days=life_days, events_a_day=events_a_day)
    settled = bench.settled_at(load(file, Ladder, check_ladder), population)
    asked = bench.Asked(
        events=events, first_at=first_at, ladder=str(file.resolve()), population=population
    )
    with progress_bar("events") as progress:
        found = bench.bench_state(asked, progress)
    table(
        f"{people:,} people at a time, {events_a_day:,} events a day; sizes in MiB",
        COLUMNS,
        [row(each) for each in found],
    )
    verdict = bench.judge(found, first_at)
    for line in verdict_lines(verdict, settled):
        say(line)
    if plot is not None:
        draw(found, verdict, plot)
    if not verdict.holds:
        raise typer.Exit(1)
