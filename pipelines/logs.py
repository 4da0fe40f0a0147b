"""Logs that a machine reads, a person can read too, and nobody's data is in.

In: `Log("read").info("broker_answers_again", lane=…)`, and whatever libraries say
through `logging`. Out: a JSON object a line on standard error, on a terminal plain text; fields
`timestamp` (UTC), `level`, `step`, `event` and those of `FIELDS`. Promised: a field that isn't
listed is withheld, and in every text, tracebacks included, what looks like an email or a phone is
masked; a member is never named.

The standard library does it: libraries speak through `logging` anyway, and a run over files needs
no further package.
"""

import json
import logging
import re
import sys
import time
from typing import Any, Final, TextIO

FIELDS: Final = frozenset(
    "topic partition offset lane worker count seconds bytes reason error path port".split()
)
"""What may be said about an event. Neither keys nor values of records, which can be anybody's."""
WITHHELD: Final = "[withheld]"

_EMAIL = re.compile(r"[^\s@\"'<>,;:=(\[{]{1,64}@[^\s@\"'<>,;:=)\]}]*[\w)\]]")
_KEPT = (
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d(?::\d\d){0,2}(?:[.,]\d+)?)?(?![\d-])"  # a date, with its time
    r"|(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"  # an address of IPv4
)
_PHONE = re.compile(
    rf"(?P<kept>(?<![\w.+-])(?:{_KEPT}))"
    r"|(?<![\w.-])(?:\+|00)\d(?:[\s().\-/]{0,3}\d){5,16}(?!\w)"  # from abroad
    r"|(?<![\w.\-/])\(?\d(?:[\s().\-/]{0,3}\d){9,15}(?!\w|[.:]\d)"  # ten digits and more
    r"|(?<![\w.\-/])(?=(?:[\s().\-/]{0,3}\d){7})"  # seven and more, in groups
    r"\(?\d{1,5}\)?(?:[\s.\-/]{1,3}\(?\d{1,8}\)?){1,5}(?!\w|[.:]\d)"
)


def masked(text: str) -> str:
    """The text without what looks like an email or a phone. It rather masks too much, but nine
    digits in a row and fewer are left, since offsets look like that.

    >>> masked("no mailbox anna@example.com, tried +49 151 23456789 at offset 4711")
    'no mailbox [email], tried [phone] at offset 4711'
    """
    text = _EMAIL.sub("[email]", text)
    return _PHONE.sub(lambda found: found["kept"] or "[phone]", text)


class Log:
    """What a step has to say. An event is a name in the past tense, its circumstances are fields.

    `Log("read").warning("broker_trouble", lane=lane, error=str(error))`
    """

    def __init__(self, step: str) -> None:
        self._step = step
        self._logger = logging.getLogger(f"kizuna.{step}")

    def info(self, event: str, **fields: object) -> None:
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._say(logging.WARNING, event, fields)

    def error(self, event: str, exc_info: bool = False, **fields: object) -> None:
        """`exc_info`: with the traceback of the exception that is being handled."""
        self._say(logging.ERROR, event, fields, exc_info)

    def _say(self, level: int, event: str, fields: object, exc_info: bool = False) -> None:
        # The name of the event is an argument, so that a % in it is not a place for another.
        extra = {"step": self._step, "fields": fields}
        self._logger.log(level, "%s", event, extra=extra, exc_info=exc_info)


def configure(
    as_json: bool | None = None, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Log to `stream`, standard error if None; JSON unless that is a terminal, or as told."""
    stream = stream or sys.stderr
    if as_json is None:
        as_json = not stream.isatty()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if as_json else _Text())
    logging.basicConfig(handlers=[handler], level=level, force=True)


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """A record as fields, in the order in which they are read, with nobody's data in them."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    said: dict[str, Any] = {
        "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "step": getattr(record, "step", record.name.removeprefix("kizuna.")),
        "event": masked(record.getMessage()),
    }
    for name, value in getattr(record, "fields", {}).items():
        said[name] = _clean(value) if name in FIELDS else WITHHELD
    if record.exc_info:
        said["traceback"] = masked(logging.Formatter().formatException(record.exc_info))
    return said


def _clean(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return masked(str(value))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_said(record), ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = _said(record)
        traceback = said.pop("traceback", None)
        head = f"{said.pop('timestamp')} {said.pop('level'):<7} {said.pop('step')}: "
        line = head + " ".join(
            [str(said.pop("event")), *(f"{name}={value}" for name, value in said.items())]
        )
        return line if traceback is None else f"{line}\n{traceback}"
