"""The command line: every command explains itself, starts fast, and fails with the right code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from config.problems import ConfigError, Problem
from scripts import cli
from scripts.commands.flow import moment

ROOT = Path(__file__).parents[2]


def leaves(command: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """Every command that does something, with the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(path, command)]
    return [leaf for name, one in inner.items() for leaf in leaves(one, (*path, name))]


COMMANDS = dict(leaves(typer.main.get_command(cli.app)))


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_are_there() -> None:
    assert {
        ("run",),
        ("generate",),
        ("import", "completejourney"),
        ("sort",),
        ("fit", "churn"),
        ("bench", "engine"),
    } <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_worth_reading(words: tuple[str, ...]) -> None:
    """A sentence, an example that calls this command, and a text at every option."""
    command = COMMANDS[words]
    assert f"Example: `kizuna {' '.join(words)}" in command.help
    assert [one.name for one in command.params if not one.help] == []
    assert CliRunner().invoke(cli.app, [*words, "--help"]).exit_code == 0


def test_nothing_heavy_is_imported_for_help() -> None:
    heavy = ("bytewax", "duckdb", "numpy", "scipy", "pyarrow", "msgspec", "rich.progress")
    code = f"import sys, scripts.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "--members", "0", "--days", "1", "--output", "x"], "members"),
        (["generate", "--members", "1"], "Missing option"),
        (["fly"], "No such command"),
        (["run", "--input", "does-not-exist", "--output", "x"], "does not exist"),
        (["run", "--input", ".", "--output", "x", "--as-of", "yesterday"], "for example 2017"),
        (["fit", "churn", "--receipts", "nowhere.csv"], "check the path"),
        (["import", "completejourney", "--months", "13", "--output", "x"], "12"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else one,
)
def test_wrong_usage_exits_2_and_says_why(arguments: list[str], said: str) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_what_a_person_can_put_right_is_no_traceback() -> None:
    problem = Problem(file="a.yaml", line=1, column=2, path="$.b", message="must be …")
    assert cli.exit_code(ConfigError([problem])) == 2
    assert cli.exit_code(PermissionError("out")) == 1
    assert cli.exit_code(KeyError("a bug")) is None


def test_other_events_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "mine.jsonl").write_text("{}\n")
    done = call("generate", "--members", "1", "--days", "1", "--output", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kizuna: ") and "choose another" in done.stderr
    assert (tmp_path / "events" / "mine.jsonl").read_text() == "{}\n"


def test_generate_then_sort(tmp_path: Path) -> None:
    made = call("generate", "--members", "8", "--days", "5", "--output", str(tmp_path))
    assert made.returncode == 0, made.stderr
    assert "events of 8 members" in made.stdout
    assert json.loads((tmp_path / "summary.json").read_text())["members"] == 8
    file = next((tmp_path / "events").rglob("pos.jsonl"))
    in_order = file.read_bytes()
    file.write_bytes(b"".join(reversed(in_order.splitlines(keepends=True))))
    done = call("sort", str(file))
    assert done.returncode == 0 and "lines moved" in done.stdout
    assert sorted(file.read_bytes().splitlines()) == sorted(in_order.splitlines())
    assert "in order" in call("sort", str(file)).stdout


def test_fit_churn_shows_and_writes(tmp_path: Path) -> None:
    lines = ["customer,at,amount"]
    for customer in range(60):
        for day in range(0, 100, 3 + customer % 11):
            if customer % 4 or day < 50:
                amount = 500 + 31 * customer + day
                lines.append(f"{customer},2017-01-01T17:00:00,{amount}".replace("-01-01", on(day)))
    receipts, model = tmp_path / "receipts.csv", tmp_path / "model.yaml"
    receipts.write_text("\n".join(lines))
    done = call("fit", "churn", "--receipts", str(receipts), "--output", str(model))
    assert done.returncode == 0, done.stderr
    assert "60 customers of receipts.csv" in done.stdout
    assert "Foreseen and seen" in done.stdout
    assert "command: kizuna fit churn --receipts receipts.csv --until" in model.read_text()


def on(day: int) -> str:
    month, of_month = divmod(day, 28)
    return f"-{month + 1:02}-{of_month + 1:02}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1483246800000", 1_483_246_800_000),
        ("2017-01-01T05:00:00Z", 1_483_246_800_000),
        ("2017-01-01T00:00:00-05:00", 1_483_246_800_000),
    ],
)
def test_moments(text: str, expected: int) -> None:
    assert moment(text) == expected


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="time with its zone"):
        moment("2017-01-01T00:00:00")
