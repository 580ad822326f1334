"""Migrations: forward only, each once, never changed, one migrator at a time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from books import rebuild, verify
from conftest import ReceiverProcess, run_cli
from held_levels import LONG_AFTER, Sample, answered, integrated, ns_of, question, store
from otlp import SECOND, export, export_request, usage

from tallystick_receiver.holding import Hold
from tallystick_receiver.store.edition import Edition, recorded_edition
from tallystick_receiver.store.keys import create_key
from tallystick_receiver.store.migrate import Migration, MigrationError, apply, migrate, migrations

pytestmark = pytest.mark.editions
DAY = 86_400 * SECOND
RELEASED = (4, 7, 11)
"""The last migration of each schema that was ever on the main branch and is not the newest."""

PARTITIONED = 6


@pytest.fixture
async def connection(database_url):
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def test_migrating_twice_does_nothing(connection):
    assert await migrate(connection) == []


@pytest.mark.parametrize("released", RELEASED)
async def test_usage_of_every_released_schema_is_kept(empty_database_url, released):
    """A database as an earlier version left it, with usage in it, goes up and answers as before."""
    opened = await asyncpg.connect(empty_database_url)
    await opened.execute("CREATE TABLE schema_migration (number integer PRIMARY KEY, name text NOT NULL,"
                         " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())")  # fmt: skip
    for migration in migrations(Edition.POSTGRESQL):
        if migration.number <= released:
            await apply(opened, migration, Edition.POSTGRESQL)
    if released >= PARTITIONED:
        await opened.execute(
            "SELECT usage_add_partition(r, '2026-09-21'::date + n) FROM generate_series(0, 21) AS n,"
            " unnest(ARRAY['usage_point', 'usage_collection']) AS r"
        )
    await opened.execute(
        """
        INSERT INTO usage_org VALUES (1, 'earlier');
        INSERT INTO usage_metric VALUES (2, 'calls', '', 'sum');
        INSERT INTO usage_dims VALUES (1, 3, 0, 2, '{}', 'dims');
        INSERT INTO usage_series VALUES (1, 4, 3, '["",  "", [], ""]');
        INSERT INTO usage_writer VALUES (5, NULL, '', 'app', 'i', 'writer');
        INSERT INTO usage_collection
            SELECT 5, 1790000000000000000 + n * 86400000000000, 0, now(), 1, ARRAY[4], ARRAY[0], ARRAY[n], NULL,
                   ARRAY[2], ARRAY[1], ARRAY[n]
            FROM generate_series(1, 20) AS n;
        INSERT INTO usage_point
            SELECT to_timestamp(1790000000 + n * 86400) - interval '1 microsecond', 1, 4, 5, 0, n, 0, 999
            FROM generate_series(1, 20) AS n;
        INSERT INTO usage_delta
            SELECT 1, date_bin('15 min', ts, 'epoch'), ARRAY[3], ARRAY[mantissa], NULL, NULL, NULL FROM usage_point
        """
    )
    assert [m.number for m in await migrate(opened)] == [
        m.number for m in migrations(Edition.POSTGRESQL) if m.number > released
    ]
    assert await recorded_edition(opened) is Edition.POSTGRESQL
    await opened.close()
    assert (await asyncio.to_thread(verify, empty_database_url)).count == 0
    assert (await asyncio.to_thread(rebuild, empty_database_url)) == 20
    assert (await asyncio.to_thread(verify, empty_database_url)).count == 0
    process = await asyncio.to_thread(
        ReceiverProcess, ["--database-url", empty_database_url, "--late-seconds-max", "1000000000"], {}
    )
    try:
        resent = export_request([{"name": "calls", "value": 3, "end": 1790000000 * SECOND + 3 * DAY}])
        assert export(process.url, resent).rejected == 0
        rows = usage(process.url, from_="2026-01-01", to="2036-01-01", groupBy="org")["rows"]
        assert {row["org"]: row["quantity"] for row in rows} == {"earlier": "210", "acme": "3"}
    finally:
        process.close()
    assert (await asyncio.to_thread(verify, empty_database_url)).count == 0


async def test_levels_rolled_up_before_integrals_were_kept_get_them_from_their_points(empty_database_url, edition):
    """Also where a sample of the same quarter waits, and where the points of the quarter are gone."""
    opened = await asyncpg.connect(empty_database_url)
    await migrate(opened)
    async with store(empty_database_url) as subject:
        start = datetime(2026, 5, 4, 12, tzinfo=UTC)
        first = ns_of(start)
        samples = [Sample(first + n * 70 * SECOND, n * n % 7, "ab"[n % 2]) for n in range(1, 90)]
        gone = [Sample(first + 2 * DAY + n * 70 * SECOND, n) for n in (1, 2, 3)]
        await subject.send("acme", samples + gone)
        await subject.roll()
        waiting = [Sample(first + 75 * SECOND, 9, "b"), Sample(first + 899 * SECOND, 5, "b")]
        await subject.send("acme", waiting)
        await opened.execute(
            """
            DELETE FROM usage_point WHERE ts > '2026-05-06';
            ALTER TABLE usage_quarter_hourly DROP COLUMN first_ns, DROP COLUMN integral;
            DELETE FROM schema_migration WHERE name = 'integrate_levels'
            """
        )
        assert [m.name for m in await migrate(opened)] == ["integrate_levels"]
        await opened.close()
        hold = Hold(seconds=3600, now_ns=LONG_AFTER)
        for _ in range(2):
            asked = question("acme", start, start + timedelta(days=1), "hour", "disk")
            assert answered(await subject.ask(asked, hold), asked) == integrated(samples + waiting, asked, hold)
            await subject.roll()
        unknown = await subject.ask(question("acme", start, start + timedelta(days=3)), hold)
        assert [(r.quantity, r.level.integral, r.level.covered_ns) for r in unknown.rows] == [(3 + 4, None, None)]
    day = datetime(2026, 5, 4, tzinfo=UTC)
    found = await asyncio.to_thread(verify, empty_database_url, start=day, end=day + timedelta(days=1))
    assert [difference for difference in found.differences if difference.check == "levels"] == []


async def test_a_changed_file_is_refused(connection):
    await connection.execute("UPDATE schema_migration SET checksum = 'other' WHERE number = 2")
    with pytest.raises(MigrationError, match="0002 was changed"):
        await migrate(connection)


async def test_a_database_from_a_newer_version_is_refused(connection):
    await connection.execute("INSERT INTO schema_migration (number, name, checksum) VALUES (9999, 'future', '')")
    with pytest.raises(MigrationError, match=r"9999.*upgrade"):
        await migrate(connection)


async def test_two_that_migrate_at_once_apply_each_file_once(empty_database_url, edition):
    others = [await asyncpg.connect(empty_database_url) for _ in range(3)]
    applied = await asyncio.gather(*(migrate(other) for other in others))
    assert sorted(len(found) for found in applied) == [0, 0, len(migrations(Edition(edition)))]
    for other in others:
        await other.close()


async def test_a_file_that_is_marked_runs_outside_a_transaction(connection):
    marked = Migration(
        file="9998_index_orgs.sql",
        number=9998,
        name="index_orgs",
        editions=frozenset(Edition),
        sql="-- migrate: no transaction\n-- Why.\nCREATE INDEX CONCURRENTLY usage_org_name ON usage_org (name);\n"
        "VACUUM usage_org;\n",
    )
    await apply(connection, marked, Edition.POSTGRESQL)
    assert await connection.fetchval("SELECT to_regclass('usage_org_name') IS NOT NULL")
    assert await connection.fetchval("SELECT checksum FROM schema_migration WHERE number = 9998") == marked.checksum
    with pytest.raises(asyncpg.ActiveSQLTransactionError):
        await apply(connection, replace(marked, number=9999, sql="VACUUM usage_org"), Edition.POSTGRESQL)


def test_the_sql_of_every_file_is_printed_and_nothing_is_changed(empty_database_url):
    done = run_cli("migrate", "--print", "--database-url", empty_database_url)
    assert done.returncode == 0, done.stderr
    assert all(f"-- {migration.file}\n{migration.sql}" in done.stdout for migration in migrations())
    again = run_cli("doctor", "--database-url", empty_database_url)
    assert (again.returncode, "no schema" in again.stdout) == (1, True)


async def test_a_key_is_stored_as_a_hash_only(connection):
    from datetime import UTC, datetime

    _, text = await create_key(connection, name="k", scopes=["read"], org=None, now=datetime.now(UTC))
    row = await connection.fetchrow("SELECT * FROM api_key")
    assert text not in str(dict(row))
    assert len(row["secret"]) == 32


async def test_a_key_cannot_have_an_unknown_scope(connection):
    from datetime import UTC, datetime

    with pytest.raises(asyncpg.CheckViolationError):
        await create_key(connection, name="k", scopes=["everything"], org=None, now=datetime.now(UTC))
