"""Migrations: forward only, each once, never changed, one migrator at a time."""

import asyncio

import asyncpg
import pytest

from tallystick_receiver.store.edition import Edition
from tallystick_receiver.store.keys import create_key
from tallystick_receiver.store.migrate import MigrationError, migrate, migrations

pytestmark = pytest.mark.editions


@pytest.fixture
async def connection(database_url):
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def test_migrating_twice_does_nothing(connection):
    assert await migrate(connection) == []


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
