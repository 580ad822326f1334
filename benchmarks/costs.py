"""Cost: pricing a month of 300,000 hourly rows anew, and asking what 5,000 users cost in it.

Rates are recorded and costs are asked for over HTTP; pricing anew is timed from the answer to a recorded rate until
`pricedUntil` is the end of the month, so pauses between rounds are in it.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import time

import asyncpg
import numpy as np
from servers import Servers, servers

from tallystick.semconv import KIND_SUM
from tallystick_receiver.identity import metric_id_of, org_id_of

ROWS, USERS = 300_000, 5_000
MODELS, KINDS = ("claude-opus-5", "gpt-5"), ("input_uncached", "cache_read", "output")
REPORTS = ("top?", "distribution?", "distribution?groupBy=conversation&", "trend?", "unit-economics?")
MONTH = "from=2026-10-01&to=2026-11-01&orgId=acme"


async def fill(url: str, dims: int, rows: int) -> None:
    """Sets of dimensions, each of a user, a model, a kind and a conversation, and their use in different hours."""
    org, metric = org_id_of("acme"), metric_id_of("llm.tokens", "{token}", KIND_SUM)
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    for statement in f"""
        INSERT INTO usage_org VALUES ({org}, 'acme');
        INSERT INTO usage_metric VALUES ({metric}, 'llm.tokens', '{{token}}', 'sum');
        INSERT INTO usage_dims
            SELECT {org}, n, 0, {metric}, jsonb_build_object(
                'gen_ai.provider.name', (ARRAY['anthropic','openai'])[n / {USERS} % 2 + 1],
                'gen_ai.response.model', (ARRAY{list(MODELS)})[n / {USERS} % 2 + 1],
                'token.kind', (ARRAY{list(KINDS)})[n / {USERS * 2} % 3 + 1],
                'user.id', 'user-' || n % {USERS}, 'app.feature', 'feature-' || n % 20,
                'gen_ai.conversation.id', 'conversation-' || n / {USERS * 6} || '-' || n % {USERS},
                'service.name', 'chat'), 'd' || n
            FROM generate_series(0, {dims - 1}) AS n;
        INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points)
            SELECT {org}, '2026-10-01Z'::timestamptz + (n / {dims} * 71 + n % 13) % 744 * interval '1 hour', n % {dims},
                   n % 5000 + 1, 1
            FROM generate_series(0, {rows - 1}) AS n ORDER BY 2, 3;
        INSERT INTO usage_total_hourly
            SELECT org_id, date_trunc('hour', quarter, 'UTC'), 0, {metric}, sum(quantity), sum(points)
            FROM usage_quarter_hourly GROUP BY 1, 2 ORDER BY 1, 2;
        VACUUM ANALYZE
    """.split(";\n"):
        await connection.execute(statement)
    await connection.close()


def call(running: Servers, method: str, path: str, body: object = None) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    content = json.loads(reply.read())
    assert reply.status < 300, content
    return content


def record(running: Servers, price: int, *, replace: bool) -> float:
    """Seconds from recorded rates until the month is priced by them."""
    common = {"metricKey": "llm.tokens", "sourceUrl": "https://example.com", "checkedOn": "2026-11-01"}
    rates = [
        common | {"provider": provider, "model": model, "kind": kind, "price": str(price + n)}
        for provider, model in zip(("anthropic", "openai"), MODELS, strict=True)
        for n, kind in enumerate(KINDS)
    ]
    call(running, "POST", "/api/v1/rates", {"rates": rates, "replace": replace})
    begun = time.perf_counter()
    while call(running, "GET", f"/api/v1/costs?{MONTH}&limit=1")["pricedUntil"] != "2026-11-01T00:00:00Z":
        time.sleep(0.05)
    return time.perf_counter() - begun


def ask(running: Servers, path: str, times: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    taken, rows = [], 0
    for _ in range(times + 3):
        begun = time.perf_counter()
        connection.request("GET", path)
        content = connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1e3)
        rows = len(json.loads(content)["rows"])
    taken = taken[3:]
    return {"rows": rows, "p50_ms": float(np.percentile(taken, 50)), "p99_ms": float(np.percentile(taken, 99))}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database-url", default=None)
    given = parser.parse_args(argv)
    rows = ROWS // 10 if given.quick else ROWS
    for dims in (30_000, 100_000):
        with servers(given.database_url) as running:
            asyncio.run(fill(running.database_url, dims, rows))
            print(f"| {rows:,} rows of {dims:,} sets | first {record(running, 1, replace=False):.2f} s |", end=" ")
            print(f"again {record(running, 2, replace=True):.2f} s, {record(running, 3, replace=True):.2f} s |")
            for groups in ("user", "model,kind", "day", "conversation", "user,day"):
                print(groups, ask(running, f"/api/v1/costs?{MONTH}&groupBy={groups}&limit=100000", 20))
            for report in REPORTS:
                print(report, ask(running, f"/api/v1/costs/{report}{MONTH}", 20))
            print("reconciliation", ask(running, "/api/v1/reconciliation?provider=anthropic&month=2026-10", 20))


if __name__ == "__main__":
    main()
