"""Points into partitions and into a hypertable of the same server, in turn: CPU of the backend alone, so that whatever
else the machine does disturbs little.

    python benchmarks/hypertable.py --partitions URL --hypertable URL     two empty databases of one server
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys

import asyncpg
import numpy as np
import psutil
from columnstore import FIRST_NS, body

from tallystick_receiver.store.partitions import DAY_NS, date_of
from tallystick_receiver.store.rows import POINT_COLUMNS

ROUNDS, COMMITS, SIZE = 12, 40, 5_000


async def copies(connection: asyncpg.Connection, first: int) -> float:
    """Microseconds of the backend's CPU a point."""
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    before = sum(backend.cpu_times()[:2])
    for number in range(first, first + COMMITS):
        content = body(number, SIZE)

        async def source(content: bytes = content):
            yield content

        await connection.copy_to_table("usage_point", source=source(), columns=POINT_COLUMNS, format="binary")
    return (sum(backend.cpu_times()[:2]) - before) / (COMMITS * SIZE) * 1e6


async def run(partitions: str, hypertable: str) -> None:
    taken: dict[str, list[float]] = {"partitions": [], "hypertable": []}
    connections = {"partitions": await asyncpg.connect(partitions), "hypertable": await asyncpg.connect(hypertable)}
    for connection in connections.values():
        for day in range(2):
            await connection.execute("SELECT usage_add_partition('usage_point', $1)", date_of(FIRST_NS // DAY_NS + day))
    for turn in range(ROUNDS):
        for name, connection in connections.items():
            taken[name].append(await copies(connection, turn * COMMITS))
    medians = {name: float(np.median(figures[1:])) for name, figures in taken.items()}
    print(f"{medians['partitions']:.2f} us a point into partitions, {medians['hypertable']:.2f} us into a hypertable, "
          f"ratio {medians['hypertable'] / medians['partitions']:.2f}")  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", required=True)
    parser.add_argument("--hypertable", required=True)
    arguments = parser.parse_args(argv)
    for url, edition in ((arguments.partitions, "postgresql"), (arguments.hypertable, "timescaledb")):
        subprocess.run([sys.executable, "-m", "tallystick_receiver", "migrate", "--to", edition, "--database-url", url],
                       check=True, capture_output=True)  # fmt: skip
    asyncio.run(run(arguments.partitions, arguments.hypertable))


if __name__ == "__main__":
    main()
