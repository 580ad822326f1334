"""What a month of a small platform holds, and the plans that PostgreSQL makes on it.

Plans depend on statistics, so the tables hold rows by the hundred thousand; quarters and points are of one project
only, to keep the tests short.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

import tallystick_receiver
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.store.database import READING, Database
from tallystick_receiver.store.statements import statement

SQL = Path(tallystick_receiver.__file__).parent / "store" / "sql"
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 31
Scan = tuple[str, str, str | None]
"""Node type, relation, and index."""
FILL = """
    INSERT INTO usage_org SELECT CASE n WHEN 7 THEN {acme} ELSE n END, 'org-' || n FROM generate_series(1, 40) AS n;
    INSERT INTO usage_metric SELECT 100 + n, 'metric.' || n, 'By', CASE n WHEN 1 THEN 'level' ELSE 'sum' END
        FROM generate_series(1, 3) AS n;
    INSERT INTO usage_dims SELECT o.org_id, m.metric_id * 1000 + p, p, m.metric_id, '{{"region": "eu"}}', 'd' || p
        FROM usage_org o, usage_metric m, generate_series(1, 4) AS p;
    INSERT INTO usage_series SELECT org_id, dims_id * 10, dims_id, '' FROM usage_dims;
    INSERT INTO usage_writer VALUES (1, NULL, '', 'app', 'i', 'w');
    SELECT usage_add_partition(relation, '2026-10-01'::date + n)
        FROM (VALUES ('usage_point'), ('usage_collection')) AS r (relation), generate_series(0, 31) AS n;
    INSERT INTO usage_point SELECT t - interval '1 microsecond', s.org_id, s.series_id, 1, 0, 5, 0, 999
        FROM generate_series('2026-10-01 00:05Z'::timestamptz, '2026-11-01'::timestamptz, '300 s') AS t, usage_series s
        WHERE s.series_id % 100 = 30 ORDER BY t;
    INSERT INTO usage_quarter_hourly SELECT org_id, t, dims_id, 5, 1
        FROM generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:45Z', '15 min') AS t, usage_dims
        WHERE dims_id % 10 = 3;
    UPDATE usage_quarter_hourly SET lowest = 1, highest = 9, last = 4, integral = 5,
            first_ns = extract(epoch FROM quarter)::bigint * 1000000000 + 1,
            last_ns = extract(epoch FROM quarter)::bigint * 1000000000 + 800000000000
        WHERE dims_id / 1000 = 101;
    INSERT INTO usage_total_hourly SELECT org_id, t, project_id, metric_id, 5, 1
        FROM generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:00Z', '1 h') AS t, usage_dims;
    INSERT INTO usage_daily SELECT org_id, t, dims_id, 5, 1
        FROM generate_series('2026-07-01Z'::timestamptz, '2026-10-31Z', '1 d') AS t, usage_dims;
    UPDATE usage_daily SET lowest = 1, highest = 9, last = 4, integral = 5, integrated_points = 1,
            widest_ns = 900000000000,
            first_ns = extract(epoch FROM day)::bigint * 1000000000 + 1,
            last_ns = extract(epoch FROM day)::bigint * 1000000000 + 86300000000000
        WHERE dims_id / 1000 = 101;
    INSERT INTO usage_level_hours
        SELECT org_id, day, dims_id, array_agg(n), array_agg(first_ns + n), array_agg(last_ns + n), array_agg(last),
               array_agg(integral), array_agg(n + 1), array_agg(lowest), array_agg(highest), array_agg(lowest),
               array_agg(highest)
        FROM usage_daily, generate_series(0, 23) AS n WHERE last_ns IS NOT NULL GROUP BY 1, 2, 3;
    INSERT INTO usage_total_daily SELECT org_id, day, 1, dims_id, 5, 1 FROM usage_daily;
    INSERT INTO usage_delta
        SELECT org_id, '2026-10-31Z', ARRAY[dims_id], ARRAY[1] FROM usage_dims, generate_series(1, 50);
    INSERT INTO usage_cumulative
        SELECT w, s, start * 1000000000, start * 1000000000 + n * 900000000000, start * 1000000000 + 1, 1, 0,
               start * 1000000000 + 2, n, 0, n, 0
        FROM generate_series(1, 10) AS w, generate_series(1, 40) AS s, generate_series(1, 96) AS n,
             (SELECT extract(epoch FROM '2026-10-10Z'::timestamptz)::bigint AS start) AS begun;
    INSERT INTO usage_collection
        SELECT w, extract(epoch FROM t)::bigint * 1000000000, 0, now(), 1, ARRAY[1], ARRAY[0], ARRAY[1], NULL, ARRAY[1],
               ARRAY[1], ARRAY[1]
        FROM generate_series(1, 20) AS w,
             generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:55Z', '300 s') AS t;
    INSERT INTO usage_collection_hourly
        SELECT w, t, 101, 12, 12, 12 FROM generate_series(1, 20) AS w,
               generate_series('2026-07-01Z'::timestamptz, '2026-09-30 23:00Z', '1 h') AS t;
    INSERT INTO usage_presence
        SELECT t, w, 101 FROM generate_series(1, 20) AS w,
               generate_series('2026-07-01Z'::timestamptz, '2026-10-31 23:00Z', '1 h') AS t;
    INSERT INTO usage_gap
        SELECT 1, 1, n, 101, begin, begin + 60000000000, 1, 1
        FROM generate_series(1, 20000) AS n, LATERAL (
            SELECT (extract(epoch FROM '2026-11-01Z'::timestamptz)::bigint - n * 60) * 1000000000) AS g (begin);
    INSERT INTO usage_copy SELECT start_ns, end_ns, writer_id, metric_id, 2, 1, 1 FROM usage_gap;
    INSERT INTO usage_announcement
        SELECT 1, 1, n, end_ns - 1, end_ns, 1, false, '[]', now(), now() + n * interval '1 s', false
        FROM (SELECT sequence, end_ns FROM usage_gap) AS g (n, end_ns);
    INSERT INTO usage_record
        SELECT decode(md5(n::text), 'hex'), 1, n, 1, 0, true FROM generate_series(1, 20000) AS n;
