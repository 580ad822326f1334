"""Costs, black box: rates that change, months that are closed, tenants, other senders, and metrics of any kind."""

import csv
import io

import pytest
from conftest import run_cli
from otlp import export, export_request, get, send
from pricing import PATIENT, SOURCE, at, attributes_of, card, cost, costs, rate, use
from waiting import wait_until

GPT_5 = {"input_uncached": "1.25", "cache_read": "0.125", "output": "10"}
GPT = attributes_of("openai", "gpt-5")


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def months(receiver):
    return {row["month"]: row["state"] for row in get(receiver.url + "/api/v1/costs/months").json["months"]}


def closed(receiver, month):
    assert send("POST", f"{receiver.url}/api/v1/costs/months/{month}/close").status == 202
    wait_until(lambda: months(receiver)[month] == "closed", what="the month to be closed")


def test_changing_a_rate_changes_open_costs_only_and_late_usage_is_an_adjustment(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    use(receiver, {"output": 1_000_000}, GPT, "2026-09-10T12:00:00")
    use(receiver, {"output": 1_000_000}, GPT, "2026-10-10T12:00:00")
    assert cost(receiver) == "20"
    closed(receiver, "2026-09")
    card(receiver, "openai", "gpt-5", prices={"output": "12"}, replace=True)
    assert {row["month"]: row["cost"] for row in costs(receiver, groupBy="month")["rows"]} == {
        "2026-09": "10", "2026-10": "12"
    }  # fmt: skip
    use(receiver, {"output": 500_000}, GPT, "2026-09-10T12:10:00")  # late, at the price that was known at the close
    by_category = costs(receiver, groupBy="month,category")["rows"]
    assert [(row["month"], row["category"], row["cost"]) for row in by_category] == [
        ("2026-09", "adjustment", "5"), ("2026-09", "usage", "10"), ("2026-10", "usage", "12")
    ]  # fmt: skip
    assert send("POST", f"{receiver.url}/api/v1/costs/months/2026-09/adjust").status == 202
    by_category = costs(receiver, groupBy="month,category")["rows"]
    assert [(row["month"], row["category"], row["cost"]) for row in by_category] == [
        ("2026-09", "adjustment", "8"), ("2026-09", "usage", "10"), ("2026-10", "usage", "12")
    ]  # fmt: skip


def test_a_changed_rate_does_not_wait_for_the_next_round(start_receiver):
    receiver = start_receiver(*PATIENT, "--cost-seconds", "3600")
    use(receiver, {"output": 1_000_000}, GPT)
    wait_until(lambda: get(receiver.url + "/healthz").json["counts"].get("deltas.rolled"), what="the roller")
    for price in ("10", "4"):
        card(receiver, "openai", "gpt-5", prices={"output": price}, replace=True)
        assert cost(receiver) == price


def test_the_sum_of_any_grouping_is_the_total_to_the_last_digit(receiver):
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.23456789", "output": "0.0028"})
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "3.3"}, orgId="two", perUnits="7")
    for n in range(12):
        attributes = GPT | {"org.id": ("one", "two")[n % 2], "project.id": f"p{n % 3}", "user.id": f"u{n % 5}"}
        use(
            receiver, {"input_uncached": 1_000_003 + n, "output": 7 * n + 1}, attributes, f"2026-10-{9 + n:02}T23:30:00"
        )
    from decimal import Context, Decimal

    wide = Context(prec=200)
    whole = cost(receiver)
    for groups in ("type", "org", "project", "user", "model", "kind", "hour", "day", "week", "month", "user,day,kind"):
        for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
            total = Decimal(0)
            for row in costs(receiver, groupBy=groups, tz=zone)["rows"]:
                total = wide.add(total, Decimal(row["cost"]))
            assert total == Decimal(whole), groups


