"""What a table of the comparison is: its name, what it says, its columns and its query.

The queries read two attached warehouses, `baseline` and `alternative`, the temporary views of
`scripts.simulate.sides`, and the tables made before them.
"""

from collections.abc import Mapping
from typing import NamedTuple


class ComparedTable(NamedTuple):
    """`columns`: each with its comment, in the order of the query."""

    name: str
    comment: str
    columns: Mapping[str, str]
    sql: str


BOTH = {
    "baseline": "by the current configuration",
    "alternative": "by the other configuration",
    "difference": "alternative less baseline",
}
"""The columns of a figure that stands in both."""
