"""Every number on a page is the API's answer for the same filters, digit for digit."""

from datetime import UTC, datetime, timedelta

import pytest
from otlp import get

DAY = timedelta(days=1)
WEEK = "range=7d&tz=Europe/Berlin"
FILTERS = {
    "all": ("", {}), "one organisation": ("&org=acme", {"orgId": "acme"}),
    "one project": ("&org=hooli&project=mail", {"orgId": "hooli", "projectId": "mail"}),
    "a dimension": ("&attr.region=eu", {"attr.region": "eu"}),
}  # fmt: skip


async def asked(visit, url, **query):
    """The API's answer for the window that the page asked for."""
    window = await visit.page.evaluate(
        "async () => { const { periodOf } = await import(document.querySelector('script[type=module]').src"
        ".replace('app.js', 'period.js')); const { stateOf } = await import(document.querySelector("
        "'script[type=module]').src.replace('app.js', 'state.js')); const p = periodOf(stateOf());"
        " return [p.from, p.to, p.before.from, p.before.to] }"
    )
    names = {"from_": window[0], "to": window[1]}
    reply = get(url + "/api/usage", tz="Europe/Berlin", **names, **query)
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize("name", FILTERS)
async def test_the_usage_page_shows_what_the_api_answers(visit, platform_url, name):
    address, query = FILTERS[name]
    await visit.open(f"{platform_url}/?{WEEK}{address}&metric=logs.ingested.bytes&by=region")
    answer = await asked(visit, platform_url, groupBy="type", **query)
    assert await visit.figures(".tiles") == {row["type"]: row["quantity"] for row in answer["totals"]}
    answer = await asked(visit, platform_url, groupBy="region", type="logs.ingested.bytes", **query)
    shown = await visit.figures("section[aria-label='Who used it']")
    assert shown.pop("total") == answer["totals"][0]["quantity"]
    assert shown == {row["region"]: row["quantity"] for row in answer["rows"]}


async def test_the_table_over_time_shows_every_day_exactly(visit, platform_url):
    await visit.open(f"{platform_url}/?{WEEK}&metric=queries.executed&by=org")
    answer = await asked(visit, platform_url, groupBy="day,org", type="queries.executed")
    await visit.page.click("text=These figures as a table")
    shown = await visit.page.eval_on_selector_all(
        "details tbody tr", "rows => rows.map(row => [...row.querySelectorAll('.q')].map(q => q.dataset.quantity))"
    )
    names = await visit.page.eval_on_selector_all(
        "details thead th", "all => all.slice(1, -1).map(th => th.textContent)"
    )
    days = await visit.page.eval_on_selector_all("details tbody th", "all => all.map(th => th.textContent)")
    cells = {(row["day"], row["org"]): row["quantity"] for row in answer["rows"]}
    assert len(names) == 7
    for day, (*values, total) in zip(days, shown, strict=True):
        whole = [cells[day, name] for name in names if (day, name) in cells]
        if whole:
            assert values == [cells[day, name] for name in names]
            assert int(total) == sum(map(int, whole))


@pytest.mark.parametrize("by", ["org", "project", "day", "region"])
async def test_the_breakdown_shows_what_the_api_answers(visit, platform_url, by):
    await visit.open(f"{platform_url}/dashboard/breakdown?{WEEK}&metric=webhooks.delivered&by={by}")
    answer = await asked(visit, platform_url, groupBy=by, type="webhooks.delivered")
    assert await visit.figures(".groups") == {row[by]: row["quantity"] for row in answer["rows"]}
    assert await visit.figures(".controls") == {"total": answer["totals"][0]["quantity"]}


async def test_the_export_button_gives_what_the_table_shows(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/breakdown?{WEEK}&metric=webhooks.delivered&by=org")
    async with visit.page.expect_download() as waiting:
        await visit.page.click("text=Export CSV")
    path = await (await waiting.value).path()
    header, *lines = path.read_text().splitlines()
    columns = header.split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in lines]
    assert {row["org"]: row["quantity"] for row in rows} == await visit.figures(".groups")


async def test_health_shows_completeness_and_counters(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/health?{WEEK}")
    assert await visit.page.get_attribute(".completeness", "data-state") == "complete"
    counts = get(platform_url + "/healthz").json["counts"]
    shown = await visit.page.inner_text("[data-counter='points.accepted']")
    assert shown.replace(",", "") == str(counts["points.accepted"])


async def test_health_says_how_far_behind_the_present_everything_is_here(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/health?range=7d&tz=UTC")
    week = {"from": f"{datetime.now(UTC) - timedelta(days=6):%Y-%m-%d}", "to": f"{datetime.now(UTC) + DAY:%Y-%m-%d}"}
    until = datetime.fromisoformat(get(f"{platform_url}/api/v1/completeness", **week).json["until"])
    behind = await visit.page.inner_text("[data-fact='behind by']")
    hours = (datetime.now(UTC) - until).total_seconds() / 3600
    number, unit = behind.replace(",", "").split()
    assert abs(float(number) / {"s": 3600, "min": 60, "h": 1}[unit] - hours) < 2


async def test_figures_are_humanised_and_exact_on_hovering_and_for_screen_readers(visit, platform_url):
    await visit.open(f"{platform_url}/?{WEEK}&metric=logs.ingested.bytes")
    tile = visit.page.locator("[data-metric='logs.ingested.bytes'] .figure .q")
    exact = await tile.get_attribute("data-quantity")
    assert await tile.get_attribute("title") == f"{int(exact):,} By"
    assert await tile.locator(".vh").inner_text() == f"{int(exact):,} By"
    assert await tile.locator("[aria-hidden]").inner_text() == f"{int(exact) / 1e9:.3g} GB"
