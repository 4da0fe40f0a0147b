"""Suites of expectations as files: `config/expectations/*.yaml`, one a subject.

In: a folder of configuration. Out: checked suites. A suite is added by adding a file; an
expectation is an entry in one, and is either `wrong`, SQL of rows that must not be, or
`measure`, SQL of one figure that must lie between `at_least` and `at_most`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from config.load import load_all
from config.problems import ConfigError, Problem

FOLDER: Final = "expectations"
OURS: Final = Path(__file__).parents[2] / "config"

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Meta(min_length=1)]
Subject = Literal["warehouse", "archive"]
Severity = Literal["error", "warning"]


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is expected, and what to do when it isn't so."""

    name: Name
    means: Text
    """The promise, in words."""
    severity: Severity = "error"
    """An error stops what would be published; a warning is only said."""
    looked_at: str | None = None
    """SQL of one number: how much there is to look at."""
    wrong: str | None = None
    """SQL of the rows that must not be, ids first."""
    measure: str | None = None
    """SQL of one figure."""
    at_least: float | None = None
    at_most: float | None = None
    to_do: Text
    """What whoever reads that it failed shall do."""


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The expectations about one subject."""

    suite: Name
    of: Subject
    about: Text
    tables: dict[Name, str] = {}
    """SQL of tables that its expectations share, made in this order."""
    expectations: Annotated[tuple[Expectation, ...], Meta(min_length=1)]


def read_suites(config: Path) -> tuple[Suite, ...]:
    """The suites of a configuration, of ours if it has none; ConfigError with all problems."""
    folder = config / FOLDER
    if not folder.is_dir():
        folder = OURS / FOLDER
    files = sorted(folder.glob("*.yaml"))
    suites: list[Suite] = load_all((file, Suite, check_suite) for file in files)
    problems = [
        Problem(
            file=str(file),
            line=0,
            column=0,
            path="$.suite",
            message=f"must be the file's name; got {suite.suite!r}",
        )
        for file, suite in zip(files, suites, strict=True)
        if suite.suite != file.stem
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(suites)


def check_suite(suite: Suite) -> Iterable[str]:
    """What types can't say of a suite."""
    seen: set[str] = set()
    for number, one in enumerate(suite.expectations):
        at = f"$.expectations[{number}]"
        if one.name in seen:
            yield f"{at}.name: must be given once in a suite; got {one.name!r} again"
        seen.add(one.name)
        if (one.wrong is None) == (one.measure is None):
            yield f"{at}: must have either wrong or measure; rows that must not be, or a figure"
        bounded = one.at_least is not None or one.at_most is not None
        if one.measure is not None and not bounded:
            yield f"{at}.measure: must have at_least, at_most or both; else no figure is wrong"
        if one.wrong is not None and bounded:
            yield f"{at}.wrong: must have no bounds; of such rows there must be none"
