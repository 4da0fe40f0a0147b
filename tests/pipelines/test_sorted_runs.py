"""Runs of messages come back in the total order, however they were cut and wherever they waited."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import sorted_runs
from pipelines.sorted_runs import SortedRuns, encode_run
from schemas.events import Event
from schemas.flow import Climb, Message
from schemas.payloads import Viewed

TIMES = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=12), max_size=12)


def message(at: int, number: int) -> Message:
    event = Event(
        event_id=f"e{number}",
        type="page_viewed",
        source="web",
        occurred_at=at,
        received_at=at,
        market="us",
        payload=Viewed(name="x"),
    )
    order = (at, at, "web", event.event_id, 1, -1, "", 0, "", number)
    return Message(order=order, key="k", body=Climb(event=event, visit="k", as_of=at))


def cut(times: list[list[int]]) -> list[list[Message]]:
    """Runs, each in order of known_at; equal times in any order."""
    number = iter(range(10_000))
    return [[message(at, -next(number)) for at in sorted(run)] for run in times]


def given_back(
    runs: list[list[Message]], held_bytes: int
) -> list[tuple[int | None, list[Message]]]:
    sorted_ = SortedRuns(held_bytes)
    try:
        for run in runs:
            sorted_.add(encode_run(run))
        return list(sorted_.slices())
    finally:
        sorted_.close()


@settings(max_examples=60, deadline=None)
@given(times=TIMES, held_bytes=st.sampled_from([0, 400, 1 << 20]), slice_=st.integers(1, 9))
def test_all_messages_come_back_in_order(
    times: list[list[int]], held_bytes: int, slice_: int
) -> None:
    runs = cut(times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_runs, "SLICE_MESSAGES", slice_)
        slices = given_back(runs, held_bytes)
    told = [m for _, messages in slices for m in messages]
    assert told == sorted((m for run in runs for m in run), key=lambda m: m.order)
    bounds = [before for before, _ in slices]
    assert bounds[-1] is None
    assert bounds[:-1] == sorted(set(bounds[:-1]))
    begins = 0
    for before, messages in slices:
        for each in messages:
            assert begins <= each.known_at
            assert before is None or each.known_at < before
        begins = begins if before is None else before


def test_what_is_decoded_at_once_is_bounded_by_what_overlaps() -> None:
    """A long history in runs that follow each other: no slice holds more than a few of them."""
    runs = [[message(100 * n + i, 1000 * n + i) for i in range(100)] for n in range(400)]
    random.Random(1).shuffle(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_runs, "SLICE_MESSAGES", 200)
        sizes = [len(messages) for _, messages in given_back(runs, held_bytes=10_000)]
    assert sum(sizes) == 40_000
    assert max(sizes) <= 300
