"""Summaries equal an independent recomputation in SQL for every aggregation type and reset period, across a DST change.

The SQL looks at points and dictionaries only, never at rollups, and finds the borders of periods itself.
"""

import asyncio
import random
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

import asyncpg
import pytest
from otlp import SECOND, export, export_request, get, now_ns, send

PATIENT = ("--late-seconds-max", "1000000000", "--keep-points-days", "0", "--keep-hourly-days", "0")
HOLD_NS = 3600 * SECOND
ZONES = {
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "Australia/Adelaide": datetime(2026, 10, 3, 16, 30, tzinfo=UTC),
}
"""Whose clocks change when: back by an hour; forward by an hour in a zone of :30."""
AGGREGATIONS = {
    "calls": ("sum", "count", "avg", "unique"),
    "latency": ("sum", "count", "avg", "unique"),
    "disk": ("last", "min", "max", "avg", "count", "unique"),
}
KINDS = {"calls": "sum", "latency": "histogram", "disk": "gauge"}
BORDERS = {
    "hourly": "SELECT date_trunc('hour', $1::timestamptz, $2::text) AS lower,"
    " date_trunc('hour', $1, $2) + interval '1 hour' AS upper",
    "daily": "SELECT date_trunc('day', $1::timestamptz, $2::text) AS lower,"
    " (date_trunc('day', $1, $2) AT TIME ZONE $2 + interval '1 day') AT TIME ZONE $2 AS upper",
    "monthly": "SELECT date_trunc('month', $1::timestamptz, $2::text) AS lower,"
    " (date_trunc('month', $1, $2) AT TIME ZONE $2 + interval '1 month') AT TIME ZONE $2 AS upper",
    "never": "SELECT '1970-01-01Z'::timestamptz + 0 * ($1::timestamptz - $1) AS lower,"
    " '2200-01-01Z'::timestamptz AS upper WHERE $2::text <> ''",
}
SAMPLES = """
WITH sample AS MATERIALIZED (
    SELECT m.kind, d.dims_id, d.attributes ->> 'user.id' AS value, usage_end_ns(p.ts, p.end_rest) AS ns,
           (p.mantissa::text || 'e' || p.exponent::text)::numeric AS quantity
    FROM usage_point p
    JOIN usage_series s USING (org_id, series_id)
    JOIN usage_dims d USING (org_id, dims_id)
    JOIN usage_metric m USING (metric_id)
    WHERE m.key = $3 AND ($4::text IS NULL OR d.attributes ->> 'user.id' = $4)
), inside AS (
    SELECT * FROM sample WHERE ns > $1 AND ns <= $2
)"""
IN_SQL = {
    "sum": "SELECT coalesce(sum(quantity), 0) FROM inside WHERE kind IN ('sum', 'histogram')",
    "count": """SELECT coalesce(sum(quantity) FILTER (WHERE kind = 'operations'), 0)
                       + count(*) FILTER (WHERE kind IN ('sum', 'level')) FROM inside""",
    "min": "SELECT min(quantity) FROM inside",
    "max": "SELECT max(quantity) FROM inside",
    "last": "SELECT sum(quantity) FROM (SELECT DISTINCT ON (dims_id) quantity FROM inside"
    " ORDER BY dims_id, ns DESC, quantity DESC) AS last",
    "unique": """SELECT count(*) FROM (SELECT value FROM inside WHERE value IS NOT NULL
                 GROUP BY value HAVING bool_or(kind = 'level') OR sum(quantity) <> 0) AS used""",
}
HELD = f"""SELECT sum(quantity * (upper(span) - lower(span))) AS integral,
       (SELECT sum(upper(r) - lower(r)) FROM unnest(range_agg(span)) AS r) AS covered
FROM (
    SELECT quantity, int8range(lower, greatest(lower, least(until, $2))) AS span
    FROM (
        SELECT quantity, ns, least(greatest(ns, $1), $2) AS lower,
               least(lead(ns) OVER (PARTITION BY dims_id ORDER BY ns, quantity), ns + {HOLD_NS}) AS until
        FROM sample
    ) AS held
) AS clipped
WHERE NOT isempty(span)"""


def corpus():
    """Points of all three kinds, many near the changes, some on the borders of hours."""
    chance, found = random.Random(20261025), []
    for name, kind in KINDS.items():
        for change in ZONES.values():
            base = int(change.timestamp())
            near = [base + chance.randrange(-30 * 3600, 30 * 3600) for _ in range(90)]
            near += [base + 1800 * n for n in range(-8, 8)] + [
                base + chance.randrange(-9, 30) * 86_400 for _ in range(12)
            ]
            for second in near:
                attributes = {"org.id": "acme", "project.id": chance.choice(["web", "shop"])}
                if chance.random() < 0.8:
                    attributes["user.id"] = chance.choice(["ada", "bob", "cyd", "dan"])
                value = chance.choice([chance.randrange(1000), chance.randrange(10**6) / 1000])
                found.append({"name": name, "unit": "1", "kind": kind, "value": value, "attributes": attributes,
                              "count": chance.randrange(1, 9),
                              "end": second * SECOND + chance.choice([0, 0, chance.randrange(10**9)])})  # fmt: skip
    chance.shuffle(found)
    return found


