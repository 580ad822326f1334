"""Providers' files: exact, strict where figures are wrong, tolerant of what is new, and clear about the place."""

import json
from datetime import date
from decimal import Decimal

import pytest

from tallystick_receiver.bills.anthropic import anthropic_bill
from tallystick_receiver.bills.bill import InvalidBillError, Report
from tallystick_receiver.bills.csv_file import csv_bills
from tallystick_receiver.bills.openai import openai_bill

DAY = date(2026, 10, 1)
START, END = 1790812800, 1790899200  # 2026-10-01, whole, in UTC


def openai(*results, start=START, end=END, **more):
    bucket = {"object": "bucket", "start_time": start, "end_time": end, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None, **more}).encode()


def anthropic(*results, start="2026-10-01T00:00:00Z", end="2026-10-02T00:00:00Z"):
    bucket = {"starting_at": start, "ending_at": end, "results": list(results)}
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None}).encode()


def cost(value, item=None, currency="usd"):
    return {"object": "organization.costs.result", "amount": {"value": value, "currency": currency}, "line_item": item}


def lines(bill, report):
    return {(line.model, line.kind): line.quantity if line.cost is None else line.cost for line in bill.lines[report]}


@pytest.mark.parametrize(("written", "exact"), [("0.06", "0.06"), ('"1.50"', "1.50"), ("3", "3"), ("1e-7", "0.0000001"),
                                                ("0.1234567890123456789", "0.1234567890123456789")])  # fmt: skip
def test_openai_amounts_are_exact_as_number_and_as_text(written, exact):
    content = openai(cost("AMOUNT", "gpt-5-2025-08-07, input")).replace(b'"AMOUNT"', written.encode())
    (line,) = openai_bill(content).lines[Report.COST]
    assert (line.cost, line.currency, line.day) == (Decimal(exact), "USD", DAY)


def test_anthropic_amounts_are_cents():
    result = {"amount": "123.45", "currency": "USD", "cost_type": "tokens", "model": "claude-sonnet-4-5",
              "token_type": "cache_creation.ephemeral_1h_input_tokens", "service_tier": "batch"}  # fmt: skip
    (line,) = anthropic_bill(anthropic(result)).lines[Report.COST]
    assert (line.cost, line.model, line.kind, line.tier) == (
        Decimal("1.2345"), "claude-sonnet-4-5", "cache_write_1h", "batch",
    )  # fmt: skip


def test_an_anthropic_amount_that_is_a_number_is_refused_since_nobody_knows_its_unit():
    with pytest.raises(InvalidBillError, match=r"data\[0\]\.results\[0\]\.amount must be a text in cents"):
        anthropic_bill(anthropic({"amount": 123.45, "currency": "USD"}))


@pytest.mark.parametrize(
    ("item", "model", "kind", "tier"),
    [
        ("gpt-5.5-2026-04-23, input", "gpt-5.5-2026-04-23", "input_uncached", None),
        ("gpt-5.5-2026-04-23, cached input", "gpt-5.5-2026-04-23", "cache_read", None),
        ("gpt-4.1-2025-04-14, output", "gpt-4.1-2025-04-14", "output", None),
        ("priority | gpt-5.6-sol, output, long context", "gpt-5.6-sol", "output", "priority"),
        ("gpt-5.6-sol, cache writes", "gpt-5.6-sol", "cache_write", None),
        ("gpt-audio-mini-2025-12-15 audio, input", "gpt-audio-mini-2025-12-15", "input_uncached_audio", None),
        ("gpt-image-2.5 text, cached input", "gpt-image-2.5", "cache_read", None),
        ("web search tool calls", None, "web_search", None),
        ("Vector storage", None, "Vector storage", None),
        ("whisper-1, audio", None, "whisper-1, audio", None),
        (None, None, None, None),
    ],
)
def test_openai_line_items_are_read_or_kept_as_fees(item, model, kind, tier):
    (line,) = openai_bill(openai(cost(1, item))).lines[Report.COST]
    assert (line.model, line.kind, line.tier) == (model, kind, tier)


def test_openai_usage_becomes_disjoint_kinds():
    result = {"object": "organization.usage.completions.result", "model": "gpt-5.6-sol", "input_tokens": 1000,
              "input_cached_tokens": 300, "input_cache_write_tokens": 100, "input_audio_tokens": 50,
              "input_cached_audio_tokens": 20, "output_tokens": 70, "output_audio_tokens": 10, "num_model_requests": 4,
              "service_tier": "default", "something_new": {"a": 1}}  # fmt: skip
    bill = openai_bill(openai(result))
    found = lines(bill, Report.USAGE)
    assert found == {
        ("gpt-5.6-sol", kind): quantity for kind, quantity in {
            "input_uncached": 550, "input_uncached_audio": 50, "cache_read": 280, "cache_read_audio": 20,
            "cache_write": 100, "output": 60, "output_audio": 10, "requests": 4,
        }.items()
    }  # fmt: skip
    assert sum(found.values()) - 4 == 1000 + 70
    assert {line.tier for line in bill.lines[Report.USAGE]} == {"standard"}


def test_anthropic_usage_is_disjoint_already():
    result = {"uncached_input_tokens": 1500, "cache_read_input_tokens": 200, "output_tokens": 500, "model": "claude-x",
              "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
              "server_tool_use": {"web_search_requests": 10}, "service_tier": "standard"}  # fmt: skip
    assert lines(anthropic_bill(anthropic(result)), Report.USAGE) == {
        ("claude-x", "input_uncached"): 1500, ("claude-x", "cache_read"): 200, ("claude-x", "output"): 500,
        ("claude-x", "cache_write_1h"): 1000, ("claude-x", "cache_write_5m"): 500, ("claude-x", "web_search"): 10,
    }  # fmt: skip


