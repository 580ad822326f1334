"""The plan of every statement about cost: indexes, and no look at what was not asked for."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from conftest import fresh_database

from tallystick_receiver.identity import org_id_of
from tallystick_receiver.store.database import READING
from tallystick_receiver.store.statements import statement, statement_over

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
ACME = org_id_of("acme")
FILL = f"""
    INSERT INTO usage_org SELECT CASE n WHEN 7 THEN {ACME} ELSE n END, 'org-' || n FROM generate_series(1, 20) AS n;
    INSERT INTO usage_metric VALUES (1, 'llm.tokens', '{{token}}', 'sum');
    INSERT INTO usage_dims SELECT org_id, d, 0, 1, '{{}}', 'd' || d FROM usage_org, generate_series(1, 40) AS d;
    INSERT INTO cost_key SELECT k, 'llm.tokens', '{{token}}', '{{}}' FROM generate_series(1, 10) AS k;
    INSERT INTO cost_line SELECT org_id, dims_id, 0, 0, 'llm.tokens', '{{token}}', 1,
            jsonb_build_object('user.id', 'u' || dims_id), 'llm.tokens', 'exact', 1, 1, dims_id % 10 + 1, dims_id
        FROM usage_dims;
    INSERT INTO cost_group SELECT org_id, dims_id, 0, 'llm.tokens', '{{token}}', '{{}}', 'llm.tokens', 'exact'
        FROM usage_dims;
    INSERT INTO cost_tariff SELECT t, 'priced', 'r', '{{}}', 'USD', 1, 1, 1, '{{}}', '{{}}'
        FROM generate_series(1, 20) AS t;
    INSERT INTO usage_quarter_hourly SELECT org_id, t, dims_id, 5, 1
        FROM generate_series('2026-09-01Z'::timestamptz, '2026-10-31Z', '6 h') AS t, usage_dims;
    INSERT INTO usage_cost SELECT org_id, quarter, dims_id, 0, 0, dims_id % 20 + 1, 5, 5 FROM usage_quarter_hourly;
    INSERT INTO usage_cost_monthly SELECT org_id, m, dims_id, dims_id % 20 + 1, false, 5
        FROM usage_dims, generate_series('2025-01-01Z'::timestamptz, '2026-10-01Z', '1 month') AS m;
    INSERT INTO usage_cost_user_monthly
        SELECT org_id, m, md5(dims_id::text)::uuid, 'priced', 'USD', false, 0, 'llm.tokens', '{{token}}', 'exact',
               '{{}}', 5, 5, 5, 5
        FROM usage_dims, generate_series('2025-01-01Z'::timestamptz, '2026-10-01Z', '1 month') AS m;
