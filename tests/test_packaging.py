"""What is installed is what is there."""

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()


def test_every_package_is_listed() -> None:
    listed = PROJECT["tool"]["setuptools"]["packages"]
    tops = {name.split(".")[0] for name in listed}
    folders = {path.parent for top in tops for path in (ROOT / top).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
    assert sorted(listed) == sorted(".".join(folder.relative_to(ROOT).parts) for folder in folders)


def test_the_lock_has_hashes_and_no_addresses() -> None:
    assert "://" not in LOCK
    assert "--index-url" not in LOCK and "--find-links" not in LOCK
    pins = [line for line in LOCK.splitlines() if line and line[0].isalnum()]
    assert all("==" in pin and pin.endswith("\\") for pin in pins)


def test_the_lock_has_what_the_project_needs() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    needed = PROJECT["project"]["dependencies"] + extras["demo"] + extras["dev"]
    pinned = {line.split("==")[0].replace("_", "-") for line in LOCK.splitlines() if "==" in line}
    for requirement in needed:
        name = requirement.split("=")[0].split(">")[0].split("<")[0].lower().replace("_", "-")
        assert name in pinned, f"{requirement} is not in requirements.lock: run make lock"
