"""The report about the small city: its figures, that it fits a terminal, and its queries."""

import io
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from small_city import ROWS, build_small_city, ms

from schemas.decisions import CHANNELS, Decision, Trigger
from scripts import report_queries
from scripts.report import _cell, ask, report
from scripts.report_queries import STITCHING, TRY_NEXT, Figure
from sinks.duckdb.create import create_warehouse

FIGURES = [value for value in vars(report_queries).values() if isinstance(value, Figure)]
NOBODY = None
ROOT = Path(__file__).parents[2]


def write_truth(directory: Path) -> None:
    """w-2 was Ana's and decidable, and isn't hers in the warehouse: recall. p-2 is undecidable."""
    rows = [
        ("pos", "p-1", "sale", "ana", True, ms("2017-03-01"), None),
        ("pos", "p-1", "sale", "ana", True, ms("2017-03-01"), "p-1"),
        ("pos", "p-2", "sale", "ana", False, None, None),
        ("pos", "p-3", "sale", "ben", True, ms("2017-03-03"), None),
        ("pos", "p-4", "sale", NOBODY, True, None, None),
        ("pos", "p-5", "return", "ben", True, ms("2017-03-05"), None),
        ("web", "w-1", "page_viewed", "ben", True, ms("2017-03-06"), None),
        ("web", "w-2", "page_viewed", "ana", True, ms("2017-03-07"), None),
        ("web", "w-3", "page_viewed", NOBODY, True, None, None),
    ]
    names = ["source", "event_id", "type", "person", "decidable", "attributable_by"]
    columns = dict(zip([*names, "duplicate_of"], zip(*rows, strict=True), strict=True))
    columns["reads_as"] = columns["person"]
    directory.mkdir()
    pq.write_table(
        pa.table({name: pa.array(list(values)) for name, values in columns.items()}),
        directory / "events.parquet",
    )
    people = {"member_id": ["ana", "ben"], "other_accounts": [[], ["ben-too"]]}
    pq.write_table(pa.table(people), directory / "people.parquet")


@pytest.fixture
def city(tmp_path: Path) -> Path:
    build_small_city(tmp_path / "warehouse.duckdb")
    write_truth(tmp_path / "truth")
    return tmp_path


def printed(city: Path, *, truth: bool = True) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100)
    report(city / "warehouse.duckdb", city / "truth" if truth else None, console, 2.0, 1234)
    return out.getvalue()


def cells(text: str, *wanted: str) -> bool:
    """Is there a line with these words next to each other?"""
    return any(" ".join(wanted) in " ".join(line.split()) for line in text.splitlines())


@pytest.mark.parametrize(
    "wanted",
    [
        ("1,234", "events", "in", "2.0", "s", "617", "events", "per", "second"),
        ("purchase", "5", "20.00%", "100.00%", "100.00%", "0", "0"),
        ("browse", "3", "0.00%", "0.00%", "0.00%", "1", "0"),
        ("all", "events", "8", "12.50%", "75.00%", "60.00%", "1", "0"),
        ("issued", "180", "100.00%"),
        ("pending", "30", "16.67%"),
        ("available", "40", "22.22%"),
        ("held", "0"),
        ("redeemed", "60", "33.33%"),
        ("reversed", "50", "27.78%"),
        ("2017-09", "90", "0.90"),
        ("gold", "1", "33.33%", "60"),
        ("high", "1", "33.33%", "0.40"),
        ("push", "–", "2"),
        ("no_consent", "2"),
        ("unknown_type", "1", "type:", "must", "be"),
    ],
)
def test_figures(city: Path, wanted: tuple[str, ...]) -> None:
    assert cells(printed(city), *wanted), printed(city)


def test_it_fits_a_hundred_columns_and_cuts_nothing(city: Path) -> None:
    journeys = sorted(path.stem for path in (ROOT / "config" / "journeys").glob("*.yaml"))
    busy = [
        msgspec.structs.replace(row, journey=journey, channel=channel)
        for row in ROWS
        if isinstance(row, Trigger | Decision)
        for journey in journeys
        for channel in CHANNELS
    ]
    build_small_city(city / "warehouse.duckdb", (*ROWS, *busy))
    text = printed(city)
    words = " ".join(text.split())
    assert all(journey.replace("_", " ") in words for journey in journeys)
    assert max(len(line) for line in text.splitlines() if "python -c" not in line) <= 100
    assert "…" not in text


def test_it_shows_the_queries_to_try_with_their_output(city: Path) -> None:
    text = printed(city)
    for figure in TRY_NEXT:
        assert figure.title in text
        assert "FROM" in figure.sql
    assert cells(text, "ana", "gold", "60", "high", "900.00")
    assert cells(text, "redeem", "available", "→", "redeemed", "40", "1", "pos/sale-3")
    assert cells(text, "win_back", "tell", "suppressed", "no_consent")


def test_almost_everything_is_not_everything() -> None:
    assert _cell("recall", 0.999999) == "99.99%"
    assert _cell("recall", 1.0) == "100.00%"


def test_without_truth_it_says_nothing_about_it(city: Path) -> None:
    assert STITCHING.title in printed(city)
    assert STITCHING.title not in printed(city, truth=False)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.title)
def test_an_empty_warehouse_is_reported_too(figure: Figure, tmp_path: Path) -> None:
    create_warehouse(tmp_path / "warehouse.duckdb")
    write_truth(tmp_path / "truth")
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True)
    con.execute(f"CREATE TEMP VIEW truth AS FROM '{tmp_path / 'truth' / 'events.parquet'}'")
    con.execute("CREATE TEMP TABLE truth_accounts (account VARCHAR, person VARCHAR)")
    assert ask(con, figure).columns
    con.close()
    assert "none" in printed(tmp_path)
