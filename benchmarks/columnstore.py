"""TimescaleDB's columnstore: COPY as it is, COPY with direct compress, and late points into compressed chunks.

CPU of PostgreSQL, WAL and bytes a point; commits of 5,000 and of 50,000 points.

    python benchmarks/columnstore.py --database-url URL     an empty database of a community edition on this machine
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time

import asyncpg
import numpy as np
import psutil

from tallystick_receiver.store import pgcopy
from tallystick_receiver.store.rows import POINT_COLUMNS

POINTS, ORGS, SERIES = 1_000_000, 100, 10_000
DAY_NS = 86_400 * 10**9
FIRST_NS = 1_788_220_800 * 10**9


def body(number: int, size: int) -> bytes:
    """One commit: collections of all series, one after the other, ten seconds apart."""
    position = np.arange(number * size, number * size + size, dtype=np.int64)
    series = position % SERIES
    end_ns = FIRST_NS + (position // SERIES + 1) * 10 * 10**9
    hashed = (series * 2_654_435_761_987_654_321) & (2**63 - 1)
    value = np.random.default_rng(number).integers(0, 5000, size)
    rows = pgcopy.table([
        pgcopy.microseconds(end_ns - 1), (series % ORGS) * 1_000_003, hashed, np.full(size, 77, np.int64),
        end_ns - 10 * 10**9, value, np.zeros(size, np.int16), ((end_ns - 1) % 1000).astype(np.int16),
    ])  # fmt: skip
    return pgcopy.HEADER + rows + pgcopy.TRAILER


def cpu(postmaster: psutil.Process) -> float:
    total = postmaster.cpu_times()
    return (
        total.user
        + total.system
        + total.children_user
        + total.children_system
        + sum(sum(child.cpu_times()[:2]) for child in postmaster.children())
    )


async def copies(url: str, size: int, *settings: str, sweep: bool = True) -> None:
    connection = await asyncpg.connect(url)
    postmaster = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()")).parent()
    if sweep:
        await connection.execute("TRUNCATE usage_point")
    for setting in settings:
        await connection.execute(setting)
    await connection.execute("CHECKPOINT")
    cpu_before, wal_before = cpu(postmaster), await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'")
    for number in range(POINTS // size):
        content = body(number, size)

        async def source(content: bytes = content):
            yield content

        await connection.copy_to_table("usage_point", source=source(), columns=POINT_COLUMNS, format="binary")
    spent, wal = (
        cpu(postmaster) - cpu_before,
        await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'") - wal_before,
    )
    count = await connection.fetchval("SELECT count(*) FROM usage_point")
    size_of = await connection.fetchval("SELECT hypertable_size('usage_point')")
    print(f"{', '.join(settings) or 'as it is'}, commits of {size:,}: {spent / POINTS * 1e6:.2f} us, {float(wal) / POINTS:.0f} B WAL, "
          f"{size_of / count:.1f} bytes a point", flush=True)  # fmt: skip
    await connection.close()


async def compress(url: str) -> None:
    connection = await asyncpg.connect(url)
    begun = time.perf_counter()
    for chunk in await connection.fetch("SELECT show_chunks('usage_point')::text AS name"):
        await connection.execute(
            "CALL convert_to_columnstore($1::text::regclass, if_not_columnstore => true)", chunk["name"]
        )
    points, size = await connection.fetchrow("SELECT count(*), hypertable_size('usage_point') FROM usage_point")
    print(
        f"converted: {(time.perf_counter() - begun) / points * 1e6:.2f} us and {size / points:.1f} bytes a point",
        flush=True,
    )
    await connection.close()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", required=True)
    url = parser.parse_args(argv).database_url
    subprocess.run([sys.executable, "-m", "tallystick_receiver", "migrate", "--database-url", url], check=True,
                   capture_output=True)  # fmt: skip
    direct = ("SET timescaledb.enable_direct_compress_copy = on",)
    for size in (5_000, 50_000):
        asyncio.run(copies(url, size))
        asyncio.run(copies(url, size, *direct))
    asyncio.run(copies(url, 5_000))
    asyncio.run(compress(url))
    print("late points into compressed chunks:")
    asyncio.run(copies(url, 5_000, sweep=False))
    asyncio.run(compress(url))


if __name__ == "__main__":
    main()
