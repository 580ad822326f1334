"""Charts under a pointer that rests: what is read there follows the figures, and is not disturbed without need."""

import pytest
from browser.pointing import point_at_today, read
from otlp import SECOND, export, now_ns
from pricing import attributes_of, card, costs, use
from sender import Sender

WATCH = """() => { window.seen = []; const plot = document.querySelector('#plot');
    const look = () => seen.push(plot.querySelector('.hoverlayer')?.textContent ?? '');
    new MutationObserver(look).observe(plot, { childList: true, subtree: true, characterData: true }); }"""
NOW = """() => { const box = selector => [...document.querySelectorAll(selector)].at(-1).getBoundingClientRect();
    const [chart, spent] = [box('#outlook .nsewdrag'), box('#outlook .scatterlayer .js-line')];
    return { x: spent.right - chart.left, y: chart.height / 2 }; }"""
"""Where on the chart what was spent ends."""
DRAWN = """async ({ times, name }) => {
    const charts = await import(document.querySelector('script[type=module]').src.replace('app.js', 'charts.js'));
    const [start, middle, end] = times.map(time => new Date(time));
    const palette = new charts.Palette();
    const ways = {
        draw: more => charts.draw(element, { bucket: 'day', unit: '1', tz: 'UTC', palette, unknown: [],
            buckets: [{ start, end: middle }, { start: middle, end }],
            series: [{ name: 'acme', isRest: false, values: ['4', '5'] }], ...more }),
        drawOutlook: more => charts.drawOutlook(element, { times: [start, middle], values: ['4', '5'], end,
            forecast: { total: '9', low: '8', high: '10' }, unit: 'USD', tz: 'UTC', ...more }),
    };
    const changes = {
        draw: { series: [{ name: 'acme', isRest: false, values: ['4', '6'] }], unknown: [[middle, end]],
            buckets: [{ start: new Date(start - 86400000), end: middle }, { start: middle, end }] },
        drawOutlook: { values: ['4', '6'], forecast: { total: null, low: null }, end: new Date(+end + 86400000) },
    }[name];
    const element = document.createElement('div');
    element.style.setProperty('width', '600px');
    document.body.append(element);
    const changed = async (more = {}) => {
        const found = [];
        const watch = new MutationObserver(records => found.push(...records));
        watch.observe(element, { childList: true, subtree: true, attributes: true });
        await ways[name](more);
        found.push(...watch.takeRecords());
        watch.disconnect();
        return found.length > 0;
    };
    const found = { first: await changed(), same: await changed() };
    for (const [key, value] of Object.entries(changes)) {
        found[key] = await changed({ [key]: value });
        found[`${key} as before`] = await changed();
    }
    element.style.setProperty('width', '500px');
    found.narrower = await changed();
    document.documentElement.dataset.theme = 'dark';
    found.dark = await changed();
    found.again = await changed();
    return found;
}"""
"""Whether each drawing touched the page."""


async def test_a_figure_under_a_resting_pointer_follows_what_is_committed(visit, playground, in_thread):
    page = visit.page
    sender = Sender(instance="resting", begun=now_ns() - 10 * SECOND)
    await in_thread(export, playground.url, sender.whole(rested=[4321]))
    await visit.open(f"{playground.url}/?range=7d&tz=UTC&metric=rested&compare=off")
    await point_at_today(page)
    await read(page, "acme : 4,321")
    await page.evaluate(WATCH)
    await in_thread(export, playground.url, sender.whole(rested=[1000]))
    await read(page, "acme : 5,321")
    seen = await page.evaluate("seen")
    assert all("4,321" in text or "5,321" in text for text in seen), "nothing else was read meanwhile"


async def test_after_the_pointer_has_left_no_label_comes_back(visit, playground, in_thread):
    page = visit.page
    sender = Sender(instance="leaving", begun=now_ns() - 10 * SECOND)
    await in_thread(export, playground.url, sender.whole(left=[4321]))
    await visit.open(f"{playground.url}/?range=7d&tz=UTC&metric=left")
    await point_at_today(page)
    await read(page, "acme : 4,321")
    await page.mouse.move(0, 0)
    await page.wait_for_function("() => document.querySelector('#plot .hoverlayer').textContent === ''")
    for whole in ("5321", "6321"):  # The chart of the first is drawn before the second is asked for.
        await in_thread(export, playground.url, sender.whole(left=[1000]))
        await page.wait_for_selector(f"[data-metric=left] .q[data-quantity='{whole}']")
    assert await page.text_content("#plot .hoverlayer") == ""


async def test_the_month_so_far_under_a_resting_pointer_follows_what_is_committed(visit, playground, in_thread):
    await in_thread(card, playground, "openai", "gpt-5-rested", prices={"output": "10"})
    attributes = attributes_of("openai", "gpt-5-rested", **{"user.id": "rested"})
    await in_thread(use, playground, {"output": 1_000_000}, attributes, None)
    await in_thread(costs, playground)
    await visit.open(f"{playground.url}/dashboard/cost?tz=UTC&attr.user.id=rested")
    await visit.page.wait_for_selector("#outlook .scatterlayer .js-line", state="attached")
    await visit.page.wait_for_selector("[data-part=spread] .q")  # What comes later moves the chart.
    await visit.page.wait_for_selector("[data-part=expected]:not(:has-text('on its way'))")
    await visit.page.hover("#outlook .nsewdrag", position=await visit.page.evaluate(NOW))
    await read(visit.page, "so far : 10 USD", "#outlook")
    await in_thread(use, playground, {"output": 1_000_000}, {**attributes, "n": "2"}, None)
    await read(visit.page, "so far : 20 USD", "#outlook")


@pytest.mark.parametrize("name", ["draw", "drawOutlook"])
async def test_a_chart_is_drawn_again_only_where_it_would_look_different(stranger, empty_url, name):
    await stranger.open(empty_url)
    times = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"]
    found = await stranger.page.evaluate(DRAWN, {"times": times, "name": name})
    assert {step for step, is_drawn in found.items() if not is_drawn} == {"same", "again"}
