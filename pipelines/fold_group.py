"""One key group folded from its beginning to its end: what Beam's adapter runs for each group.

In: a key group's messages, sorted, and the time at which history ends. Out: rows, and what goes
to other keys. It is the same `KeyGroup` that the live flow drives, fed with slices of time instead
of watermarks, so a fold can't differ from the run.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.sorted_runs import SortedRuns
from schemas.flow import Message
from transforms.key_group import KeyGroup, Mark, Outcome
from transforms.operator import Operator

INPUT = "input"


class FoldGroup:
    """`operators`: one rung of the ladder, or accrue, score and decide, which hand on to each
    other what concerns the same member. `rung`: the first one's place in the flow."""

    def __init__(self, operators: Sequence[Operator[Any]], rung: int) -> None:
        alone = len(operators) == 1
        self._groups = [
            KeyGroup(operator, group=0, rung=rung + n, upstreams=[INPUT], passes_on=not alone)
            for n, operator in enumerate(operators)
        ]

    def fold(self, runs: SortedRuns, ends_at: int) -> Iterator[Outcome]:
        """What came of each slice of time; `ends_at`: one past the greatest known_at, ms UTC."""
        for before, messages in runs.slices():
            yield from self._advance(ends_at if before is None else before, messages)

    def _advance(self, mark_at: int, messages: list[Message]) -> Iterator[Outcome]:
        mark = Mark(at=mark_at)
        for group in self._groups:
            group.receive(INPUT, mark, messages)
            outcome = group.advance()
            if outcome is None:
                return
            yield outcome
            messages = outcome.onward
