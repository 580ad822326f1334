"""A tiny OTLP/HTTP receiver: a real peer on the wire that remembers what it was sent."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


@dataclass(frozen=True)
class Sent:
    """One point as it arrived."""

    name: str
    value: float
    start: int
    end: int
    attributes: dict
    instance: str


@dataclass(frozen=True)
class Tally:
    """What a sender said about one of its collections."""

    sequence: int
    end: int
    instance: str
    content: dict

    def own(self, metric, half="entries"):
        """(points, sum) of the metric in this collection."""
        return next(((e[3], e[4]) for e in self.content[half] if e[0] == metric), None)

    def total(self, metric, half="entries"):
        """(points, sum) of the metric in all collections so far."""
        return next(((e[5], e[6]) for e in self.content[half] if e[0] == metric), None)


@dataclass
class Peer:
    """Answers with the statuses it is told, then with 200; only what got a 200 counts as taken.

    Tallies are kept apart from the points, and do not count as points.
    """

    url: str
    statuses: list[int] = field(default_factory=list)
    requests: Queue = field(default_factory=Queue)
    taken: list[Sent] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    points_max: int = 10**9
    may_answer: threading.Event = field(default_factory=threading.Event)

    def status_for(self, body):
        found = points_in(body)
        sent = [point for point in found if isinstance(point, Sent)]
        self.requests.put(sent)
        self.may_answer.wait(30)
        status = 413 if len(sent) > self.points_max else self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.taken.extend(sent)
            self.tallies.extend(point for point in found if isinstance(point, Tally))
        return status

    def total(self, name):
        return sum(sent.value for sent in self.taken if sent.name == name)


def points_in(body):
    request = ExportMetricsServiceRequest.FromString(body)
    found = []
    for resource in request.resource_metrics:
        instance = {a.key: a.value.string_value for a in resource.resource.attributes}.get("service.instance.id")
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    attributes = {a.key: a.value.string_value for a in point.attributes}
                    value = getattr(point, point.WhichOneof("value")) if hasattr(point, "as_int") else point.sum
                    if scope.scope.name == "tallystick.sender":
                        content = json.loads(attributes["tally"])
                        found.append(Tally(value, point.time_unix_nano, instance, content))
                        continue
                    times = point.start_time_unix_nano, point.time_unix_nano
                    found.append(Sent(metric.name, value, *times, attributes, instance))
    return found


@contextmanager
def otlp_peer():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(peer.status_for(body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        peer = Peer(f"http://127.0.0.1:{server.server_port}/v1/metrics")
        peer.may_answer.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield peer
        finally:
            peer.may_answer.set()
            server.shutdown()
            thread.join()
