"""Everybody's account worked out by hand and compared, over several processes.

In: the prepared database, the programme's YAML, how long time goes on. Out: a `Folded`.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import duckdb

from scripts.plain_fold.account import DAY_MS
from scripts.plain_fold.compare import differences
from scripts.plain_fold.merging import NotFolded
from scripts.plain_fold.read_warehouse import Person, prepare, read_people
from scripts.plain_fold.tell import statement, tell
from scripts.plain_fold.terms import PlainTerms, read_terms

PROCESSES_MAX = 4
PEOPLE_A_PROCESS = 500

Progress = Callable[[int, int], None]


class Looked(NamedTuple):
    """A member whose account was looked at; `why_not`: it couldn't be worked out."""

    member: str
    differences: list[str]
    why_not: str = ""
    events: int = 0
    lots: int = 0


@dataclass
class Folded:
    """What came of it all."""

    members: int = 0
    agreeing: int = 0
    events: int = 0
    lots: int = 0
    differing: list[Looked] = field(default_factory=list)
    not_folded: list[Looked] = field(default_factory=list)


def fold_everybody(
    connection: duckdb.DuckDBPyConnection,
    programme: dict[str, Any],
    horizon_days: int,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Folded:
    """Fold each member by hand and compare. `horizon_days`: what becomes known later than that
    counts from the day on which it became known. Raises `UnknownTerms` for a programme that says
    more than this auditor knows."""
    terms = read_terms(programme)
    ((until,),) = connection.execute("SELECT ends_at FROM clock").fetchall()
    everybody = prepare(connection, programme["markets"])
    people = read_people(connection, horizon_days * DAY_MS)
    look = partial(look_at, terms, until)
    folded = Folded()
    for looked in _over(people, look, processes or _processes(everybody)):
        for one in looked:
            folded.members += 1
            folded.events += one.events
            folded.lots += one.lots
            if one.why_not:
                folded.not_folded.append(one)
            elif one.differences:
                folded.differing.append(one)
            else:
                folded.agreeing += 1
        if progress is not None:
            progress(folded.members, everybody)
    return folded


def _processes(everybody: int) -> int:
    """For few people a process of their own isn't worth it."""
    return min(PROCESSES_MAX, os.cpu_count() or 1, 1 + everybody // PEOPLE_A_PROCESS)


def _over(
    people: Iterator[list[Person]],
    look: Callable[[list[Person]], list[Looked]],
    processes: int,
) -> Iterator[list[Looked]]:
    """The same for all, in this process or in several; never more waiting than these can do."""
    if processes == 1:
        yield from map(look, people)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        running = []
        for some in people:
            running.append(pool.apply_async(look, [some]))
            if len(running) > 2 * processes:
                yield running.pop(0).get()
        for one in running:
            yield one.get()


def look_at(terms: PlainTerms, until: int, people: list[Person]) -> list[Looked]:
    """Some people, one after the other."""
    return [one for person in people for one in _look(terms, until, person)]


def _look(terms: PlainTerms, until: int, person: Person) -> list[Looked]:
    stories = person.stories
    why_not = [reason for story in stories.values() for reason in story.why_not]
    try:
        accounts = {} if why_not else tell(terms, stories, until)
    except NotFolded as reason:
        why_not.append(str(reason))
    if why_not:
        return [Looked(member, [], why_not[0]) for member in stories]
    return [
        Looked(
            member,
            story.problems + differences(person.statements[member], statement(accounts[member])),
            events=len(story.happenings),
            lots=len(person.statements[member].lots),
        )
        for member, story in stories.items()
    ]
