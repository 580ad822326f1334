"""The map of organisations and projects on Breakdown: proportions to look at, links to follow by keyboard."""

import pytest
from otlp import get

WEEK = "range=7d&tz=UTC"
PERIOD = """async () => { const here = document.querySelector('script[type=module]').src;
    const { periodOf } = await import(here.replace('app.js', 'period.js'));
    const { stateOf } = await import(here.replace('app.js', 'state.js'));
    const { from, to } = periodOf(stateOf()); return [from, to]; }"""
BOXES = """all => all.map(area => { const box = area.getBoundingClientRect();
    return [area.dataset.area, area.dataset.quantity, box.width * box.height]; })"""


async def test_areas_are_in_proportion_to_what_the_api_answers(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/breakdown?{WEEK}&metric=logs.ingested.bytes")
    start, end = await visit.page.evaluate(PERIOD)
    answer = get(f"{platform_url}/api/usage", from_=start, to=end, tz="UTC", groupBy="org,project",
                 type="logs.ingested.bytes").json  # fmt: skip
    shown = await visit.page.eval_on_selector_all(".area", BOXES)
    expected = {f"{row['org']} / {row['project']}": row["quantity"] for row in answer["rows"]}
    assert {name: quantity for name, quantity, _ in shown} == expected
    box = await visit.page.locator(".treemap").bounding_box()
    whole = sum(int(quantity) for quantity in expected.values())
    for _, quantity, area in shown:
        assert area / (box["width"] * box["height"]) == pytest.approx(int(quantity) / whole, abs=0.005)


async def test_the_map_is_one_stop_and_arrows_lead_to_a_project(visit, platform_url):
    page = visit.page
    await visit.open(f"{platform_url}/dashboard/breakdown?{WEEK}&metric=logs.ingested.bytes")
    assert await page.locator(".area[tabindex='0']").count() == 1
    await page.focus(".area[tabindex='0']")
    for key in ("ArrowRight", "End", "Home", "ArrowDown"):
        await page.keyboard.press(key)
    second = await page.locator(".area").nth(1).get_attribute("data-area")
    assert await page.evaluate("document.activeElement.dataset.area") == second
    org, project = second.split(" / ")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".groups thead th:text-is('Day')")
    assert f"org={org}" in page.url
    assert f"project={project}" in page.url
    await page.go_back()
    await page.wait_for_selector(".treemap")


async def test_a_project_leads_to_its_days_from_the_list_of_all_projects(visit, platform_url):
    await visit.open(f"{platform_url}/dashboard/breakdown?{WEEK}&metric=logs.ingested.bytes&by=project")
    await visit.page.click(".groups a:text-is('drive')")
    await visit.page.wait_for_selector(".groups thead th:text-is('Day')")
    assert "org=hooli" in visit.page.url
