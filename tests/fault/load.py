"""Clients that send distinct collections, each until it is acknowledged, as an SDK with endless retry would."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator

from otlp import SECOND, export_request, now_ns, post

CLIENTS = 4
POINTS = 50
TRIES = 4_000


class Client(threading.Thread):
    """Sends until it is told to stop; counts what was acknowledged."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self.url, self.number = url, number
        self.stopping = threading.Event()
        self.acknowledged = 0
        self.resent = 0
        self.answers: Counter[int] = Counter()
        self.trouble: object = None

    def run(self) -> None:
        first = now_ns() - 3600 * SECOND
        collection = 0
        while not self.stopping.is_set():
            collection += 1
            value = 1 + collection % 7
            points = [
                {"name": "load", "value": value, "end": first + collection * 1000,
                 "attributes": {"org.id": f"org-{n % 5}", "n": n}}
                for n in range(POINTS)
            ]  # fmt: skip
            resource = {"service.name": "load", "service.instance.id": str(self.number)}
            if not self._send(export_request(points, resource=resource).SerializeToString()):
                return
            self.acknowledged += value * POINTS

    def _send(self, body: bytes) -> bool:
        for _ in range(TRIES):
            with contextlib.suppress(OSError, urllib.error.URLError):
                reply = post(self.url + "/v1/metrics", body)
                self.answers[reply.status] += 1
                if reply.status == 200:
                    assert reply.body == b""
                    return True
                if reply.status != 503:
                    self.trouble = (reply.status, reply.body)
                    return False
            self.resent += 1
            time.sleep(0.01)
        self.trouble = "never acknowledged"
        return False


@contextlib.contextmanager
def load(url: str) -> Iterator[list[Client]]:
    """Clients that send meanwhile; all of them must have been acknowledged at the end."""
    clients = [Client(url, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join()
    assert [client.trouble for client in clients if client.trouble] == []


def progressed(clients: list[Client], amount: int = 500) -> Callable[[], bool]:
    """A condition: every client has got that much further."""
    before = [client.acknowledged for client in clients]
    return lambda: all(c.acknowledged >= b + amount or c.trouble for c, b in zip(clients, before, strict=True))


def expected(clients: list[Client]) -> dict[str, str]:
    """What /api/usage must say."""
    return {"load": str(sum(client.acknowledged for client in clients))}
