"""The demo's channel system: all channels in one consumer, with feedback, measuring as it goes."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from schemas.decisions import CHANNELS
from scripts.consume_topics import ChannelConsumer, ChannelTrigger
from scripts.delivery_feedback import Feedback
from scripts.kafka_demo_children import DemoFailed
from scripts.latency import Latencies

END_SECONDS: Final = 60.0
GROUP: Final = "channels"


class Listener(threading.Thread):
    """Consumes from `start` to `stop`. Read its figures once it has stopped."""

    def __init__(self, options: Mapping[str, Any], where: str) -> None:
        super().__init__(name=f"channels of {where}", daemon=True)
        self._options = options
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._since: int | None = None
        self._last = time.monotonic()
        self.latencies = Latencies()
        self.arrived: Counter[str] = Counter()
        """Triggers by channel, from the beginning."""
        self.receipts: dict[str, int] = {}
        """When the receipt of a transaction came, ms UTC."""
        self.doubled = 0
        self.feedback_sent = 0

    def measure_from(self, at: int) -> None:
        """Latency counts for what is decided from `at` (ms UTC) on: what went before warmed up."""
        self._since = at

    def run(self) -> None:
        try:
            feedback = Feedback(self._options)
            consumer = ChannelConsumer(self._options, CHANNELS, group=GROUP, feedback=feedback)
            try:
                while not self._stopping.is_set():
                    consumer.look(self._apply)
            finally:
                consumer.close()
                self.doubled, self.feedback_sent = consumer.doubled, feedback.sent
        except BaseException as error:  # told to whoever asks, in their thread
            self._error = error

    def stop(self) -> None:
        """Commit and leave; DemoFailed if it failed at any time."""
        self._stopping.set()
        if self.ident is not None:
            self.join(END_SECONDS)
        self.expect_alive()

    def expect_alive(self) -> None:
        if self._error is not None:
            raise DemoFailed(f"the channel system must run on; got {self._error!r}")

    def wait_until_quiet(self, seconds: float, at_most: float) -> None:
        """Return when nothing has come for `seconds`."""
        deadline = time.monotonic() + at_most
        while time.monotonic() - self._last < seconds and time.monotonic() < deadline:
            self.expect_alive()
            time.sleep(0.1)

    def _apply(self, trigger: ChannelTrigger) -> None:
        now = time.time_ns() // 1_000_000
        self._last = time.monotonic()
        self.arrived[trigger.channel] += 1
        if self._since is None or trigger.decided_at < self._since:
            return
        self.latencies.add(trigger.channel, now - trigger.decided_at)
        if trigger.channel == "receipt":
            self.receipts[str(trigger.data.get("reference"))] = now
