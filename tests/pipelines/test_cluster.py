"""Launchers of a cluster agree on each start: two in one process, step by step, over real files."""

import time
from contextlib import suppress

import pytest

from pipelines.cluster import SAY_SECONDS, Cluster
from pipelines.hosts import Hosts, hosts_of
from pipelines.notices import SILENT_SECONDS, Peer, read_start
from pipelines.processes import RunRefused, WorkerFailed, exclusive
from pipelines.sources.alignment import Alignment
from pipelines.stopping import CUT_OFF_SECONDS, Stopping

ADDRESSES = ("a:1", "b:1")
LANES = ["x", "y"]


class Side:
    """One host: its cluster, and what it was told."""

    def __init__(self, journal, here, agreed=(("version", "1"),)):
        Stopping.reset(journal / f"stop-{here}")
        self.stopping = Stopping(journal / f"stop-{here}")
        self.said = []
        hosts = Hosts(addresses=ADDRESSES, here=here)
        self.cluster = Cluster(journal, hosts, dict(agreed), self.stopping, self.said.append)
        slots = journal / f"slots-{here}"
        Alignment.reset(slots, LANES, 1)
        self.alignment = Alignment(slots, LANES, 1)

    def speak(self):
        self.cluster._said_at = 0.0
        self.cluster.exchange()

    def is_ready(self):
        """Whether the leader finds the other ready, in one look."""
        ((host, peer),) = self.cluster._peers.items()
        return self.cluster._is_ready(host, peer)

    def joins(self):
        """The start that it would take part in now, if any."""
        self.speak()
        start = read_start(self.cluster._start_file)
        mine = self.cluster._notice
        return start.number > mine.ended and mine.launch in start.launches


@pytest.fixture
def sides(tmp_path):
    pair = Side(tmp_path, 0), Side(tmp_path, 1)
    meet(*pair)
    return pair


def meet(*pair):
    for _ in range(2):
        for side in pair:
            side.speak()


def test_a_start_and_its_end(sides):
    leader, other = sides
    assert not other.joins()
    assert leader.cluster.gather()
    assert leader.cluster.begin() == 1
    assert other.cluster.join() == 1
    for side in sides:
        side.cluster.run(side.alignment)
    meet(*sides)
    for side in sides:
        side.cluster.watch()
    other.cluster.end()
    leader.cluster.end()
    leader.cluster.finish(1.0)
    with pytest.raises(WorkerFailed, match=r"must say within 0[.]2 s that all is saved"):
        other.cluster.finish(0.2)
    with leader.cluster.taking_part():
        pass
    other.cluster.finish(1.0)


def test_nobody_begins_again_before_all_have_ended(sides):
    """The leader's workers failed; the other may be just about to begin, or still has some."""
    leader, other = sides
    leader.cluster.begin()
    leader.cluster.run(leader.alignment)
    leader.cluster.end("lost its peer")
    meet(*sides)
    assert not leader.is_ready(), "it was counted on and has said nothing of this start"
    assert other.cluster.join() == 1
    other.cluster.run(other.alignment)
    with pytest.raises(WorkerFailed, match=r"host 0 \(a:1\): lost its peer"):
        other.cluster.watch()
    meet(*sides)
    assert not leader.is_ready(), "its workers may live"
    other.cluster.end("lost its peer")
    meet(*sides)
    assert leader.is_ready()
    assert leader.cluster.begin() == 2
    assert other.joins()


def test_a_launcher_that_began_anew_has_no_workers_of_before(sides, tmp_path):
    leader, other = sides
    leader.cluster.begin()
    leader.cluster.run(leader.alignment)
    other.cluster.run(other.alignment)
    again = Side(tmp_path, 1)
    meet(leader, again)
    with pytest.raises(WorkerFailed, match="was started anew"):
        leader.cluster.watch()
    leader.cluster.end("that")
    assert not again.joins(), "the start counts on another launcher"
    assert leader.is_ready()
    leader.cluster.begin()
    assert again.joins()
    assert not other.joins()


def test_a_new_leader_waits_for_workers_of_the_last_one(sides, tmp_path):
    leader, other = sides
    leader.cluster.begin()
    assert other.cluster.join() == 1
    other.cluster.run(other.alignment)
    again = Side(tmp_path, 0)
    meet(again, other)
    assert not again.is_ready()
    other.cluster.end("lost its peer")
    meet(again, other)
    assert again.is_ready()
    assert again.cluster.begin() == 2


def test_what_was_written_before_it_began_is_no_sign_of_life(tmp_path):
    old = Side(tmp_path, 1)
    meet(old)
    old.stopping.ask()
    with old.cluster.taking_part():
        pass
    leader = Side(tmp_path, 0)
    meet(leader)
    assert not leader.is_ready()
    assert not leader.stopping.asked(), "an old wish to stop is over"


def test_whoever_falls_silent_is_taken_for_gone(tmp_path):
    clock = [0.0]
    peer = Peer(tmp_path / "host-1.json", lambda: clock[0])
    peer.look()
    other = Side(tmp_path, 1)
    other.speak()
    clock[0] = 100.0
    peer.look()
    assert peer.lives is not None
    clock[0] += SILENT_SECONDS
    peer.look()
    assert peer.lives is not None
    clock[0] += 1.0
    peer.look()
    assert peer.lives is None
    other.speak()
    peer.look()
    assert peer.lives is not None


