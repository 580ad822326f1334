"""Alerts: the numbers of the API, and thresholds that an admin draws, moves and deletes on the page."""

from otlp import export, export_request, get, send
from sender import Sender


async def test_every_threshold_shows_what_the_api_says_is_used(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/alerts?tz=UTC")
    thresholds = get(f"{platform_url}/api/v1/thresholds").json["thresholds"]
    assert len(thresholds) > 1
    expected = {}
    for one in thresholds:
        query = {name: one[name] for name in ("orgId", "metricKey", "subjectType", "subjectId")}
        expected[one["id"]] = [
            get(f"{platform_url}/api/v1/usage/allowance", tz="UTC", **query).json["used"], one["threshold"]
        ]  # fmt: skip
    shown = await visit.page.eval_on_selector_all(
        "[data-threshold]",
        "all => all.map(card => [card.dataset.threshold,"
        " [...card.querySelectorAll('.q')].map(q => q.dataset.quantity)])",
    )
    assert dict(shown) == expected


async def test_a_threshold_is_drawn_moved_and_deleted_on_the_page(visit, playground, in_thread):
    page, field = visit.page, "[name=threshold-{}]".format
    visit.provokes("400")
    await visit.open(f"{playground.url}/dashboard/alerts?org=initech")
    await page.click("text=New threshold")
    await page.fill(field("metricKey"), "jobs")
    await page.fill(field("threshold"), "0")
    await page.select_option(field("resetPeriod"), "monthly")
    await page.fill(field("levels"), "50, 100")
    await page.click("button:text-is('Save')")
    await page.wait_for_selector(".editor .problem:has-text('threshold')")
    assert await page.input_value(field("metricKey")) == "jobs", "what was typed is still there"
    await page.fill(field("threshold"), "250.5")
    await page.click("button:text-is('Save')")
    await page.wait_for_selector("[data-threshold] .q[data-quantity='250.5']")
    found = await in_thread(listed, playground.url)
    fields = ("orgId", "metricKey", "subjectType", "subjectId", "threshold", "resetPeriod", "levels", "action")
    assert [found[0][name] for name in fields] == [
        "initech", "jobs", "org", "initech", "250.5", "monthly", [50, 100], "alert"
    ]  # fmt: skip
    await page.click("button:text-is('Change')")
    await page.fill(field("threshold"), "300")
    await page.select_option(field("action"), "block")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-threshold] .q[data-quantity='300']")
    found = await in_thread(listed, playground.url)
    assert (found[0]["threshold"], found[0]["action"], found[0]["levels"]) == ("300", "block", [50, 100])
    await page.click("button:text-is('Delete')")
    await page.click("button:text-is('Keep')")
    await page.click("button:text-is('Delete')")
    await page.click("[aria-label^='Delete for good']")
    await page.wait_for_selector("[data-threshold]", state="detached")
    assert await in_thread(listed, playground.url) == []


async def test_what_was_sent_is_shown_with_its_error_and_sent_again(visit, playground, in_thread):
    """Nobody set up a mail server, so that the mail waits and says why."""
    terms = {"metricKey": "mails", "subjectType": "org", "subjectId": "hooli", "threshold": 1}
    made = await in_thread(
        send, "POST", f"{playground.url}/api/v1/thresholds", {**terms, "notifyEmails": ["a@b.example"]}
    )
    assert made.status == 201
    used = export_request([{"name": "mails", "value": 2, "attributes": {"org.id": "hooli"}}])
    assert (await in_thread(export, playground.url, used)).status == 200
    await visit.open(f"{playground.url}/dashboard/alerts?org=hooli")
    row = "[data-delivery]:has-text('a@b.example'):has-text('smtp_url is not set')"
    await visit.page.wait_for_selector(row)
    listed = (await in_thread(get, f"{playground.url}/api/v1/deliveries", orgId="hooli")).json["deliveries"]
    shown = await visit.page.eval_on_selector_all("[data-delivery]", "all => all.map(row => row.dataset.delivery)")
    assert shown == [delivery["id"] for delivery in listed]
    async with visit.page.expect_response(lambda answer: answer.url.endswith("/resend")) as told:
        await visit.page.click("[data-delivery] button >> nth=0")
    assert (await told.value).status == 200


async def test_a_half_typed_threshold_survives_a_live_update(visit, playground, in_thread):
    await visit.open(f"{playground.url}/dashboard/alerts?org=initech")
    await visit.page.click("text=New threshold")
    await visit.page.fill("[name=threshold-metricKey]", "half a na")
    await visit.page.focus("[name=threshold-threshold]")
    await visit.page.evaluate("() => { document.querySelector('h1').textContent = 'Older' }")
    await in_thread(export, playground.url, Sender(instance="half-typed").whole(typed=[5]))
    await visit.page.wait_for_selector("h1:text-is('Alerts')")
    assert await visit.page.input_value("[name=threshold-metricKey]") == "half a na"


async def test_who_may_only_read_sees_no_buttons_and_an_admin_does(stranger, secured, in_thread):
    admin = await in_thread(secured.key, "boss", "admin", "--org", "acme")
    fields = {"metricKey": "queries.executed", "subjectType": "org", "subjectId": "acme", "threshold": "5"}
    made = await in_thread(send, "POST", f"{secured.url}/api/v1/thresholds", fields, admin)
    assert made.status == 201, made.body
    await stranger.sign_in(f"{secured.url}/dashboard/alerts", await in_thread(secured.key, "looker", "read"))
    await stranger.page.wait_for_selector("[data-threshold]")
    assert await stranger.page.locator("main button").count() == 0
    await stranger.page.click("text=Sign out")
    await stranger.page.wait_for_selector("input[name=key]")
    await stranger.sign_in(f"{secured.url}/dashboard/alerts", admin)
    await stranger.page.click("text=New threshold")
    assert await stranger.page.input_value("[name=threshold-orgId]") == "acme"
    assert await stranger.page.get_attribute("[name=threshold-orgId]", "readonly") == ""


def listed(url):
    return get(f"{url}/api/v1/thresholds", orgId="initech").json["thresholds"]
