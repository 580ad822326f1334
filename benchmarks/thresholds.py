"""How soon after its commit a crossing is an event, what thresholds add to the CPU of a point, how fast allowance is.

The series of ingest.py: 100 orgs x 20 projects x 5 metrics, and a threshold on each of the 10,000 (a project's usage of
one metric, hourly). Ingest without and with thresholds takes turns in one run; each turn writes into an hour of its own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time

import numpy as np
from ingest import POINTS_A_REQUEST, SERIES, collections, measure, request_of, send, stamped
from servers import Servers, servers

HOUR = 3_600_000_000_000
OUT_OF_REACH = 10**15
METRIC, ORG, PROJECT = "number % 5", "number / 5 % 100", "number / 500"
DRAW = f"""
INSERT INTO threshold (id, org, org_id, metric, subject_type, subject, amount, reset, zone, levels, action, emails,
                       slack, created_at, updated_at)
SELECT 'thr_' || number, o.name, o.org_id, 'platform.metric.' || ({METRIC}), 'project', 'project-' || ({PROJECT}),
       CASE WHEN number < {{crossing}} THEN 1 ELSE {OUT_OF_REACH} END, 'hourly', 'UTC', '{{{{100}}}}', 'alert', '{{{{}}}}',
       false, now() - interval '7 days', now()
FROM generate_series(0, {{series}} - 1) AS number
JOIN usage_org o ON o.name = 'organisation-' || ({ORG})
"""  # fmt: skip
FORGET = "DELETE FROM threshold; DELETE FROM threshold_crossing"


class Api:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> dict:
        self._connection.request("GET", path)
        reply = self._connection.getresponse()
        content = json.loads(reply.read())
        assert reply.status == 200, content
        return content

    def newest(self) -> str:
        """The cursor behind the last event."""
        after, page = "0", {"events": [None]}
        while page["events"]:
            page = self.get(f"/api/v1/events?limit=1000&after={after}")
            after = page["nextAfter"]
        return after


def drawn(running: Servers, crossing: int, series: int) -> None:
    """A threshold on each series, of which the first ones will be crossed; the evaluator has seen them all."""
    running.execute(FORGET)
    evaluated = running.counts().get("thresholds.evaluated", 0)
    running.execute(DRAW.format(crossing=crossing, series=series))
    running.execute("INSERT INTO usage_touched SELECT org_id, date_trunc('hour', now()) FROM usage_org")
    while running.counts().get("thresholds.evaluated", 0) < evaluated + series:
        time.sleep(0.1)


def settle(running: Servers) -> None:
    """Wait until the evaluator has nothing more to look at."""
    running.drain()
    evaluated = -1
    while evaluated != (evaluated := running.counts().get("thresholds.evaluated", 0)):
        time.sleep(2)


def latency(running: Servers, crossing: int, series: int, end_ns: int) -> tuple[float, float]:
    """Seconds from the 200 until the first and until all crossings are events."""
    running.drain()
    drawn(running, crossing, series)
    api = Api(running.port)
    after, body = api.newest(), stamped(request_of(range(series), ["crossing"]), end_ns - 10**9, end_ns)
    send(running.port, iter([body]), 1)
    begun, found, first = time.perf_counter(), 0, 0.0
    while found < crossing:
        page = api.get(f"/api/v1/events?type=threshold.exceeded&limit=1000&after={after}")
        after, found = page["nextAfter"], found + len(page["events"])
        first = first or (time.perf_counter() - begun if found else 0.0)
    return first, time.perf_counter() - begun


def allowance(running: Servers, questions: int, series: int) -> dict[str, float]:
    """Milliseconds of a question about a subject with a threshold."""
    api, times = Api(running.port), []
    for number in (n * 7919 % series for n in range(questions)):
        query = f"orgId=organisation-{number // 5 % 100}&subjectType=project&subjectId=project-{number // 500}"
        begun = time.perf_counter()
        found = api.get(f"/api/v1/usage/allowance?{query}&metricKey=platform.metric.{number % 5}")
        times.append(time.perf_counter() - begun)
        assert found["limit"] == str(OUT_OF_REACH), found
    return {"p50_ms": float(np.percentile(times, 50)) * 1e3, "p99_ms": float(np.percentile(times, 99)) * 1e3}


def main(argv: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    rounds, requests, series = (1, 4, 1_000) if arguments.quick else (arguments.rounds, 200, SERIES)
    now = time.time_ns() // HOUR * HOUR - 100 * HOUR
    bodies = [request_of(range(5000), ["w"]), request_of(range(5000, SERIES), ["w"])]
    rows: list[dict] = []
    with servers(None) as running:
        send(running.port, collections(4, bodies, now - HOUR))
        for number in range(rounds):
            hour = now + number * 10 * HOUR
            for offset, crossing in enumerate((series, 1)):
                first, last = latency(running, crossing, series, hour + offset * HOUR + 10**10)
                rows.append({"name": f"{crossing} of {series} cross", "first_s": first, "last_s": last})
            turns = {}
            for offset, drawing in enumerate((0, series, 0, series), 2):
                if drawing:
                    drawn(running, 0, series)
                else:
                    running.execute(FORGET)
                first_ns = hour + offset * HOUR + 10**10
                # The first look at a new quarter of an hour is not what each point costs: it comes before.
                send(running.port, collections(2, bodies, first_ns - 10**9))
                settle(running)
                row = measure(
                    running, f"{drawing} thresholds", requests, lambda f=first_ns: collections(requests, bodies, f)
                )
                rows.append(row)
                turns.setdefault(drawing, []).append(row["total_us"])
            without, with_them = (statistics.mean(found) for found in turns.values())
            rows.append({"name": "CPU a point, with : without", "ratio": with_them / without})
            rows.append({"name": "allowance", **allowance(running, 50 if arguments.quick else 1000, series)})
    assert POINTS_A_REQUEST * len(bodies) == SERIES
    for row in rows:
        print(" ".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    return rows


if __name__ == "__main__":
    main()
