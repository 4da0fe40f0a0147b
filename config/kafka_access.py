"""Whether brokers let us in: asked once, before anything is begun that would wait for ever.

Comes in: librdkafka's properties. Goes out: nothing, or a ConfigError that says which setting is
wrong, in the client's own words, which hold no secret. Promised: a broker that is away, or slow, is
not taken for one that refuses; whoever needs it waits for it or says so.
"""

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from config.problems import ConfigError, Problem
from config.secret_keys import KAFKA_PASSWORD, KAFKA_USERNAME

ANSWER_SECONDS: Final = 10.0
SLICE_SECONDS: Final = 0.25
LOGIN: Final = f"environment {KAFKA_USERNAME}, {KAFKA_PASSWORD}"
SETTINGS: Final = "settings"
HANG_UPS: Final = 3
"""A broker that is being stopped hangs up once; one that speaks something else does each time."""


class _Remarks(logging.Handler):
    """What the client says beside its errors: that a listener hung up is only a remark."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def demand_access(options: Mapping[str, Any], seconds: float = ANSWER_SECONDS) -> None:
    """Connect as every client will; ConfigError if the properties or the broker don't allow it."""
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415  # of the extra `live`
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    _demand_files(options)
    errors: list[KafkaError] = []
    remarks = _Remarks()
    log = logging.Logger("kizuna.access")
    log.addHandler(remarks)
    asked = {name: value for name, value in options.items() if name not in _OF_OTHERS}
    asked |= {"error_cb": errors.append, "logger": log, "log_level": _REMARKS_TOO}
    try:
        client = AdminClient(asked)
    except KafkaException as refused:
        raise _not_a_client(refused.args[0].str()) from None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            client.list_topics(timeout=SLICE_SECONDS)
            return
        except KafkaException:
            pass
        finally:
            client.poll(0)
        for error in errors:
            _refuse_by(error.code(), _plain(error.str()), options)
        hung_up = sum(_HUNG_UP.search(remark) is not None for remark in remarks.said)
        if hung_up >= HANG_UPS:
            raise _wrong_protocol(options, "connections that the listener closes at once")
        if not hung_up and any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in errors):
            return


def _demand_files(options: Mapping[str, Any]) -> None:
    """The client says only that it could not read one, and not which."""
    for name in _FILES:
        file = options.get(name)
        if file not in (None, "", "probe") and not Path(str(file)).exists():
            raise _refused(f"$.kafka.options.{name}", f"must be a file; got {file}, which is none")


def _not_a_client(text: str) -> ConfigError:
    if "sasl.username" in text or "GSSAPI" in text:  # the mechanism where there is no login
        return _refused("$", "must be set where security.protocol has SASL; got none", file=LOGIN)
    return _refused("$.kafka.options", f"must be what librdkafka takes; got: {text}")


def _refuse_by(code: int, text: str, options: Mapping[str, Any]) -> None:
    """Raise what a word of the client says about the settings, if it says anything."""
    from confluent_kafka import KafkaError  # noqa: PLC0415

    if code == KafkaError._AUTHENTICATION:
        if "mechanism handshake" not in text:
            raise _refused(
                "$", f"must be a login that the broker knows; got: {text}; correct them", file=LOGIN
            )
        raise _refused(
            "$.kafka.options.sasl.mechanisms", f"must be one that the broker offers; got: {text}"
        )
    if "PLAINTEXT broker" in text or "wrong version" in text:
        raise _wrong_protocol(options, text)
    if code == KafkaError._SSL:
        raise _refused(
            "$.kafka.options.ssl.ca.location",
            "must be the certificate of the authority that signed the broker's, and kafka.brokers "
            f"the name that it was signed for; got: {text}",
        )


def _wrong_protocol(options: Mapping[str, Any], text: str) -> ConfigError:
    protocol = options.get("security.protocol", "PLAINTEXT")
    return _refused(
        "$.kafka.options.security.protocol",
        f"must be what the listener of kafka.brokers speaks (SASL_SSL, SSL, …); got {protocol}, "
        f"and: {text}",
    )


def _refused(path: str, message: str, file: str = SETTINGS) -> ConfigError:
    return ConfigError([Problem(file=file, line=0, column=0, path=path, message=message)])


def _plain(text: str) -> str:
    """Without the client's own names of connections, and without how long it took."""
    text = re.sub(r"^[^ ]*/(bootstrap|\d+): ", "", text.strip())
    return re.sub(r" \(after \d+ms in state \w+\).*", "", text)


_REMARKS_TOO: Final = 6
_HUNG_UP: Final = re.compile(r"^FAIL .*closed by peer.*in state (APIVERSION_QUERY|UP)\)")
_FILES: Final = (
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
)
_OF_OTHERS: Final = frozenset({"group.id", "error_cb", "logger", "log_level"})
