"""CPU and WAL of cumulative points: what it costs that an SDK sends every stream each time, whether it grew or not.

10,000 streams of one writer as in ingest.py, 5,000 points a request, exports a minute apart over three hours.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator

from ingest import POINTS_A_REQUEST, SERIES, measure, request_of, send, stamped
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from servers import servers

MINUTE = 60 * 10**9


def exports(start_ns: int, times: range, growing: int, writer: str) -> Iterator[bytes]:
    """Every stream at each time; `growing` of a hundred have grown since the one before."""
    halves = [ExportMetricsServiceRequest.FromString(request_of(range(n, n + 5000), [writer])) for n in (0, 5000)]
    for n in times:
        for half in halves:
            for metric in half.resource_metrics[0].scope_metrics[0].metrics:
                metric.sum.aggregation_temporality = 2
                for number, point in enumerate(metric.sum.data_points):
                    if number % 100 < growing:
                        point.as_int += 1000
            yield stamped(half.SerializeToString(), start_ns, start_ns + (n + 1) * MINUTE)


def main(argv: list[str] | None = None) -> list[dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database-url", help="an empty database on this machine; default: an embedded server")
    arguments = parser.parse_args(argv)
    times = range(20 if arguments.quick else 180)
    start = time.time_ns() // (15 * MINUTE) * 15 * MINUTE - 240 * MINUTE
    requests = len(times) * SERIES // POINTS_A_REQUEST
    rows = []
    os.environ["TALLYSTICK_CUMULATIVE_FIRST"] = "all"
    with servers(arguments.database_url) as running:
        for growing in (0, 10, 100):
            writer = f"w{growing}"
            send(running.port, exports(start, range(1), growing, writer), 1)
            bodies = list(exports(start, times, growing, writer))
            rows.append(measure(running, f"{growing} % grow", requests, lambda bodies=bodies: iter(bodies)))
        rows.append(measure(running, "all again", requests, lambda bodies=bodies: iter(bodies)))
    for row in rows:
        print(" ".join(f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    return rows


if __name__ == "__main__":
    main()
