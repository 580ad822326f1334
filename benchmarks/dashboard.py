"""The dashboard before a month of 100 organisations: when there is something to see, how heavy it is, how long its requests take,
and when usage that was acknowledged is on an open page.

Usage is sent hour by hour over OTLP (a minute or two), then a fresh Chromium opens the page again and again.

    python benchmarks/dashboard.py [--quick] [--url URL]     default: a receiver on an embedded database of its own
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from months import Months
from otlp import export, export_request

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WEIGHT = "() => performance.getEntriesByType('resource').map(r => [r.name, r.decodedBodySize, r.encodedBodySize, r.duration])"
METRIC = "logs.ingested.bytes"
SHOWN = f"[data-metric='{METRIC}'] .q"
MOVED = "([shown, before]) => document.querySelector(shown).dataset.quantity !== before"
FIGURES = "() => document.querySelector('main[aria-busy=false] .tile') && performance.now()"


@contextmanager
def filled(hours: int, orgs: int) -> Iterator[str]:
    """The URL of a receiver that holds the usage of so many hours."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder,
             "--late-seconds-max", str(90 * 86400), "--upkeep-seconds", "10"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            url = re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
            names = {f"org-{n:03}": ("web", "api") for n in range(orgs)}
            for request in Months(hours=hours, orgs=names).requests():
                assert export(url, request).status == 200
            yield url
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


def look(browser: Browser, url: str, times: int) -> None:
    """Print medians over visits, each with an empty cache."""
    paints, figures, charts, requests, weight = [], [], [], defaultdict(list), {}
    for _ in range(times):
        context = browser.new_context(timezone_id="UTC")
        page = context.new_page()
        page.goto(url)
        paints.append(page.wait_for_function(PAINT).json_value())
        figures.append(page.wait_for_function(FIGURES, timeout=60_000).json_value())
        page.wait_for_selector("#plot .barlayer path", state="attached", timeout=60_000)
        charts.append(page.evaluate("() => performance.now()"))
        for name, decoded, encoded, took in page.evaluate(WEIGHT):
            kind = "chart library" if "plotly.min" in name else "files" if "/assets/" in name else "api"
            requests[kind].append(took)
            weight.setdefault(kind, {})[name] = (decoded, encoded)
        context.close()
    print(
        f"{url}: paint {np.median(paints):.0f} ms, figures {np.median(figures):.0f} ms, chart {np.median(charts):.0f} ms"
    )
    for kind, taken in requests.items():
        decoded, encoded = (sum(sizes[n] for sizes in weight[kind].values()) / 1e3 for n in (0, 1))
        print(f"  {kind}: {len(weight[kind])} requests, {decoded:.0f} kB ({encoded:.0f} sent), "
              f"p50 {np.percentile(taken, 50):.0f} ms, p95 {np.percentile(taken, 95):.0f} ms")  # fmt: skip


def follow(browser: Browser, url: str, times: int) -> None:
    """Print how long after its HTTP 200 usage is on a page that is open."""
    page = browser.new_page(timezone_id="UTC")
    page.goto(f"{url}/?range=today")
    page.wait_for_selector("#plot .barlayer path", state="attached", timeout=60_000)
    delays = []
    for n in range(times):
        time.sleep(1.3 + n % 7 / 10)  # so that no pause of the page is always at its beginning
        before = page.eval_on_selector(SHOWN, "q => q.dataset.quantity")
        end = time.time_ns() - 10**9
        point = {"name": METRIC, "unit": "By", "value": 1, "start": end - 10**9, "end": end,
                 "attributes": {"org.id": "org-000", "project.id": "web"}}  # fmt: skip
        assert export(url, export_request([point])).status == 200
        acknowledged = time.perf_counter()
        page.wait_for_function(MOVED, arg=[SHOWN, before], timeout=60_000)
        delays.append((time.perf_counter() - acknowledged) * 1e3)
    page.close()
    print(f"usage on an open page: p50 {np.percentile(delays, 50):.0f} ms, p95 {np.percentile(delays, 95):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two days of ten organisations")
    parser.add_argument("--url", help="a receiver that has usage already")
    options = parser.parse_args()
    path = shutil.which("chromium")
    if path is None:
        print("chromium is not installed: nothing is measured")
        return
    hours, orgs, times = (48, 10, 3) if options.quick else (720, 100, 10)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])

        def all_pages(url: str) -> None:
            for view in ("/?range=today", "/?range=30d"):
                look(browser, url + view, times)
            follow(browser, url, 2 * times)

        if options.url:
            all_pages(options.url)
        else:
            with filled(hours, orgs) as url:
                all_pages(url)
        browser.close()


if __name__ == "__main__":
    main()