def test_any_metric_may_have_a_price_by_any_of_its_dimensions(receiver):
    rate(receiver, metricKey="bytes.out", unit="By", price="0.09", perUnits="1000000000")
    rate(receiver, metricKey="bytes.out", unit="By", price="0.12", perUnits="1000000000", selector={"region": "br"})
    rate(receiver, metricKey="webhooks.sent", unit="{webhook}", price="0.0043", perUnits="60", currency="EUR")
    base = {"org.id": "acme"}
    use(receiver, {"eu": 5 * 10**9, "br": 10**9}, base, metric="bytes.out", unit="By", by="region")
    use(receiver, {"x": 60}, base, metric="webhooks.sent", unit="{webhook}", by="kind")
    use(receiver, {"x": 60}, base, metric="not.priced", unit="{thing}", by="kind")
    rows = costs(receiver, groupBy="type,region")["rows"]
    shown = [(row["type"], row["region"], row["currency"], row["cost"]) for row in rows]
    assert shown[:2] == [("bytes.out", "br", "USD", "0.12"), ("bytes.out", "eu", "USD", "0.45")]
    assert len(rows) == 3 and shown[2][:3] == ("webhooks.sent", None, "EUR")
    assert shown[2][3].startswith("0.0043") and float(shown[2][3]) == pytest.approx(0.0043, rel=1e-15)


def test_tenants_do_not_mix(start_receiver, database_url):
    url = ("--database-url", database_url)
    keys = {
        name: run_cli("keys", "create", "--name", name, "--scope", scope, *more, *url).stdout.split()[0]
        for name, scope, more in (
            ("all", "admin", ()), ("one", "admin", ("--org", "one")), ("reads", "read", ("--org", "two"))
        )
    }  # fmt: skip
    receiver = start_receiver(*PATIENT)
    everything = keys["all"]
    [shared] = card(receiver, "openai", "gpt-5", prices={"output": "10"}, key=everything)
    [own] = card(receiver, "openai", "gpt-5", prices={"output": "9"}, key=keys["one"])
    for org in ("one", "two"):
        use(receiver, {"output": 1_000_000}, GPT | {"org.id": org}, key=everything)
    assert {row["org"]: row["cost"] for row in costs(receiver, everything, groupBy="org")["rows"]} == {
        "one": "9", "two": "10"
    }  # fmt: skip
    assert cost(receiver, keys["reads"]) == "10"
    assert get(receiver.url + "/api/v1/costs", keys["reads"], orgId="one").status == 403
    seen = get(receiver.url + "/api/v1/rates", keys["reads"]).json["rates"]
    assert [row["id"] for row in seen] == [shared]
    assert get(f"{receiver.url}/api/v1/rates/{own}", keys["reads"]).status == 404
    assert send("POST", f"{receiver.url}/api/v1/rates/{shared}/void", None, keys["one"]).status == 403
    assert send("POST", receiver.url + "/api/v1/costs/months/2026-11/close", None, keys["one"]).status == 403
    other = {**SOURCE, "metricKey": "a", "unit": "", "price": 1}
    assert send("POST", receiver.url + "/api/v1/rates", other | {"orgId": "two"}, keys["one"]).status == 403
    assert send("POST", receiver.url + "/api/v1/rates", other, keys["reads"]).status == 403
    export_ = get(receiver.url + "/api/v1/costs/export", keys["reads"], from_="2026-11-01", to="2026-12-01")
    assert {row["BillingAccountId"] for row in csv.DictReader(io.StringIO(export_.body.decode()))} == {"two"}


