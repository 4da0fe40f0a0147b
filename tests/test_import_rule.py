"""`transforms` and `schemas` are pure: what they may import, and what they may not call."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PURE_STDLIB = frozenset(
    """__future__ abc base64 binascii bisect calendar collections contextlib copy dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq hmac itertools json math
    numbers operator re statistics string struct types typing unicodedata zlib zoneinfo""".split()
)
ALLOWED = {
    "schemas": PURE_STDLIB | {"schemas", "msgspec"},
    "transforms": PURE_STDLIB
    | {"transforms", "schemas", "msgspec", "xxhash", "typing_extensions"}
    | {"phonenumbers", "email_validator", "cryptography"},
}
# The contracts are files of the package, read like code.
EXCEPTIONS = {("schemas/avro_files.py", "importlib")}

FORBIDDEN_NAMES = frozenset(
    "open print input eval exec compile breakpoint __import__ hash id globals vars".split()
)
FORBIDDEN_ATTRIBUTES = frozenset(
    """utcnow time_ns monotonic perf_counter process_time getrandbits uuid1 uuid4 urandom environ
    getenv read_text write_text read_bytes write_bytes getLogger""".split()
)
FORBIDDEN_CALLS = frozenset(("now", "today", "localtime"))
"""Names that a field may have, but no method that an operator calls."""


def violations(source: str, package: str, name: str = "planted.py") -> list[str]:
    """What a module does that its package may not, a line each."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        for module in _imported(node):
            top = module.split(".")[0]
            if top not in ALLOWED[package] and (name, top) not in EXCEPTIONS:
                found.append(f"{name}:{node.lineno}: imports {module}")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in FORBIDDEN_NAMES:
                found.append(f"{name}:{node.lineno}: uses {node.id}")
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_ATTRIBUTES:
            if (name, "importlib") not in EXCEPTIONS:
                found.append(f"{name}:{node.lineno}: uses .{node.attr}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in FORBIDDEN_CALLS:
                found.append(f"{name}:{node.lineno}: calls .{node.func.attr}()")
            elif node.func.attr == "fromtimestamp" and len(node.args + node.keywords) < 2:
                found.append(f"{name}:{node.lineno}: fromtimestamp without a zone")
    return found


def _imported(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        yield "relative" if node.level else node.module or ""


def modules() -> list[Path]:
    return [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_pure(path: Path) -> None:
    name = path.relative_to(ROOT)
    assert violations(path.read_text(), name.parts[0], str(name)) == []


def test_there_are_modules_to_look_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in modules()}
    assert {"schemas/events.py", "transforms/operator.py", "transforms/decode/decoder.py"} <= names


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import random",
        "from random import random",
        "import logging",
        "import os.path",
        "from pathlib import Path",
        "import uuid",
        "import numpy",
        "from pipelines import loyalty",
        "from . import neighbour",
        "def f():\n    import socket",
        "import datetime\nx = datetime.datetime.now()",
        "from datetime import datetime as d\nx = d.utcnow()",
        "from datetime import date\nx = date.today()",
        "from datetime import datetime\nx = datetime.fromtimestamp(0)",
        "x = open('f')",
        "print(1)",
        "key = hash('member')",
        "f = print\nf(1)",
        "m = __import__('os')",
    ],
)
@pytest.mark.parametrize("package", ["schemas", "transforms"])
def test_a_planted_violation_is_found(source: str, package: str) -> None:
    assert len(violations(source, package)) >= 1


def test_operators_may_import_what_is_pure_and_schemas_less() -> None:
    source = "import xxhash\nfrom schemas.events import Event\nfrom zoneinfo import ZoneInfo"
    assert violations(source, "transforms") == []
    assert violations(source, "schemas") == ["planted.py:1: imports xxhash"]
