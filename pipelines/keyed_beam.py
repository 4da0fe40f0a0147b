"""How pure operators become Beam steps: grouped by key group, folded from beginning to end.

In: runs of messages keyed by key group. Out: by tag, runs for the steps further down; rows are
written to part files by whoever made them. An element is a run of up to a thousand messages, not
a message, which spares most of what an element costs; a group is one element of the work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from pipelines.fold_group import FoldGroup
from pipelines.key_groups import group_of
from pipelines.sorted_runs import RUN_MESSAGES, Run, SortedRuns, encode_run
from schemas.flow import Message
from sinks.row_parts import RowParts
from transforms.operator import Operator


class Outbox:
    """Messages on their way to other key groups, gathered into runs.

    Each source of messages has one: what it is given comes in order of known_at.
    """

    def __init__(self, groups: int) -> None:
        self._groups = groups
        self._waiting: dict[tuple[str, int], list[Message]] = {}

    def put(self, sends: Iterable[tuple[str, Message]]) -> Iterator[Any]:
        """Take messages; full runs come back, tagged with their step."""
        for step, message in sends:
            to = step, group_of(message.key, self._groups)
            waiting = self._waiting.get(to)
            if waiting is None:
                waiting = self._waiting[to] = []
            waiting.append(message)
            if len(waiting) >= RUN_MESSAGES:
                yield self._run(to, waiting)
                self._waiting[to] = []

    def rest(self) -> Iterator[Any]:
        """What didn't fill a run."""
        for to, waiting in self._waiting.items():
            if waiting:
                yield self._run(to, waiting)
        self._waiting.clear()

    def _run(self, to: tuple[str, int], messages: list[Message]) -> TaggedOutput:
        step, group = to
        return TaggedOutput(step, (group, encode_run(messages)))


class FoldGroups(beam.DoFn):  # type: ignore[misc]
    """One step over all its key groups. `operators` are made where they are needed."""

    def __init__(
        self,
        step: str,
        operators: Callable[[], Sequence[Operator[Any]]],
        *,
        rung: int,
        groups: int,
        parts: str,
    ) -> None:
        self._step = step
        self._make = operators
        self._rung = rung
        self._groups = groups
        self._parts = parts

    def setup(self) -> None:
        self._operators = self._make()

    def process(self, element: tuple[int, Iterable[Run]], ends_at: int) -> Iterator[Any]:
        group, encoded = element
        runs = SortedRuns()
        rows = RowParts(Path(self._parts), f"{self._rung:02d}-{self._step}-{group:04d}")
        outbox = Outbox(self._groups)
        try:
            for run in encoded:
                runs.add(run)
            for outcome in FoldGroup(self._operators, self._rung).fold(runs, ends_at + 1):
                if outcome.rows:
                    rows.write(outcome.rows)
                yield from outbox.put(outcome.sends)
            yield from outbox.rest()
            rows.finish()
        finally:
            runs.close()
