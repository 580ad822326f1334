"""A sender that announces its collections, built by hand from protobuf; imports nothing of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp import SECOND, export_request, now_ns, usage
from waiting import wait_until


@dataclass
class Sender:
    """One process: each `collection` covers `interval` seconds; collections and tallies come as separate requests."""

    instance: str = "sender-1"
    interval: int = 10
    begun: int = field(default_factory=lambda: now_ns() - 3600 * SECOND)
    service: str = "app"

    def __post_init__(self):
        self.sequence = 0
        self.end = self.begun
        self.total: dict[str, list[int]] = {}

    @property
    def resource(self):
        return {"service.name": self.service, "service.instance.id": self.instance}

    def collect(self, last=False, **usage):
        """(points, tally) of the next collection: collect(requests=[1, 2]) has two points of `requests`."""
        self.sequence += 1
        start, self.end = self.end, self.end + self.interval * SECOND
        points = [
            {"name": name, "unit": "1", "value": value, "start": start, "end": self.end,
             "attributes": {"org.id": "acme", "n": n}}
            for name, values in usage.items() for n, value in enumerate(values)
        ]  # fmt: skip
        for name, values in usage.items():
            before = self.total.get(name, [0, 0])
            self.total[name] = [before[0] + len(values), before[1] + sum(values)]
        entries = [
            [name, "1", "sum", len(usage.get(name, [])), str(sum(usage.get(name, []))), points_total, str(total)]
            for name, (points_total, total) in self.total.items()
        ]
        tally = {"begun": self.begun, "start": start, "interval": self.interval * SECOND, "last": last,
                 "entries": entries, "unattributed": []}  # fmt: skip
        return export_request(points, resource=self.resource), self.announcement(self.sequence, self.end, tally)

    def announcement(self, sequence, end, tally):
        """The request of a tally alone."""
        point = {"name": "tallystick.sender.collection", "kind": "gauge", "value": sequence, "end": end,
                 "attributes": {"tally": json.dumps(tally)}}  # fmt: skip
        return export_request([point], resource=self.resource, scope="tallystick.sender")

    def whole(self, last=False, **usage):
        """The next collection as one request, as our exporter sends it."""
        return merged(*self.collect(last, **usage))


def merged(*requests):
    """All of them as one request."""
    whole = ExportMetricsServiceRequest()
    for request in requests:
        whole.resource_metrics.extend(request.resource_metrics)
    return whole


def accounted(receiver_url: str, key: str = "") -> None:
    """Wait until the books, which are made up in the background, say that everything until now is here."""

    def is_complete() -> bool:
        found = usage(receiver_url, key)["completeness"]
        return found["state"] == "complete" and datetime.fromisoformat(found["until"]).timestamp() >= now_ns() // SECOND

    wait_until(is_complete, what="completeness until now")
