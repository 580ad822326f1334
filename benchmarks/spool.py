"""What the durable spool costs: points a second written, and the memory of a process that drains a full one.

Run `python benchmarks/spool.py [--quick]`. The spool lies in the system's folder for temporary files; TMPDIR chooses
another disk. Nobody listens while points are written; a peer that only says 200 takes what is drained.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, MetricsData

from tallystick_exporter import UsageExporter
from tallystick_exporter.options import SpoolOptions
from tallystick_exporter.ownership import WriterFolder
from tallystick_exporter.parcel import parcel_of
from tallystick_exporter.piece_file import packed

MEBI = 1024 * 1024
NOBODY = "http://127.0.0.1:9/v1/metrics"

PEER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        rest = int(self.headers["content-length"])
        while rest:
            rest -= len(self.rfile.read(min(rest, 65536)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

DRAIN = """
import sys
from tallystick_exporter import UsageExporter
exporter = UsageExporter(sys.argv[1], spool_dir=sys.argv[2], spool_bytes_max=2**40)
sys.exit(not exporter.deliver())
"""

ADOPT = """
import sys
from tallystick_exporter import UsageExporter
exporter = UsageExporter("http://127.0.0.1:9/v1/metrics", spool_dir=sys.argv[2], spool_bytes_max=2**40, timeout=0.1)
exporter.deliver()
print(exporter.waiting)
"""


def collection(points: int, project: Callable[[int], str]) -> MetricsData:
    """What a process with so many attribute sets has at a tick."""
    reader = InMemoryMetricReader({Counter: AggregationTemporality.DELTA}, cardinality_limits={Counter: 10**7})
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counter = provider.get_meter("benchmark").create_counter("logs.ingested.bytes", "By")
    for n in range(points):
        counter.add(
            5120 + n,
            {"org.id": f"org-{n % 1000}", "project.id": project(n), "region": "eu", "feature": "search", "tier": "pro"},
        )
    taken = reader.get_metrics_data()
    assert taken is not None
    provider.shutdown()
    return taken


def written(points: int, rounds: int) -> tuple[float, float]:
    """Points a second through `keep` and `secure`: encoded, compressed, written, fsynced; and a second of CPU.

    The best round: other processes on the machine only make it slower.
    """
    taken = collection(points, lambda n: f"project-{n // 1000}")
    best = best_of_cpu = 0.0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            exporter = UsageExporter(NOBODY, spool_dir=folder)
            start, start_cpu = time.perf_counter(), time.process_time()
            exporter.keep(taken)
            exporter.secure()
            best = max(best, points / (time.perf_counter() - start))
            best_of_cpu = max(best_of_cpu, points / (time.process_time() - start_cpu))
            assert exporter.waiting == points // 5_000
            exporter.shutdown()
    return best, best_of_cpu


def fill(folder: Path, url: str, body: bytes, points: int, size: int) -> int:
    """What a dead process left: files that take so many bytes on disk. Returns how many."""
    root = SpoolOptions(folder=folder).folder_for(url)
    assert root is not None
    dead = WriterFolder.created(root / "writers")
    count = 0
    while size > 0:
        parcel = parcel_of(body, points, time.time_ns())
        content = packed(parcel)
        (dead.path / f"{parcel.name}.piece").write_bytes(content)
        size -= -(-len(content) // 4096) * 4096
        count += 1
    dead.abandon()
    return count


@contextlib.contextmanager
def peer() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", PEER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1/metrics"
        process.kill()


def memory_of(program: str, url: str, folder: str) -> tuple[float, float]:
    """The most that a process of its own had resident, in MB (10^6 bytes), and its seconds."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program, url, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        most = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                most = max(most, watched.memory_info().rss)
            time.sleep(0.01)
    return most / 1e6, time.perf_counter() - start


def main(argv: list[str]) -> dict[str, float]:
    """Print the figures; returns them by name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds: 64 MiB instead of 1 GiB")
    quick = parser.parse_args(argv).quick
    size = 64 * MEBI if quick else 1024 * MEBI
    figures: dict[str, float] = {}

    rate, rate_of_cpu = written(50_000 if quick else 200_000, 2 if quick else 5)
    figures["points_written_a_second"], figures["points_written_a_cpu_second"] = rate, rate_of_cpu
    print(f"written: {rate:,.0f} points/s, {rate_of_cpu:,.0f} points per second of CPU")

    # Project names that cannot be compressed: the most bytes a point.
    body = encode_metrics(collection(5_000, lambda _: os.urandom(16).hex())).SerializeToString()
    with tempfile.TemporaryDirectory() as folder, peer() as url:
        count = fill(Path(folder), url, body, 5_000, size)
        figures["drain_mb_resident"], seconds = memory_of(DRAIN, url, folder)
        assert not list(Path(folder).rglob("*.piece")), "not drained"
        figures["points_drained_a_second"] = count * 5_000 / seconds
        print(
            f"drained: {size // MEBI} MiB, {count} requests of {len(body):,} bytes in {seconds:.1f} s,"
            f" {figures['points_drained_a_second']:,.0f} points/s, at most {figures['drain_mb_resident']:.0f} MB resident"
        )

    small = encode_metrics(collection(1, str)).SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        count = fill(Path(folder), NOBODY, small, 1, size)
        figures["adopt_mb_resident"], seconds = memory_of(ADOPT, NOBODY, folder)
        print(
            f"adopted: {count:,} requests of one point in {seconds:.1f} s,"
            f" at most {figures['adopt_mb_resident']:.0f} MB resident"
        )
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