@pytest.fixture(params=["0.05", "3600"], ids=["rolled", "waiting"])
def receiver(start_receiver, request):
    process = start_receiver(*PATIENT, "--roll-seconds", request.param)
    points = corpus()
    for first in range(0, len(points), 100):
        instance = {"service.name": "test", "service.instance.id": str(first)}
        sent = export_request(points[first : first + 100], resource=instance)
        assert export(process.url, sent).rejected == 0
    return process


def define(receiver, metric, **fields):
    metrics = receiver.url + "/api/v1/metrics"
    unique = {"uniqueDimension": "user.id"} if fields.get("aggregationType") == "unique" else {}
    (found,) = get(metrics + f"?key={metric}").json["metrics"]
    changed = send("PATCH", f"{metrics}/{found['id']}", {**fields, **unique})
    assert changed.status == 200, changed.body


async def recomputed(connection, metric, aggregation, window, user):
    lower, upper = (int((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND for time in window)
    arguments = (lower, upper, metric, user)
    if aggregation != "avg":
        return await connection.fetchval(SAMPLES + IN_SQL[aggregation], *arguments)
    if metric == "disk":
        row = await connection.fetchrow(SAMPLES + HELD, *arguments)
        if not row["covered"]:
            return None
        exact = Context(prec=200).divide(row["integral"], Decimal(row["covered"]))
        return exact.quantize(Decimal("1e-9"), ROUND_HALF_EVEN, Context(prec=200))
    total, count = [await connection.fetchval(SAMPLES + IN_SQL[how], *arguments) for how in ("sum", "count")]
    return Context(prec=38).divide(total, count) if count else None


def asked():
    """(zone, kind of period, a time in it) near each change, and far from it."""
    for zone, change in ZONES.items():
        base = change.timestamp()
        for kind, hours in (
            ("hourly", (-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 21)), ("daily", (-25, -1, 0, 1, 26)),
            ("monthly", (-999, 0, 800)), ("never", (0,)),
        ):  # fmt: skip
            for hour in hours:
                yield zone, kind, datetime.fromtimestamp(base + hour * 3600, UTC)


def test_summaries_equal_an_independent_recomputation_in_sql(receiver, database_url):
    async def compare():
        connection = await asyncpg.connect(database_url)
        answers = set()
        try:
            for metric, aggregations in AGGREGATIONS.items():
                for aggregation in aggregations:
                    define(receiver, metric, aggregationType=aggregation)
                    for number, (zone, kind, time) in enumerate(asked()):
                        window = tuple(await connection.fetchrow(BORDERS[kind], time, zone))
                        user = (None, "ada")[number % 2]
                        exact = await recomputed(connection, metric, aggregation, window, user)
                        count = await recomputed(connection, metric, "count", window, user)
                        found = summary(receiver, metric, kind.upper(), time, zone, user)
                        case = (metric, aggregation, zone, kind, time, user, found)
                        assert datetime.fromisoformat(found["periodStart"]) == window[0], case
                        if kind != "never":
                            assert datetime.fromisoformat(found["periodEnd"]) == window[1], case
                        assert (found["aggregationType"], found["recordCount"]) == (aggregation, count), case
                        total = found["totalQuantity"]
                        assert (None if total is None else Decimal(total)) == exact, (case, exact)
                        answers.add((metric, aggregation, total))
        finally:
            await connection.close()
        return answers

    assert len(asyncio.run(compare())) > 150


def summary(receiver, metric, kind, time, zone, user):
    subject = {"subjectType": "user", "subjectId": user} if user else {"subjectType": "org", "subjectId": "acme"}
    stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    reply = get(
        receiver.url + "/api/v1/usage/summary", metricKey=metric, periodType=kind, periodStart=stamp, tz=zone, **subject
    )
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize("reset", ["hourly", "daily", "monthly", "never"])
def test_the_current_period_is_the_one_that_the_definition_says(start_receiver, reset):
    receiver = start_receiver(*PATIENT)
    end = now_ns()
    used = {end: 3, end - 40 * 86_400 * SECOND: 5}
    points = [{"name": "calls", "unit": "1", "value": value, "end": at} for at, value in used.items()]
    assert export(receiver.url, export_request(points)).rejected == 0
    define(receiver, "calls", resetPeriod=reset.upper())
    found = get(receiver.url + "/api/v1/usage/summary", metricKey="calls", periodType="Current").json
    assert found["periodType"] == "current"
    assert (found["periodEnd"] is None) is (reset == "never")
    start = datetime.fromisoformat(found["periodStart"])
    until = datetime.fromisoformat(found["periodEnd"] or "2200-01-01T00:00:00Z")
    inside = [value for at, value in used.items() if start.timestamp() < at / SECOND <= until.timestamp()]
    assert found["totalQuantity"] == str(sum(inside))
    hours = (until - start).total_seconds() / 3600
    assert hours in {"hourly": (1,), "daily": (24,), "monthly": (28 * 24, 29 * 24, 30 * 24, 31 * 24)}.get(
        reset, (hours,)
    )
