"""The settings of a run: defaults, a deployment's file, the environment, the command line.

Comes in: those four, weakest first. Goes out: checked `Settings` and where each came from.
Promised: a wrong value anywhere is reported with its place, together with all others; a
variable that looks like a setting and is none is warned of.

A variable holds YAML: `KIZUNA_KEY_GROUPS=8`; `__` steps inside: `KIZUNA_BLOCKED__VALUES='["", x]'`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import yaml

from config.load import convert
from config.nodes import merge, parse, read
from config.problems import ConfigError, Problem
from config.secret_keys import SECRETS
from schemas.settings import Settings

DEFAULTS = Path(__file__).with_name("default.yaml")
PREFIX = "KIZUNA_"
OTHERS = (*SECRETS, "KIZUNA_METRICS_HOST", "KIZUNA_TEST_", "KIZUNA_FAULTS_")
"""How variables of ours begin that aren't settings."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, the place that each came from (`key_groups`: `environment KIZUNA_KEY_GROUPS`),
    and warnings, a line each, for the caller to print."""

    settings: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...] = ()


def load_settings(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Loaded:
    """Merge what was set; `options` are settings by name, as given on the command line.

    An option that is None wasn't given. ConfigError names every problem of every layer.
    """
    layers: list[yaml.Node] = [read(DEFAULTS)]
    warnings: list[str] = []
    problems: list[Problem] = []
    for text, name, path in _texts(file, environ or {}, options or {}, warnings):
        try:
            layers.append(_nested(path, parse(text, name)) if path else read(name))
        except ConfigError as error:
            problems += error.problems
    merged = layers[0]
    for layer in layers[1:]:
        merged = merge(merged, layer)
    try:
        settings = convert(merged, Settings, check_settings)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return Loaded(settings=settings, origins=dict(_origins(merged)), warnings=tuple(warnings))


def check_settings(settings: Settings) -> Iterable[str]:
    """What the types of settings can't say."""
    for name, market in settings.markets.items():
        try:
            ZoneInfo(market.time_zone)
        except (OSError, ValueError, LookupError):
            yield (
                f"$.markets.{name}.time_zone: must be an IANA name; got {market.time_zone!r}; "
                "for example America/New_York"
            )
    for number, pattern in enumerate(settings.blocked.patterns):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"$.blocked.patterns[{number}]: must be a regular expression; {error}"


def _texts(
    file: Path | None,
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    warnings: list[str],
) -> Iterable[tuple[str, str, list[str]]]:
    """The layers above the defaults: YAML text, what problems call it, and the setting it is of."""
    if file is not None:
        yield "", str(file), []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(OTHERS):
            continue
        path = variable[len(PREFIX) :].lower().split("__")
        if path[0] in Settings.__struct_fields__:
            yield environ[variable], f"environment {variable}", path
        else:
            close = difflib.get_close_matches(path[0], Settings.__struct_fields__, n=1)
            said = f"did you mean {PREFIX}{close[0].upper()}?" if close else "it is ignored"
            warnings.append(f"{variable} is not a setting; {said}")
    for name, value in options.items():
        if value is not None:
            text = msgspec.json.encode(value).decode()
            yield text, f"option --{name.replace('_', '-')}", [name]


def _nested(path: list[str], node: yaml.Node) -> yaml.Node:
    """A node as the value of a setting: `a: {b: node}` for the path a, b."""
    for name in reversed(path):
        key = yaml.ScalarNode("tag:yaml.org,2002:str", name, node.start_mark, node.end_mark)
        node = yaml.MappingNode(
            "tag:yaml.org,2002:map", [(key, node)], node.start_mark, node.end_mark
        )
    return node


def _origins(node: yaml.Node, path: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(node, yaml.MappingNode) and node.value:
        for key, value in node.value:
            yield from _origins(value, f"{path}.{key.value}" if path else key.value)
    else:
        yield path, node.start_mark.name
