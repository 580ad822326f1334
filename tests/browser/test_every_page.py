"""Every page, in light and dark and on a phone: no violation of accessibility, no error, nothing that sticks out."""

import base64
from pathlib import Path

import pytest
from browser.pointing import point_at_today, read

PAGES = {
    "usage": ("platform", "/?range=7d"), "breakdown": ("platform", "/dashboard/breakdown?range=7d"),
    "cost": ("costs", "/dashboard/cost?range=month"), "alerts": ("platform", "/dashboard/alerts"),
    "metrics": ("costs", "/dashboard/metrics"), "health": ("platform", "/dashboard/health?range=7d"),
    "cost without rates": ("nothing", "/dashboard/cost"),
}  # fmt: skip
CHARTS = {"usage": "#plot .barlayer path", "cost": "#outlook .scatterlayer path"}
CHECK = """async rules => (await axe.run(document, rules ? { runOnly: rules } : {})).violations.map(
    v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary)])"""
WEIGHT = """() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/')
    && !name.includes('plotly.min')).reduce((all, { decodedBodySize }) => all + decodedBodySize, 0)"""
BYTES_MAX = 150_000
DRAWN = """async text => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return [bitmap.width, bitmap.height, [...counts.values()].filter(count => count > 1000).length];
}"""
"""Its size, and how many colours cover something."""


@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_no_violation_nothing_sticks_out_and_the_page_is_light(
    visit, platform_url, costs_url, empty_url, axe, name
):
    """Everything is checked once, colours in the dark, too, and widths on a phone."""
    page = visit.page
    receiver, path = PAGES[name]
    await visit.open({"platform": platform_url, "costs": costs_url, "nothing": empty_url}[receiver] + path)
    if name in CHARTS:
        await page.wait_for_selector(CHARTS[name], state="attached")
    assert 50_000 < await page.evaluate(WEIGHT) <= BYTES_MAX
    await page.evaluate(axe)
    assert await page.evaluate(CHECK) == []
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(CHECK, ["color-contrast"]) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")  # charts follow


async def test_the_sign_in_page_is_accessible_too(visit, secured, axe):
    await visit.page.goto(secured.url)
    await visit.page.wait_for_selector("input[name=key]")
    await visit.page.evaluate(axe)
    assert await visit.page.evaluate(CHECK) == []


async def test_on_a_small_phone_no_figure_of_a_tile_is_cut_off(visit, platform_url):
    await visit.page.set_viewport_size({"width": 360, "height": 740})
    await visit.open(f"{platform_url}/?range=7d")
    await visit.page.wait_for_function(
        "() => [...document.querySelectorAll('.tile')].every(tile => tile.querySelector('.growth'))"
    )
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    assert await visit.page.eval_on_selector_all(".tile .name, .tile .figure, .tile .beside", cut) == []


async def test_the_chosen_theme_and_zone_stay(stranger, platform_url):
    await stranger.open(f"{platform_url}/?range=7d")
    await stranger.page.select_option("select[name=theme]", "dark")
    await stranger.page.select_option("select[name=tz]", "UTC")
    await stranger.page.wait_for_selector(".when:has-text('UTC')")
    await stranger.page.reload()
    await stranger.settled()
    assert await stranger.page.get_attribute("html", "data-theme") == "dark"
    assert await stranger.page.input_value("select[name=tz]") == "UTC"


async def test_the_chart_is_drawn_under_the_strict_policy(visit, platform_url):
    """The figures come first; the library follows, and nothing of it violates the policy (see the fixture)."""
    await visit.open(f"{platform_url}/?range=7d&metric=logs.ingested.bytes")
    await visit.page.wait_for_selector("#plot .barlayer path", state="attached")
    assert await visit.page.locator("#plot .barlayer .trace").count() == 7
    await point_at_today(visit.page)
    await read(visit.page, " By")


async def test_a_chart_is_saved_as_a_picture_with_something_on_it(visit, platform_url):
    await visit.open(f"{platform_url}/?range=7d&metric=logs.ingested.bytes")
    await visit.page.wait_for_selector("#plot .barlayer path", state="attached")
    async with visit.page.expect_download() as waiting:
        await visit.page.click("button:text-is('PNG')")
    picture = await waiting.value
    assert picture.suggested_filename.endswith(".png")
    body = Path(await picture.path()).read_bytes()
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, colours = await visit.page.evaluate(DRAWN, base64.b64encode(body).decode())
    assert (width, height) == (2400, 1000)
    assert colours >= 7, "one for each organisation"
