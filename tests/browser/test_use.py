"""What people do: drill down by keyboard, go back, watch it move, meet a database that is away."""

import asyncio
import re
import sys

import pytest
from months import Months
from otlp import CUMULATIVE, export, export_request, now_ns
from sender import Sender, accounted

PATIENCE = """const wait = setTimeout;
    window.setTimeout = (then, pause, ...rest) => [3000, 10000].includes(pause) ? 0 : wait(then, pause, ...rest);"""
"""The pauses between two looks (live.js) last for ever."""


async def follow_by_keyboard(visit, name):
    """Tab until the link has the focus, then Enter."""
    for _ in range(200):
        await visit.page.keyboard.press("Tab")
        if (
            await visit.page.evaluate("document.activeElement.closest('.groups') && document.activeElement.textContent")
            == name
        ):
            break
    await visit.page.keyboard.press("Enter")


async def test_from_organisation_to_project_to_day_by_keyboard_alone_and_back(visit, platform_url):
    page = visit.page
    await visit.open(f"{platform_url}/dashboard/breakdown?range=7d&tz=UTC&metric=logs.ingested.bytes")
    before = await visit.figures(".groups")
    await follow_by_keyboard(visit, "hooli")
    await page.wait_for_selector("[data-group=drive]")
    assert await page.evaluate("document.activeElement.tagName") == "H1"
    await follow_by_keyboard(visit, "mail")
    await page.wait_for_selector(".groups thead th:text-is('Day')")
    day = await page.inner_text(".groups tbody tr:last-child a")
    await follow_by_keyboard(visit, day)
    await page.wait_for_selector(".groups thead th:text-is('Hour')")
    assert "org=hooli" in page.url
    assert "project=mail" in page.url
    assert f"from={day}" in page.url
    for heading in ("Day", "Project", "Organisation"):
        await page.go_back()
        await page.wait_for_selector(f".groups thead th:text-is('{heading}')")
    assert await visit.figures(".groups") == before
    assert await page.input_value("input[name=org]") == ""


async def test_an_address_opened_elsewhere_shows_the_same(visit, platform_url, elsewhere):
    await visit.open(f"{platform_url}/")
    await visit.page.click("[data-range='7d']")
    await visit.page.click("[data-metric='alerts.evaluated']")
    await visit.page.wait_for_selector("[data-metric='alerts.evaluated'][aria-current]")
    await visit.settled()
    await elsewhere.open(visit.page.url)
    assert await elsewhere.figures("main") == await visit.figures("main")


async def test_usage_that_is_committed_appears_without_reload(visit, playground, in_thread):
    sender = Sender(instance="moving")
    await in_thread(export, playground.url, sender.whole(requests=[5]))
    await visit.open(f"{playground.url}/?range=7d")
    await visit.page.evaluate("window.stayed = true")
    await visit.page.wait_for_selector("[data-metric=requests] .q[data-quantity='5']")
    await in_thread(export, playground.url, sender.whole(requests=[7]))
    await visit.page.wait_for_selector("[data-metric=requests] .q[data-quantity='12']")
    assert await visit.page.evaluate("window.stayed")


@pytest.mark.parametrize("path", ["/", "/dashboard/breakdown"])
async def test_a_commit_is_told_to_the_page(visit, playground, in_thread, path):
    """Its pauses never end, so that it does not find out by itself."""
    sender, metric = Sender(instance=f"telling {path}"), f"told.to{path.replace('/', '.')}"
    await in_thread(export, playground.url, sender.whole(**{metric: [5]}))
    await visit.page.add_init_script(PATIENCE)
    await visit.open(f"{playground.url}{path}?range=7d&metric={metric}")
    for value, total in ((7, 12), (8, 20)):
        await in_thread(export, playground.url, sender.whole(**{metric: [value]}))
        await visit.page.wait_for_selector(f".q[data-quantity='{total}']")


async def test_an_update_keeps_the_focus_and_what_is_being_typed(visit, playground, in_thread):
    sender = Sender(instance="typing")
    await in_thread(export, playground.url, sender.whole(letters=[5]))
    await visit.open(f"{playground.url}/?range=7d")
    await visit.page.fill("input[name=project]", "half a na")
    await in_thread(export, playground.url, sender.whole(letters=[7]))
    await visit.page.wait_for_selector("[data-metric=letters] .q[data-quantity='12']")
    assert await visit.page.evaluate("document.activeElement.value") == "half a na"


async def test_an_update_keeps_the_focus_on_a_row_that_climbs(visit, playground, in_thread):
    async def climbed(org, value):
        point = {"name": "climbed", "value": value, "end": now_ns() - value, "attributes": {"org.id": org}}
        await in_thread(export, playground.url, export_request([point], resource={"service.name": org}))

    await climbed("high", 5)
    await climbed("low", 4)
    await visit.open(f"{playground.url}/dashboard/breakdown?range=7d&metric=climbed&by=org")
    await visit.page.focus(".groups [data-group=low] a")
    await climbed("low", 3)
    await visit.page.wait_for_selector(".groups tbody tr:first-child[data-group=low]")
    assert await visit.page.evaluate("document.activeElement.textContent") == "low"


