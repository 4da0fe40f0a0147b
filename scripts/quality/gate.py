"""May this be published? Everything expected of a warehouse or an archive, in one answer.

In: a path and the configuration. Out: a `Verdict`. What fails with severity error stops; what
warns doesn't. Nothing is changed, and nothing is written but Data Docs where they are wanted.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from config.deployment import Deployment, load_deployment
from config.problems import ConfigError, Problem
from scripts.quality.ask import ask, make_suite_tables, questions_of
from scripts.quality.contract import column_questions, contract_questions
from scripts.quality.judge import judge
from scripts.quality.question import Answer, Finding, Question
from scripts.quality.suites import FOLDER, OURS, Suite, read_suites
from scripts.quality.target import Target


class Verdict(NamedTuple):
    """What was found, in the order of the suites."""

    target: Target
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.outcome == "fails")

    @property
    def warned(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.outcome == "warns")

    @property
    def passed(self) -> bool:
        return not self.failed

    def said(self) -> str:
        """What failed and what is odd, with rows and what to do; empty if nothing is."""
        from scripts.quality.show import in_words  # noqa: PLC0415

        return "\n".join(in_words(one) for one in (*self.failed, *self.warned))


def gate(
    path: Path,
    *,
    config: Path = OURS,
    suites: Sequence[str] = (),
    as_of: int | None = None,
    docs: Path | None = None,
) -> Verdict:
    """Ask everything that is expected of a warehouse, an archive or events as they were sent.

    `suites`: only these; `as_of`: ms UTC, what freshness is measured against; `docs`: a folder
    for Data Docs. Raises ConfigError for a suite or configuration that is wrong and
    NothingToValidate for a path that is neither.
    """
    target = Target(path)
    deployment = load_deployment(config, os.environ)
    declared = [suite for suite in read_suites(config) if suite.of == target.subject]
    answers = list(_answers(target, deployment, _chosen(config, declared, suites, target), as_of))
    return Verdict(target, tuple(judge(answers, docs)))


def generated(subject: str) -> list[Question]:
    """The questions that follow from declarations."""
    return list(column_questions() if subject == "warehouse" else contract_questions())


def _chosen(
    config: Path, declared: list[Suite], names: Sequence[str], target: Target
) -> list[Suite | list[Question]]:
    """Generated suites first, then files; only those that are named if any is."""
    made: dict[str, list[Question]] = {}
    for question in generated(target.subject):
        made.setdefault(question.suite, []).append(question)
    chosen: dict[str, Suite | list[Question]] = {**made, **{one.suite: one for one in declared}}
    unknown = sorted(set(names) - set(chosen))
    if unknown:
        said = f"--suite: must be one of {', '.join(chosen)}; got {', '.join(unknown)}"
        problem = Problem(file=str(config / FOLDER), line=0, column=0, path="$", message=said)
        raise ConfigError([problem])
    return [suite for name, suite in chosen.items() if not names or name in names]


def _answers(
    target: Target,
    deployment: Deployment,
    suites: list[Suite | list[Question]],
    as_of: int | None,
) -> list[Answer]:
    answers: list[Answer] = []
    with target.opened(deployment, as_of) as connection:
        for suite in suites:
            if isinstance(suite, Suite):
                make_suite_tables(connection, suite)
                answers += ask(connection, questions_of(suite))
            else:
                answers += ask(connection, suite)
    return answers
