"""What every struct of the contracts and of the operators' states must be."""

import importlib
import inspect
import pkgutil
import typing

import msgspec
import pytest

import schemas
import transforms
from schemas.flow import Row


def name(struct: type) -> str:
    return f"{struct.__module__}.{struct.__qualname__}"


def structs() -> list[type[msgspec.Struct]]:
    """Every struct class that a module of `schemas` or `transforms` defines."""
    found: dict[str, type[msgspec.Struct]] = {}
    for package in (schemas, transforms):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            for value in vars(importlib.import_module(module.name)).values():
                is_struct = inspect.isclass(value) and issubclass(value, msgspec.Struct)
                if is_struct and value.__module__.split(".")[0] in ("schemas", "transforms"):
                    found[name(value)] = value
    return [found[key] for key in sorted(found)]


STRUCTS = structs()
ROWS = [struct for struct in STRUCTS if issubclass(struct, Row) and struct is not Row]
POSITIONAL = {"schemas.flow.Send"}
"""In flight between two steps of one process, never stored."""


def is_by_keyword(struct: type[msgspec.Struct]) -> bool:
    parameters = inspect.signature(struct).parameters.values()
    return all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)


@pytest.mark.parametrize("struct", STRUCTS, ids=name)
def test_fields_are_given_by_name(struct: type[msgspec.Struct]) -> None:
    """A positional struct whose fields were reordered loads an old snapshot with values swapped."""
    assert is_by_keyword(struct) or name(struct) in POSITIONAL
    assert not struct.__struct_config__.array_like


def test_a_struct_that_forgot_kw_only_is_seen() -> None:
    class Parent(msgspec.Struct, kw_only=True):
        first: int

    class Child(Parent):
        second: int

    assert is_by_keyword(Parent)
    assert not is_by_keyword(Child)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_rows_describe_themselves(row: type[Row]) -> None:
    assert row.__dict__.get("__doc__"), "the docstring becomes the comment of the table"
    hints = typing.get_type_hints(row, include_extras=True)
    for field in row.__struct_fields__:
        described = [
            meta.description
            for meta in getattr(hints[field], "__metadata__", ())
            if isinstance(meta, msgspec.Meta)
        ]
        assert any(described), f"{row.__name__}.{field} has no description"


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_upserted_rows_have_their_keys_and_a_version(row: type[Row]) -> None:
    assert set(row.keys) <= set(row.__struct_fields__)
    assert not row.keys or "version" in row.__struct_fields__


def test_tables_have_one_row_class_each() -> None:
    tables = [row.table for row in ROWS]
    assert len(tables) > 10
    assert sorted(tables) == sorted(set(tables))
