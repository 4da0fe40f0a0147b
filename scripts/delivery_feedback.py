"""What becomes of triggers, told back to Kizuna: delivery events of an invented audience.

In: triggers that were carried out. Out: events on the topic `events.delivery`. A real channel
system sends what its provider and its people report; the events are the same.
"""

import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from scripts.consume import Trigger

ANSWER_SECONDS: Final = 30.0
"""How long the broker may take to answer."""


class Feedback:
    """What people and providers would answer, by a rule: the same trigger, the same answers.

    Of messages 4 % fail and the others are delivered; of these 30 % are opened, and of these 30 %
    clicked. Of what surfaces show, one in ten is reported as shown.
    """

    def __init__(self, options: Mapping[str, Any], *, prefix: str = "", seed: int = 1) -> None:
        self._producer = Producer(
            {
                **options,
                "enable.idempotence": True,
                "acks": "all",
                "max.in.flight.requests.per.connection": 1,  # as in sinks/kafka/deliveries.py
                "linger.ms": 5,
            }
        )
        self._topic = f"{prefix}events.delivery"
        self._seed = seed
        self._encode = msgspec.json.Encoder().encode
        self._errors: list[str] = []
        self.sent = 0

    def answers(self, trigger: Trigger) -> list[str]:
        """Types of the delivery events for a trigger, in order."""
        told = blake2b(f"{self._seed}/{trigger.trigger_id}".encode(), digest_size=3).digest()
        if trigger.action == "show":
            return ["shown"] if told[0] < 26 else []
        if trigger.action != "send":
            return []
        if told[0] < 10:
            return ["failed"]
        answers = ["delivered"]
        if told[1] < 77:
            answers.append("opened")
            if told[2] < 77:
                answers.append("clicked")
        return answers

    def tell(
        self, trigger: Trigger, channel: str, market: str, traceparent: bytes | None = None
    ) -> None:
        """Send the answers; ids follow from the trigger, so a repetition is known as one.

        `traceparent`: of the trigger's record, so that what comes of it belongs to its trace.
        """
        for type in self.answers(trigger):
            event = {
                "event_id": f"{trigger.trigger_id}-{type}",
                "type": type,
                "source": "delivery",
                "occurred_at": time.time_ns() // 1_000_000,
                "market": market,
                "identifiers": {"member_id": trigger.member_id},
                "payload": {
                    "trigger_id": trigger.trigger_id,
                    "channel": channel,
                    "reason": "no such address" if type == "failed" else "",
                },
            }
            self._producer.produce(
                self._topic,
                self._encode(event),
                trigger.member_id.encode(),
                headers=[("traceparent", traceparent)] if traceparent else [],
                on_delivery=self._told,
            )
            self.sent += 1

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has every answer; KafkaException if it refused one."""
        waiting = self._producer.flush(ANSWER_SECONDS)
        if self._errors or waiting:
            why = self._errors[0] if self._errors else f"{waiting} records are unanswered"
            raise KafkaException(KafkaError(KafkaError._FAIL, f"{self._topic}: {why}"))

    def _told(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._errors.append(str(error))
