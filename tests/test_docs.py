"""What a user can write, see or be told is documented, and what the docs name exists."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
import typer

from config.secret_keys import SECRETS
from schemas import (
    challenges,
    earn_rules,
    journeys,
    ladder,
    membership,
    programme,
    rewards,
    settings,
    tiers,
)
from schemas.decisions import CHANNELS, DECISION_REASONS, LEFT_BECAUSE, Decision
from schemas.events import EVENT_TYPES, NAMESPACES, SOURCES
from schemas.ledger import Account, EntryKind, RedemptionCode
from schemas.payloads import Line, Tender
from schemas.refusals import REASONS
from scripts import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
WORD = re.compile(r"--[a-z][a-z-]+|[A-Za-z_][A-Za-z0-9_]*")
HYPHENED = re.compile(r"[a-z]+(?:-[a-z]+)+")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def code_words(page: str) -> set[str]:
    """Every word that stands in code on a page: in `spans` and in fenced blocks."""
    text = text_of(page)
    code = [body for _, body in FENCE.findall(text)] + SPAN.findall(FENCE.sub("", text))
    return {word for part in code for word in (*WORD.findall(part), *HYPHENED.findall(part))}


def keys_of(*modules: object) -> set[str]:
    """The keys of every struct that a module defines, as YAML spells them."""
    found: set[str] = set()
    for module in modules:
        for struct in vars(module).values():
            is_struct = isinstance(struct, type) and issubclass(struct, msgspec.Struct)
            if is_struct and struct.__module__ == module.__name__ and struct.__name__[0] != "_":
                found |= {field.encode_name for field in msgspec.structs.fields(struct)}
    return found


def tags_of(union: Any) -> set[str]:
    """The kinds of a tagged union, as YAML spells them."""
    return {str(kind.__struct_config__.tag) for kind in get_args(union)}


def choices_of(module: object) -> set[str]:
    """The words that the fields of a module's structs choose among."""

    def words(kind: Any) -> Iterator[str]:
        for inner in get_args(kind):
            if isinstance(inner, str):
                yield inner
            else:
                yield from words(inner)

    structs = [one for one in vars(module).values() if isinstance(one, type)]
    own = [one for one in structs if one.__module__ == getattr(module, "__name__", "")]
    return {word for one in own for kind in get_type_hints(one).values() for word in words(kind)}


def commands() -> Iterator[tuple[str, Any]]:
    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
        else:
            for name, one in inner.items():
                yield from walk(one, (*words, name))

    yield from walk(typer.main.get_command(cli.app), ())


COMMANDS = dict(commands())
DECODE_ONLY = {"peppers", "quarantine_key", "version", "key"}
"""Of `schemas.settings`, what comes from the environment and stands in no file."""


def environment_variables() -> set[str]:
    """Every KIZUNA_ variable that can be set: secrets, settings, and what the tests read."""
    named = {f"KIZUNA_{name.upper()}" for name in settings.Settings.__struct_fields__}
    for folder in ("config", "pipelines", "scripts", "sinks", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r"environ\S*[(\[]\"(KIZUNA_[A-Z_]+)\"", file.read_text()))
    return named | set(SECRETS)


DOCUMENTED = {
    "event types": (set(EVENT_TYPES), "docs/events.md"),
    "namespaces": (set(NAMESPACES), "docs/events.md"),
    "sources": (set(SOURCES), "docs/events.md"),
    "fields of lines and tenders": (
        {*Line.__struct_fields__, *Tender.__struct_fields__},
        "docs/events.md",
    ),
    "quarantine reasons": (set(REASONS), "docs/events.md"),
    "ladder keys": (keys_of(ladder), "docs/identity.md"),
    "programme keys": (keys_of(programme), "docs/programmes.md"),
    "keys of earn rules": (keys_of(earn_rules), "docs/earning.md"),
    "earn rules": (tags_of(earn_rules.AnyEarnRule), "docs/earning.md"),
    "choices of earn rules": (choices_of(earn_rules), "docs/earning.md"),
    "events of an order": (set(get_args(programme.Earning)), "docs/earning.md"),
    "keys of tiers and expiry": (keys_of(tiers), "docs/tiers_and_expiry.md"),
    "choices of tiers and expiry": (choices_of(tiers), "docs/tiers_and_expiry.md"),
    "keys of challenges": (keys_of(challenges), "docs/challenges.md"),
    "choices of challenges": (
        choices_of(challenges) - set(get_args(earn_rules.ActionType)),
        "docs/challenges.md",
    ),
    "keys of paid plans": (keys_of(membership), "docs/offers.md"),
    "keys of offers, gifts and prizes": (
        keys_of(rewards) - set(rewards.Reward.__struct_fields__),
        "docs/offers.md",
    ),
    "keys of rewards": (set(rewards.Reward.__struct_fields__), "docs/ledger.md"),
    "accounts": (set(get_args(Account)), "docs/ledger.md"),
    "entry kinds": (set(get_args(EntryKind)), "docs/ledger.md"),
    "redemption codes": (set(get_args(RedemptionCode)), "docs/ledger.md"),
    "journey and policy keys": (keys_of(journeys), "docs/journeys.md"),
    "decision reasons": (set(DECISION_REASONS), "docs/journeys.md"),
    "decision outcomes": (
        set(get_args(get_type_hints(Decision)["outcome"])),
        "docs/journeys.md",
    ),
    "why journeys are left": (set(LEFT_BECAUSE), "docs/journeys.md"),
    "channels": (set(CHANNELS), "docs/journeys.md"),
    "settings": (keys_of(settings) - DECODE_ONLY, "docs/running.md"),
    "make targets": (
        set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE)),
        "docs/running.md",
    ),
}


