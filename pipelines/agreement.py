"""What all launchers of a cluster must have alike, or workers would compute different things.

In: a configuration and how the hosts were named. Out: short texts by name, which tell no secret.
"""

import hmac
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
import xxhash

from config.deployment import Deployment
from pipelines.foundation import config_hash
from pipelines.hosts import Hosts

CODE = ("config", "pipelines", "schemas", "sinks", "transforms")
"""The packages that a worker runs."""


def agreement(hosts: Hosts, config: Path, deployment: Deployment) -> dict[str, str]:
    """What this launcher is about to run, by name."""
    secrets = deployment.secrets
    keys = [pepper.key for pepper in secrets.peppers] + [secrets.quarantine_key]
    settings = msgspec.structs.asdict(deployment.settings)
    del settings["cluster"]  # its host differs, and its addresses are compared as they are used
    return {
        "--addresses": ", ".join(hosts.addresses),
        "--workers": str(hosts.workers),
        "--config": config_hash(config),
        **{
            f"the setting {name}": xxhash.xxh3_64_hexdigest(msgspec.json.encode(value))
            for name, value in settings.items()
        },
        "KIZUNA_PEPPER or KIZUNA_QUARANTINE_KEY": "".join(
            hmac.digest(key, b"kizuna agreement", "sha256").hex()[:8] for key in keys
        ),
        "the version of kizuna": f"{version('kizuna')}, code {_code_hash()}",
        "the version of bytewax": version("bytewax"),
        "the version of Python": ".".join(platform.python_version_tuple()[:2]),
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """`name: here x, there y` of all that isn't alike."""
    return [
        f"{name}: here {ours.get(name)}, there {theirs.get(name)}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]


def _code_hash() -> str:
    root = Path(__file__).parents[1]
    digest = xxhash.xxh3_64()
    for package in CODE:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
