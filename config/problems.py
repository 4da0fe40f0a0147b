"""What is wrong with config, said so that one look at it suffices.

A problem renders as `config/programmes/coffee.yaml:12:7: $.earn[0].rate: must be a number above
0; got "two"; points a unit of currency`: where, what must be, what was got, and what it is for.
"""

from collections.abc import Iterable

import msgspec
import yaml


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One mistake at one place."""

    file: str
    line: int
    """From 1; 0 where the whole file is meant."""
    column: int
    path: str
    """`$` is the whole file, `$.earn[0].rate` a field in it."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}"


class ConfigError(Exception):
    """Everything that is wrong with what was read, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def problem_at(node: yaml.Node, path: str, message: str) -> Problem:
    """A mistake where a YAML node begins."""
    mark = node.start_mark
    return Problem(
        file=mark.name, line=mark.line + 1, column=mark.column + 1, path=path, message=message
    )