@pytest.mark.parametrize("what", DOCUMENTED)
def test_the_vocabulary_is_documented(what: str) -> None:
    names, page = DOCUMENTED[what]
    assert len(names) > 1, "nothing was found to look for"
    assert sorted(names - code_words(page)) == [], f"missing in {page}"


def test_environment_variables_are_documented() -> None:
    found = environment_variables()
    assert {"KIZUNA_PEPPER", "KIZUNA_KEY_GROUPS", "KIZUNA_TEST_SEED"} <= found
    assert sorted(found - code_words("docs/running.md") - code_words("CONTRIBUTING.md")) == []


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    below = text_of(page).split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table is not None
    lines = [line for line in table[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def spans(cell: str) -> set[str]:
    return set(SPAN.findall(cell))


def test_the_table_of_types_is_the_contract() -> None:
    """Who may send a type, what it must and may carry, and which ids are remembered."""
    said = {}
    for types, sources, must, may, _ in rows_of("docs/events.md", "## Types"):
        for name in spans(types):
            assert name not in said, f"{name} stands twice"
            said[name] = (spans(sources), spans(must), spans(may), "€" in types)
    holds = {}
    for name, kind in EVENT_TYPES.items():
        fields = msgspec.structs.fields(kind.payload)
        must = {field.encode_name for field in fields if field.required}
        may = {field.encode_name for field in fields if not field.required}
        holds[name] = (set(kind.sources), must, may, kind.money)
    assert said == holds


def test_the_table_of_commands_is_the_command_line() -> None:
    said = {}
    for words, options, _ in rows_of("docs/running.md", "## Commands"):
        name = " ".join(re.findall(r"[a-z-]+", re.sub(r"\[?[A-Z…]+\]?", "", words)))
        said[name] = spans(options)
    holds = {
        name: {
            option
            for parameter in command.params
            if parameter.param_type_name == "option"
            for option in parameter.opts
            if option != "--help"
        }
        for name, command in COMMANDS.items()
    }
    assert said == holds


def command_lines(text: str) -> Iterator[str]:
    """What a page tells to type, in blocks and in spans; messages that it quotes (>) aside."""
    for language, body in FENCE.findall(text):
        if language in ("", "sh"):
            yield from body.replace("\\\n", " ").splitlines()
    prose = re.sub(r"^>.*$", "", FENCE.sub("", text), flags=re.MULTILINE)
    yield from SPAN.findall(prose)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_exist(page: Path) -> None:
    """Each `kizuna …` names a command, and options that it has."""
    for line in command_lines(page.read_text()):
        called = re.match(r"\s*(?:\.venv/bin/)?kizuna ((?:[a-z][a-z-]* ?)+)", line)
        groups = {one.partition(" ")[0] for one in COMMANDS if " " in one}
        if called is None or called[1] in groups:
            continue
        name = next((one for one in COMMANDS if f"{called[1]} ".startswith(f"{one} ")), None)
        assert name is not None, line
        known = {option for each in COMMANDS[name].params for option in each.opts}
        if COMMANDS[name].context_settings.get("ignore_unknown_options"):
            continue  # what it doesn't know is another program's
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= known | {"--help"}, line


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        found = file.exists() and (not anchor or (file.suffix == ".md" and anchor in anchors(file)))
        if not found:
            broken.append(target)
    assert broken == []


def test_modules_named_in_the_docs_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"python -m ((?:scripts|pipelines)[\w.]*)", page.read_text()):
            assert importlib.util.find_spec(name) is not None, f"{page.name}: {name}"


def test_the_docs_name_no_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(?:work|root|home|Users|tmp)/", page.read_text()), (
            page.name
        )
