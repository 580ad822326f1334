"""Exports of millions of rows: rows a second and the receiver's memory, in each format."""

from __future__ import annotations

import argparse
import http.client
import threading
import time

import psutil
from servers import Servers, servers

DIMS = 5000
PIECE = 2**18
FILL = """
    INSERT INTO usage_org VALUES (1, 'acme');
    INSERT INTO usage_project SELECT 1, n, 'project-' || n FROM generate_series(1, 20) AS n;
    INSERT INTO usage_metric SELECT n, 'metric.' || n, 'By', 'sum' FROM generate_series(1, 5) AS n;
    INSERT INTO usage_dims
        SELECT 1, n, 1 + n % 20, 1 + n % 5,
               jsonb_build_object('user.id', 'user-' || n, 'region', 'eu', 'service.name', 'api'), n::text
        FROM generate_series(1, {dims}) AS n;
    INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points)
        SELECT 1, t, n, n * 1000 + 0.25, 4
        FROM generate_series('2026-10-01Z'::timestamptz, '2026-10-01Z'::timestamptz + interval '1 hour' * {hours}
                             - interval '1 hour', '1 h') AS t, generate_series(1, {dims}) AS n;
    VACUUM ANALYZE;
"""


def measure(running: Servers, kind: str) -> dict[str, float]:
    """One export, read as fast as it comes; memory is looked at each 50 ms."""
    process = psutil.Process(running.receiver.pid)
    before = most = process.memory_info().rss
    ended = threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(0.05):
            most = max(most, process.memory_info().rss)

    watch = threading.Thread(target=look)
    watch.start()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=600)
    begun = time.perf_counter()
    connection.request("GET", f"/api/v1/usage/export?format={kind}&from=2026-10-01&to=2027-01-01")
    response = connection.getresponse()
    assert response.status == 200, response.read()
    first = time.perf_counter() - begun
    size = 0
    while piece := response.read(PIECE):
        size += len(piece)
    seconds = time.perf_counter() - begun
    ended.set()
    watch.join()
    return {"first_s": first, "seconds": seconds, "mb": size / 1e6, "before_mb": before / 1e6, "most_mb": most / 1e6}


def main(argv: list[str] | None = None) -> list[dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=10_000_000)
    arguments = parser.parse_args(argv)
    rows = 200_000 if arguments.quick else arguments.rows
    found = []
    with servers() as running:
        running.execute(FILL.format(dims=DIMS, hours=rows // DIMS))
        print("| format | rows | rows/s | first byte s | MB | memory before MB | at most MB |")
        print("|---|---|---|---|---|---|---|")
        for kind in ("csv", "ndjson", "parquet"):
            result = measure(running, kind)
            found.append(result)
            print(
                f"| {kind} | {rows:,} | {rows / result['seconds']:,.0f} | {result['first_s']:.2f} | {result['mb']:,.0f} |"
                f" {result['before_mb']:.0f} | {result['most_mb']:.0f} |",
                flush=True,
            )
    return found


if __name__ == "__main__":
    main()
