"""Every page, in light and dark and on a phone: no violation of accessibility, no error, nothing that sticks out."""

import pytest
from conftest import run_cli

PAGES = {
    "usage": "/?range=7d", "breakdown": "/dashboard/breakdown?range=7d", "alerts": "/dashboard/alerts",
    "metrics": "/dashboard/metrics", "health": "/dashboard/health?range=7d",
}  # fmt: skip
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
CHECK = "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary)])"


@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_no_violation_and_nothing_is_wider_than_the_screen(visit, platform_url, axe, name):
    page = visit.page
    await visit.open(platform_url + PAGES[name])
    if name == "usage":
        await page.wait_for_selector("#plot .barlayer path", state="attached")
    await page.evaluate(axe)
    for look in LOOKS.values():
        await page.set_viewport_size(look["viewport"])
        await page.emulate_media(color_scheme=look["color_scheme"])
        assert await page.evaluate(CHECK) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_sign_in_page_is_accessible_too(visit, start_receiver, database_url, axe, in_thread):
    await in_thread(run_cli, "keys", "create", "--name", "k", "--scope", "read", "--database-url", database_url)
    receiver = await in_thread(start_receiver)
    await visit.page.goto(receiver.url)
    await visit.page.wait_for_selector("input[name=key]")
    await visit.page.evaluate(axe)
    assert await visit.page.evaluate(CHECK) == []


async def test_the_chosen_theme_and_zone_stay(visit, platform_url):
    await visit.open(f"{platform_url}/?range=7d")
    await visit.page.select_option("select[name=theme]", "dark")
    await visit.page.select_option("select[name=tz]", "UTC")
    await visit.page.wait_for_selector(".when:has-text('UTC')")
    await visit.page.reload()
    await visit.settled()
    assert await visit.page.get_attribute("html", "data-theme") == "dark"
    assert await visit.page.input_value("select[name=tz]") == "UTC"


async def test_the_chart_is_drawn_under_the_strict_policy(visit, platform_url):
    """The figures come first; the library follows, and nothing of it violates the policy (see the fixture)."""
    await visit.open(f"{platform_url}/?range=7d&metric=logs.ingested.bytes")
    await visit.page.wait_for_selector("#plot .barlayer path", state="attached")
    assert await visit.page.locator("#plot .barlayer .trace").count() == 7
    box = await visit.page.locator("#plot").bounding_box()
    await visit.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.6)
    await visit.page.wait_for_selector("#plot .hoverlayer .legendtext, #plot .hoverlayer .hovertext")
    assert " By" in await visit.page.locator("#plot .hoverlayer").text_content()
