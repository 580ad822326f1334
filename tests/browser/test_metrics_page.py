"""Metrics with what they cost now: price, source and since when."""

from otlp import get
from pricing import SOURCE, rate


async def test_rates_are_shown_with_price_source_and_time(visit, costs_url):
    await visit.open(f"{costs_url}/dashboard/metrics?tz=UTC")
    rates = get(f"{costs_url}/api/v1/rates", limit=1000).json["rates"]
    shown = await visit.page.eval_on_selector_all(
        "[data-rate]",
        "all => all.map(row => [row.dataset.rate, row.querySelector('[data-price]').dataset.price,"
        " row.querySelector('a').href, row.cells[5].textContent])",
    )
    assert {row[0]: row[1:] for row in shown} == {
        one["id"]: [one["price"], one["sourceUrl"], one["checkedOn"]] for one in rates
    }
    assert f"{len(rates)} rates" in await visit.page.inner_text("[data-price-of='llm.tokens']")


async def test_a_single_price_stands_beside_its_metric_and_no_price_is_not_nothing_to_pay(
    visit, start_receiver, in_thread
):
    receiver = await in_thread(start_receiver)
    await in_thread(rate, receiver, metricKey="bytes.out", unit="By", price="0.09", perUnits="1000000000")
    await in_thread(rate, receiver, metricKey="bytes.in", unit="By", price="1", orgId="acme", **source("javascript:1"))
    for key in ("bytes.out", "queries"):
        await in_thread(define, receiver, key)
    await visit.open(f"{receiver.url}/dashboard/metrics")
    assert await visit.page.inner_text("[data-price-of='bytes.out']") == "0.09 USD for 1,000,000,000 By"
    assert await visit.page.inner_text("[data-price-of='queries']") == "no rate"
    assert await visit.page.locator("[data-rate]:has-text('javascript:1')").count() == 1
    assert await visit.page.locator("[data-rate]:has-text('javascript:1') a").count() == 0


def source(url):
    return {**SOURCE, "sourceUrl": url}


def define(receiver, key):
    from otlp import send

    assert send("POST", f"{receiver.url}/api/v1/metrics", {"key": key}).status == 201