def test_a_sender_that_counts_in_two_ways_is_paid_once(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    both = GPT | {"user.id": "ann"}
    use(receiver, {"input_uncached": 900_000, "cache_read": 100_000}, both)
    use(receiver, {"input": 1_000_000}, both, metric="gen_ai.client.token.usage", by="gen_ai.token.type",
        kind="histogram")  # fmt: skip
    use(receiver, {"text": 1_000_000}, both, metric="gen_ai.client.inference.usage.input_tokens",
        by="gen_ai.token.modality")  # fmt: skip
    answer = costs(receiver, groupBy="source")
    assert [(row["source"], row["cost"]) for row in answer["rows"] if row["cost"]] == [("llm.tokens", "1.1375")]
    assert answer["superseded"] == [{"type": "llm.tokens", "unit": "{token}", "quantity": "2000000"}]
    assert answer["totals"][0]["quantities"][0]["quantity"] == "1000000"
    other = export_request(
        [{"name": "gen_ai.client.token.usage", "unit": "{token}", "kind": "histogram", "value": 1_000_000,
          "end": at("2026-11-10T12:00:00"), "attributes": GPT | {"gen_ai.token.type": "input"}}],
        resource={"service.name": "another", "service.instance.id": "i"},
    )  # fmt: skip
    assert export(receiver.url, other).rejected == 0
    assert cost(receiver) == "2.3875", "another service is another sender"


def test_claude_code_and_codex_are_priced_as_they_send(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices={
        "input_uncached": "5", "output": "25", "cache_read": "0.5", "cache_write_5m": "6.25"
    })  # fmt: skip
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    claude = {"org.id": "acme", "model": "claude-opus-5", "session.id": "s1", "user.id": "ann"}
    counts = {"input": 1000, "output": 2000, "cacheRead": 10_000, "cacheCreation": 400}
    use(receiver, counts, claude, metric="claude_code.token.usage", unit="tokens", by="type")
    codex = {"org.id": "acme", "model": "gpt-5"}
    counts = {"input": 1000, "cached_input": 600, "output": 300, "reasoning_output": 200, "total": 1300}
    points = [
        {"name": "codex.turn.token_usage", "unit": "", "kind": "histogram", "value": value,
         "end": at("2026-11-10T12:00:00"), "attributes": codex | {"token_type": kind}}
        for kind, value in counts.items()
    ]  # fmt: skip
    assert export(receiver.url, export_request(points, resource={"service.name": "codex_cli"})).rejected == 0
    rows = costs(receiver, groupBy="provider,kind")["rows"]
    assert {(r["provider"], r["kind"]): (r["quantities"][0]["quantity"], r["cost"]) for r in rows} == {
        ("anthropic", "input_uncached"): ("1000", "0.005"), ("anthropic", "output"): ("2000", "0.05"),
        ("anthropic", "cache_read"): ("10000", "0.005"), ("anthropic", "cache_write"): ("400", "0.0025"),
        ("openai", "input_uncached"): ("400", "0.0005"), ("openai", "cache_read"): ("600", "0.000075"),
        ("openai", "output"): ("300", "0.003"),
    }  # fmt: skip
    assert {grade["grade"] for grade in costs(receiver)["grades"]} == {"ttl_unknown"}


def test_a_sender_whose_parts_do_not_add_up_is_flagged_and_not_clamped(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    for name, value in (("input_tokens", 100), ("cache_read.input_tokens", 140)):
        use(receiver, {"text": value}, GPT, metric=f"gen_ai.client.inference.usage.{name}", by="gen_ai.token.modality")
    answer = costs(receiver, groupBy="kind")
    assert answer["negative"] == [{"type": "llm.tokens", "unit": "{token}", "hours": 1, "quantity": "-40"}]
    assert {row["kind"]: row["quantities"][0]["quantity"] for row in answer["rows"]} == {
        "input_uncached": "-40", "cache_read": "140"
    }  # fmt: skip


def test_other_names_are_found_by_what_they_begin_with_and_never_by_what_they_hold(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-5", prices={"output": "15"})
    for model in ("claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                  "my-claude-sonnet-4-5-copy"):  # fmt: skip
        use(receiver, {"output": 1_000_000}, attributes_of("anthropic", model))
    shown = {row["model"]: row["cost"] for row in costs(receiver, groupBy="model")["rows"]}
    assert shown == {
        "claude-sonnet-4-5": "15", "us.anthropic.claude-sonnet-4-5-20250929-v1:0": None,
        "my-claude-sonnet-4-5-copy": None,
    }  # fmt: skip
    body = {"match": "regex", "pattern": r"(?:us|eu)\.anthropic\.claude-sonnet-4-5-\d{8}-v\d:0",
            "value": "claude-sonnet-4-5", "provider": "anthropic"}  # fmt: skip
    assert send("POST", receiver.url + "/api/v1/rate-aliases", body).status == 201
    shown = {row["model"]: row["cost"] for row in costs(receiver, groupBy="model")["rows"]}
    assert shown == {"claude-sonnet-4-5": "30", "my-claude-sonnet-4-5-copy": None}
    body["pattern"] = "(a+)+b"
    refused = send("POST", receiver.url + "/api/v1/rate-aliases", body)
    assert refused.status == 400 and "regular expression" in refused.json["detail"]


def test_a_missing_cache_price_is_the_price_of_input_and_never_nothing(receiver):
    card(receiver, "openai", "gpt-5-pro", prices={"input_uncached": "15", "output": "120"})
    use(receiver, {"cache_read": 1_000_000, "input_uncached_audio": 5}, attributes_of("openai", "gpt-5-pro"))
    rows = {row["kind"]: row["cost"] for row in costs(receiver, groupBy="kind")["rows"]}
    assert rows == {"cache_read": "15", "input_uncached_audio": None}


def test_a_long_prompts_kind_without_a_price_of_its_own_is_not_priced_as_a_short_one(receiver):
    card(receiver, "anthropic", "claude-x", prices={"input_uncached": "3", "output": "15", "cache_read": "0.3"})
    card(receiver, "anthropic", "claude-x", prices={"input_uncached": "6"}, contextBand=">200000")
    long = attributes_of("anthropic", "claude-x", **{"llm.context_band": "256001-272000"})
    use(receiver, {"input_uncached": 1_000_000, "cache_read": 1_000_000, "output": 1_000_000}, long)
    answer = costs(receiver, groupBy="kind")
    assert {row["kind"]: row["cost"] for row in answer["rows"]} == {
        "input_uncached": "6", "cache_read": "6", "output": None
    }  # fmt: skip
    assert [row["reason"] for row in answer["unpriced"]] == ["context_band_unpriced"]


def test_hours_of_the_day_have_prices_of_their_own(receiver):
    peak = "Mon-Fri 01-04, Mon-Fri 06-10"
    card(receiver, "deepseek", "v4", prices={"output": "1.2"}, window=peak)
    card(receiver, "deepseek", "v4", prices={"output": "0.6"}, window=f"not {peak}")
    for when in ("2026-11-09T02:30:00", "2026-11-09T05:30:00", "2026-11-08T02:30:00"):  # a Monday, and a Sunday
        use(receiver, {"output": 1_000_000}, attributes_of("deepseek", "v4"), when)
    shown = {row["hour"][5:13]: row["cost"] for row in costs(receiver, groupBy="hour")["rows"]}
    assert shown == {"11-08T02": "0.6", "11-09T02": "1.2", "11-09T05": "0.6"}


def test_contracts_and_margins_are_layers_on_the_list(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    for layer, number in (("list", "1.1"), ("contract", "0.85"), ("resale", "1.2")):
        body = {**SOURCE, "layer": layer, "factor": number, "provider": "openai"}
        assert send("POST", receiver.url + "/api/v1/rate-modifiers", body).status == 201
    use(receiver, {"output": 1_000_000}, GPT)
    [total] = costs(receiver)["totals"]
    assert (total["listCost"], total["cost"], total["billedCost"]) == ("11", "9.35", "11.22")


def test_focus_holds_every_row_and_the_same_total(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    use(receiver, {"input_uncached": 1000, "output": 7}, GPT | {"project.id": "web", "user.id": "=ann"})
    use(receiver, {"output": 5}, attributes_of("openai", "nobody-knows"))
    window = ("--from", "2026-11-01", "--to", "2026-12-01", "--url", receiver.url)
    assert cost(receiver) == "0.00132"
    done = run_cli("export", "--format", "focus", *window)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 3
    assert {(row["SkuMeter"], row["ListCost"], row["x_PriceState"]) for row in rows} == {
        ("input_uncached", "0.00125", "priced"), ("output", "0.00007", "priced"), ("output", "", "unpriced")
    }  # fmt: skip
    assert {row["ChargePeriodStart"] for row in rows} == {"2026-11-10T12:00:00Z"}
    assert {row["SubAccountId"] for row in rows} == {"web", ""}


def test_wrong_rates_are_refused_with_a_sentence(receiver):
    good = {**SOURCE, "metricKey": "llm.tokens", "provider": "openai", "model": "gpt-5", "kind": "output", "price": "1"}
    for wrong, word in (
        ({"price": "-1"}, "price"), ({"price": "abc"}, "price"), ({"perUnits": 0}, "perUnits"),
        ({"kind": None}, "kind"),
        ({"sourceUrl": None}, "sourceUrl"), ({"checkedOn": None}, "checkedOn"), ({"checkedOn": "2099-01-01"}, "future"),
        ({"currency": "dollars"}, "currency"), ({"validFrom": "2026-02-01", "validTo": "2026-01-01"}, "validFrom"),
        ({"contextBand": "200k"}, "context band"), ({"window": "at night"}, "window"), ({"nonsense": 1}, "nonsense"),
        ({"unit": "By"}, "unit"),
    ):  # fmt: skip
        refused = send("POST", receiver.url + "/api/v1/rates", good | wrong)
        assert refused.status == 400 and word in refused.json["detail"], (wrong, refused.body)
    assert get(receiver.url + "/api/v1/rates").json["rates"] == []
    snapped = rate(receiver, **good, validFrom="2026-03-13T10:45:00Z")
    assert snapped["validFrom"] == "2026-03-13T10:00:00Z"


def test_a_csv_file_is_shown_doubted_and_recorded(receiver, tmp_path):
    file = tmp_path / "rates.csv"
    head = "provider,model,kind,price,validFrom,sourceUrl,checkedOn\n"
    file.write_text(head + "openai,gpt-5,output,10,,https://x,2026-11-01\nopenai,gpt-5,input_uncached,0.00000125,,"
                    "https://x,2026-11-01\n")  # fmt: skip
    at_receiver = ("--url", receiver.url, "--yes")
    first = run_cli("rates", "import", "--from", str(file), *at_receiver)
    assert first.returncode == 1 and "recorded 1 rates" in first.stderr and "mistakes" in first.stderr
    file.write_text(head + "openai,gpt-5,output,60,2026-11-01,https://x,2026-11-01\n")
    assert run_cli("rates", "import", "--from", str(file), *at_receiver).returncode == 1
    file.write_text(head + "openai,gpt-5,output,12,2026-11-01,https://x,2026-11-01\n")
    done = run_cli("rates", "import", "--from", str(file), *at_receiver, "--json")
    assert done.returncode == 0 and '"percent": "+20"' in done.stdout, done.stdout + done.stderr
    assert run_cli("rates", "import", "--from", str(file), "--url", receiver.url, "--dry-run").returncode == 0
    live = get(receiver.url + "/api/v1/rates").json["rates"]
    assert sorted((row["price"], row["validFrom"], row["validTo"]) for row in live) == [
        ("10", None, "2026-11-01T00:00:00Z"), ("12", "2026-11-01T00:00:00Z", None)
    ]  # fmt: skip


def test_a_rate_for_a_level_is_refused_with_what_to_do(receiver):
    point = {"name": "storage.snapshot", "kind": "gauge", "unit": "By", "value": 5, "end": at("2026-11-10T12:00:00"),
             "attributes": {"org.id": "acme"}}  # fmt: skip
    assert export(receiver.url, export_request([point])).status == 200
    body = {"metricKey": "storage.snapshot", "unit": "By", "price": "1", **SOURCE}
    refused = send("POST", receiver.url + "/api/v1/rates", body)
    assert (refused.status, "storage.snapshot is a level" in refused.json["detail"]) == (400, True)
    assert send("POST", receiver.url + "/api/v1/rates", body | {"unit": "By.h"}).status == 201, "that is counted"
