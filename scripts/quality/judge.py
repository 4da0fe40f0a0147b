"""Great Expectations decides, and writes Data Docs.

In: answers. Out: a finding each and, where a folder is given, its pages: a suite a page, with
what each expectation means, what was observed, the first offending rows and what to do.

The answers of a suite are one small frame, a column each. (Its SQL engine is of no use here: it
gives DuckDB's connection back before it has fetched.) Nothing is written outside the folder:
the context lives in memory, and its telemetry is off.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from scripts.quality.local_pages import make_local
from scripts.quality.question import Answer, Finding, Outcome

SITE: Final = "quality"
_SHOWN_MAX: Final = 6


class NoJudge(RuntimeError):
    """Great Expectations isn't installed; the message says how."""


def judge(answers: Sequence[Answer], docs: Path | None = None) -> list[Finding]:
    """What Great Expectations says of each answer, in their order."""
    gx = _great_expectations()
    context = _context(gx, docs)
    source = context.data_sources.add_pandas("kizuna")
    run = gx.RunIdentifier(run_name="validate", run_time=datetime.now(timezone.utc))
    findings: list[Finding] = []
    for name, each in groupby(answers, key=lambda answer: answer.question.suite):
        found = list(each)
        passed = _validate(gx, context, source, run, name, found)
        findings += [_finding(answer, passed.get(place)) for place, answer in enumerate(found)]
    if docs is not None:
        context.build_data_docs()
        make_local(docs, findings)
    return findings


def _great_expectations() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    warnings.filterwarnings("ignore", module="great_expectations.*")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    try:
        import great_expectations  # noqa: PLC0415
    except ImportError as missing:
        raise NoJudge(
            f"must have the extra `quality`; got no {missing.name}; pip install kizuna[quality]"
        ) from missing
    return great_expectations


def _context(gx: Any, docs: Path | None) -> Any:
    from great_expectations.data_context.types.base import (  # noqa: PLC0415
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs.resolve()) if docs else "",
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={SITE: site} if docs else {},
            progress_bars={"globally": False},
            analytics_enabled=False,
        ),
    )


def _validate(
    gx: Any, context: Any, source: Any, run: Any, name: str, answers: Sequence[Answer]
) -> dict[int, bool]:
    """Which of a suite's answers are as expected, by their place; those without values are left
    out, since there was nothing to look at."""
    import pandas  # noqa: PLC0415
    from great_expectations.expectations import core  # noqa: PLC0415

    columns = _columns(answers)
    if not columns:
        return {}
    suite = gx.ExpectationSuite(name=name)
    for place, answer in enumerate(answers):
        if answer.values:
            question = answer.question
            kind = getattr(core, _class_name(question.expected.type))
            suite.add_expectation(
                kind(
                    column=question.column,
                    severity="critical" if question.severity == "error" else "warning",
                    description=" ".join(_told(answer)),
                    meta={"place": place, "name": question.name},
                    **question.expected.kwargs,
                )
            )
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("answers")
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
    )
    frame = pandas.DataFrame(columns, dtype=object)
    result = definition.run(batch_parameters={"dataframe": frame}, run_id=run)
    return {
        one.expectation_config.meta["place"]: bool(one.success) and not _raised(one)
        for one in result.results
    }


def _raised(result: Any) -> bool:
    return bool(result.exception_info and result.exception_info.get("raised_exception"))


def _columns(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """The frame: a column's values are all that its expectations look at, made equally long by
    saying the last one again."""
    columns: dict[str, list[Any]] = {}
    for answer in answers:
        if answer.values:
            columns.setdefault(answer.question.column, []).extend(answer.values)
    length = max(map(len, columns.values()), default=0)
    return {
        name: values + [values[-1]] * (length - len(values)) for name, values in columns.items()
    }


def _class_name(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_"))


def _told(answer: Answer) -> Iterator[str]:
    """What its page says of an expectation: what it means and, where it isn't so, what to do."""
    question = answer.question
    yield f"{question.name}: {question.means}"
    if answer.wrong:
        yield f"— {answer.wrong:,} wrong, such as"
        yield "; ".join(row_in_words(row) for row in answer.rows) + "."
        yield f"What to do: {question.to_do}"


def row_in_words(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())


def _finding(answer: Answer, passed: bool | None) -> Finding:
    outcome: Outcome = "empty"
    if passed is not None:
        fails: Outcome = "fails" if answer.question.severity == "error" else "warns"
        outcome = "holds" if passed else fails
    shown = ", ".join(_short(value) for value in answer.values[:_SHOWN_MAX])
    return Finding(answer, outcome, shown)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return "null" if value is None else str(value)
