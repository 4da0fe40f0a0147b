"""The other configuration: the current folder with the given files in their places.

In: the current folder, and what changes. Out: a folder of its own that holds all of it, checked as
a whole, with what was changed in words. A given file takes the place of the one with the same
programme or journey name; with a new name it is added. Raises ConfigError, whose problems name the
files that were given and not their copies.
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from config.deployment import Deployment
from config.load import load
from config.problems import ConfigError, Problem
from pipelines.assemble import read_configuration
from schemas.journeys import Journey
from schemas.ladder import Ladder, check_ladder
from schemas.programme import Programme
from scripts.simulate.options import Changes, SimulationRefused
from scripts.simulate.redate import redated
from transforms.accrue.check import check_programme


class Overlay(NamedTuple):
    """The alternative, ready to fold with."""

    folder: Path
    deployment: Deployment
    changed: tuple[str, ...]
    """What differs from the current configuration, a line each; empty: nothing."""


def lay_over(current: Path, changes: Changes, folder: Path) -> Overlay:
    """Write the alternative configuration to `folder` and check it."""
    given = _read_given(changes)
    under = changes.folder or current
    origins = _copy(under, folder)
    for kind, field in (("programmes", "programme"), ("journeys", "journey")):
        for file, struct in given[kind]:
            place = _place(folder / kind, getattr(struct, field), type(struct), file)
            if kind == "programmes" and changes.effective_from is not None:
                place.write_text(redated(file, changes.effective_from), encoding="utf-8")
            else:
                shutil.copyfile(file, place)
            origins[str(place)] = str(file)
    for name in changes.without_journeys:
        _place_of(folder / "journeys", name).unlink()
    if changes.identity is not None:
        shutil.copyfile(changes.identity, folder / "ladder.yaml")
        origins[str(folder / "ladder.yaml")] = str(changes.identity)
    try:
        deployment = read_configuration(folder)
    except ConfigError as error:
        raise ConfigError(_of_origins(error.problems, origins, folder, under)) from None
    return Overlay(folder, deployment, tuple(_changed(current, folder)))


def _read_given(changes: Changes) -> dict[str, list[tuple[Path, Any]]]:
    """The files that were given, each read and checked for itself; ConfigError with all of it."""
    problems: list[Problem] = []
    given: dict[str, list[tuple[Path, Any]]] = {"programmes": [], "journeys": [], "identity": []}
    wanted: list[tuple[str, Path, Any, Callable[[Any], Iterable[str]] | None]] = [
        *(("programmes", file, Programme, check_programme) for file in changes.programmes),
        *(("journeys", file, Journey, None) for file in changes.journeys),
    ]
    if changes.identity is not None:
        wanted.append(("identity", changes.identity, Ladder, check_ladder))
    for kind, file, struct, check in wanted:
        try:
            given[kind].append((file, load(file, struct, check)))
        except ConfigError as error:
            problems += map(_with_advice, error.problems)
    if problems:
        raise ConfigError(problems)
    for kind, field in (("programmes", "programme"), ("journeys", "journey")):
        names = [getattr(struct, field) for _, struct in given[kind]]
        for name in names:
            if names.count(name) > 1:
                raise SimulationRefused(
                    f"--{field}: must name each {field} once; got two files of {name!r}; "
                    "simulate them one after the other"
                )
    return given


def _with_advice(problem: Problem) -> Problem:
    """Examples that no longer hold are the first thing that a changed rate meets."""
    if not problem.path.startswith("$.tests["):
        return problem
    return msgspec.structs.replace(
        problem,
        message=f"{problem.message}; correct the example, or take `tests` out of a file that "
        "is only a try",
    )


def _copy(under: Path, folder: Path) -> dict[str, str]:
    """Copy every YAML file; where each came from, by its new path."""
    origins = {}
    for file in sorted(under.rglob("*.yaml")):
        place = folder / file.relative_to(under)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
        origins[str(place)] = str(file)
    return origins


def _place(folder: Path, name: str, kind: type[Any], given: Path) -> Path:
    """Where a file belongs: at the one with its name; else beside the others."""
    folder.mkdir(exist_ok=True)
    there = _named(folder, kind)
    if name in there:
        return there[name]
    place = folder / given.name if given.suffix == ".yaml" else folder / f"{name}.yaml"
    return place if not place.exists() else folder / f"{name}_simulated.yaml"


def _place_of(folder: Path, name: str) -> Path:
    there = _named(folder, Journey)
    if name not in there:
        raise SimulationRefused(
            f"--without-journey: must be the name of a journey; got {name!r}; there are "
            f"{', '.join(sorted(there)) or 'none'}"
        )
    return there[name]


def _named(folder: Path, kind: type[Any]) -> dict[str, Path]:
    """The files of a folder by the programme or journey that they hold; unreadable ones aside,
    which the check of the whole reports."""
    field = "programme" if kind is Programme else "journey"
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            found[getattr(load(file, kind), field)] = file
        except ConfigError:
            continue
    return found


def _of_origins(
    problems: Iterable[Problem], origins: dict[str, str], folder: Path, under: Path
) -> list[Problem]:
    """The same problems at the files that a person can edit."""
    moved = []
    for problem in problems:
        file = origins.get(problem.file)
        if file is None and problem.file.startswith(str(folder)):
            file = str(under) + problem.file[len(str(folder)) :]
        moved.append(msgspec.structs.replace(problem, file=file or problem.file))
    return moved


def _changed(current: Path, folder: Path) -> Iterable[str]:
    """Which files differ between two configuration folders."""
    was = {file.relative_to(current).as_posix(): file for file in current.rglob("*.yaml")}
    now = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.yaml")}
    for name in sorted(was.keys() | now.keys()):
        if name not in now:
            yield f"{name}: taken away"
        elif name not in was:
            yield f"{name}: added"
        elif was[name].read_bytes() != now[name].read_bytes():
            yield f"{name}: changed"
