"""One fixed corpus of every kind of delivery gives identical answers on every edition, and its books agree."""

import json

import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, post, usage

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
