"""What the database knows of cumulative streams: two receivers, any order, and what is forgotten when."""

import asyncio
import itertools
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import asyncpg
import pytest
from books import verify
from conftest import sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp import CUMULATIVE, SECOND, export_request

from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.horizons import Kept
from tallystick_receiver.otlp.decode import PROTOBUF, decode
from tallystick_receiver.store.changes import Herald
from tallystick_receiver.store.database import Database, connected
from tallystick_receiver.store.upkeep import StoragePlan, keep_up
from tallystick_receiver.store.writer import UsageWriter
from tallystick_receiver.streams import Streams
from tallystick_receiver.telemetry import Telemetry

pytestmark = pytest.mark.editions
NOW = time.time_ns() // SECOND * SECOND
QUARTER, HOUR, DAY = 900 * SECOND, 3600 * SECOND, 86_400 * SECOND
BEGIN = (NOW - 3 * DAY) // DAY * DAY


class InProcess:
    """The writing half of a receiver, without HTTP."""

    def __init__(self, database):
        self.streams, self.telemetry, self.herald = Streams(), Telemetry(), Herald(database)
        self._writer = UsageWriter(
            database, self.streams, self.herald, self.telemetry, now_ns=lambda: NOW, quarantine_rows_max=1000
        )

    async def send(self, instance, points):
        request = export_request(points, resource={"service.name": "app", "service.instance.id": instance})
        limits = TimeLimits(now_ns=NOW, late_ns=400 * DAY, ahead_ns=DAY)
        batch = decode(
            request.SerializeToString(), PROTOBUF, streams=self.streams, credential_org=None, limits=limits,
            points_max=10_000,
        )  # fmt: skip
        [verdict] = await self._writer.write([batch])
        return verdict.refused + batch.refused_count


@asynccontextmanager
async def receivers(url, count):
    databases = [Database(url, statement_seconds_max=20) for _ in range(count)]
    for database in databases:
        await database.open()
    found = [InProcess(database) for database in databases]
    try:
        yield found
    finally:
        for receiver in found:
            receiver.herald.stop()
        for database in databases:
            await database.close()


@pytest.fixture
def old_database(database_url):
    """One that began to record long ago."""
    sql(database_url, "UPDATE schema_migration SET applied_at = '2020-01-01Z' WHERE number = 1")
    return database_url


def point(start, end, value, **more):
    return {"name": "calls", "value": value, "start": start, "end": end, "temporality": CUMULATIVE, **more}


def of(org, points):
    """The same points of an organisation."""
    return [{**one, "attributes": {"org.id": org, **one.get("attributes", {})}} for one in points]


