"""What is asked of the data and what came of it, wherever the question was declared."""

from typing import Any, Literal, NamedTuple

Outcome = Literal["holds", "fails", "warns", "empty"]


class Expected(NamedTuple):
    """One expectation as Great Expectations knows it: its type, and what else it is told."""

    type: str
    kwargs: dict[str, Any]


class Question(NamedTuple):
    """An expectation that can be asked.

    `wrong`: SQL of offending rows, None for a figure. `values`: SQL of one list, the values that
    the column of the frame shall hold; they decide. `looked_at`: SQL of one number.
    """

    suite: str
    name: str
    means: str
    severity: str
    to_do: str
    column: str
    expected: Expected
    values: str | None
    wrong: str | None
    looked_at: str | None = None


class Answer(NamedTuple):
    """`values`: what the frame's column holds; `rows`: the first offending rows."""

    question: Question
    values: list[Any]
    looked_at: int | None
    wrong: int
    rows: list[dict[str, Any]]


class Finding(NamedTuple):
    """An answer that was judged. `observed`: the figure or values that were judged, in words."""

    answer: Answer
    outcome: Outcome
    observed: str

    @property
    def suite(self) -> str:
        return self.answer.question.suite

    @property
    def name(self) -> str:
        return self.answer.question.name
