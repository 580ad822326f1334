"""Small disks, and a PostgreSQL that may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fault.actors import Postgres
from fault.disks import SmallDisk
from servers import Missing


@pytest.fixture(scope="module")
def mortal_postgres() -> Iterator[Postgres]:
    """A server of its own, which tests kill."""
    try:
        server = Postgres()
    except Missing as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def small_disk() -> Iterator[Callable[[str], SmallDisk]]:
    """Mounts disks: small_disk("64k")."""
    mounted: list[SmallDisk] = []

    def mount(size: str) -> SmallDisk:
        try:
            mounted.append(SmallDisk(size))
        except Missing as error:
            pytest.skip(str(error))
        return mounted[-1]

    yield mount
    for disk in mounted:
        disk.close()
