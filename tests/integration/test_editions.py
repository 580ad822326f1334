"""Which storage a database is made for: recorded at first, shown, and never switched silently."""

import asyncio
import json

import asyncpg
import pytest
from conftest import run_cli, sql
from otlp import export, export_request, get, totals
from waiting import wait_until

from tallystick_receiver.store.edition import Edition, EditionError, Server, advice, check, refuse_old

everywhere = pytest.mark.editions


def doctor(url):
    done = run_cli("doctor", "--json", "--database-url", url)
    return done.returncode, {row["subject"]: (row["grade"], row["finding"]) for row in json.loads(done.stdout)}


@everywhere
def test_the_edition_is_shown_by_healthz_and_doctor(receiver, database_url, edition):
    storage = get(receiver.url + "/healthz").json["storage"]
    assert storage["edition"] == edition
    assert storage["postgresql"].startswith("18.")
    assert (storage["timescaledb"] is None) == (edition == "postgresql")
    expected = {
        "edition": ("ok", edition), "schema": ("ok", "up to date"), "receiver": ("ok", "running"),
        "partitions": ("ok", "made ahead"),
    }  # fmt: skip
    wait_until(lambda: expected.items() <= doctor(database_url)[1].items())  # a receiver begins its duties listening
    assert doctor(database_url)[0] == 0


@everywhere
def test_an_empty_database_becomes_the_best_that_the_server_offers_unless_told_otherwise(empty_database_url, edition):
    done = run_cli("migrate", "--to", "postgresql", "--database-url", empty_database_url)
    assert done.returncode == 0, done.stderr
    _, found = doctor(empty_database_url)
    if edition == "postgresql":
        assert found["edition"] == ("ok", "postgresql")
    else:
        grade, sentence = found["edition"]
        assert (grade, "migrate --to timescaledb" in sentence) == ("note", True)


@everywhere
def test_a_receiver_refuses_a_server_that_is_less_than_what_the_database_was_made_for(
    start_receiver, database_url, edition
):
    sql(database_url, "UPDATE storage_edition SET edition = 'timescaledb-community'")
    done = run_cli("verify", "--database-url", database_url)
    if edition == "timescaledb-community":
        assert done.returncode == 0
        return
    assert done.returncode == 1
    assert ("extension timescaledb is missing" if edition == "postgresql" else "Apache edition") in done.stderr
    code, found = doctor(database_url)
    assert (code, found["edition"][0]) == (1, "wrong")


def test_a_database_stays_what_it_is_when_the_server_offers_more():
    offers = Server(postgresql="18.6", extension=None, offered="2.31.0", community=None)
    check(Edition.POSTGRESQL, offers)
    assert "migrate --to timescaledb" in advice(Edition.POSTGRESQL, offers)
    old = Server(postgresql="18.6", extension=None, offered="2.26.3", community=None)
    check(Edition.POSTGRESQL, old)
    assert "too old" in advice(Edition.POSTGRESQL, old)
    community = Server(postgresql="18.6", extension="2.31.0", offered="2.31.0", community=True)
    check(Edition.APACHE, community)
    assert "community" in advice(Edition.APACHE, community)
    assert advice(Edition.COMMUNITY, community) is None


@pytest.mark.parametrize("version", ["2.26.3", "2.9.3", "1.7.5"])
def test_a_timescaledb_that_loses_rows_is_refused_with_a_sentence(version):
    with pytest.raises(EditionError, match=r"too old: 2\.26\.4"):
        refuse_old(version)


@pytest.mark.parametrize("version", ["2.26.4", "2.29.2", "2.31.0", "2.30.0-dev", "3.0.0"])
def test_later_versions_are_taken(version):
    refuse_old(version)


def test_doctor_says_what_is_missing_of_the_schema(empty_database_url):
    code, found = doctor(empty_database_url)
    assert (code, found["schema"]) == (1, ("wrong", "no schema: run 'tallystick migrate'"))


def test_doctor_tells_what_waits(start_receiver, database_url):
    receiver = start_receiver("--roll-seconds", "3600")
    assert export(receiver.url, export_request([{"value": -1}, {"value": 3}])).rejected == 1
    assert totals(receiver.url) == {"requests": "3"}
    _, found = doctor(database_url)
    assert found["quarantine"] == ("note", "1 refused points wait for a replay")
    assert found["attribution"][0] == found["writers"][0] == "ok"
    lost = {"value": 7, "attributes": {"otel.metric.overflow": True}}
    assert export(receiver.url, export_request([lost], resource={"service.name": "app"})).rejected == 0
    assert export(receiver.url, export_request([{"value": 1}], resource={"service.name": "app"})).rejected == 0
    _, found = doctor(database_url)
    assert (found["attribution"][0], found["attribution"][1].split()[:4]) == ("note", ["1", "points", "of", "the"])
    assert found["writers"] == ("note", "1 have no service.instance.id")
    assert found["keys"][0] == "note"


@pytest.mark.editions("timescaledb-apache", "timescaledb-community")
def test_the_span_of_chunks_follows_its_setting(start_receiver, database_url):
    start_receiver("--points-chunk-hours", "6", "--upkeep-seconds", "0.1")
    span = """
        SELECT extract(epoch FROM time_interval)::int FROM timescaledb_information.dimensions
        WHERE hypertable_name = 'usage_point'
    """
    while fetchval(database_url, span) != 6 * 3600:
        pass


def fetchval(url, query):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(run())