async def test_a_stopped_database_is_said_and_the_page_recovers_by_itself(visit, mortal, in_thread):
    server, receiver = mortal
    visit.provokes("503")
    await in_thread(export, receiver.url, Sender().whole(requests=[5]))
    await visit.open(f"{receiver.url}/?range=7d")
    await in_thread(server.kill)
    await visit.page.wait_for_selector(".trouble:has-text('The database does not answer')")
    assert (await visit.figures(".tiles"))["requests"] == "5", "the last figures stay in sight"
    await in_thread(server.start)
    await visit.page.wait_for_selector(".trouble", state="detached")


async def test_zero_and_unknown_look_different(visit, start_receiver, in_thread):
    """What was announced and is complete is zero; what nobody announced is unknown."""
    receiver = await in_thread(start_receiver, "--balance-seconds", "0.2")
    for request in Months(hours=4, orgs={"acme": ("web",)}).requests():
        await in_thread(export, receiver.url, request)
    await visit.open(f"{receiver.url}/?range=7d&metric=queries.executed&org=acme&project=nobody")
    await visit.page.wait_for_selector(".panel.empty:has-text('usage is zero')")
    point = {"name": "unannounced", "unit": "1", "value": 3, "attributes": {"org.id": "globex"}}
    await in_thread(export, receiver.url, export_request([point], resource={"service.name": "other"}))
    await visit.page.wait_for_selector(".completeness[data-state=unsure]")
    await visit.page.wait_for_selector(".panel.empty:has-text('not known')")


async def test_days_without_a_sample_of_a_level_are_unknown_where_those_of_a_sum_are_zero(
    visit, start_receiver, in_thread
):
    """Everything is complete: that nothing came says that nothing was used, and not that nothing is there."""
    receiver = await in_thread(start_receiver, "--balance-seconds", "0.2")
    for request in Months(hours=4, orgs={"acme": ("web",)}).requests():
        await in_thread(export, receiver.url, request)
    seats = {"name": "seats", "monotonic": False, "temporality": CUMULATIVE, "value": 7,
             "attributes": {"org.id": "acme"}}  # fmt: skip
    platform = Sender(instance="platform-1", service="platform").resource
    await in_thread(export, receiver.url, export_request([seats], resource=platform))
    await in_thread(accounted, receiver.url)
    shown = {}
    for metric in ("storage.snapshot", "seats", "queries.executed"):
        await visit.open(f"{receiver.url}/?range=7d&tz=UTC&metric={metric}&by=org")
        await visit.page.wait_for_selector(".completeness[data-state=complete]")
        shown[metric] = await visit.page.eval_on_selector_all(
            "[data-key=over-time] tbody tr:nth-child(-n+5) .q", "all => all.map(q => q.className)"
        )
    assert shown == {"storage.snapshot": 10 * ["q unknown"], "seats": 10 * ["q unknown"],
                     "queries.executed": 10 * ["q zero"]}  # fmt: skip


async def test_an_empty_receiver_says_how_to_begin(visit, empty_url):
    await visit.open(empty_url)
    assert "/api/v1/usage/records" in await visit.page.inner_text(".panel.empty")


async def test_a_refused_point_is_replayed_when_its_cause_is_gone(visit, playground, in_thread):
    point = {"name": "requests", "value": 3, "attributes": {"project.id": "web"}}
    await in_thread(export, playground.url, export_request([point]))
    await visit.open(f"{playground.url}/dashboard/health")
    assert await visit.page.inner_text("[data-key=quarantine] td >> nth=0") == "requests"
    await visit.page.click("button:text-is('Replay')")
    await visit.page.wait_for_selector("td:has-text('refused')")


async def test_the_demo_moves(visit, tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tallystick_receiver", "demo", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = None
        while url is None:
            line = (await process.stdout.readline()).decode()
            assert line, "the demo ended"
            url = re.search(r"dashboard +(http://\S+)", line)
        await visit.page.goto(url[1])
        await visit.page.wait_for_function("() => document.querySelectorAll('.tile').length >= 5")
        moving = """before => [...document.querySelectorAll('.tile .figure .q')].filter(
            q => before[q.dataset.of] !== undefined && before[q.dataset.of] !== q.dataset.quantity).length >= 5"""
        await visit.page.wait_for_function(moving, arg=await visit.figures(".tiles .figure"))
        await visit.page.click("nav >> text=Cost")
        await visit.page.wait_for_selector("[data-key=costliest] .q[data-quantity]")
        await visit.page.wait_for_selector("[data-key=unpriced] >> text=platform-small")
    finally:
        process.terminate()  # killed, it would leave its receiver behind
        await process.communicate()
