"""Spools of one folder, as if of several processes, and what was in them."""

import os

from otlp import export_request
from unit.exporter.otlp_peer import points_in

from tallystick_exporter.parcel import parcel_of
from tallystick_exporter.spool import Spool

DAY_NS = 86_400 * 10**9
BLOCK = 4096


def parcel(value=1, made_ns=DAY_NS, points=1, noise=0):
    found = [{"name": "m", "value": value, "start": 1, "end": 2, "attributes": {"n": n}} for n in range(points)]
    resource = {"service.name": "app", "service.instance.id": "one", "noise": os.urandom(noise).hex()}
    return parcel_of(export_request(found, resource=resource).SerializeToString(), points, made_ns)


class Spools:
    """Spools of one folder, as if of several processes, and what they lost."""

    def __init__(self, root):
        self.root = root
        self.losses = []
        self.now_ns = DAY_NS
        self._open = []

    def open(self, bytes_max=10**9, seconds_max=86_400):
        spool = Spool(self.root, bytes_max, seconds_max, self.losses.extend, lambda: self.now_ns)
        self._open.append(spool)
        return spool

    def close(self):
        for spool in self._open:
            spool.close()

    @property
    def size(self):
        return sum(-(-file.stat().st_size // BLOCK) * BLOCK for file in self.root.glob("writers/*/*.piece"))


def drained(spool):
    """Everything in it, in the order in which it is sent."""
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(oldest)
        spool.settled(oldest)
    return found


def values(parcels):
    return [sent.value for one in parcels for sent in points_in(one.body)]
