"""Ports of 127.0.0.1 for servers of development and tests."""

import random
import socket
from contextlib import ExitStack

PORTS = range(20_000, 30_000)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, all different.

    Not those that the system gives to clients: one that tries again and again to reach a stopped
    broker would, by chance, get the broker's own port for itself and keep it from coming back.
    """
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.SystemRandom().sample(PORTS, len(PORTS)):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(f"no port of {PORTS.start} to {PORTS.stop - 1} is free on 127.0.0.1")


def is_open(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
