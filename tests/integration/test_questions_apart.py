"""What a question did on its pooled connection, or was cut off in, is nothing to the next one."""

import asyncio

import pytest

from tallystick_receiver.store.database import READING, Database, set_locally

pytestmark = pytest.mark.editions


def test_a_question_leaves_neither_a_transaction_nor_a_setting_to_the_next_even_when_it_is_cut_off(database_url):
    async def cut_off(database, begun):
        async with database.reading() as connection, connection.transaction(isolation="repeatable_read"):
            await set_locally(connection, {"work_mem": "77MB"})
            begun.set_result(await connection.fetchval("SELECT pg_backend_pid()"))
            await connection.execute("SELECT pg_sleep(60)")

    async def run():
        database = Database(database_url)
        await database.open()
        try:
            async with database.reading() as connection, connection.transaction():
                await set_locally(connection, {"work_mem": "77MB"})
            begun = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(cut_off(database, begun))
            first = await begun
            task.cancel()
            await asyncio.wait([task])
            async with database.reading() as connection:
                assert await connection.fetchval("SELECT pg_backend_pid()") == first
                assert not connection.is_in_transaction()
                assert await connection.fetchval("SHOW work_mem") == READING["work_mem"]
        finally:
            await database.close()

    asyncio.run(run())