def test_more_cached_tokens_than_tokens_are_refused():
    with pytest.raises(InvalidBillError, match=r"data\[0\]\.results\[0\]: the parts of input_uncached are more"):
        openai_bill(openai({"input_tokens": 10, "input_cached_tokens": 20, "output_tokens": 0}))


def test_hours_are_added_up_to_days_and_a_day_in_part_is_left_out():
    hour = {"input_tokens": 5, "output_tokens": 0, "model": "m"}
    buckets = [
        {"start_time": START + n * 3600, "end_time": START + (n + 1) * 3600, "results": [hour]} for n in range(30)
    ]
    bill = openai_bill(json.dumps({"data": buckets}).encode())
    assert (bill.days[Report.USAGE], bill.partial) == ((DAY,), (date(2026, 10, 2),))
    assert sum(line.quantity for line in bill.lines[Report.USAGE]) == 24 * 5


def test_a_day_without_results_is_covered():
    page = json.loads(openai(cost(1)))
    page["data"].append({"start_time": END, "end_time": END + 86400, "results": []})
    assert openai_bill(json.dumps([page]).encode()).days[Report.COST] == (DAY, date(2026, 10, 2))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "line 1, column 2"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "data is missing"),
        (b'{"data": [1]}', r"data\[0\] must be an object"),
        (openai(), "no result"),
        (openai({"a": 1}), r"data\[0\]\.results\[0\] has neither"),
        (openai(cost("x")), r"data\[0\]\.results\[0\]\.amount\.value must be a decimal number, not 'x'"),
        (openai(cost("NaN")), "amount.value must be a decimal number"),
        (openai(cost("1" * 50)), "more than 40 digits"),
        (openai(cost(1, currency="dollars")), "amount.currency must be a currency"),
        (openai({"amount": 5}), r"amount\.value: its parent must be an object"),
        (openai(cost(1), {"input_tokens": 1, "output_tokens": 1}), r"data\[0\]\.results\[1\]: the file begins"),
        (openai({"input_tokens": -1}), r"input_tokens must be a whole number"),
        (openai({"input_tokens": 1.5}), r"input_tokens must be a whole number"),
        (openai(cost(1), start="x"), r"data\[0\]\.start_time must be seconds"),
        (openai(cost(1), end=END + 1), r"data\[0\]: a bucket must lie within one UTC day"),
        (openai(cost(1, "a\0b")), r"line_item holds NUL"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content, words):
    with pytest.raises(InvalidBillError, match=words):
        openai_bill(content)


def test_a_bucket_that_comes_twice_is_refused():
    page = json.loads(openai(cost(1)))
    with pytest.raises(InvalidBillError, match=r"\[1\]\.data\[0\]: the file has this bucket twice"):
        openai_bill(json.dumps([page, page]).encode())


TABLE = """Day,provider,model,kind,quantity,cost,currency,remark
2026-10-01,openai,gpt-5,input_uncached,120000,0.15,USD,x
2026-10-01,openai,gpt-5,requests,40,,,
2026-10-02,openai,,web search tool calls,,"0.30",,
2026-10-02,mistral,,,,7,EUR,
"""


def test_a_table_holds_several_providers_and_reports():
    mistral, other = csv_bills(TABLE.encode())
    assert lines(other, Report.USAGE) == {("gpt-5", "input_uncached"): 120000, ("gpt-5", "requests"): 40}
    assert lines(other, Report.COST) == {
        ("gpt-5", "input_uncached"): Decimal("0.15"), (None, "web search tool calls"): Decimal("0.30"),
    }  # fmt: skip
    assert other.days == {Report.USAGE: (DAY,), Report.COST: (DAY, date(2026, 10, 2))}
    assert [(line.model, line.kind, line.cost, line.currency) for line in mistral.lines[Report.COST]] == [
        (None, None, 7, "EUR")
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "line 1: columns day and"),
        ("day,model\n", "line 1: columns day and quantity or cost"),
        ("day,cost\n", "header only"),
        ("day,cost,cost\n", "named twice"),
        ("day,cost\n2026-10-01,1\n", "line 2: provider is missing"),
        ("day,provider,cost\n01.10.2026,a,1\n", "line 2: day must be like"),
        ("day,provider,cost\n2026-10-01,a,1,2\n", "line 2 has not as many cells"),
        ("day,provider,cost\n2026-10-01,a\n", "line 2 has not as many cells"),
        ("day,provider,cost\n2026-10-01,a,\n", "line 2: quantity or cost is needed"),
        ("day,provider,cost\n2026-10-01,a,1 USD\n", "line 2, cost must be a decimal number"),
        ("day,provider,quantity\n2026-10-01,a,-1\n", "line 2: quantity is negative"),
        ("day,provider,cost,currency\n2026-10-01,a,1,$\n", "line 2, currency must be"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(table, words):
    with pytest.raises(InvalidBillError, match=words):
        csv_bills(table.encode())


def test_a_table_of_one_provider_need_not_name_it():
    (bill,) = csv_bills(b"day,cost\n2026-10-01,1\n", "mistral")
    assert bill.provider == "mistral"
    with pytest.raises(InvalidBillError, match="line 2: provider is 'a', not 'mistral'"):
        csv_bills(b"day,provider,cost\n2026-10-01,a,1\n", "mistral")
