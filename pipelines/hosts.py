"""Where the worker processes of a run are: on this host, or the same number on each of several.

A cluster is one launcher a host. The host with number 0 leads: it alone prepares the stores and
decides when all start. Without addresses there is one host, and its launcher leads itself.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.processes import RunRefused, free_addresses

_ADDRESS = re.compile(r"(\S+):(\d{1,5})")
PORT_MAX = 65_535


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """`addresses`: host:port of each host's first worker, the same on all; empty: only this one.

    `here`: which of them this is. `workers`: processes of each; the nth listens on port + n.
    """

    addresses: tuple[str, ...] = ()
    here: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        for address in self.addresses:
            found = _ADDRESS.fullmatch(address)
            if found is None or not 0 < int(found[2]) <= PORT_MAX - self.workers + 1:
                raise RunRefused(
                    f"--addresses: must be host:port of each host; got {address!r}; for example "
                    "host-a:2101,host-b:2101"
                )
        if not 0 <= self.here < self.count:
            raise RunRefused(
                f"--host: must be below the number of addresses, {self.count}; got {self.here}; "
                "hosts are counted from 0, in the order of --addresses"
            )
        taken = Counter(self._listening())
        if any(n > 1 for n in taken.values()):
            raise RunRefused(
                f"--addresses: must leave {self.workers} ports of its own to each host; got "
                f"{max(taken, key=lambda address: taken[address])} twice; space the ports"
            )

    @property
    def count(self) -> int:
        return max(1, len(self.addresses))

    @property
    def processes(self) -> range:
        """The numbers of this host's workers in the cluster."""
        return range(self.here * self.workers, (self.here + 1) * self.workers)

    def name(self, host: int) -> str:
        """What messages call a host."""
        return f"host {host} ({self.addresses[host]})"

    def process_addresses(self) -> list[str]:
        """Where each process of the cluster listens; empty: there is one."""
        if self.count > 1:
            return self._listening()
        return free_addresses(self.workers) if self.workers > 1 else []

    def _listening(self) -> list[str]:
        each = [address.rpartition(":") for address in self.addresses]
        return [f"{host}:{int(port) + n}" for host, _, port in each for n in range(self.workers)]


def hosts_of(addresses: Sequence[str], here: int | None, workers: int) -> Hosts:
    """Raises RunRefused, for a person to correct."""
    if len(addresses) > 1 and here is None:
        raise RunRefused(
            f"--host: must say which of the {len(addresses)} addresses this host has; got none; "
            "give --host, or KIZUNA_CLUSTER__HOST in the environment"
        )
    return Hosts(addresses=tuple(addresses), here=here or 0, workers=workers)
