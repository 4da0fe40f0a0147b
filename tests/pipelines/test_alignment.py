"""Back-pressure: sources wait for what the flow has finished, and never all of them."""

from pipelines.sources.alignment import IN_FLIGHT_RECORDS, Ahead, Alignment


def test_the_flow_is_done_as_far_as_its_last_group(tmp_path):
    slots = tmp_path / "slots"
    Alignment.reset(slots, ["a"], groups=2)
    one, other = Alignment(slots, ["a"], 2), Alignment(slots, ["a"], 2)
    assert one.finished() is None, "no group has said anything"
    other.finish(0, 50)
    assert one.finished() is None
    other.finish(1, 40)
    assert one.finished() == 40
    one.publish("a", 7, records=1, bytes_read=1)
    assert (one.finished(), one.slowest()) == (40, 7), "the slots don't touch each other"


def test_without_groups_nothing_is_known_of_the_flow(tmp_path):
    slots = tmp_path / "slots"
    Alignment.reset(slots, ["a"])
    assert Alignment(slots, ["a"]).finished() is None


def test_a_source_waits_while_much_of_it_is_on_its_way():
    ahead = Ahead()
    ahead.add(10, IN_FLIGHT_RECORDS - 1)
    assert ahead.may_read(10, slowest=10, finished=5)
    ahead.add(12, 1)
    assert not ahead.may_read(12, slowest=12, finished=5), "the flow has still something to do"
    assert ahead.may_read(12, slowest=12, finished=10)


def test_whoever_is_ahead_waits_for_the_slowest_even_within_the_hour():
    ahead = Ahead()
    ahead.add(12, IN_FLIGHT_RECORDS)
    assert not ahead.may_read(12, slowest=10, finished=10)
    assert ahead.may_read(12, slowest=10, finished=12)


def test_the_slowest_may_read_once_the_flow_has_done_what_it_could():
    ahead = Ahead()
    ahead.add(12, 2 * IN_FLIGHT_RECORDS)
    assert not ahead.may_read(12, slowest=12, finished=11)
    assert ahead.may_read(12, slowest=12, finished=12), "nobody else could move it"


def test_a_flow_that_says_nothing_limits_nothing():
    ahead = Ahead()
    ahead.add(12, 2 * IN_FLIGHT_RECORDS)
    assert ahead.may_read(12, slowest=12)
    assert ahead.may_read(12, slowest=12, finished=5), "and isn't remembered"
