"""YAML files become typed structs, or a list of everything that is wrong with them.

Comes in: a path and the struct that the file must be. Goes out: the struct. Promised: a field
that the struct doesn't have, a key that stands twice and a value of another type are errors,
never guesses; all mistakes of all files are reported at once, each with line and column.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from config.explain import (
    explain,
    explain_missing,
    missing_field,
    required_fields,
    step_into,
    unknown_field,
)
from config.nodes import read, value_of
from config.problems import ConfigError, Problem, problem_at

T = TypeVar("T")
Check = Callable[[Any], Iterable[str]]
"""Finds what types can't say; answers with texts such as `$.rungs[0].rung: must be …`."""

PROBLEMS_MAX = 50
"""Of one file; whoever has more has the wrong file."""
_CHECK_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def load(path: Path | str, kind: type[T], check: Check | None = None) -> T:
    """The struct that a YAML file is; ConfigError with all its problems."""
    return convert(read(path), kind, check)


def load_all(
    files: Iterable[tuple[Path | str, Any, Check | None]],
) -> list[Any]:
    """The structs of several files, in order; ConfigError with the problems of all of them."""
    loaded: list[Any] = []
    problems: list[Problem] = []
    for path, kind, check in files:
        try:
            loaded.append(load(path, kind, check))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return loaded


def convert(node: yaml.Node, kind: type[T], check: Check | None = None) -> T:
    """The struct that the nodes are; ConfigError with everything that is wrong.

    msgspec stops at the first mistake, so what it complains about is set aside and the rest is
    read again, until nothing is left to complain about.
    """
    _demand_strict(kind)
    problems: list[Problem] = []
    aside: set[int] = set()
    while len(problems) < PROBLEMS_MAX:
        try:
            made = msgspec.convert(value_of(node, aside), kind)
        except msgspec.ValidationError as error:
            problems += _set_aside(node, kind, aside, str(error))
            if id(node) in aside:
                break
        else:
            break
    if problems:
        raise ConfigError(problems)
    if check is not None:
        problems = [_checked(node, said) for said in check(made)]
        if problems:
            raise ConfigError(problems)
    return made


def _set_aside(node: yaml.Node, kind: Any, aside: set[int], said: str) -> list[Problem]:
    """The problem that msgspec complains about; its node, and nothing else, is set aside."""
    said, _, place = said.partition(" - at `")
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", place.rstrip("`"))
    trail = [node]
    path = "$"
    expected = msgspec.inspect.type_info(kind)
    for name, number in steps:
        inner = trail[-1]
        if number == "...":
            whole = f"{said} - at `{place}"
            step: str | int = _culprit(node, kind, aside, inner, whole)
        else:
            step = name or int(number)
        child, step = _child(inner, step, aside)
        if child is None:
            break
        expected = step_into(expected, step)
        path += f".{step}" if isinstance(step, str) else f"[{step}]"
        trail.append(child)
    at = trail[-1]
    message = explain(said, value_of(at, aside), expected)
    unknown = unknown_field(said)
    if unknown is not None and isinstance(at, yaml.MappingNode):
        key, value = next(pair for pair in at.value if pair[0].value == unknown)
        aside.add(id(value))
        return [problem_at(key, f"{path}.{unknown}", message)]
    missing = missing_field(said)
    is_poorer = missing is None and any(id(inner) in aside for inner in _below(at))
    aside.add(id(at))
    if is_poorer:
        return []  # it may only be wrong (too short, say) for want of what was set aside
    if missing is None or not isinstance(at, yaml.MappingNode):
        return [problem_at(at, path, message)]
    # What the file has is only missing since it was set aside, with a problem of its own.
    present = {key.value for key, _ in at.value}
    absent = [name for name in required_fields(expected) or [missing] if name not in present]
    return [problem_at(at, path, explain_missing(name, expected)) for name in absent]


def _child(node: yaml.Node, step: str | int, aside: set[int]) -> tuple[yaml.Node | None, str | int]:
    """The node at a step, and the step as it is in the file, where nothing is set aside."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, str(step)
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        left = [(item, at) for at, item in enumerate(node.value) if id(item) not in aside]
        if step < len(left):
            return left[step]
    return None, step


def _below(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        inner = [value for _, value in node.value]
    else:
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
    for each in inner:
        yield each
        yield from _below(each)


def _culprit(node: yaml.Node, kind: Any, aside: set[int], inner: yaml.Node, error: str) -> str:
    """Which key of a mapping is meant where msgspec says `[...]`: the one that fails alone."""
    pairs = [(key.value, id(value)) for key, value in inner.value if id(value) not in aside]
    for name, kept in pairs:
        others = {other for _, other in pairs if other != kept}
        try:
            msgspec.convert(value_of(node, aside | others), kind)
        except msgspec.ValidationError as alone:
            if str(alone) == error:
                return str(name)
        except RecursionError:
            break
    return ""


def _checked(node: yaml.Node, said: str) -> Problem:
    """A check's own text, at the line of the path that it begins with."""
    path, _, message = said.partition(": ")
    at = node
    for name, number in _CHECK_STEP.findall(path):
        child, _ = _child(at, name or int(number), set())
        if child is None:
            break
        at = child
    return problem_at(at, path, message) if message else problem_at(node, "$", said)


def _demand_strict(kind: Any) -> None:
    """Every struct within forbids unknown fields; a struct that doesn't is our own mistake."""
    lax = sorted(_lax(msgspec.inspect.type_info(kind), set()))
    assert not lax, f"config structs must forbid unknown fields: {', '.join(lax)}"


def _lax(info: Any, seen: set[type]) -> Iterable[str]:
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        if not info.forbid_unknown_fields:
            yield info.cls.__name__
        for field in info.fields:
            yield from _lax(field.type, seen)
    elif isinstance(info, msgspec.Struct):
        for name in info.__struct_fields__:
            value = getattr(info, name)
            inner: Sequence[Any] = value if isinstance(value, tuple) else (value,)
            for each in inner:
                if isinstance(each, msgspec.inspect.Type):
                    yield from _lax(each, seen)