async def counted(url, org):
    """Quantity by quarter of an organisation; nothing rolls the deltas up here."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT extract(epoch FROM t.quarter)::bigint / 900 AS quarter,"
            " sum(usage_quantity(e.mantissa, coalesce(e.exponent, 0::smallint))) AS quantity"
            " FROM usage_delta t JOIN usage_org o USING (org_id),"
            " unnest(t.mantissas, t.exponents) AS e (mantissa, exponent) WHERE o.name = $1 GROUP BY 1",
            org,
        )
    finally:
        await connection.close()
    return {row["quarter"]: Fraction(row["quantity"]) for row in rows if row["quantity"]}


def model(points):
    """By quarter, from all points at once; every start counts in full."""
    added = Counter()
    for start, group in itertools.groupby(sorted(set(points)), key=lambda found: found[0]):
        reached = None
        for end, value in sorted((end, value) for _, end, value in group):
            if start == 0:
                added[(end - 1) // QUARTER] += 0 if reached is None else value - reached if value >= reached else value
                reached = value
            else:
                reached = (value if end == start else 0) if reached is None else reached
                added[(end - 1) // QUARTER] += max(0, Fraction(value) - reached)
                reached = max(reached, value)
    return {quarter: quantity for quarter, quantity in added.items() if quantity}


ends = st.integers(0, 40).map(lambda n: BEGIN + n * QUARTER // 3)
found = st.tuples(st.sampled_from([0, BEGIN, BEGIN + HOUR]), ends, st.integers(0, 20))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(found, min_size=1, max_size=14, unique_by=lambda f: f[:2]), st.data())
def test_two_receivers_at_once_in_any_order_and_split_count_what_the_model_counts(old_database, points, data):
    deliveries = data.draw(st.permutations(points * 2))
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=len(deliveries), max_size=len(deliveries)))
    instance = uuid.uuid4().hex
    requests = []
    while deliveries:
        size = sizes.pop()
        requests.append([point(*one) for one in deliveries[:size]])
        deliveries = deliveries[size:]

    async def run():
        async with receivers(old_database, 2) as both:

            async def deliver(receiver, mine):
                for request in mine:
                    await receiver.send(instance, of(instance, request))

            await asyncio.gather(*(deliver(receiver, requests[n::2]) for n, receiver in enumerate(both)))
        return await counted(old_database, instance)

    assert asyncio.run(run()) == model(points)


def test_many_writers_at_once_from_four_receivers_count_exactly_and_the_books_agree(old_database):
    async def run():
        async with receivers(old_database, 4) as all_of_them:

            async def deliver(receiver, shift):
                for step in range(12):
                    at = (step * (shift + 1)) % 12
                    for instance in range(5):
                        request = [
                            point(BEGIN, BEGIN + (at + 1) * QUARTER, 10 * (at + 1), attributes={"org.id": "a", "n": n})
                            for n in range(20)
                        ]
                        request.append({"name": "delta", "value": 1, "start": BEGIN, "end": BEGIN + (at + 1) * QUARTER})
                        await receiver.send(str((instance + shift) % 5), request)

            await asyncio.gather(*(deliver(receiver, shift) for shift, receiver in enumerate(all_of_them)))
        connection = await asyncpg.connect(old_database)
        try:
            return await connection.fetch(
                "SELECT m.key, sum(e.mantissa) AS quantity FROM usage_delta t, unnest(t.dims_ids, t.mantissas)"
                " AS e (dims_id, mantissa) JOIN usage_dims d USING (dims_id) JOIN usage_metric m USING (metric_id)"
                " GROUP BY 1"
            )
        finally:
            await connection.close()

    assert {row["key"]: row["quantity"] for row in asyncio.run(run())} == {"calls": 5 * 20 * 120, "delta": 5 * 12}
    assert verify(old_database).count == 0


def upkeep(url, **kept):
    """A round of upkeep that keeps only so much."""
    plan = StoragePlan(
        kept=Kept(hourly_days=0, daily_days=0, **kept), chunk=timedelta(days=1), columnstore_after=timedelta(days=9)
    )

    async def run():
        async with connected(url) as connection:
            await keep_up(connection, plan, NOW)
            return await connection.fetchval("SELECT count(*) FROM usage_cumulative")

    return asyncio.run(run())


def sent(url, instance, *points):
    async def run():
        async with receivers(url, 1) as [receiver]:
            refused = await receiver.send(instance, of(instance, points))
        return refused, sum((await counted(url, instance)).values())

    return asyncio.run(run())


def test_what_no_point_can_need_any_more_is_forgotten_and_counting_goes_on(old_database):
    start = NOW // DAY * DAY - 20 * DAY
    points = [point(start, start + n * HOUR, 10 * n) for n in range(1, 24 * 19)]
    assert sent(old_database, "i", *points) == (0, 10 * (24 * 19 - 1))
    rows = upkeep(old_database, late_seconds=86_400 * 3, points_days=0)
    assert 24 * 2 < rows < 24 * 4
    assert sent(old_database, "i", point(start, NOW, 5000)) == (0, 5000)
    assert sent(old_database, "i", point(start, NOW - 30 * HOUR, 4900)) == (0, 5000)
    assert verify(old_database).count == 0


def test_a_cumulative_point_of_a_sealed_day_is_refused_as_what_it_was(old_database):
    day = NOW // DAY * DAY - 10 * DAY
    kinds = ({}, {"kind": "histogram", "name": "sizes", "count": 3})
    assert sent(old_database, "i", *(point(day, day + HOUR, 5, **kind) for kind in kinds)) == (0, 5 + 5 + 3)
    upkeep(old_database, late_seconds=86_400, points_days=0)
    late = [point(day, day + 2 * HOUR, 9, **kind) for kind in kinds]
    assert sent(old_database, "i", *late) == (2, 13)
    now = [point(day, NOW, 9, **kind | {"count": 4}) if kind else point(day, NOW, 9) for kind in kinds]
    assert sent(old_database, "i", *now) == (0, 9 + 9 + 4)

    async def run():
        connection = await asyncpg.connect(old_database)
        try:
            return await connection.fetch("SELECT reason, body FROM quarantine")
        finally:
            await connection.close()

    rows = asyncio.run(run())
    assert [row["reason"] for row in rows] == ["too_old"] * 2
    kept = {}
    for row in rows:
        [metric] = ExportMetricsServiceRequest.FromString(row["body"]).resource_metrics[0].scope_metrics[0].metrics
        kept[metric.name] = getattr(metric, metric.WhichOneof("data"))
    assert [content.aggregation_temporality for content in kept.values()] == [CUMULATIVE] * 2
    assert kept["calls"].data_points[0].as_int == 9
    assert (kept["sizes"].data_points[0].sum, kept["sizes"].data_points[0].count) == (9.0, 3)


def test_a_stream_that_was_silent_for_long_is_forgotten_and_never_counted_twice(old_database):
    start = NOW // DAY * DAY - 60 * DAY
    assert sent(old_database, "i", point(start, start + HOUR, 70)) == (0, 70)
    assert sent(old_database, "lives", point(start, start + HOUR, 70), point(start, NOW - HOUR, 80)) == (0, 80)
    assert upkeep(old_database, late_seconds=3600, points_days=30) == 2
    # It speaks again: what it had reached was counted, what it adds from now on counts.
    assert sent(old_database, "i", point(start, NOW - HOUR, 75)) == (0, 70)
    assert sent(old_database, "i", point(start, NOW, 78)) == (0, 73)
    # A process that began later counts in full, and so does whatever else the living one begins to count.
    assert sent(old_database, "i", point(NOW - DAY, NOW - HOUR, 5)) == (0, 78)
    assert sent(old_database, "lives", point(start, NOW, 9, attributes={"n": 1})) == (0, 89)


def test_a_stream_that_rests_for_long_is_not_forgotten(old_database):
    start = NOW // DAY * DAY - 60 * DAY
    for days in (*range(60), 59.5):
        assert sent(old_database, "i", point(start, start + int(days * DAY) + HOUR, 70)) == (0, 70)
    # Of the last days all rows, of those before them one.
    assert upkeep(old_database, late_seconds=3600, points_days=10) in (2, 3)
    assert sent(old_database, "i", point(start, NOW, 75)) == (0, 75)


def test_the_moment_since_which_a_database_records_is_that_of_its_first_migration(database_url):
    async def run():
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval("SELECT applied_at FROM schema_migration WHERE number = 1")
        finally:
            await connection.close()

    install = int(asyncio.run(run()).replace(tzinfo=UTC).timestamp()) * SECOND
    before, after = install - SECOND, install + 2 * SECOND
    assert datetime.fromtimestamp(install / 1e9, UTC).year >= 2026
    assert sent(database_url, "old", point(before, NOW, 5)) == (0, 0)
    assert sent(database_url, "new", point(after, after + SECOND, 5)) == (0, 5)
