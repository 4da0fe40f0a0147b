"""The sample channel system on Kafka: each trigger once, whatever happens, and what came of it."""

import json
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer
from test_produce import make_topics, read_all

from config.secret_keys import decode_settings, load_secrets
from config.settings import load_settings
from schemas.decisions import Trigger as Written
from scripts.consume import NotATrigger
from scripts.consume_topics import ChannelConsumer, ChannelTrigger, consume
from scripts.delivery_feedback import Feedback
from transforms.decode import Decoder

ROOT = Path(__file__).parents[2]


def written(
    number: int, channel: str = "push", action: str = "send", market: str = "us"
) -> Written:
    """A trigger as decide writes it."""
    return Written(
        trigger_id=f"t-{number:06}",
        action=action,
        member_id=f"m-{number % 7}",
        channel=channel,
        journey="welcome",
        step="greet",
        purpose="marketing",
        content="welcome@1",
        data={"available": 100},
        not_before=0,
        expires_at=None,
        consent="opt_in",
        handle="push_token:x",
        state_version=1,
        decided_at=number,
        market=market,
    )


def trace_of(number: int) -> bytes:
    return f"00-{number + 1:032x}-{number + 1:016x}-01".encode()


class Bus:
    """Topics of one test on the shared broker."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.options = {"bootstrap.servers": broker}
        self.prefix = f"t{uuid.uuid4().hex[:10]}."
        make_topics(
            broker, *(self.prefix + n for n in ("triggers.push", "triggers.app", "events.delivery"))
        )
        self._producer = Producer(self.options)

    def write(self, *triggers: Written) -> None:
        for one in triggers:
            self._producer.produce(
                f"{self.prefix}triggers.{one.channel}",
                msgspec.json.encode(one),
                one.member_id.encode(),
                headers=[("traceparent", trace_of(one.decided_at))],
            )
        assert self._producer.flush(20) == 0

    def write_raw(self, value: bytes) -> None:
        self._producer.produce(f"{self.prefix}triggers.push", value)
        assert self._producer.flush(20) == 0

    def consumer(self, **how: object) -> ChannelConsumer:
        return ChannelConsumer(
            self.options,
            how.pop("channels", ["push", "app"]),
            group=f"{self.prefix}channels",
            prefix=self.prefix,
            **how,
        )

    def feedback(self) -> list[dict]:
        return [json.loads(one.value()) for one in self.feedback_records()]

    def feedback_records(self) -> list:
        return read_all(self.broker, f"{self.prefix}events.delivery")


@pytest.fixture
def bus(broker: str) -> Bus:
    return Bus(broker)


def look_until(
    consumer: ChannelConsumer, apply: Callable[[ChannelTrigger], None], enough: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + 20
    while not enough():
        assert time.monotonic() < deadline, "the triggers did not come"
        consumer.look(apply, 0.2)


def settle(consumer: ChannelConsumer, apply: Callable[[ChannelTrigger], None]) -> None:
    """A few looks more, for what must not come."""
    for _ in range(3):
        consumer.look(apply, 0.2)


def test_each_trigger_once_also_when_it_stands_twice(bus: Bus) -> None:
    seen: list[str] = []
    bus.write(*(written(n) for n in range(50)), written(60, "app", "show"), written(7), written(8))
    consumer = bus.consumer()
    look_until(
        consumer,
        lambda one: seen.append(one.trigger_id),
        lambda: consumer.applied + consumer.doubled == 53,
    )
    consumer.close()
    assert Counter(seen) == Counter(f"t-{n:06}" for n in [*range(50), 60])
    assert consumer.doubled == 2


def test_another_start_goes_on_and_still_knows_what_was_applied(bus: Bus) -> None:
    bus.write(*(written(n) for n in range(40)))
    first = bus.consumer()
    look_until(first, lambda one: None, lambda: first.applied == 40)
    first.close()
    bus.write(*(written(n) for n in (3, 4, 5)), *(written(n) for n in range(40, 45)))
    seen: list[str] = []
    second = bus.consumer()
    look_until(second, lambda one: seen.append(one.trigger_id), lambda: len(seen) == 5)
    settle(second, lambda one: seen.append(one.trigger_id))
    second.close()
    assert sorted(seen) == [f"t-{n:06}" for n in range(40, 45)]
    assert second.doubled == 3


def test_two_members_of_a_group_share_the_triggers(bus: Bus) -> None:
    """Partitions move while triggers come; none is left out and none applied by both."""
    seen: list[tuple[int, str]] = []
    one = bus.consumer()
    bus.write(*(written(n) for n in range(100)))
    look_until(one, lambda t: seen.append((1, t.trigger_id)), lambda: len(seen) == 100)
    two = bus.consumer()
    deadline = time.monotonic() + 30
    number = 100
    while len({who for who, _ in seen[100:]}) < 2 or len(seen) < number:
        assert time.monotonic() < deadline, f"{len(seen)} of {number} applied"
        if number < 400:
            bus.write(*(written(n) for n in range(number, number + 20)))
            number += 20
        one.look(lambda t: seen.append((1, t.trigger_id)), 0.1)
        two.look(lambda t: seen.append((2, t.trigger_id)), 0.1)
    one.close()
    two.close()
    assert Counter(name for _, name in seen) == Counter(f"t-{n:06}" for n in range(number))


def test_an_effect_that_fails_is_tried_again(bus: Bus) -> None:
    seen: list[str] = []
    failures = 3

    def apply(trigger: ChannelTrigger) -> None:
        nonlocal failures
        if trigger.trigger_id == "t-000003" and failures:
            failures -= 1
            raise ConnectionError("the provider is away")
        seen.append(trigger.trigger_id)

    bus.write(*(written(n) for n in range(20)))
    consumer = bus.consumer()
    deadline = time.monotonic() + 20
    while len(seen) < 20:
        assert time.monotonic() < deadline
        try:
            consumer.look(apply, 0.2)
        except ConnectionError:
            consumer.commit()
    consumer.close()
    assert failures == 0
    assert Counter(seen) == Counter(f"t-{n:06}" for n in range(20))


def test_after_a_kill_none_is_left_out(bus: Bus, tmp_path: Path) -> None:
    bus.write(*(written(n) for n in range(3_000)))
    code = (
        "import sys, time\n"
        "from scripts.consume_topics import ChannelConsumer\n"
        "broker, prefix = sys.argv[1:]\n"
        "one = ChannelConsumer({'bootstrap.servers': broker, 'session.timeout.ms': 6000},\n"
        "    ['push'], group=prefix + 'channels', prefix=prefix)\n"
        "def apply(trigger):\n"
        "    print(trigger.trigger_id, flush=True)\n"
        "    time.sleep(0.001)\n"
        "deadline = time.monotonic() + 30\n"
        "while time.monotonic() < deadline:\n"
        "    one.look(apply, 0.1)\n"
    )
    effects = tmp_path / "effects"
    for enough in (1_200, 3_000):
        with effects.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-c", code, bus.broker, bus.prefix], cwd=ROOT, stdout=out
            )
        deadline = time.monotonic() + 35
        while len(set(effects.read_bytes().split())) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    lines = effects.read_bytes().split()
    assert set(lines) == {f"t-{n:06}".encode() for n in range(3_000)}
    assert len(lines) < 5_500, "what was committed before the kill was not applied again"


def test_what_is_no_trigger_is_refused_where_it_stands(bus: Bus) -> None:
    bus.write_raw(b'{"trigger_id": 7}')
    consumer = bus.consumer()
    with pytest.raises(
        NotATrigger, match=r"triggers\.push, partition \d, offset 0: must be a trig"
    ):
        look_until(consumer, lambda one: None, lambda: False)
    consumer.close()


def test_the_answers_are_events_that_decode_takes(bus: Bus) -> None:
    decoder = Decoder(decode_settings(load_settings().settings, load_secrets({})))
    shown = [written(n, "app", "show") for n in range(200)]
    bus.write(*(written(n) for n in range(200, 400)), *shown, written(999, "push", "withdraw"))
    feedback = Feedback(bus.options, prefix=bus.prefix)
    consumer = bus.consumer(feedback=feedback)
    look_until(consumer, lambda one: None, lambda: consumer.applied == 401)
    consumer.close()
    events = bus.feedback()
    assert len(events) == feedback.sent
    types = Counter(one["type"] for one in events)
    assert types["delivered"] + types["failed"] == 200, "each message has one fate"
    assert types["delivered"] > 170
    assert types["delivered"] > types["opened"] > types["clicked"] > 0
    assert 5 < types["shown"] < 50
    assert all(one["payload"]["trigger_id"] != "t-000999" for one in events)
    for number, one in enumerate(events):
        raw = msgspec.json.encode(one)
        now = one["occurred_at"] + 1_000
        decoded = decoder.decode(raw, partition="p", offset=number, known_at=now, bound_at=now)
        assert decoded.payload.trigger_id == one["payload"]["trigger_id"]
        assert decoded.identifiers == (f"member_id:{one['identifiers']['member_id']}",)


def test_an_answer_names_its_triggers_market_and_goes_on_with_its_trace(bus: Bus) -> None:
    markets = ("us", "de")
    bus.write(*(written(n, market=markets[n % 2]) for n in range(20)))
    consumer = bus.consumer(feedback=Feedback(bus.options, prefix=bus.prefix))
    look_until(consumer, lambda one: None, lambda: consumer.applied == 20)
    consumer.close()
    told = set()
    for record in bus.feedback_records():
        event = json.loads(record.value())
        number = int(event["payload"]["trigger_id"].removeprefix("t-"))
        assert event["market"] == markets[number % 2]
        assert dict(record.headers()) == {"traceparent": trace_of(number)}
        told.add(number)
    assert told == set(range(20))


def test_the_same_trigger_has_the_same_answers(bus: Bus) -> None:
    triggers = [
        msgspec.convert(msgspec.to_builtins(written(n)), ChannelTrigger) for n in range(100)
    ]
    one, same, other = (Feedback(bus.options, seed=seed) for seed in (1, 1, 2))
    assert [one.answers(t) for t in triggers] == [same.answers(t) for t in triggers]
    assert [one.answers(t) for t in triggers] != [other.answers(t) for t in triggers]


def test_answers_that_the_broker_refuses_are_not_lost_silently(bus: Bus) -> None:
    """Without them committed triggers would have no fate; so they aren't committed either."""
    bus.write(written(1))
    options = bus.options | {"message.timeout.ms": 2_000, "log_level": 0}
    consumer = bus.consumer(feedback=Feedback(options, prefix="nobody-made-this."))
    with pytest.raises(KafkaException, match=r"nobody-made-this\.events\.delivery: "):
        look_until(consumer, lambda one: None, lambda: False)


def test_without_follow_it_ends_when_all_is_quiet(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.write(*(written(n) for n in range(10)))
    assert consume(bus.consumer(), follow=False, quiet_seconds=4) == 10
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert any(line.startswith("t-000004 send     push_token:x welcome@1") for line in lines)
