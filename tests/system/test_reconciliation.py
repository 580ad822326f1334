"""The provider's bill against ours, black box: imports, reasons that add up, gates."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from conftest import run_cli
from otlp import Reply, get, send
from pricing import PATIENT, attributes_of, card, costs, use
from waiting import wait_until

PATH = "/api/v1/reconciliation"
GPT_5 = {"input_uncached": "1.25", "cache_read": "0.125", "output": "10"}
MODEL = "gpt-5-2025-08-07"


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def bring(receiver, content, key="", **query):
    """Import a file."""
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{receiver.url}{PATH}?{urlencode(query)}", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Reply(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, dict(error.headers), error.read())


def report(receiver, key="", **query):
    costs(receiver)  # everything is priced
    reply = get(receiver.url + PATH, key, **{"provider": "openai", "month": "2026-10", **query})
    assert reply.status == 200, reply.body
    return reply.json


def page(*buckets):
    """Pages as OpenAI answers them; a bucket is (day, results)."""
    data = []
    for day, results in buckets:
        start = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        data.append({"object": "bucket", "start_time": start, "end_time": start + 86400, "results": results})
    return {"object": "page", "data": data, "has_more": False, "next_page": None}


def charged(value, item):
    return {"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"}, "line_item": item}


def used(**counts):
    return {"object": "organization.usage.completions.result", "model": MODEL, **counts}


def october(receiver):
    """Ours: 1,000,000 in, of which 400,000 cached, 100,000 out, on the first; the model has another name there."""
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    attributes = attributes_of("openai", MODEL)
    use(
        receiver,
        {"input_uncached": 600_000, "cache_read": 400_000, "output": 100_000},
        attributes,
        "2026-10-01T10:00:00",
    )
    use(receiver, {"ok": 9, "no_usage": 1}, attributes, "2026-10-01T10:00:00", metric="llm.requests", unit="{request}",
        by="outcome")  # fmt: skip


USAGE = page(("2026-10-01", [used(input_tokens=1_000_000, input_cached_tokens=400_000, output_tokens=100_000,
                                  num_model_requests=10)]))  # fmt: skip
COST = page(("2026-10-01", [charged("0.75", f"{MODEL}, input"), charged(0.05, f"{MODEL}, cached input"),
                            charged(1, f"{MODEL}, output")]))  # fmt: skip


def adds_up(row):
    parts = sum(Decimal(row[name]) for name in ("coverage", "price", "unpriced", "fees", "rest"))
    assert parts == Decimal(row["delta"]) == Decimal(row["theirs"]["cost"]) - Decimal(row["ours"]["cost"] or 0)


def test_a_bill_that_agrees_passes_both_gates(receiver):
    october(receiver)
    assert bring(receiver, USAGE, format="openai").status == 200
    assert bring(receiver, COST, format="openai").status == 200
    found = report(receiver)
    assert found["passed"]
    assert found["gates"] == {"monthPercent": "1", "dayPercent": "3", "requestsPercent": "0.5", "month": "passed",
                              "failedDays": []}  # fmt: skip
    assert (found["total"]["ours"]["cost"], found["total"]["theirs"]["cost"]) == ("1.8", "1.8")
    assert (found["total"]["delta"], found["total"]["percent"]) == ("0", "0")
    quantities = [(row["ours"]["quantity"], row["theirs"]["quantity"]) for row in found["rows"]]
    assert [(row["model"], row["kind"], *both) for row, both in zip(found["rows"], quantities, strict=True)] == [
        ("gpt-5", "cache_read", "400000", "400000"), ("gpt-5", "input_uncached", "600000", "600000"),
        ("gpt-5", "output", "100000", "100000"),
    ]  # fmt: skip
    assert found["requests"] == {"ours": "10", "theirs": "10", "percent": "0", "isWarning": False}
    assert found["shares"] == {"noUsage": "10", "cancelled": "0", "error": "0", "cacheBlind": "0", "overflow": "0"}
    assert found["missingDays"] == [f"2026-10-{day:02}" for day in range(2, 32)]


TIERS = "day,provider,model,kind,tier,quantity,cost\n"
NAMED = TIERS + ("2026-10-01,openai,gpt-5,output,default,100000,1\n2026-10-01,openai,gpt-5,output,batch,50000,0.25\n")
UNNAMED = TIERS + ("2026-10-01,openai,gpt-5,output,,150000,1.25\n")


@pytest.mark.parametrize(("bill", "tiers"), [(NAMED, {"standard": "1", "batch": "0.25"}), (UNNAMED, {None: "1.25"})])
def test_tiers_are_compared_where_the_bill_names_them_and_added_up_where_not(receiver, bill, tiers):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    card(receiver, "openai", "gpt-5", prices={"output": "5"}, tier="batch")
    use(receiver, {"output": 100_000}, attributes_of("openai", "gpt-5"), "2026-10-01T10:00:00")
    batch = attributes_of("openai", "gpt-5", **{"llm.service_tier": "batch"})
    use(receiver, {"output": 50_000}, batch, "2026-10-01T11:00:00")
    assert bring(receiver, bill, format="csv").status == 200
    rows = report(receiver, groupBy="model,tier")["rows"]
    assert {row["tier"]: row["ours"]["cost"] for row in rows} == tiers
    assert {row["tier"]: row["theirs"]["cost"] for row in rows} == tiers
    assert all((row["delta"], row["price"], row["coverage"]) == ("0", "0", "0") for row in rows)


def test_each_reason_is_told_apart_and_all_add_up(receiver):
    october(receiver)
    use(receiver, {"output": 50_000}, attributes_of("openai", "gpt-new"), "2026-10-01T11:00:00")
    usage = page(("2026-10-01", [
        used(input_tokens=1_200_000, input_cached_tokens=400_000, output_tokens=100_000, num_model_requests=12),
        used(model="gpt-new", input_tokens=0, output_tokens=50_000),
    ]))  # fmt: skip
    cost = page(("2026-10-01", [
        charged("1", f"{MODEL}, input"), charged("0.06", f"{MODEL}, cached input"), charged(1, f"{MODEL}, output"),
        charged("0.75", "gpt-new, output"), charged("0.30", "web search tool calls"),
    ]))  # fmt: skip
    bring(receiver, usage, format="openai")
    bring(receiver, cost, format="openai")
    found = report(receiver)
    rows = {(row["model"], row["kind"]): row for row in found["rows"]}
    for row in (*rows.values(), found["total"], *(day for day in found["days"] if day["delta"] is not None)):
        adds_up(row)
    assert rows["gpt-5", "input_uncached"]["coverage"] == "0.25"
    assert rows["gpt-5", "cache_read"]["price"] == "0.01"
    assert rows["gpt-new", "output"]["unpriced"] == "0.75"
    assert rows[None, "web_search"]["fees"] == "0.3"
    assert (found["passed"], found["gates"]["month"], found["gates"]["failedDays"]) == (False, "failed", ["2026-10-01"])
    assert (found["requests"]["percent"], found["requests"]["isWarning"]) == ("16.6667", True)
    assert report(receiver, monthPercent="100", dayPercent="100")["passed"]


def test_a_day_that_is_imported_again_replaces_what_it_said_and_nothing_else(receiver):
    october(receiver)
    first = bring(receiver, COST, format="openai").json["bills"]
    assert first == [{"provider": "openai", "report": "cost", "lines": 3, "added": ["2026-10-01"], "replaced": [],
                      "unchanged": [], "partial": []}]  # fmt: skip
    again = bring(receiver, COST, format="openai").json["bills"][0]
    assert (again["added"], again["replaced"], again["unchanged"]) == ([], [], ["2026-10-01"])
    other = page(("2026-10-01", [charged("9", f"{MODEL}, input")]), ("2026-10-02", []))
    changed = bring(receiver, other, format="openai").json["bills"][0]
    assert (changed["added"], changed["replaced"]) == (["2026-10-02"], ["2026-10-01"])
    assert report(receiver)["total"]["theirs"]["cost"] == "9"
    days = get(receiver.url + PATH + "/bills", provider="openai").json["days"]
    revisions = [(day["day"], day["revision"]) for day in days]
    assert revisions == [("2026-10-02", 1), ("2026-10-01", 2), ("2026-10-01", 1)]


def test_tokens_without_cost_are_compared_but_not_judged(receiver):
    october(receiver)
    bring(receiver, USAGE, format="openai")
    found = report(receiver)
    assert (found["passed"], found["gates"]["month"], found["total"]) == (False, "unknown", None)
    assert found["rows"][0]["theirs"] == {"quantity": "400000", "cost": None}


def test_a_bill_without_its_parts_is_compared_as_a_whole(receiver):
    october(receiver)
    bring(receiver, "day,provider,cost\n2026-10-01,openai,1.81\n", format="csv")
    found = report(receiver)
    assert (found["total"]["delta"], found["total"]["rest"], found["total"]["percent"]) == ("0.01", "0.01", "0.5525")
    assert found["passed"]


def test_models_go_by_the_names_that_rates_use_on_both_sides(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    alias = {"dimension": "gen_ai.response.model", "match": "exact", "pattern": "prod-chat", "value": "gpt-5"}
    assert send("POST", receiver.url + "/api/v1/rate-aliases", alias).status == 201
    use(receiver, {"output": 1000}, attributes_of("openai", "prod-chat"), "2026-10-01T10:00:00")
    bring(receiver, "day,provider,model,kind,quantity,cost\n2026-10-01,openai,gpt-5-2025-08-07,output,1000,0.01\n",
          format="csv")  # fmt: skip
    found = report(receiver)
    (row,) = found["rows"]
    assert (row["model"], row["delta"], found["passed"]) == ("gpt-5", "0", True)


def test_anthropic_in_cents(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-5", prices={"output": "15"})
    use(receiver, {"output": 100_000}, attributes_of("anthropic", "claude-sonnet-4-5"), "2026-10-01T10:00:00")
    result = {"amount": "150.00", "currency": "USD", "cost_type": "tokens", "token_type": "output_tokens",
              "model": "claude-sonnet-4-5-20250929"}  # fmt: skip
    bucket = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "results": [result]}
    assert bring(receiver, {"data": [bucket], "has_more": False}, format="anthropic").status == 200
    found = report(receiver, provider="anthropic")
    assert (found["total"]["ours"]["cost"], found["total"]["theirs"]["cost"], found["passed"]) == ("1.5", "1.5", True)


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        ("x", {"format": "openai"}, "line 1, column 1"),
        ({"data": []}, {"format": "openai"}, "no result"),
        ("day,cost\n2026-10-01,1\n", {"format": "csv"}, "line 2: provider is missing"),
        ("x", {}, "format must be"),
        ("x", {"format": "openai", "provider": "azure"}, "provider goes with format=csv"),
        ("x", {"form": "openai"}, "there is no parameter 'form'"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing_and_says_why(receiver, content, query, words):
    reply = bring(receiver, content, **query)
    assert (reply.status, words in reply.json["detail"]) == (400, True), reply.body
    assert get(receiver.url + PATH + "/bills").json["days"] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [({"month": "2026-13"}, "month must be"), ({"groupBy": "user"}, "groupBy must list"),
     ({"dayPercent": "x"}, "0 to 100"), ({"provider": ""}, "provider is empty"),
     ({"currency": "$"}, "currency must be")],
)  # fmt: skip
def test_what_cannot_be_reported_is_refused(receiver, query, words):
    reply = get(receiver.url + PATH, **{"provider": "openai", **query})
    assert (reply.status, words in reply.json["detail"]) == (400, True), reply.body


def test_a_key_sees_and_brings_its_own_bills_only(receiver, database_url):
    october(receiver)
    bring(receiver, COST, format="openai")
    bring(receiver, COST, format="openai", orgId="other")
    made = run_cli(
        "keys", "create", "--name", "k", "--scope", "admin", "--org", "acme", "--json", DATABASE_URL=database_url
    )
    key = json.loads(made.stdout)["key"]
    wait_until(lambda: get(receiver.url + PATH, provider="openai").status == 401)
    assert get(receiver.url + PATH + "/bills", key).json["days"] == []
    own = get(receiver.url + PATH, key, provider="openai", month="2026-10").json
    assert (own["orgId"], own["total"]) == ("acme", None)
    assert bring(receiver, COST, key, format="openai", orgId="other").status == 403
    assert bring(receiver, COST, key, format="openai").status == 200
    assert [day["orgId"] for day in get(receiver.url + PATH + "/bills", key).json["days"]] == ["acme"]


def test_the_command_ends_with_1_when_a_gate_fails(receiver, tmp_path):
    october(receiver)
    costs(receiver)
    good, bad = tmp_path / "good.json", tmp_path / "bad.csv"
    good.write_text(json.dumps(COST))
    bad.write_text("day,provider,model,kind,cost\n2026-10-01,openai,,,5\n")
    environment = {"TALLYSTICK_URL": receiver.url}
    done = run_cli("reconcile", "import", str(good), "--provider", "openai", **environment)
    assert (done.returncode, "2026-10-01" in done.stdout) == (0, True), done.stderr
    told = run_cli("reconcile", "report", "--provider", "openai", "--month", "2026-10", **environment)
    assert (told.returncode, "passed" in told.stdout) == (0, True), told.stdout + told.stderr
    run_cli("reconcile", "import", str(bad), "--provider", "csv", **environment)
    told = run_cli("reconcile", "report", "--provider", "openai", "--month", "2026-10", "--json", **environment)
    assert (told.returncode, json.loads(told.stdout)["passed"]) == (1, False)
