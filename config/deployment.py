"""A whole configuration folder: everything that programme owners write, checked together.

In: a folder laid out like this one (`default.yaml`, `ladder.yaml`, `conversation.yaml`,
`programmes/`, `journeys/`, `models/`; `topics.yaml` may be missing) and the environment. Out: a
`Deployment`, or one ConfigError with every problem of every file.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from config.load import load, load_all
from config.problems import ConfigError, Problem
from config.secret_keys import Secrets, load_secrets
from config.settings import DEFAULTS, Loaded, load_settings
from schemas.churn_model import ChurnModel
from schemas.journeys import Conversation, Journey
from schemas.ladder import Ladder, check_ladder
from schemas.programme import Programme
from schemas.settings import Settings
from schemas.topics import Topics, check_topics

HERE = Path(__file__).parent

Check = Callable[[Any], Iterable[str]]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is configured with."""

    settings: Settings
    secrets: Secrets
    ladder: Ladder
    programmes: tuple[Programme, ...]
    models: tuple[ChurnModel, ...]
    journeys: tuple[Journey, ...]
    conversation: Conversation
    topics: Topics
    warnings: tuple[str, ...] = ()


def check_markets(settings: Settings, programmes: Iterable[Programme]) -> Iterable[str]:
    """Every market has the one programme that it names, and that programme names the market."""
    named = {programme.programme: programme for programme in programmes}
    for name, market in settings.markets.items():
        programme = named.get(market.programme)
        if programme is None or name not in programme.markets:
            yield (
                f"markets.{name}.programme: must be a programme whose markets hold {name!r}; got "
                f"{market.programme!r}; there are {', '.join(sorted(named)) or 'none'}"
            )
    for other in named.values():
        for name in other.markets:
            market = settings.markets.get(name)
            if market is None or market.programme != other.programme:
                yield (
                    f"markets: programme {other.programme!r} names the market {name!r}, which "
                    f"{'is not there' if market is None else f'names {market.programme!r}'}; "
                    "a market has one programme"
                )


def _without_unused(loaded: Loaded, programmes: Iterable[Programme]) -> Settings:
    """The settings without those of our own markets whose programme this folder doesn't have: a
    deployment that keeps only its own programmes needn't know of ours."""
    named = {programme.programme for programme in programmes}
    ours = str(DEFAULTS)
    markets = {
        name: market
        for name, market in loaded.settings.markets.items()
        if market.programme in named or loaded.origins[f"markets.{name}.programme"] != ours
    }
    return msgspec.structs.replace(loaded.settings, markets=markets or loaded.settings.markets)


def load_deployment(
    folder: Path,
    environ: Mapping[str, str],
    *,
    check_programme: Check | None = None,
    check_journeys: Callable[[Iterable[Journey], Conversation], Iterable[str]] | None = None,
) -> Deployment:
    """Everything in `folder`; the checks are those of the operators that will use it.

    Raises ConfigError naming each bad file, the field's path, what it must be and what it is.
    """
    problems: list[Problem] = []

    def attempt(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ConfigError as error:
            problems.extend(error.problems)
            return None

    def folder_of(name: str, kind: type[Any], check: Check | None) -> list[Any]:
        files = sorted((folder / name).glob("*.yaml"))
        return attempt(lambda: load_all((file, kind, check) for file in files)) or []

    own = folder / "default.yaml"
    loaded = attempt(lambda: load_settings(own if folder != HERE else None, environ))
    secrets = attempt(lambda: load_secrets(environ))
    ladder = attempt(lambda: load(folder / "ladder.yaml", Ladder, check_ladder))
    programmes = folder_of("programmes", Programme, check_programme)
    models = folder_of("models", ChurnModel, None)
    journeys = folder_of("journeys", Journey, None)
    conversation = attempt(lambda: load(folder / "conversation.yaml", Conversation))
    declared = folder / "topics.yaml"
    topics = attempt(
        lambda: load(declared if declared.exists() else HERE / "topics.yaml", Topics, check_topics)
    )
    if not problems:
        settings = _without_unused(loaded, programmes)
        problems.extend(
            Problem(file=str(own), line=0, column=0, path="$", message=said)
            for said in check_markets(settings, programmes)
        )
    if not problems and check_journeys is not None:
        problems.extend(
            Problem(file=str(folder / "journeys"), line=0, column=0, path="$", message=said)
            for said in check_journeys(journeys, conversation)
        )
    if problems:
        raise ConfigError(problems)
    return Deployment(
        settings=settings,
        secrets=secrets,
        ladder=ladder,
        programmes=tuple(programmes),
        models=tuple(models),
        journeys=tuple(journeys),
        conversation=conversation,
        topics=topics,
        warnings=(*loaded.warnings, *secrets.warnings),
    )
