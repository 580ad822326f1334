"""Ports of this machine for servers that must keep theirs through a restart; imports nothing of ours."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from pathlib import Path

LOWEST = 10_000
WORKERS = 8
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
"""Tests that run at the same time choose of different ports."""
CHOSEN_BY_THE_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_port() -> int:
    """A port where nobody listens, given once, and not of those that the kernel chooses.

    Of these any connection of this machine might take one before its server listens, or while it is restarted.
    """
    highest = 32_768
    with contextlib.suppress(OSError):
        highest = int(CHOSEN_BY_THE_KERNEL.read_text().split()[0])
    ports = range(LOWEST + WORKER, highest, WORKERS)
    while len(ports) > len(_given) + 100:
        port = secrets.choice(ports)
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
