"""A deployment's own programmes beside the markets that ship: which of these are there."""

import shutil
from pathlib import Path

import pytest

from config.deployment import HERE, load_deployment
from config.problems import ConfigError

OURS = ["airline", "beauty", "club", "coffee", "sport", "stamps", "us"]


def folder(path: Path, settings: str, *programmes: str) -> Path:
    """Our configuration with other settings, and only these of our programmes."""
    shutil.copytree(HERE, path, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    for file in (path / "programmes").glob("*.yaml"):
        if file.stem not in programmes:
            file.unlink()
    (path / "default.yaml").write_text(settings)
    return path


def test_all_that_ships_loads_together() -> None:
    loaded = load_deployment(HERE, {})
    assert sorted(loaded.settings.markets) == OURS
    assert sorted(m for one in loaded.programmes for m in one.markets) == OURS


@pytest.mark.parametrize("settings", ["key_groups: 8\n", "markets: {us: {region: CA}}\n"])
def test_a_market_of_ours_without_its_programme_is_left_out(tmp_path: Path, settings: str) -> None:
    """So a folder from before a programme shipped still loads."""
    loaded = load_deployment(folder(tmp_path / "own", settings, "grocer"), {})
    assert list(loaded.settings.markets) == ["us"]
    assert [one.programme for one in loaded.programmes] == ["grocer"]


def test_a_deployment_need_not_have_the_grocer(tmp_path: Path) -> None:
    loaded = load_deployment(folder(tmp_path / "own", "key_groups: 8\n", "coffee"), {})
    assert list(loaded.settings.markets) == ["coffee"]


def test_a_market_of_ones_own_must_have_its_programme(tmp_path: Path) -> None:
    said = "markets: {us: {programme: grocer}, coffee: {programme: coffee}}\n"
    with pytest.raises(ConfigError, match=r"markets\.coffee\.programme: must be a programme"):
        load_deployment(folder(tmp_path / "own", said, "grocer"), {})


def test_without_any_programme_all_markets_are_missed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"markets\.us\.programme: must be a programme"):
        load_deployment(folder(tmp_path / "own", "key_groups: 8\n"), {})
