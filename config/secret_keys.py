"""Secrets, which come from the environment and from nowhere else.

* `KIZUNA_PEPPER`: `v2:<hex>,v1:<hex>`, keys of pseudonyms, at least 16 bytes; the first writes.
* `KIZUNA_QUARANTINE_KEY`: 32 or 64 bytes in hex or base64; encrypts refused records.
* `KIZUNA_ERASURE_KEY`: 32 or 64 bytes in hex or base64; keeps what is known of erased people.
* `KIZUNA_KAFKA_USERNAME` and `KIZUNA_KAFKA_PASSWORD`: both or neither; of SASL.
* `KIZUNA_REGISTRY_AUTH`: `user:password` of the schema registry.

Promised: a secret appears in no message and no `repr`. Without one of the first three a value for
development is used, and a warning says so: pseudonyms made with it can be reversed by anybody
who has this source.
"""

import base64
import binascii
import re
from collections.abc import Mapping

import msgspec

from config.problems import ConfigError, Problem
from schemas.settings import DecodeSettings, Pepper, Settings

PEPPER = "KIZUNA_PEPPER"
QUARANTINE_KEY = "KIZUNA_QUARANTINE_KEY"
ERASURE_KEY = "KIZUNA_ERASURE_KEY"
KAFKA_USERNAME = "KIZUNA_KAFKA_USERNAME"
KAFKA_PASSWORD = "KIZUNA_KAFKA_PASSWORD"
REGISTRY_AUTH = "KIZUNA_REGISTRY_AUTH"
SECRETS = (PEPPER, QUARANTINE_KEY, ERASURE_KEY, KAFKA_USERNAME, KAFKA_PASSWORD, REGISTRY_AUTH)
PEPPER_BYTES_MIN = 16
QUARANTINE_KEY_BYTES = (32, 64)

DEVELOPMENT_PEPPER = Pepper(version="v0", key=b"kizuna development pepper")
DEVELOPMENT_QUARANTINE_KEY = b"kizuna development quarantine key, not secret at all, 64 bytes!!"
DEVELOPMENT_ERASURE_KEY = b"kizuna development erasure key!!"

_VERSION = re.compile(r"v[0-9]{1,9}")


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be seen; `warnings` are for the caller to print."""

    peppers: tuple[Pepper, ...]
    quarantine_key: bytes
    erasure_key: bytes = DEVELOPMENT_ERASURE_KEY
    kafka: tuple[str, str] | None = None
    """User name and password; None: brokers want none."""
    registry: str | None = None
    """user:password; None: the registry wants none."""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Secrets({len(self.peppers)} peppers)"


def load_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets in the environment; ConfigError with all that is wrong, without its value."""
    problems: list[Problem] = []
    warnings: list[str] = []
    peppers: tuple[Pepper, ...] = (DEVELOPMENT_PEPPER,)
    key = DEVELOPMENT_QUARANTINE_KEY
    erasure_key = DEVELOPMENT_ERASURE_KEY
    kafka: tuple[str, str] | None = None
    registry: str | None = None
    for name in (PEPPER, QUARANTINE_KEY, ERASURE_KEY):
        if not environ.get(name):
            warnings.append(f"{name} is not set: using a value for development, which is no secret")
    for name in SECRETS:
        if not environ.get(name):
            continue
        try:
            if name == PEPPER:
                peppers = _peppers(environ[name])
            elif name == QUARANTINE_KEY:
                key = _key(environ[name])
            elif name == ERASURE_KEY:
                erasure_key = _key(environ[name])
            elif name == REGISTRY_AUTH:
                registry = _user_and_password(environ[name])
            else:
                kafka = _both(environ)
        except ValueError as error:
            problems.append(
                Problem(file=f"environment {name}", line=0, column=0, path="$", message=str(error))
            )
    if problems:
        raise ConfigError(problems)
    return Secrets(
        peppers=peppers,
        quarantine_key=key,
        erasure_key=erasure_key,
        kafka=kafka,
        registry=registry,
        warnings=tuple(warnings),
    )


def decode_settings(settings: Settings, secrets: Secrets) -> DecodeSettings:
    """The part of both that decode depends on."""
    return DecodeSettings(
        markets=settings.markets,
        unique_namespaces=settings.unique_namespaces,
        blocked=settings.blocked,
        identifiers_max=settings.identifiers_max,
        event_bytes_max=settings.event_bytes_max,
        peppers=secrets.peppers,
        quarantine_key=secrets.quarantine_key,
    )


def _peppers(text: str) -> tuple[Pepper, ...]:
    peppers: list[Pepper] = []
    for number, item in enumerate(text.split(","), 1):
        version, colon, digits = item.strip().partition(":")
        # The message must not quote the item: its first part may be the secret itself.
        form = f"item {number}: must be v<number>:<hex>, for example v1:00ff…"
        if not colon or not _VERSION.fullmatch(version):
            raise ValueError(form)
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            raise ValueError(f"{form}; the part behind the colon is not hex") from None
        if len(key) < PEPPER_BYTES_MIN:
            raise ValueError(
                f"item {number}: must have at least {PEPPER_BYTES_MIN} bytes; got {len(key)}"
            )
        if any(version == pepper.version for pepper in peppers):
            raise ValueError(f"item {number}: {version} stands twice")
        peppers.append(Pepper(version=version, key=key))
    return tuple(peppers)


def _key(text: str) -> bytes:
    text = text.strip()
    # 64 hex digits are also base64, of 48 bytes; hex is tried first and lengths decide.
    try:
        key = bytes.fromhex(text)
    except ValueError:
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("must be hex or base64") from None
    if len(key) not in QUARANTINE_KEY_BYTES:
        raise ValueError(f"must have 32 or 64 bytes; got {len(key)}")
    return key


def _both(environ: Mapping[str, str]) -> tuple[str, str]:
    username, password = environ.get(KAFKA_USERNAME), environ.get(KAFKA_PASSWORD)
    if not username or not password:
        other = KAFKA_PASSWORD if username else KAFKA_USERNAME
        raise ValueError(f"must come with the other one; {other} is not set")
    return username, password


def _user_and_password(text: str) -> str:
    user, colon, password = text.partition(":")
    if not user or not colon or not password:
        raise ValueError("must be user:password")
    return text
