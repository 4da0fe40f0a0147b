"""`kizuna validate` and the gate: what they answer, print, write and refuse."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from quality_run import Ran
from typer.testing import CliRunner

from config.problems import ConfigError
from scripts import cli
from scripts.quality.gate import gate
from scripts.quality.suites import OURS
from scripts.quality.target import NothingToValidate

DAMAGE = "UPDATE members SET available = available + 1 WHERE member_id = ?"


@pytest.fixture(scope="module")
def damaged(city: Ran, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the warehouse in which one member has a point too many; and who."""
    path = tmp_path_factory.mktemp("damaged") / "warehouse.duckdb"
    shutil.copy(city.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        (who,) = connection.execute("SELECT min(member_id) FROM members").fetchone() or ("",)
        connection.execute(DAMAGE, [who])
    return path, who


def said(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["validate", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_good_warehouse_passes_with_0(city: Ran) -> None:
    code, text = said(city.warehouse.parent, "--suite", "ledger", "--suite", "lots")
    assert code == 0, text
    assert "0 fail" in text
    assert "tiers" not in text


def test_a_point_too_many_is_found_named_and_explained(damaged: tuple[Path, str]) -> None:
    path, who = damaged
    code, text = said(path, "--suite", "ledger")
    assert code == 1
    assert "FAILS  ledger.balances_are_their_entries: 1 of 31 wrong" in text
    assert f"member_id={who}" in text
    assert "what to do: Members are shown another balance" in text
    assert "don't publish it" in text
    verdict = gate(path, suites=["ledger"])
    assert not verdict.passed
    assert [one.name for one in verdict.failed] == ["balances_are_their_entries"]
    assert f"member_id={who}" in verdict.said()


def test_what_warns_stops_nothing(city: Ran, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(city.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE ledger_entries SET programme_version = 'grocer@9'")
    verdict = gate(tmp_path, suites=["ledger"])
    assert verdict.passed
    assert [one.name for one in verdict.warned] == ["versions_are_configured"]
    assert said(path, "--suite", "ledger")[0] == 0


def test_freshness_is_measured_against_as_of(city: Ran) -> None:
    code, text = said(city.warehouse, "--suite", "freshness", "--as-of", "2030-01-01T00:00:00Z")
    assert code == 1
    assert "freshness.known_lately" in text
    assert "at most 24" in text


def test_data_docs_are_whole_and_local(damaged: tuple[Path, str], tmp_path: Path) -> None:
    path, who = damaged
    docs = tmp_path / "docs"
    code, text = said(path, "--suite", "ledger", "--suite", "tiers", "--docs", docs)
    assert code == 1
    assert str(docs / "index.html") in text
    pages = {page.relative_to(docs).parts[0]: page for page in sorted(docs.rglob("*.html"))}
    assert set(pages) == {"index.html", "expectations", "validations"}
    (page,) = (docs / "validations" / "ledger").rglob("*.html")
    html = page.read_text()
    assert "balances_are_their_entries" in html
    assert f"member_id={who}" in html
    assert "What to do: Members are shown another balance" in html
    for each in pages.values():
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*https?://[^>]*>", each.read_text())
        assert loaded == []


def test_nothing_is_written_outside_the_docs_and_nobody_is_told(city: Ran, tmp_path: Path) -> None:
    """In a process of its own: no file in its home or folder, no thread that sends anything."""
    program = (
        "import sys, threading; from pathlib import Path; from scripts.quality.gate import gate; "
        f"assert gate(Path({str(city.warehouse)!r}), suites=['lots'], "
        f"docs=Path({str(tmp_path / 'docs')!r})).passed; "
        "assert 'great_expectations' in sys.modules; "
        "print([each.name for each in threading.enumerate() if each.name != 'MainThread'])"
    )
    home, folder = tmp_path / "home", tmp_path / "folder"
    home.mkdir()
    folder.mkdir()
    root = Path(cli.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"HOME": str(home), "PYTHONPATH": str(root), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not any("posthog" in line.lower() for line in done.stdout.splitlines())
    assert list(home.rglob("*")) == []
    assert list(folder.rglob("*")) == []
    assert (tmp_path / "docs" / "index.html").is_file()


def test_great_expectations_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, scripts.cli, scripts.quality.gate; print('great_expectations' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(cli.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_what_can_t_be_validated_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NothingToValidate, match="must be a warehouse"):
        gate(tmp_path)
    code, text = said(tmp_path)
    assert code == 2
    assert "must be a warehouse" in text
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    with pytest.raises(ConfigError, match=r"--suite: must be one of .*ledger.*; got legder"):
        gate(tmp_path, suites=["legder"])


SUITE = """\
suite: own
of: warehouse
about: Of this deployment.
expectations:
  - name: few_members
    means: There are at most so many members.
    {check}
    to_do: Ask the owner of the programme.
"""


def with_own_suite(tmp_path: Path, check: str) -> Path:
    config = tmp_path / "config"
    shutil.copytree(OURS, config)
    (config / "expectations" / "own.yaml").write_text(SUITE.format(check=check))
    return config


def test_a_deployment_s_own_suite_is_a_file(city: Ran, tmp_path: Path) -> None:
    config = with_own_suite(tmp_path, "measure: SELECT count(*) FROM members\n    at_most: 3")
    verdict = gate(city.warehouse, config=config, suites=["own"])
    assert [one.name for one in verdict.failed] == ["few_members"]
    assert "got 31" in verdict.said()
    assert "(at most 3)" in verdict.said()


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("severity: fatal", r"own.yaml:7:\d+: \$.expectations\[0\].severity: must be"),
        ("wrong: SELECT 1\n    measure: SELECT 1", "must have either wrong or measure"),
        ("measure: SELECT 1", "must have at_least, at_most or both"),
        ("wrong: SELECT 1\n    at_most: 1", "must have no bounds"),
    ],
)
def test_a_wrong_suite_is_refused_with_its_place(check: str, message: str, tmp_path: Path) -> None:
    config = with_own_suite(tmp_path, check)
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    with pytest.raises(ConfigError, match=message):
        gate(tmp_path / "warehouse.duckdb", config=config)


def test_sql_that_can_t_be_run_is_named(city: Ran, tmp_path: Path) -> None:
    config = with_own_suite(tmp_path, "wrong: SELECT nothing FROM members")
    code, text = said(city.warehouse, "--config", config, "--suite", "own")
    assert code == 2
    assert "own.few_members: its SQL can't be run" in text


def test_without_great_expectations_it_says_what_to_install(
    city: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    code, text = said(city.warehouse, "--suite", "lots")
    assert code == 2
    assert "pip install kizuna[quality]" in text
