"""YAML text becomes nodes that know their file and line.

Comes in: a file or a text. Goes out: PyYAML nodes, or ConfigError. Promised: a key that stands
twice, a tag and a merge key are errors, which YAML itself would let pass.

Scalars are those of YAML 1.2: `true` and `false` are the only booleans and `22:00` is text, not
a number in base 60. Times stay text, so that they may be written with quotes or without.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from config.problems import ConfigError, Problem, problem_at

DIGITS_MAX = 100
"""Of a whole number; what is longer is text, and no field takes it for a number."""


class _Loader(yaml.SafeLoader):
    """Resolves scalars as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9][0-9_]*", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def read(path: Path | str) -> yaml.Node:
    """The YAML nodes of a file, which know their lines."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise _error(path, f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _error(path, "must be UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> yaml.Node:
    """The YAML nodes of a text; `name` is the file that problems will name."""
    try:
        loader = _Loader(text)
        loader.name = name
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise _error(name, f"is not YAML: {said}", line, column) from None
    except yaml.YAMLError as error:
        raise _error(name, f"is not YAML: {str(error).splitlines()[0]}") from None
    if node is None:
        raise _error(name, "is empty")
    problems = list(_structure(node, "$"))
    if problems:
        raise ConfigError(problems)
    return node


def merge(under: yaml.Node, over: yaml.Node) -> yaml.Node:
    """Both files as one: `over` wins, mappings are merged key by key, lists are replaced."""
    if not (isinstance(under, yaml.MappingNode) and isinstance(over, yaml.MappingNode)):
        return over
    merged = {key.value: (key, value) for key, value in under.value}
    for key, value in over.value:
        before = merged.get(key.value)
        merged[key.value] = (key, merge(before[1], value) if before else value)
    return yaml.MappingNode(under.tag, list(merged.values()), over.start_mark, over.end_mark)


def value_of(node: yaml.Node, aside: set[int]) -> Any:
    """Plain Python of the nodes, without those whose `id` was set aside."""
    if isinstance(node, yaml.MappingNode):
        return {
            key.value: value_of(value, aside) for key, value in node.value if id(value) not in aside
        }
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item, aside) for item in node.value if id(item) not in aside]
    return _scalar(node)


def _scalar(node: yaml.Node) -> object:
    kind = node.tag.rpartition(":")[2]
    if kind == "bool":
        return node.value == "true"
    if kind == "null":
        return None
    if kind == "int" and len(node.value) <= DIGITS_MAX:
        return int(node.value.replace("_", ""))
    if kind == "float":
        return float(node.value.replace("_", ""))
    return node.value


def _error(name: Path | str, said: str, line: int = 0, column: int = 0) -> ConfigError:
    return ConfigError([Problem(file=str(name), line=line, column=column, path="$", message=said)])


def _structure(node: yaml.Node, path: str) -> Iterable[Problem]:
    """Problems that YAML itself lets pass: keys that stand twice, tags, merge keys."""
    if not node.tag.startswith("tag:yaml.org,2002:"):
        yield problem_at(node, path, f"tags aren't supported; got {node.tag}")
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield problem_at(key, path, "a key must be plain text")
                continue
            if key.tag.endswith(":merge"):
                yield problem_at(key, path, "merge keys (<<) aren't supported; write it out")
            line = key.start_mark.line + 1
            if key.value in seen:
                yield problem_at(
                    key, f"{path}.{key.value}", f"stands twice; first in line {seen[key.value]}"
                )
            seen.setdefault(key.value, line)
            yield from _structure(value, f"{path}.{key.value}")
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _structure(item, f"{path}[{number}]")
