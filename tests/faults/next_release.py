"""The next release, made of this one: another source tree and another configuration.

It does what releases do: the state of an operator has a new field with a default, which the
operator uses, and the programme has a further version that applies from a moment on.
"""

import ast
import shutil
from datetime import datetime, timezone

import yaml
from kafka_live import CONFIG

ROOT = CONFIG.parent
PACKAGES = ("config", "pipelines", "schemas", "scripts", "sinks", "transforms")
OPERATOR = "transforms/score/score_member.py"
STATE = "transforms/score/state.py"
FIELD = "heard"
"""Of `ScoreState` in the next release: how many messages about a member it has applied."""


def next_tree(folder):
    """The source tree of the next release."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    lines, operator = read_class(folder / OPERATOR, "Score")
    (apply,) = (one for one in operator.body if getattr(one, "name", "") == "on_event")
    lines.insert(apply.body[0].lineno - 1, f"        state.{FIELD} += 1\n")
    (folder / OPERATOR).write_text("".join(lines))
    lines, state = read_class(folder / STATE, "ScoreState")
    lines.insert(state.end_lineno, f"    {FIELD}: int = 0\n")
    (folder / STATE).write_text("".join(lines))
    return folder


def read_class(path, name):
    """The lines of a module, and one of its classes."""
    text = path.read_text()
    (found,) = (one for one in ast.parse(text).body if getattr(one, "name", "") == name)
    return text.splitlines(keepends=True), found


def next_config(config, folder, effective_from):
    """`config` with a further version of the programme, which earns twice as much.

    `effective_from`: seconds UTC, whole ones.
    """
    shutil.copytree(config, folder)
    path = folder / "programmes" / "grocer.yaml"
    programme = yaml.safe_load(path.read_text())
    (now,) = programme["versions"]
    later = {**now, "version": 2, "earn": [{**rule} for rule in now["earn"]]}
    (base,) = (rule for rule in later["earn"] if rule["rule"] == "base")
    base["rate"] *= 2
    # The version that there was stays what it is: other rules of the past would be another past.
    begins = datetime.fromtimestamp(effective_from, timezone.utc)
    for version, moment in ((now, now["effective_from"]), (later, begins)):
        version["effective_from"] = moment.isoformat()
    programme["versions"] = [now, later]
    del programme["tests"]  # they tell of the newest version, unless they say when
    path.write_text(yaml.safe_dump(programme, sort_keys=False))
    return folder
