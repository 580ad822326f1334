"""The page of cost: every number is the API's answer, currencies stay apart, and what is not known looks like it."""

import csv
from decimal import Decimal

import pytest
from otlp import get
from pricing import QUICK, attributes_of, card, use

MONTH = "range=month&tz=UTC"
WAYS = {"user": "user", "feature": "feature", "model": "model", "org": "org", "project": "org,project"}


@pytest.fixture
def answered(costs_url):
    """The API's answer for this month."""

    def ask(report="", **query):
        reply = get(f"{costs_url}/api/v1/costs{report}", **query)
        assert reply.status == 200, reply.body
        return reply.json

    return ask


@pytest.mark.parametrize(
    ("by", "currency"), [("user", "USD"), ("user", "EUR"), ("feature", "EUR"), ("model", "USD"), ("org", "EUR"),
                         ("project", "USD")]
)  # fmt: skip
async def test_the_page_shows_what_the_api_answers(visit, costs_url, answered, by, currency):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&by={by}&currency={currency}")
    top = answered("/top", groupBy=WAYS[by], limit=50)
    rows = [row for row in top["rows"] if row["currency"] == currency]
    expected = {" / ".join(row[group] for group in WAYS[by].split(",")): row["cost"] for row in rows}
    unattributed = [one["cost"] for one in top["unattributed"] if one["currency"] == currency]
    shown = await visit.figures("[data-key=costliest]")
    assert shown == expected | ({"(nobody)": unattributed[0]} if unattributed else {})
    marked = await visit.page.eval_on_selector_all(".outlier", "all => all.map(row => row.dataset.group)")
    assert marked == [" / ".join(row[group] for group in WAYS[by].split(",")) for row in rows if row["isOutlier"]]
    (whole,) = [one["cost"] for one in top["totals"] if one["currency"] == currency]
    short = await visit.figures(".tiles")
    (subjects,) = [one for one in top["subjects"] if one["currency"] == currency]
    assert (short["cost"], short["median"]) == (whole, subjects["median"])
    assert short["unpriced"] == top["unpriced"][0]["share"]


async def test_the_distribution_and_what_has_no_price_are_the_apis(visit, costs_url, answered):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&currency=USD")
    (row,) = [one for one in answered("/distribution", groupBy="user")["rows"] if one["currency"] == "USD"]
    names = ("mean", "p50", "p90", "p95", "p99", "max", "top1Share", "top10Share", "gini")
    assert await visit.figures("[data-part=spread]") == {"count": str(row["count"]), **{n: row[n] for n in names}}
    unpriced = {one["model"]: one["quantity"] for one in answered("/top")["unpricedModels"]}
    assert await visit.figures("[data-key=unpriced]") == unpriced


async def test_the_table_over_time_adds_up_to_each_days_cost(visit, costs_url, answered):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&by=user&currency=USD")
    days = {row["day"]: row["cost"] for row in answered(groupBy="day")["rows"] if row["currency"] == "USD"}
    await visit.page.click("[data-key=figures] summary")
    shown = await visit.page.eval_on_selector_all(
        "[data-key=figures] tbody tr",
        "rows => rows.map(row => [row.cells[0].textContent, row.lastChild.querySelector('.q').dataset.quantity])",
    )
    assert {day: Decimal(cost) for day, cost in shown if day in days} == {d: Decimal(c) for d, c in days.items()}
    assert days, "there were some"


async def test_the_forecast_is_what_the_api_answered_with_its_band(visit, costs_url):
    answers = []
    visit.page.on("response", lambda response: "/costs/forecast" in response.url and answers.append(response))
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&currency=USD")
    await visit.page.wait_for_selector("[data-part=expected] .q")
    shown = await visit.figures("[data-part=expected]")
    totals = [total for answer in answers for total in (await answer.json())["totals"] if total["currency"] == "USD"]
    assert shown in [{"expected": total["total"], "low": total["low"], "high": total["high"]} for total in totals]
    assert None not in shown.values()
    await visit.page.wait_for_function("() => document.querySelectorAll('#outlook .scatterlayer .trace').length === 4")


async def test_the_running_sum_of_the_month_is_the_trends(visit, costs_url, answered):
    await visit.open(f"{costs_url}/dashboard/cost?range=7d&tz=UTC&currency=USD")
    running, expected = Decimal(0), {}
    for row in answered("/trend", groupBy="day")["rows"]:
        if row["currency"] == "USD":
            running += Decimal(row["cost"] or 0)
            expected[row["day"]] = running
    shown = await visit.page.eval_on_selector_all(
        "[data-key=by-day] tbody tr",
        "rows => rows.map(row => [row.cells[0].textContent, row.querySelector('.q').dataset.quantity])",
    )
    assert {day: Decimal(cost) for day, cost in shown} == expected


