"""Keys between two looks at the database: a new one is found, and an outage never looks like a wrong key."""

from datetime import UTC, datetime

import pytest

from tallystick_receiver.access import INGEST, READ, Denied, Gate, Key, new_key
from tallystick_receiver.errors import Unavailable


class Table:
    """The keys of a database that may be away, and how often they were read."""

    def __init__(self):
        self.keys = []
        self.is_away = False
        self.reads = 0
        self.now = 0.0

    def create(self):
        key_id, text, secret = new_key()
        self.keys.append(
            Key(key_id=key_id, secret=secret, name="n", scopes=frozenset({READ}), org=None,
                created_at=datetime(2026, 11, 1, tzinfo=UTC), revoked_at=None)
        )  # fmt: skip
        return f"Bearer {text}"

    async def token(self, secret):
        return None

    async def read(self):
        self.reads += 1
        if self.is_away:
            raise Unavailable("away")
        return list(self.keys)


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def gate(table):
    return Gate(table.read, table.token, clock=lambda: table.now)


async def test_a_key_younger_than_the_last_look_is_found(table, gate):
    assert (await gate.access(table.create(), READ)).scopes == {READ}
    table.now = 0.1
    assert (await gate.access(table.create(), READ)).scopes == {READ}
    assert table.reads == 2


async def test_the_first_key_means_itself_at_once_where_everything_was_open_a_moment_ago(table, gate):
    assert (await gate.access(None, INGEST)).key_id is None
    table.now = 0.1
    assert (await gate.access(table.create(), READ)).key_id == table.keys[0].key_id
    with pytest.raises(Denied):
        await gate.access(None, INGEST)


async def test_while_the_database_is_away_known_keys_work_and_others_are_asked_to_come_back(table, gate):
    known = table.create()
    await gate.access(known, READ)
    table.is_away, table.now = True, 5.0
    new = table.create()
    assert (await gate.access(known, READ)).scopes == {READ}
    with pytest.raises(Unavailable):
        await gate.access(new, READ)
    reads = table.reads
    await gate.access(known, READ)
    assert table.reads == reads


async def test_what_is_no_key_is_refused(table, gate):
    known = table.create()
    for wrong in (None, "", "Bearer tsk_no_such", known + "x"):
        with pytest.raises(Denied) as refused:
            await gate.access(wrong, READ)
        assert refused.value.status == 401
    with pytest.raises(Denied) as refused:
        await gate.access(known, INGEST)
    assert refused.value.status == 403