"""


INDEXED = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}


def points_of(scans: list[Scan]) -> list[Scan]:
    """Scans of partitions or chunks of points."""
    return [scan for scan in scans if scan[1].startswith(("usage_point", "_hyper_"))]


class Full:
    """A full database: a connection with the settings of questions, and the pool that questions are asked through."""

    def __init__(self, connection: asyncpg.Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    @classmethod
    async def made(cls, url: str) -> Full:
        """Fill an empty, migrated database."""
        connection = await asyncpg.connect(url, server_settings=READING | {"timezone": "UTC"})
        await connection.execute(FILL.format(acme=org_id_of("acme")))
        await connection.execute(
            "SELECT brin_summarize_new_values(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
            " WHERE a.amname = 'brin' AND c.relkind = 'i'"
        )
        await connection.execute("VACUUM ANALYZE")
        database = Database(url)
        await database.open()
        return cls(connection, database)

    async def close(self) -> None:
        await self._database.close()
        await self._connection.close()

    async def explained(self, name: str, *arguments: Any) -> list[Scan]:
        """Every scan of store/sql/<name>.sql with these parameters, whatever it is below."""
        [row] = await self._connection.fetch("EXPLAIN (FORMAT JSON) " + statement(name), *arguments)
        return list(_scans_of(json.loads(row[0])[0]["Plan"]))

    async def explained_for_any(self, name: str, *literals: str) -> list[Scan]:
        """The same of the plan that PostgreSQL keeps for any parameters, which are given as SQL."""
        await self._connection.execute("SET plan_cache_mode = force_generic_plan")
        await self._connection.execute("PREPARE asked AS " + statement(name))
        try:
            [row] = await self._connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({', '.join(literals)})")
        finally:
            await self._connection.execute("DEALLOCATE asked")
            await self._connection.execute("RESET plan_cache_mode")
        return list(_scans_of(json.loads(row[0])[0]["Plan"]))

    async def asked(self, question: Callable[[Database], Awaitable[object]]) -> dict[str, list[Scan]]:
        """What a question asks PostgreSQL for, by the names of statements."""
        found: list[asyncpg.connection.LoggedQuery] = []
        async with self._database.reading() as connection:
            connection.add_query_logger(found.append)
        try:
            # The pool gives the connection that came back last.
            await question(self._database)
        finally:
            async with self._database.reading() as connection:
                connection.remove_query_logger(found.append)
        names = {path.read_text(encoding="utf-8"): path.stem for path in SQL.glob("*.sql")}
        scans: dict[str, list[Scan]] = {}
        for query in found:
            if query.query in names:
                name = names[query.query]
                scans[name] = scans.get(name, []) + await self.explained(name, *query.args)
        return scans


def _scans_of(node: dict[str, Any]) -> Iterator[Scan]:
    if (
        "Relation Name" in node
        and node["Node Type"] != "ModifyTable"
        and node.get("Custom Plan Provider") != "ChunkAppend"
    ):
        below = [child.get("Index Name") for child in node.get("Plans", [])]
        yield node["Node Type"], node["Relation Name"], node.get("Index Name") or next((i for i in below if i), None)
    for child in node.get("Plans", []):
        yield from _scans_of(child)
