"""The launchers of a live run, one a host, as one: all begin, fail and stop together.

In: notices of the others, and what becomes of the workers here. Out: a start's number once all
are ready for it. Promised:

* the leader prepares the stores only while no worker lives on any host: its own have ended, and
  each other launcher has said so of its own, or began anew, which its lock lets it do only then;
* all workers of a start run with what their launchers agreed on;
* a failure anywhere ends the start everywhere; asking one launcher to stop asks all.

With a single host there is nobody to wait for, and nothing is said.
"""

import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import getpid
from pathlib import Path
from typing import Any

import msgspec

from pipelines.agreement import differences
from pipelines.hosts import Hosts
from pipelines.notices import SILENT_SECONDS, Notice, Peer, Start, read_start, write
from pipelines.patience import Waiting
from pipelines.processes import POLL_SECONDS, REFUSED, RunRefused, WorkerFailed
from pipelines.sources.alignment import Alignment
from pipelines.stopping import Stopping

SAY_SECONDS = 0.5
"""How often a launcher says something."""
LEADER = 0


class Cluster:
    """This launcher among the others. `said` is told whom it waits for."""

    def __init__(
        self,
        journal: Path,
        hosts: Hosts,
        agreed: Mapping[str, str],
        stopping: Stopping,
        said: Callable[[str], None],
    ) -> None:
        self._hosts = hosts
        self._stopping = stopping
        self._waiting = Waiting(said)
        self._start_file = journal / "start.json"
        self._path = _notice_path(journal, hosts.here)
        self._peers = {
            host: Peer(_notice_path(journal, host))
            for host in range(hosts.count)
            if host != hosts.here
        }
        self._notice = Notice(
            launch=secrets.token_hex(8),
            where=f"{socket.gethostname()}, process {getpid()}",
            agreed=dict(agreed),
        )
        self._start = read_start(self._start_file)
        self._alignment: Alignment | None = None
        self._said_at = 0.0

    @property
    def leads(self) -> bool:
        return self._hosts.here == LEADER

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Others hear how this launcher ended."""
        try:
            yield
        except RunRefused as refused:
            self._say(exit_code=REFUSED, words=str(refused))
            raise
        except BaseException as error:
            self._say(exit_code=1, words=str(error))
            raise
        self._say(exit_code=0)

    # Before a start

    def gather(self) -> bool:
        """The leader waits until all are there and none has workers; False: asked to stop.

        Raises RunRefused if one of them was told to run something else.
        """
        if not self._peers:
            return True
        self._waiting.begin()
        while True:
            self.exchange()
            if self._stopping.asked():
                return False
            missing = [host for host, peer in self._peers.items() if not self._is_ready(host, peer)]
            if not missing:
                return True
            self._waiting.go_on(", ".join(map(self._hosts.name, missing)))

    def begin(self) -> int:
        """The leader lets all start; the stores are ready."""
        launches = {host: peer.notice.launch for host, peer in self._peers.items() if peer.notice}
        launches[self._hosts.here] = self._notice.launch
        self._start = Start(
            number=self._start.number + 1,
            launches=[launches[host] for host in range(self._hosts.count)],
        )
        write(self._start_file, self._start)
        return self._start.number

    def join(self) -> int | None:
        """The others wait for a start that counts on them; None: asked to stop."""
        leader, start = self._peers[LEADER], self._start
        self._waiting.begin()
        while True:
            self.exchange()
            with suppress(OSError):  # replaced under this look; the next one finds it
                start = read_start(self._start_file)
            if start.number > self._notice.ended and self._notice.launch in start.launches:
                self._start = start
                return start.number
            if self._stopping.asked():
                return None
            self._is_ready(LEADER, leader)
            if leader.met and leader.notice is not None and leader.notice.exit_code == 1:
                raise WorkerFailed(f"{self._hosts.name(LEADER)} gave up: {leader.notice.words}")
            self._waiting.go_on(self._hosts.name(LEADER))

    def _is_ready(self, host: int, peer: Peer) -> bool:
        self._refuse_with(host, peer)
        notice = peer.lives
        if notice is None:
            return False
        unlike = differences(self._notice.agreed, notice.agreed)
        if unlike:
            raise RunRefused(
                f"{self._hosts.name(host)}, {notice.where}: must run what this host runs; got "
                f"{'; '.join(unlike)}; make them alike, and start both again"
            )
        return notice.ended >= self._start.number or notice.launch not in self._start.launches

    # While workers run

    def run(self, alignment: Alignment) -> None:
        """Workers of the last start begin here."""
        self._alignment = alignment
        self._say(running=self._start.number, failed="")

    def watch(self) -> None:
        """Raises WorkerFailed if another host's part of the start has failed."""
        self.exchange()
        for host, peer in self._peers.items():
            self._refuse_with(host, peer)
            name, notice = self._hosts.name(host), peer.notice
            if peer.met and notice is not None:
                if notice.launch != self._start.launches[host]:
                    raise WorkerFailed(f"{name} was started anew")
                if notice.exit_code not in (None, 0):
                    raise WorkerFailed(f"{name} gave up: {notice.words}")
                if notice.ended >= self._start.number and notice.failed:
                    raise WorkerFailed(f"{name}: {notice.failed}")
                if notice.ended >= self._start.number:
                    continue
                if notice.exit_code == 0:
                    raise WorkerFailed(f"{name} was stopped before it began")
            if peer.is_silent:
                raise WorkerFailed(f"{name} said nothing for {SILENT_SECONDS:g} s")

    def end(self, failed: str = "") -> None:
        """No worker of the last start lives here any more."""
        self._alignment = None
        self._say(running=0, ended=self._start.number, failed=failed)

    def finish(self, seconds: float) -> None:
        """Workers here ended as they were asked to; wait until it is so everywhere.

        The leader waits for each of the others, these for the leader, which writes down the end.
        """
        give_up_at = time.monotonic() + seconds
        awaited = self._peers if self.leads else {LEADER: self._peers[LEADER]}
        while not all(map(self._has_finished, awaited.values())):
            self.watch()
            if time.monotonic() > give_up_at:
                names = ", ".join(map(self._hosts.name, awaited))
                raise WorkerFailed(
                    f"{names}: must say within {seconds:g} s that all is saved; got no word; run "
                    "the same command again: it resumes from the last snapshot"
                )
            time.sleep(POLL_SECONDS)

    def _has_finished(self, peer: Peer) -> bool:
        notice = peer.notice
        if notice is None or notice.launch not in self._start.launches:
            return False
        if self.leads:
            return notice.ended >= self._start.number and not notice.failed
        return notice.exit_code == 0

    # What is said and heard

    def exchange(self) -> None:
        """Say how things are here and look what others say, if it is time to."""
        if self._peers and time.monotonic() - self._said_at >= SAY_SECONDS:
            self._say()

    def pause(self, seconds: float) -> None:
        """Wait without falling silent."""
        go_on_at = time.monotonic() + seconds
        while time.monotonic() < go_on_at:
            self.exchange()
            time.sleep(POLL_SECONDS)

    def _say(self, **changes: Any) -> None:
        if not self._peers:
            return
        self._said_at = time.monotonic()
        self._notice = msgspec.structs.replace(
            self._notice,
            **changes,
            beat=self._notice.beat + 1,
            stopping=self._stopping.asked(),
            slots=b"" if self._alignment is None else self._alignment.told(),
        )
        write(self._path, self._notice)
        self._stopping.keep_in_touch()
        for peer in self._peers.values():
            peer.look()
            self._hear(peer)

    def _hear(self, peer: Peer) -> None:
        notice = peer.notice
        if not peer.met or notice is None:
            return
        if notice.stopping and not self._stopping.asked():
            self._stopping.ask()
        if self._alignment is not None and notice.running == self._start.number:
            self._alignment.hear(notice.slots)

    def _refuse_with(self, host: int, peer: Peer) -> None:
        if peer.met and peer.notice is not None and peer.notice.exit_code == REFUSED:
            raise RunRefused(f"{self._hosts.name(host)} refused: {peer.notice.words}")


def _notice_path(journal: Path, host: int) -> Path:
    return journal / f"host-{host}.json"
