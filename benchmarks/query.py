"""Answers of /api/usage: 31 days, 20 projects x 5 metrics of one org among 100, rollups equal to 50 million points."""

from __future__ import annotations

import argparse
import http.client
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from servers import Servers, servers

from tallystick.semconv import KIND_SUM
from tallystick_receiver.identity import Stream, id_of, metric_id_of, org_id_of, project_id_of

ORGS, PROJECTS, METRICS, DAYS = 100, 20, 5, 31
POINTS_A_QUARTER = 2
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


def fill(running: Servers, orgs: int) -> int:
    """Dictionaries from Python's hashes, rollups by SQL; returns the points they stand for."""
    org_rows, project_rows, dims_rows = [], [], []
    metrics = [(metric_id_of(f"metric.{m}", "By", KIND_SUM), f"metric.{m}") for m in range(METRICS)]
    for o in range(orgs):
        org = f"org-{o}"
        org_rows.append(f"({org_id_of(org)}, '{org}')")
        for p in range(PROJECTS):
            project = f"project-{p}"
            project_rows.append(f"({org_id_of(org)}, {project_id_of(org, project)}, '{project}')")
            for metric_id, key in metrics:
                stream = Stream(org=org, project=project, metric=key, unit="By", kind=KIND_SUM,
                                dimensions=[("region", ["s", "eu"])], scope="")  # fmt: skip
                dims_rows.append(
                    f"({org_id_of(org)}, {id_of(stream.dims_identity)}, {project_id_of(org, project)}, {metric_id},"
                    f" '{{\"region\": \"eu\"}}', '{stream.dims_identity}')"
                )
    metric_rows = ", ".join(f"({i}, '{key}', 'By', 'sum')" for i, key in metrics)
    end = FIRST + timedelta(days=DAYS)
    fine = f"generate_series('{FIRST:%Y-%m-%dT%H:%MZ}'::timestamptz, '{end:%Y-%m-%dT%H:%MZ}'::timestamptz - interval '15 minutes'"
    running.execute(f"""
        INSERT INTO usage_org VALUES {", ".join(org_rows)};
        INSERT INTO usage_project VALUES {", ".join(project_rows)};
        INSERT INTO usage_metric VALUES {metric_rows};
        INSERT INTO usage_dims VALUES {", ".join(dims_rows)};
        INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points)
            SELECT org_id, t, dims_id, 5000, {POINTS_A_QUARTER} FROM usage_dims, {fine}, interval '15 minutes') t
            ORDER BY 1, 2, 3;
        INSERT INTO usage_daily (org_id, day, dims_id, quantity, points)
            SELECT org_id, date_trunc('day', quarter, 'UTC'), dims_id, sum(quantity), sum(points)
            FROM usage_quarter_hourly GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
        INSERT INTO usage_total_hourly
            SELECT q.org_id, date_trunc('hour', quarter, 'UTC'), project_id, metric_id, sum(quantity), sum(points)
            FROM usage_quarter_hourly q JOIN usage_dims USING (org_id, dims_id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
        INSERT INTO usage_total_daily
            SELECT org_id, date_trunc('day', hour, 'UTC'), project_id, metric_id, sum(quantity), sum(points)
            FROM usage_total_hourly GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
        VACUUM ANALYZE;
    """)
    return int(running.query("SELECT sum(points) FROM usage_total_daily"))


def ask(running: Servers, path: str, times: int) -> dict[str, float]:
    """Milliseconds of one question asked again and again over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    taken, rows = [], 0
    for _ in range(times + 10):
        begun = time.perf_counter()
        connection.request("GET", path)
        content = connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1e3)
        rows = len(json.loads(content)["rows"])
    taken = taken[10:]
    return {"rows": rows, "p50_ms": float(np.percentile(taken, 50)), "p99_ms": float(np.percentile(taken, 99))}


def main(argv: list[str] | None = None) -> list[dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database-url", help="an empty database on this machine; default: an embedded server")
    arguments = parser.parse_args(argv)
    quick = arguments.quick
    window = f"from={FIRST:%Y-%m-%d}&to={FIRST + timedelta(days=DAYS):%Y-%m-%d}"
    questions = {
        "group by type": f"/api/usage?orgId=org-7&{window}",
        "group by day": f"/api/usage?orgId=org-7&{window}&groupBy=day",
        "group by type,project,day": f"/api/usage?orgId=org-7&{window}&groupBy=type,project,day",
        "group by day, Europe/Berlin": f"/api/usage?orgId=org-7&{window}&groupBy=day&tz=Europe/Berlin",
        "group by day, Asia/Kolkata": f"/api/usage?orgId=org-7&{window}&groupBy=day&tz=Asia/Kolkata",
        "group by region": f"/api/usage?orgId=org-7&{window}&groupBy=region",
        "all orgs, group by type": f"/api/usage?{window}",
    }
    found = []
    with servers(arguments.database_url) as running:
        points = fill(running, 10 if quick else ORGS)
        print(f"rollups equal to {points:,} points")
        for name, path in questions.items():
            found.append({"name": name, **ask(running, path, 20 if quick else 100)})
            print(found[-1])
    return found


if __name__ == "__main__":
    main()
