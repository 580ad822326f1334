"""A pointer that rests on a chart, and what is read under it."""

from __future__ import annotations

from typing import Any

CHART = "#plot .nsewdrag"


async def point_at_today(page: Any) -> None:
    """Rest on the last of seven days."""
    await page.wait_for_selector("#plot .barlayer path", state="attached")
    box = await page.locator(CHART).bounding_box()
    await page.hover(CHART, position={"x": box["width"] * 0.95, "y": box["height"] / 2})


async def read(page: Any, text: str, chart: str = "#plot") -> None:
    """Wait until the label under the pointer says this."""
    await page.locator(f"{chart} .hoverlayer", has_text=text).wait_for()
