"""Is this process alive, is it ready, and what are its figures: one HTTP server a process.

In: the source's ticks, what its lanes were assigned, and the registry of `pipelines.metrics`.
Out: `/metrics`, `/livez` and `/readyz`, the last two with 200 or 503, and with a line a check
if asked `?verbose`, in the form of Kubernetes. It listens on loopback unless told otherwise, in
threads that end with the process. Whatever answers here only reads: no request changes anything.
"""

import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from pipelines import metrics

LOOPBACK = "127.0.0.1"
TICK_SECONDS_MAX = 30.0
"""Without a tick for so long the loop hangs."""
START_SECONDS_MAX = 300.0
"""Before the first tick: reading a large state back takes its time."""
LAST_STEP = "decide"
"""Once this step's watermark moves, every step before it has its state and works."""
LAG_RECORDS_MAX = 100_000
BEHIND_SECONDS_MAX = 60.0
"""A partition whose time is further behind the clock has no broker, or old records before it."""


class PortTaken(Exception):
    """Something else listens where `/metrics` should be; the message says what to do."""


class Check(NamedTuple):
    """One line of an answer."""

    name: str
    ok: bool
    said: str


class Health:
    """What this process knows about itself. Its methods may be called from any thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        lag_records_max: int = LAG_RECORDS_MAX,
    ) -> None:
        self._clock = clock
        self._began_at = clock()
        self._ticked_at: float | None = None
        self._assigned: dict[str, int | None] = {}
        self.lag_records_max = lag_records_max

    def ticked(self) -> None:
        """The loop came round. Call it at every tick: it costs a look at the clock."""
        self._ticked_at = self._clock()

    def assigned(self, lane: str, partitions: int | None) -> None:
        """How many partitions a lane reads, which may be 0; None: it hasn't found out yet."""
        self._assigned[lane] = partitions

    def live(self) -> list[Check]:
        """Whether the process should go on living: it does, unless the loop hangs."""
        return [self._loop()]

    def ready(self) -> list[Check]:
        """Whether it does its work, and is not far behind with it."""
        return [self._loop(), self._partitions(), self._state(), self._lag(), self._time()]

    def _loop(self) -> Check:
        if self._ticked_at is None:
            waited = self._clock() - self._began_at
            said = f"no tick yet, {waited:.0f} s after the start"
            return Check("loop", waited <= START_SECONDS_MAX, said)
        since = self._clock() - self._ticked_at
        return Check("loop", since <= TICK_SECONDS_MAX, f"last tick {since:.1f} s ago")

    def _partitions(self) -> Check:
        waiting = sorted(lane for lane, count in self._assigned.items() if count is None)
        if waiting:
            return Check("partitions", False, f"{', '.join(waiting)}: the broker hasn't answered")
        count = sum(count or 0 for count in self._assigned.values())
        return Check("partitions", True, f"{count} in {len(self._assigned)} lanes")

    def _state(self) -> Check:
        mark = metrics.WATERMARK.value(LAST_STEP)
        if mark is None:
            return Check("state", False, f"nothing has come through to {LAST_STEP} since the start")
        return Check("state", True, f"restored, {LAST_STEP} at {_moment(mark)}")

    def _lag(self) -> Check:
        samples = [sample for family in metrics.CONSUMER_LAG.collect() for sample in family.samples]
        lag = sum(sample.value for sample in samples)
        said = f"{lag:.0f} records, the limit is {self.lag_records_max}"
        return Check("lag", lag <= self.lag_records_max, said)

    def _time(self) -> Check:
        behind = metrics.EVENT_TIME_LAG.values()
        if not behind:
            return Check("time", True, "no partition has begun")
        (topic, partition), worst = max(behind.items(), key=lambda item: item[1])
        said = f"{topic} {partition} is {worst:.1f} s behind, the limit is {BEHIND_SECONDS_MAX:.0f}"
        return Check("time", worst <= BEHIND_SECONDS_MAX, said)


HEALTH = Health()
"""Of this process: sources and steps report to it."""


def answer(path: str, checks: list[Check], verbose: bool) -> tuple[HTTPStatus, str]:
    """The status and text for some checks, as Kubernetes' own servers phrase them."""
    failed = any(not check.ok for check in checks)
    lines = [
        f"[+]{check.name} ok: {check.said}" if check.ok else f"[-]{check.name} failed: {check.said}"
        for check in checks
        if verbose or not check.ok
    ]
    if failed or verbose:
        lines.append(f"{path} check {'failed' if failed else 'passed'}")
    status = HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK
    return status, "\n".join(lines or ["ok"]) + "\n"


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    """Seconds: a client that says nothing doesn't keep its thread."""
    health: ClassVar[Health]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = url.path.strip("/")
        if path == "metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._send(HTTPStatus.OK, encode(REGISTRY), content_type)
        elif path in ("livez", "readyz"):
            checks = self.health.live() if path == "livez" else self.health.ready()
            verbose = "verbose" in parse_qs(url.query, keep_blank_values=True)
            status, text = answer(path, checks, verbose)
            self._send(status, text.encode())
        else:
            known = b"not here; there are /metrics, /livez and /readyz?verbose\n"
            self._send(HTTPStatus.NOT_FOUND, known)

    do_HEAD = do_GET

    def _send(
        self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A line a probe would bury what matters."""


class Server(ThreadingTCPServer):
    """Not http.server's: that one asks the name service for its own name before it listens."""

    allow_reuse_address = True
    daemon_threads = True

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A prober that hangs up isn't worth a traceback; anything else is a bug."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def serve(port: int, host: str = LOOPBACK, health: Health = HEALTH) -> Server:
    """Listen, and answer from threads, until `shutdown()` or the end of the process.

    Port 0 is any free one, see `Server.port`. Raises PortTaken.
    """
    handler = type("Handler", (_Handler,), {"health": health})
    try:
        server = Server((host, port), handler)
    except OSError as error:
        raise PortTaken(
            f"--metrics-port: must be free on {host}; got {port} ({error.strerror}); process i "
            "listens on the port plus i; name another one, or leave it out"
        ) from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
