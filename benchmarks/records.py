"""CPU and WAL a record, in batches of 1,000, against points of OTLP in requests of the same size, in the same run."""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from ingest import collections, request_of, send
from servers import Servers, servers

BATCH = 1_000
SECOND = 10**9


def batches(count: int, first_ns: int, step_ns: int, name: str) -> Iterator[bytes]:
    """Bodies of records with ids and times, `step_ns` apart; 1,000 series."""
    for number in range(count):
        records = []
        for n in range(BATCH):
            seconds, rest = divmod(first_ns + (number * BATCH + n) * step_ns, SECOND)
            records.append({
                "id": f"{name}-{number}-{n}", "metricKey": f"platform.metric.{n % 5}", "unit": "By",
                "subjectType": "project", "subjectId": f"project-{n // 100}", "quantity": 1000 + n,
                "timestamp": f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z",
                "metadata": {"orgId": f"organisation-{n % 100}", "region": "eu-central-1", "plan": "enterprise"},
            })  # fmt: skip
        yield json.dumps(records).encode()


def send_records(port: int, bodies: Iterator[bytes]) -> None:
    """Two connections, as for points; every record must be taken or known."""
    lock = threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            connection.request("POST", "/api/v1/usage/records", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            assert json.loads(answer)["rejected"] == 0

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(running: Servers, name: str, points: int, work: Callable[[], None]) -> dict[str, float | str]:
    running.drain()
    before, begun = running.cost(), time.perf_counter()
    work()
    sent = time.perf_counter() - begun
    running.drain()
    cost = running.cost().since(before)
    receiver, postgres = (cpu / points * 1e6 for cpu in (cost.receiver_cpu, cost.postgres_cpu))
    return {"name": name, "receiver_us": receiver, "postgres_us": postgres, "total_us": receiver + postgres,
            "wal_bytes": cost.wal_bytes / points, "per_second": points / sent}  # fmt: skip


def main(argv: list[str] | None = None) -> list[dict[str, float | str]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    count = 20 if parser.parse_args(argv).quick else 100
    first = time.time_ns() // SECOND * SECOND - 6 * 3600 * SECOND
    body = request_of(range(BATCH), ["w"])
    with servers(None) as running:
        send(running.port, collections(4, [body], first - 3600 * SECOND))
        send_records(running.port, batches(4, first - 3600 * SECOND, SECOND // 100, "warm"))

        def points() -> None:
            send(running.port, collections(count, [body], first))

        def records(step_ns: int, name: str) -> Callable[[], None]:
            return lambda: send_records(running.port, batches(count, first, step_ns, name))

        size = count * BATCH
        rows = [
            measure(running, "points of OTLP", size, points),
            measure(running, "records, each at its own time", size, records(SECOND // 1000, "apart")),
            measure(running, "all of them again", size, records(SECOND // 1000, "apart")),
            measure(running, "records, 1,000 at a time", size, records(0, "together")),
        ]
    for row in rows:
        row["of_points"] = float(row["total_us"]) / float(rows[0]["total_us"])
        print(" ".join(f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    return rows


if __name__ == "__main__":
    main()