def test_workers_of_a_silent_launcher_end_before_others_go_on(tmp_path, monkeypatch):
    stopping = Stopping.reset(tmp_path / "stop") or Stopping(tmp_path / "stop")
    worker = Stopping(tmp_path / "stop")
    assert not worker.is_cut_off, "a host that is alone has nobody to tell"
    stopping.keep_in_touch()
    began = time.monotonic()
    assert not worker.is_cut_off
    monkeypatch.setattr(time, "monotonic", lambda: began + CUT_OFF_SECONDS + SAY_SECONDS)
    assert worker.is_cut_off
    assert CUT_OFF_SECONDS < SILENT_SECONDS
    worker.ask()
    stopping.keep_in_touch()
    assert stopping.asked()
    assert not worker.is_cut_off


def test_asking_one_to_stop_asks_all(sides):
    leader, other = sides
    other.stopping.ask()
    meet(*sides)
    assert leader.stopping.asked()
    assert not leader.cluster.gather()


def test_a_refusal_ends_all(sides):
    leader, other = sides
    with suppress(RunRefused), other.cluster.taking_part():
        raise RunRefused("the log is lost")
    leader.speak()
    with pytest.raises(RunRefused, match=r"host 1 \(b:1\) refused: the log is lost"):
        leader.cluster.gather()


def test_a_leader_that_gives_up_ends_the_others(sides):
    leader, other = sides
    with suppress(WorkerFailed), leader.cluster.taking_part():
        raise WorkerFailed("too often")
    with pytest.raises(WorkerFailed, match=r"host 0 \(a:1\) gave up: too often"):
        other.cluster.join()


def test_both_say_what_they_dont_agree_on(tmp_path):
    leader, other = Side(tmp_path, 0), Side(tmp_path, 1, agreed=[("version", "2")])
    meet(leader, other)
    for side, message in ((leader, "here 1, there 2"), (other, "here 2, there 1")):
        with pytest.raises(
            RunRefused, match=f"must run what this host runs; got version: {message}"
        ):
            side.is_ready()


def test_alignment_reaches_other_hosts(sides):
    """Each side hears how far the other is and keeps its own; what is older moves nobody."""
    leader, other = sides
    leader.cluster.begin()
    other.cluster.join()
    for side in sides:
        side.cluster.run(side.alignment)
    leader.alignment.publish("x", 500, records=5, bytes_read=50)
    other.alignment.publish("y", 300, records=3, bytes_read=30)
    assert leader.alignment.slowest() == 0
    meet(*sides)
    for side in sides:
        assert side.alignment.slowest() == 300
        assert side.alignment.totals() == (8, 80)
        assert side.alignment.finished() is None
    old = other.alignment.told()
    other.alignment.publish("y", 700, records=9, bytes_read=90)
    other.alignment.finish(0, 450)
    other.alignment.hear(old)
    meet(*sides)
    for side in sides:
        assert side.alignment.slowest() == 500
        assert side.alignment.finished() == 450


def test_slots_of_an_earlier_start_are_not_heard(sides):
    leader, other = sides
    leader.cluster.begin()
    other.cluster.join()
    other.cluster.run(other.alignment)
    other.alignment.publish("y", 300, records=3, bytes_read=30)
    leader.cluster.end("failed")
    meet(*sides)
    other.cluster.end("failed")
    meet(*sides)
    leader.cluster.begin()
    leader.cluster.run(leader.alignment)
    meet(*sides)
    assert leader.alignment.greatest() == 0


def test_a_host_that_is_alone_tells_nobody(tmp_path):
    Stopping.reset(tmp_path / "stop")
    cluster = Cluster(tmp_path, Hosts(), {}, Stopping(tmp_path / "stop"), print)
    with cluster.taking_part():
        assert cluster.gather()
        assert cluster.begin() == 1
        cluster.watch()
        cluster.end()
        cluster.finish(0.0)
    assert not list(tmp_path.glob("host-*"))


def test_addresses_of_all_processes():
    hosts = hosts_of(["a:10", "b:20"], 1, workers=2)
    assert hosts.process_addresses() == ["a:10", "a:11", "b:20", "b:21"]
    assert list(hosts.processes) == [2, 3]
    assert hosts_of([], None, workers=1).process_addresses() == []
    assert len(hosts_of(["a:10"], None, workers=2).process_addresses()) == 2


@pytest.mark.parametrize(
    ("addresses", "here", "message"),
    [
        (["a:1", "b:2"], None, "--host: must say which of the 2 addresses"),
        (["a:1", "b:2"], 2, "--host: must be below the number of addresses, 2"),
        ([], 1, "--host: must be below the number of addresses, 1"),
        (["a", "b:2"], 0, "--addresses: must be host:port"),
        (["a:1", "b:65535"], 0, "--addresses: must be host:port"),
        (["a:10", "a:11"], 0, "--addresses: must leave 2 ports"),
    ],
)
def test_addresses_that_are_none(addresses, here, message):
    with pytest.raises(RunRefused, match=message):
        hosts_of(addresses, here, workers=2)


def test_a_lock_beyond_the_number_of_hosts_is_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.processes.LOCK_WAIT_SECONDS", 0.2)
    with exclusive(tmp_path, 2, 3):
        with exclusive(tmp_path, 0, 3), exclusive(tmp_path, 1, 3):
            pass
        with pytest.raises(RunRefused, match="another run still holds"), exclusive(tmp_path, 0, 2):
            pass
        with pytest.raises(RunRefused, match="another run still holds"), exclusive(tmp_path):
            pass
        with pytest.raises(RunRefused, match="another run still holds"), exclusive(tmp_path, 2, 3):
            pass
    with exclusive(tmp_path):
        pass
