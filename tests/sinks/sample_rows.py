"""Seeded rows of every class, made from their types: a new field or class is covered by itself."""

import random
from typing import Any

import msgspec
from msgspec import inspect as shapes

from schemas.commands import LoopCommand
from schemas.flow import Row
from sinks.row_batch import ROW_CLASSES, TOLD_CLASSES

KEYS_A_TABLE = 40
SHAPES: dict[type[Row], dict[str, shapes.Type]] = {
    row_class: {
        field.name: shapes.type_info(field.type) for field in msgspec.structs.fields(row_class)
    }
    for row_class in (*ROW_CLASSES, *TOLD_CLASSES)
}


class RowMaker:
    """Rows as operators would write them: the versions of one key count up."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._made = 0

    def epochs(self, count: int, rows_each: int) -> list[list[Row]]:
        return [self.rows(rows_each) for _ in range(count)]

    def rows(self, count: int) -> list[Row]:
        return [self.row(self._random.choice(ROW_CLASSES)) for _ in range(count)]

    def row(self, row_class: type[Row]) -> Row:
        self._made += 1
        values = {name: self._value(shape) for name, shape in SHAPES[row_class].items()}
        for key in row_class.keys:
            one_of = self._random.randrange(KEYS_A_TABLE)
            values[key] = one_of if isinstance(values[key], int) else f"{key}-{one_of}"
        if row_class.keys:
            values["version"] = self._made
        if row_class is LoopCommand:  # these are read again
            about = {self._random.choice(["card", "cookie"]): values["about"]}
            values["command_id"] = f"c-{self._made}"
            values["about"] = msgspec.json.encode(about).decode()
            values["payload"] = msgspec.json.encode({"reason": values["payload"]}).decode()
        return row_class(**values)

    def _value(self, shape: shapes.Type) -> Any:
        pick = self._random
        if isinstance(shape, shapes.Metadata):
            return self._value(shape.type)
        if isinstance(shape, shapes.UnionType):
            return self._value(pick.choice(shape.types))
        if isinstance(shape, shapes.LiteralType):
            return pick.choice(shape.values)
        if isinstance(shape, shapes.IntType):
            return pick.randrange(2_000_000_000_000)
        if isinstance(shape, shapes.FloatType):
            return pick.random()
        if isinstance(shape, shapes.BytesType):
            return pick.randbytes(pick.randrange(12))
        if isinstance(shape, shapes.DictType):
            return {"points": pick.randrange(99), "lines": [{"sku": "a'b", "note": "snow ☃"}]}
        if isinstance(shape, shapes.NoneType):
            return None
        if isinstance(shape, shapes.VarTupleType):
            return tuple(self._value(shape.item_type) for _ in range(pick.randrange(3)))
        if isinstance(shape, shapes.StructType):
            return shape.cls(**{field.name: self._value(field.type) for field in shape.fields})
        assert isinstance(shape, shapes.StrType), shape
        return pick.choice(
            ["", "plain", "it's", 'a "b"\n;--', "NUL \x00 in it", "絆", str(self._made)]
        )
