"""One fixed corpus of every kind of delivery gives identical answers on every edition, and its books agree."""

import json

import pytest
from conftest import run_cli
from otlp import CUMULATIVE, JSON, SECOND, export, export_request, post, usage

pytestmark = pytest.mark.editions
DAY = 86_400 * SECOND
MORNING = 1_795_219_200 * SECOND
"""2026-11-21T00:00:00Z: answers are compared with constants, so the corpus lies where it lies."""
PATIENT = ("--late-seconds-max", "1000000000", "--ahead-seconds-max", "1000000000", "--keep-points-days", "0",
           "--roll-seconds", "0.05")  # fmt: skip
EXPECTED = {
    ("acme", "2026-10-30"): ("1000.25", 2), ("acme", "2026-10-31"): ("9223372036854775807", 1),
    ("acme", "2026-11-20"): ("36", 9), ("acme", "2026-11-21"): ("25.3", 5), ("globex", "2026-11-21"): ("42", 1),
}  # fmt: skip


USUAL = [{"value": n, "end": MORNING - DAY + (n + 1) * 977 * SECOND} for n in range(9)]
RAGGED = [{"value": value, "end": MORNING + end} for value, end in (
    (5, 1), (5.1, 900 * SECOND), (5, 900 * SECOND + 1), (5, 3600 * SECOND), (5.2, 86_399 * SECOND))]  # fmt: skip
LATE = [{"value": 1000, "end": MORNING - 21 * DAY}, {"value": 0.25, "end": MORNING - 21 * DAY + 1 - SECOND}]
HUGE = [{"value": 2**63 - 1, "end": MORNING - 20 * DAY}]
CONFLICT = [{"value": 7, "end": MORNING - 21 * DAY}]
OTHER = [{"value": 42, "end": MORNING + 5 * SECOND, "attributes": {"org.id": "globex"}}]

OTHER_KINDS = [
    {"name": "disk", "kind": "gauge", "unit": "By", "value": value, "end": MORNING + second * SECOND}
    for second, value in ((60, 4), (120, 6), (90, 5.5))
] + [
    {"name": "calls", "temporality": CUMULATIVE, "value": value, "start": MORNING, "end": MORNING + second * SECOND}
    for second, value in ((60, 10), (180, 25), (120, 11))
] + [
    {"name": "seconds", "kind": "histogram", "unit": "s", "value": 12.5, "count": 4, "end": MORNING + 60 * SECOND}
]  # fmt: skip
RECORD = {"id": "r1", "metricKey": "emails", "quantity": "3.75", "timestamp": "2026-11-21T00:20:00Z",
          "metadata": {"orgId": "acme"}}  # fmt: skip
EXPECTED_KINDS = {
    "disk": ("6", 3, "21165"), "calls": ("15", 2, None), "seconds": ("12.5", 4, None), "emails": ("3.75", 1, None),
}  # fmt: skip
"""Quantity, count and, of the level, bytes times seconds within the hour."""


def test_every_edition_gives_the_same_of_levels_cumulative_points_histograms_and_records(start_receiver, database_url):
    receiver = start_receiver(*PATIENT)
    for points in (OTHER_KINDS[1::2], OTHER_KINDS[::2], OTHER_KINDS[::-1]):
        for point in points:
            assert export(receiver.url, export_request([point])).rejected == 0
        assert post(receiver.url + "/api/v1/usage/records", json.dumps([RECORD]).encode(), JSON).status == 200
    window = {"from_": "2026-11-21T00:00:00Z", "to": "2026-11-21T01:00:00Z", "orgId": "acme"}
    for _ in range(2):
        rows = usage(receiver.url, **window)["rows"]
        found = {row["type"]: (row["quantity"], row["count"], row.get("level", {}).get("integral")) for row in rows}
        assert found == EXPECTED_KINDS
        done = run_cli("rebuild", "--from", "2026-11-20", "--database-url", database_url)
        assert done.returncode == 0, done.stderr
    done = run_cli("verify", "--json", "--database-url", database_url)
    assert (done.returncode, json.loads(done.stdout)["count"]) == (0, 0), done.stdout


def test_every_edition_gives_the_answers_of_the_corpus(start_receiver, database_url):
    receiver = start_receiver("--late-seconds-max", "3600")
    assert export(receiver.url, export_request(LATE)).rejected == 2
    receiver.stop()
    receiver = start_receiver(*PATIENT)
    for points, refused in (
        (USUAL[4:], 0), (USUAL, 0), (RAGGED, 0), (USUAL[::-1], 0), (HUGE, 0), (OTHER, 0),
    ):  # fmt: skip
        assert export(receiver.url, export_request(points)).rejected == refused
    replayed = post(receiver.url + "/api/v1/quarantine/replay", b"").json["points"]
    assert [point["outcome"] for point in replayed] == ["accepted", "accepted"]
    assert export(receiver.url, export_request(CONFLICT)).rejected == 1
    assert export(receiver.url, export_request([*LATE, *RAGGED])).rejected == 0
    rows = usage(receiver.url, from_="2026-10-01", to="2026-12-01", groupBy="org,day")["rows"]
    assert {(row["org"], row["day"]): (row["quantity"], row["count"]) for row in rows} == EXPECTED
    ragged = usage(receiver.url, from_="2026-11-20T23:59:59.999999Z", to="2026-11-21T00:15:00Z", orgId="acme")["rows"]
    assert [(row["quantity"], row["count"]) for row in ragged] == [("10.1", 2)]
    done = run_cli("verify", "--json", "--database-url", database_url)
    assert (done.returncode, json.loads(done.stdout)["count"]) == (0, 0), done.stdout
