"""A programme whose newest version counts from another day on.

In: the file of a programme and an instant. Out: YAML that says the same of the newest version, from
that instant on, and nothing of versions that would begin later. Whoever wrote a version for next
month can so ask what it would have done with last year.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from config.nodes import read, value_of


def redated(file: Path, effective_from: int) -> str:
    """The file's text anew. Its examples are left out: they were checked by the dates it has."""
    said: dict[str, Any] = value_of(read(file), set())
    since = datetime.fromtimestamp(effective_from / 1000, timezone.utc)
    versions = sorted(said["versions"], key=lambda one: int(one["version"]))
    before = [one for one in versions[:-1] if _begins(one) < since]
    said["versions"] = [*before, {**versions[-1], "effective_from": since.isoformat()}]
    said.pop("tests", None)
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)


def _begins(version: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(version["effective_from"]).replace("Z", "+00:00"))
