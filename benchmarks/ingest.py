"""CPU, WAL and memory a point, from the HTTP body to the drained roller, against a bare COPY in the same run.

100 orgs x 20 projects x 5 metrics = 10,000 series, 4 point attributes, 2 resource attributes, 5,000 points a request,
2 connections, uncompressed protobuf.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import asyncpg
import numpy as np
import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from servers import Servers, servers

from tallystick_receiver.store import pgcopy

POINTS_A_REQUEST = 5_000
SERIES = 10_000
START, END = b"\x11SSSSSSSS", b"\x19EEEEEEEE"
START_NS, END_NS = int.from_bytes(START[1:], "little"), int.from_bytes(END[1:], "little")


def request_of(series: range, writers: list[str]) -> bytes:
    """A request whose times are placeholders: `series` from each writer."""
    request = ExportMetricsServiceRequest()
    for writer in writers:
        resource_metrics = request.resource_metrics.add()
        for key, value in (("service.name", "log-platform"), ("service.instance.id", writer)):
            pair = resource_metrics.resource.attributes.add(key=key)
            pair.value.string_value = value
        scope_metrics = resource_metrics.scope_metrics.add()
        scope_metrics.scope.name = "bench"
        metrics = {}
        for number in series:
            metric, org, project = number % 5, number // 5 % 100, number // 500
            if metric not in metrics:
                metrics[metric] = scope_metrics.metrics.add(name=f"platform.metric.{metric}", unit="By")
                metrics[metric].sum.aggregation_temporality = 1
                metrics[metric].sum.is_monotonic = True
            point = metrics[metric].sum.data_points.add(
                start_time_unix_nano=START_NS, time_unix_nano=END_NS, as_int=1000 + number
            )
            for key, value in (
                ("org.id", f"organisation-{org}"), ("project.id", f"project-{project}"),
                ("region", "eu-central-1"), ("plan", "enterprise"),
            ):  # fmt: skip
                pair = point.attributes.add(key=key)
                pair.value.string_value = value
    return request.SerializeToString()


def stamped(body: bytes, start_ns: int, end_ns: int) -> bytes:
    """The body with real times."""
    body = body.replace(START, START[:1] + start_ns.to_bytes(8, "little"))
    return body.replace(END, END[:1] + end_ns.to_bytes(8, "little"))


def collections(requests: int, bodies: list[bytes], first_ns: int) -> Iterator[bytes]:
    """Bodies in turn, of ever new collections: two bodies are the halves of one, as a large SDK sends it."""
    halves = 2 if len(bodies) == 2 else 1
    for number in range(requests):
        end = first_ns + number // halves * 10**8
        yield stamped(bodies[number % len(bodies)], end - 10**9, end)


def announced(requests: int, bodies: list[bytes], writers: int, first_ns: int) -> Iterator[bytes]:
    """The same, with what each writer announces of each of its collections, as UsageReader does."""
    halves = 2 if len(bodies) == 2 else 1
    own = [figures(body, writers) for body in bodies]
    total: dict[str, list[int]] = {metric: [0, 0] for metric in own[0]}
    collection: dict[str, list[int]] = {}
    for number, body in enumerate(collections(requests, bodies, first_ns)):
        sequence, end = number // halves + 1, first_ns + number // halves * 10**8
        for metric, (points, amount) in own[number % len(bodies)].items():
            for figure in (total[metric], collection.setdefault(metric, [0, 0])):
                figure[0] += points
                figure[1] += amount
        if number % halves < halves - 1:
            yield body
            continue
        entries = [[m, "By", "sum", collection[m][0], str(collection[m][1]), *map_text(total[m])] for m in total]
        tally = {"begun": first_ns - 10**9, "start": end - 10**8, "interval": 10**8, "last": False,
                 "entries": entries, "unattributed": []}  # fmt: skip
        yield with_tally(body, sequence, end, json.dumps(tally, separators=(",", ":")))
        collection = {}


def map_text(figures: list[int]) -> list[object]:
    return [figures[0], str(figures[1])]


def figures(body: bytes, writers: int) -> dict[str, tuple[int, int]]:
    """Points and sum of each metric, of one of the writers."""
    found = ExportMetricsServiceRequest.FromString(body).resource_metrics
    assert len(found) == writers
    metrics = found[0].scope_metrics[0].metrics
    return {m.name: (len(m.sum.data_points), sum(p.as_int for p in m.sum.data_points)) for m in metrics}


def with_tally(body: bytes, sequence: int, end_ns: int, tally: str) -> bytes:
    """The body with the tally in each of its resources."""
    request = ExportMetricsServiceRequest.FromString(body)
    for resource_metrics in request.resource_metrics:
        scope_metrics = resource_metrics.scope_metrics.add()
        scope_metrics.scope.name = "tallystick.sender"
        metric = scope_metrics.metrics.add(name="tallystick.sender.collection", unit="{collection}")
        point = metric.gauge.data_points.add(time_unix_nano=end_ns, as_int=sequence)
        point.attributes.add(key="tally").value.string_value = tally
    return request.SerializeToString()


def send(port: int, bodies: Iterator[bytes], connections: int = 2, path: str = "/v1/metrics") -> list[float]:
    """Send all bodies over some connections; seconds until each answer."""
    lock, latencies = threading.Lock(), []
    repeated: Counter[bytes] = Counter()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            begun = time.perf_counter()
            while True:
                connection.request("POST", path, body, {"Content-Type": "application/x-protobuf"})
                response = connection.getresponse()
                answer = response.read()
                if response.status in (200, 204):
                    break
                repeated[answer] += 1
                time.sleep(0.5)
            assert answer == b"", answer
            latencies.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if repeated:
        print("sent again:", repeated)
    return latencies


def measure(running: Servers, name: str, requests: int, bodies: Callable[[], Iterator[bytes]]) -> dict[str, float]:
    """Send, drain, and say what a point cost."""
    running.drain()
    before, accepted = running.cost(), running.counts().get("points.accepted", 0)
    begun = time.perf_counter()
    latencies = send(running.port, bodies())
    running.drain()
    cost = running.cost().since(before)
    points = requests * POINTS_A_REQUEST
    return {
        "name": name,
        "points": points,
        "accepted": running.counts().get("points.accepted", 0) - accepted,
        "receiver_us": cost.receiver_cpu / points * 1e6,
        "postgres_us": cost.postgres_cpu / points * 1e6,
        "total_us": (cost.receiver_cpu + cost.postgres_cpu) / points * 1e6,
        "wal_bytes": cost.wal_bytes / points,
        "points_per_second": points / (time.perf_counter() - begun),
        "p50_ms": float(np.percentile(latencies, 50)) * 1e3,
        "p99_ms": float(np.percentile(latencies, 99)) * 1e3,
        "rss_mb": running.rss() / 1e6,
    }


def bare_copy(running: Servers, requests: int) -> dict[str, float]:
    """The baseline: the same rows by binary COPY into a table without index, ledger or rollup."""

    async def run() -> None:
        connection = await asyncpg.connect(running.database_url)
        await connection.execute("CREATE TABLE IF NOT EXISTS bare (LIKE usage_point)")
        await connection.execute("TRUNCATE bare")
        column = np.arange(POINTS_A_REQUEST, dtype=np.int64)
        for _ in range(requests):
            rows = pgcopy.table([column] * 6 + [column.astype(np.int16)] * 2)

            async def source(content: bytes = pgcopy.HEADER + rows + pgcopy.TRAILER):
                yield content

            await connection.copy_to_table("bare", source=source(), format="binary")
        await connection.close()

    before, own = running.cost(), psutil.Process().cpu_times()
    asyncio.run(run())
    cost, after = running.cost().since(before), psutil.Process().cpu_times()
    points = requests * POINTS_A_REQUEST
    client = after.user + after.system - own.user - own.system
    total = (client + cost.postgres_cpu) / points * 1e6
    return {"name": "bare COPY", "points": points, "receiver_us": client / points * 1e6,
            "postgres_us": cost.postgres_cpu / points * 1e6, "total_us": total,
            "wal_bytes": cost.wal_bytes / points}  # fmt: skip


def victoria(requests: int, bodies: list[bytes], first_ns: int) -> dict[str, float]:
    """A peer that keeps samples but no ledger: the same bodies to VictoriaMetrics."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        peer = subprocess.Popen(
            ["victoria-metrics", f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in peer.stderr:
            if "started server" in line:
                break
        threading.Thread(target=peer.stderr.read, daemon=True).start()
        process = psutil.Process(peer.pid)
        send(port, collections(4, bodies, first_ns - 10**12), path="/opentelemetry/v1/metrics")
        before = process.cpu_times()
        send(port, collections(requests, bodies, first_ns), path="/opentelemetry/v1/metrics")
        after, rss = process.cpu_times(), process.memory_info().rss
        peer.terminate()
        peer.wait()
    points = requests * POINTS_A_REQUEST
    total = (after.user + after.system - before.user - before.system) / points * 1e6
    return {"name": "victoria-metrics", "points": points, "total_us": total, "rss_mb": rss / 1e6}


def memory(running: Servers, first_ns: int) -> dict[str, float]:
    """A 64 MiB body beside 16 connections."""
    point = request_of(range(1000), ["large"])
    body, room = b"", 64 * 2**20
    large = stamped(point, first_ns, first_ns + 1) * (room // len(point))
    bodies = [request_of(range(n * 625, n * 625 + 625), [f"w{n}"]) for n in range(16)]
    thread = threading.Thread(target=send, args=(running.port, iter([large]), 1))
    thread.start()
    send(running.port, collections(320, bodies, first_ns + 10**9), 16)
    thread.join()
    del body
    return {"name": "64 MiB body + 16 connections", "highest_rss_mb": running.rss_highest() / 1e6,
            "large_body_mb": len(large) / 1e6}  # fmt: skip


def main(argv: list[str] | None = None) -> list[dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database-url", help="an empty database on this machine; default: an embedded server")
    arguments = parser.parse_args(argv)
    requests = 40 if arguments.quick else 200
    halves = [request_of(range(5000), ["w"]), request_of(range(5000, SERIES), ["w"])]
    shared = [request_of(range(n * 250, n * 250 + 250), [f"w{w}" for w in range(20)]) for n in range(40)]
    now = time.time_ns() // 3_600_000_000_000 * 3_600_000_000_000 - 6 * 3_600_000_000_000
    hour = 3_600_000_000_000
    with servers(arguments.database_url) as running:
        send(running.port, collections(4, halves, now - hour))
        send(running.port, collections(40, shared, now - hour))

        def resends() -> Iterator[bytes]:
            for number, body in enumerate(collections(requests, halves, now + 3 * hour)):
                yield body
                if number % 50 == 0:
                    yield body

        rows = [
            bare_copy(running, requests),
            measure(running, "one writer", requests, lambda: collections(requests, halves, now)),
            measure(running, "20 writers", requests, lambda: collections(requests, shared, now + hour)),
            measure(running, "one writer, announced", requests, lambda: announced(requests, halves, 1, now + 4 * hour)),
            measure(
                running,
                "20 writers, announced",
                requests,
                lambda: announced(requests, shared, 20, now + 4 * hour + hour // 2),
            ),
            measure(running, "one writer", requests, lambda: collections(requests, halves, now + 2 * hour)),
            measure(running, "20 writers", requests, lambda: collections(requests, shared, now + 2 * hour + hour // 2)),
            measure(running, "2 % resends", requests, resends),
            measure(running, "100 % resends", requests, lambda: collections(requests, halves, now)),
            bare_copy(running, requests),
        ]
        if shutil.which("victoria-metrics"):
            rows.append(victoria(requests, halves, now))
        rows.append(memory(running, now + 5 * hour))
    for row in rows:
        print(" ".join(f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    return rows


if __name__ == "__main__":
    main()
