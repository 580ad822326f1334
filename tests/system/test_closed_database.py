"""A database that takes no connections for a while, as during its maintenance."""

from urllib.parse import urlsplit

from conftest import sql, with_database
from otlp import get
from waiting import wait_until


def test_a_database_that_is_closed_for_a_while_is_said_and_not_unforeseen(receiver, database_url):
    name = urlsplit(database_url).path[1:]
    server = with_database(database_url, "postgres")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", cut)
    wait_until(lambda: get(receiver.url + "/api/usage").status != 200)
    assert get(receiver.url + "/api/usage").status == 503
    assert get(receiver.url + "/readyz").status == 503
    sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_until(lambda: get(receiver.url + "/api/usage").status == 200)
    assert "unforeseen" not in receiver.log