"""


@pytest.fixture(scope="module")
def plan(template):
    loop = asyncio.new_event_loop()
    with fresh_database(template) as url:
        connection = loop.run_until_complete(asyncpg.connect(url, server_settings=READING | {"timezone": "UTC"}))
        for text in (FILL, "VACUUM ANALYZE", "SET enable_nestloop = off"):
            loop.run_until_complete(connection.execute(text))

        def explain(name, *arguments, over=""):
            text = "EXPLAIN (FORMAT JSON) " + (statement_over(name, over) if over else statement(name))
            [row] = loop.run_until_complete(connection.fetch(text, *arguments))
            return {scan[1]: scan[0] for scan in scans_of(json.loads(row[0])[0]["Plan"])}

        yield explain
        loop.run_until_complete(connection.close())
    loop.close()


def scans_of(node):
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        yield node["Node Type"], node["Relation Name"]
    for child in node.get("Plans", []):
        yield from scans_of(child)


def question(start, end, months=(), unit=None, user_months=()):
    return ([ACME], start, end, FIRST, FIRST, list(months), unit, "UTC", ["llm.tokens"], None, False, False,
            ["user.id"], [None], [False], "{}", 1000, list(user_months))  # fmt: skip


def test_some_days_are_read_by_index(plan):
    scans = plan("read_costs", *question(FIRST, FIRST + timedelta(days=3), unit="day"))
    assert scans["usage_cost"] in ("Index Scan", "Bitmap Heap Scan")


def test_months_are_read_from_their_totals(plan):
    scans = plan("read_costs", *question(FIRST, FIRST, [FIRST]))
    assert scans["usage_cost_monthly"] in ("Index Scan", "Bitmap Heap Scan")
    assert scans.get("usage_cost") in (None, "Index Scan", "Bitmap Heap Scan")


def test_users_are_read_from_their_months_only(plan):
    scans = plan("read_costs", *question(FIRST, FIRST, user_months=[FIRST]))
    assert scans["usage_cost_user_monthly"] in ("Index Scan", "Bitmap Heap Scan")
    assert scans.get("usage_cost") in (None, "Index Scan", "Bitmap Heap Scan")


def test_an_hour_is_priced_by_index(plan):
    hours = [FIRST]
    segments = ([1, 2], [FIRST] * 2, [FIRST + timedelta(days=1)] * 2, [1, 2], [1, 1])
    for name, more in (("write_costs", (FIRST,)), ("adjust_costs", (FIRST, FIRST))):
        scans = plan(name, ACME, hours, ["llm.tokens"], *segments, 3, True, *more, over="add_to_totals")
        assert scans["usage_quarter_hourly"] in ("Index Scan", "Bitmap Heap Scan"), name
        assert scans["usage_cost"] in ("Index Scan", "Bitmap Heap Scan"), name


def test_what_is_due_and_what_is_exported_is_read_by_index(plan):
    scans = plan("read_due_dims", ACME, [FIRST])
    assert scans["usage_quarter_hourly"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")
    scans = plan("export_costs", [ACME], FIRST, FIRST + timedelta(days=1), ["llm.tokens"], None, "{}")
    assert scans["usage_cost"] in ("Index Scan", "Bitmap Heap Scan")


@pytest.mark.parametrize("name", ["read_cost_subjects", "read_costs_of_subjects"])
def test_who_causes_what_is_read_as_costs_are(plan, name):
    more = {"read_cost_subjects": ([500, 950], 10), "read_costs_of_subjects": (['[null, null, ["u1"]]'],)}[name]
    scans = plan(name, *question(FIRST, FIRST + timedelta(days=3)), *more, over="read_costs")
    assert scans["usage_cost"] in ("Index Scan", "Bitmap Heap Scan")
    scans = plan(name, *question(FIRST, FIRST, [FIRST]), *more, over="read_costs")
    assert scans["usage_cost_monthly"] in ("Index Scan", "Bitmap Heap Scan")
    assert scans.get("usage_cost") in (None, "Index Scan", "Bitmap Heap Scan")


def test_what_caches_save_is_read_by_index(plan):
    end = FIRST + timedelta(days=3)
    prices = ([ACME], [1], [FIRST], [end], ["USD"], [1])
    scans = plan("read_cache_costs", [ACME], FIRST, end, ["llm.tokens"], None, "{}", ["cache_read"], *prices)
    assert scans["usage_cost"] in ("Index Scan", "Bitmap Heap Scan")
    scans = plan("read_cache_keys", [ACME], ["cache_read"])
    assert scans["cost_line"] in ("Index Scan", "Bitmap Heap Scan")


def test_who_made_requests_is_read_by_index(plan):
    ranges = ([FIRST], [FIRST + timedelta(days=3)])
    nothing = (FIRST, FIRST)
    scans = plan(
        "count_callers", [ACME], [1], None, None, "UTC", True, False, *nothing, *nothing, *nothing, *ranges, [], [],
        ["outcome", "user.id", "enduser.id"], "{}", None, "llm.requests", over="read_usage_by_dims",
    )  # fmt: skip
    assert scans["usage_quarter_hourly"] in ("Index Scan", "Bitmap Heap Scan")