async def test_currencies_are_switched_and_never_on_one_page(visit, costs_url):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&currency=EUR")
    assert "USD" not in await visit.page.inner_text("[data-key=costliest]")
    await visit.page.click("[data-currency=USD]")
    await visit.page.wait_for_selector("[data-currency=USD][aria-pressed=true]")
    await visit.page.wait_for_function(
        "() => !document.querySelector('[data-key=costliest]').innerText.includes('EUR')"
    )
    assert "currency=USD" in visit.page.url


async def test_a_click_goes_from_user_to_feature_to_model_and_back_restores(visit, costs_url, answered):
    page = visit.page
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&currency=USD")
    before = await visit.figures("[data-key=costliest]")
    await page.click("[data-key=costliest] a:text-is('ann')")
    await page.wait_for_selector("[data-by=feature][aria-pressed=true]")
    assert await visit.figures("[data-key=costliest]") == {
        row["feature"]: row["cost"] for row in answered(groupBy="feature", **{"attr.user.id": "ann"})["rows"]
    }
    await page.click("[data-key=costliest] a:text-is('chat')")
    await page.wait_for_selector("[data-by=model][aria-pressed=true]")
    await page.click("[data-key=costliest] a:text-is('claude-sonnet-5')")
    await page.wait_for_selector(".chip:has-text('gen_ai.response.model = claude-sonnet-5')")
    for way in ("model", "feature", "user"):
        await page.go_back()
        await page.wait_for_selector(f"[data-by={way}][aria-pressed=true]")
    assert await visit.figures("[data-key=costliest]") == before
    assert await page.locator(".chip").count() == 0


async def test_a_model_is_found_under_the_name_that_was_sent(visit, playground, in_thread):
    """Reports call it by the name of its rate; what is filtered by is the name with a date that usage bears."""
    await in_thread(card, playground, "openai", "gpt-5", prices={"output": "10"})
    await in_thread(used_now, playground, "gpt-5-2025-08-07")
    await visit.open(f"{playground.url}/dashboard/cost?by=model")
    await visit.page.click("[data-key=costliest] a:text-is('gpt-5')")
    await visit.page.wait_for_selector("[data-by=user][aria-pressed=true]")
    await visit.page.wait_for_selector("[data-key=costliest] [data-quantity='0.01']")
    assert "gpt-5-2025-08-07" in visit.page.url


async def test_the_export_holds_what_the_page_shows(visit, costs_url, answered):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&currency=USD")
    async with visit.page.expect_download() as waiting:
        await visit.page.click("text=FOCUS export")
    path = await (await waiting.value).path()
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["BillingCurrency"] == "USD" and row["EffectiveCost"]]
    shown = (await visit.figures("section[data-key=who] .total"))["total"]
    assert sum(Decimal(row["EffectiveCost"]) for row in rows) == Decimal(shown)


async def test_zero_and_unpriced_look_different(visit, costs_url):
    await visit.open(f"{costs_url}/dashboard/cost?range=7d&tz=UTC&currency=USD")
    await visit.page.click("[data-key=figures] summary")
    kinds = await visit.page.eval_on_selector_all(
        "[data-key=figures] tbody tr", "rows => rows.map(row => row.lastChild.querySelector('.q').className)"
    )
    assert {"q", "q zero", "q unpriced"} <= set(kinds)
    styles = await visit.page.evaluate(
        "() => ['zero', 'unpriced'].map(kind => getComputedStyle("
        "document.querySelector(`[data-key=figures] .q.${kind}`)).backgroundColor)"
    )
    assert styles[0] != styles[1]


async def test_usage_without_any_price_has_no_amount_and_says_how_to_get_one(visit, costs_url):
    await visit.open(f"{costs_url}/dashboard/cost?{MONTH}&attr.gen_ai.response.model=house-llama")
    assert "has no price" in await visit.page.inner_text(".panel.empty")
    assert "tallystick rates import" in await visit.page.inner_text("[data-key=unpriced]")
    assert await visit.page.locator(".tiles").count() == 0


async def test_without_rates_the_page_says_how_to_import_them_and_fills_when_there_are_some(
    visit, start_receiver, in_thread
):
    receiver = await in_thread(start_receiver, *QUICK)
    await visit.open(f"{receiver.url}/dashboard/cost")
    assert "tallystick rates import" in await visit.page.inner_text(".panel.empty")
    await in_thread(card, receiver, "openai", "gpt-5", prices={"output": "10"})
    await in_thread(used_now, receiver, "gpt-5")
    await visit.page.wait_for_selector("[data-key=costliest] [data-quantity='0.01']")
    await visit.page.wait_for_selector(".completeness[data-state=unsure]")
    await visit.page.click("[data-key=figures] summary")
    await visit.page.wait_for_selector("[data-key=figures] .q.unknown", state="attached")


def used_now(receiver, model):
    """A thousand tokens of ann, which nobody announces."""
    attributes = attributes_of("openai", model, **{"user.id": "ann"})
    use(receiver, {"output": 1000}, attributes, when=None)
