"""Logs: one JSON object a line, and nobody's data in any of them."""

import ast
import doctest
import io
import json
import logging
import re
from pathlib import Path

import phonenumbers
import pytest

from pipelines import logs
from pipelines.logs import FIELDS, WITHHELD, Log, configure, masked

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def lines():
    """What was logged, as objects."""
    stream = io.StringIO()
    configure(stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_example_in_the_docstring():
    assert doctest.testmod(logs).attempted > 0 and doctest.testmod(logs).failed == 0


def test_a_line_is_an_object_with_the_fields_in_order(lines):
    Log("read").info("broker_answers_again", topic="events.pos", partition=3, offset=4711)
    (line,) = lines()
    assert list(line) == ["timestamp", "level", "step", "event", "topic", "partition", "offset"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "step": "read",
        "event": "broker_answers_again",
        "topic": "events.pos",
        "partition": 3,
        "offset": 4711,
    }


def test_levels(lines):
    log = Log("read")
    log.info("a")
    log.warning("b")
    log.error("c")
    logging.getLogger("kizuna.topics").info("of the client")
    logging.getLogger("confluent").debug("too much")
    assert [(line["level"], line["step"], line["event"]) for line in lines()] == [
        ("info", "read", "a"),
        ("warning", "read", "b"),
        ("error", "read", "c"),
        ("info", "topics", "of the client"),
    ]


def test_a_field_that_is_not_listed_is_withheld(lines):
    Log("decode").info("refused", reason="no_time", value="whatever it is", member_id="m-17")
    line = lines()[0]
    assert line["reason"] == "no_time"
    assert line["value"] == line["member_id"] == WITHHELD
    assert "whatever" not in json.dumps(line) and "m-17" not in json.dumps(line)


def test_what_others_log_is_masked_too(lines):
    logging.getLogger("some.library").warning("mail to %s bounced, 100%%", "anna@example.com")
    line = lines()[0]
    assert line["event"] == "mail to [email] bounced, 100%"
    assert line["step"] == "some.library"


def test_a_traceback_is_masked_too(lines):
    try:
        raise ValueError("no such login: anna@example.com, +49 151 23456789")
    except ValueError as error:
        Log("decode").error("failed", exc_info=True, error=str(error))
    line = lines()[0]
    assert "ValueError: no such login: [email], [phone]" in line["traceback"]
    assert line["error"] == "no such login: [email], [phone]"
    assert not re.search("anna|2345", json.dumps(line))


def test_a_percent_sign_in_an_event_is_one(lines):
    Log("read").info("100%s sure", count=1)
    assert lines()[0]["event"] == "100%s sure"


def test_on_a_terminal_it_is_plain_text_unless_told_otherwise():
    terminal, pipe = Terminal(), io.StringIO()
    for stream, as_json in ((terminal, None), (pipe, False)):
        configure(as_json, stream)
        Log("read").warning("broker_trouble", lane="lane-01", error="to anna@example.com")
        assert re.fullmatch(
            r"\S+Z warning read: broker_trouble lane=lane-01 error=to \[email\]\n",
            stream.getvalue(),
        )
    configure(True, terminal)
    Log("read").info("x")
    assert json.loads(terminal.getvalue().splitlines()[-1])["event"] == "x"


def test_configured_twice_a_line_is_said_once(lines):
    stream = io.StringIO()
    configure(stream=stream)
    Log("read").info("x")
    assert len(stream.getvalue().splitlines()) == 1 and lines() == []


WRAPS = ["call {} now", "phone={}", '"{}"', "({})", "{}.", "{}", "{}, please"]


def phones() -> list[str]:
    """One of each kind and country as one writes them abroad."""
    found = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                for form in ("E164", "INTERNATIONAL"):
                    how = getattr(phonenumbers.PhoneNumberFormat, form)
                    found.add(phonenumbers.format_number(number, how))
    return sorted(found)


def test_phones_of_every_country_are_masked():
    numbers = phones()
    assert len(numbers) > 700
    for number in numbers:
        for wrap in WRAPS:
            said = masked(wrap.format(number))
            assert said == wrap.format("[phone]"), number


@pytest.mark.parametrize(
    "text",
    [
        "(212) 555-0123",
        "212-555-0123",
        "212.555.0123",
        "2125550123",
        "12125550123",
        "0151 23456789",
        "030/1234567",
        "020 7946 0958",
        "01 23 45 67 89",
        "0049 30 123456",
        "4915123456789",
    ],
)
def test_phones_as_dialled_at_home_are_masked(text):
    for wrap in WRAPS:
        said = masked(wrap.format(text))
        assert "[phone]" in said and not re.search(r"\d", said)


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.com",
        "Anna.Maria+shop@mail.example.co.uk",
        "o'hara@example.org",
        "josé@exämple.de",
        "a_b-c%d@sub.example.museum",
        "root@localhost",
        "x@[192.168.0.1]",
    ],
)
def test_emails_are_masked(text):
    for wrap in ("to {} now", "email={}", '"{}"', "<{}>", "({})", "{}.", "{}, please"):
        said = masked(wrap.format(text))
        assert "@" not in said and "[email]" in said
        assert not re.search("anna|maria|hara|example|localhost", said, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 05:23:19 and 2026-11-22T05:23:19.123Z",
        "127.0.0.1:9092 and 192.168.100.200:9092",
        "offset 123456789 is out of range",
        "550e8400-e29b-41d4-a716-446655440000",
        "events.pos:3:1234",
        "OUT/journal/promises/events.web-12",
        'File "worker.py", line 123, in main',
        "bytewax 0.21.1 on Python 3.11.2 took 12.5 s for 1,000,000 bytes",
        "3f1b00112233445566778899aabbccdd0123456789",
        "kafka-3.broker.internal:9092",
        "3 of 5, 12/34",
    ],
)
def test_what_operators_need_to_read_is_left(text):
    assert masked(text) == text


def log_calls(tree: ast.AST) -> list[tuple[int, list[str]]]:
    """Calls like `log.warning(…, lane=…)`: line and field names."""
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("info", "warning", "error")
            and ast.unparse(node.func.value).lower().endswith("log")
        ):
            found.append((node.lineno, [word.arg for word in node.keywords if word.arg]))
    return found


def test_no_code_says_a_field_that_would_be_withheld():
    wrong, calls = [], 0
    for folder in ("pipelines", "sinks", "scripts", "transforms", "config"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for line, fields in log_calls(ast.parse(file.read_text())):
                calls += 1
                extra = set(fields) - FIELDS - {"exc_info", "extra"}
                wrong += [f"{file.relative_to(ROOT)}:{line}: {name}" for name in sorted(extra)]
    assert wrong == [] and calls > 0
