"""Public price sheets and bills, end to end: what was sent over OTLP costs exactly what the provider's page says.

The cases are numbered as in the research of prices (A-1 ...), each with its source; where a known bug of other tools
gives another figure, that figure is named, so that this test says what it refuses.
"""

import pytest
from otlp import get, send
from pricing import PATIENT, SOURCE, attributes_of, card, cost, costs, rate, use

OPUS_5 = {"input_uncached": "5", "output": "25", "cache_read": "0.5", "cache_write_5m": "6.25", "cache_write_1h": "10"}
SONNET_45 = {"input_uncached": "3", "output": "15", "cache_read": "0.3", "cache_write_5m": "3.75"}


def pays(receiver, right, *, wrong):
    """The total is the bill's, and not what a known bug makes of it."""
    found = cost(receiver)
    assert found != wrong
    assert found == right


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def test_a1_a_session_of_opus_5_costs_its_tokens_and_its_hour(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    rate(receiver, metricKey="llm.units", provider="anthropic", kind="session_hour", price="0.08")
    attributes = attributes_of("anthropic", "claude-opus-5")
    use(receiver, {"input_uncached": 50_000, "output": 15_000}, attributes)
    use(receiver, {"session_hour": 1}, attributes, metric="llm.units", unit="{unit}", by="unit.kind")
    assert cost(receiver) == "0.705"


def test_a2_what_was_read_from_the_cache_is_not_paid_as_input_besides(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    rate(receiver, metricKey="llm.units", provider="anthropic", kind="session_hour", price="0.08")
    attributes = attributes_of("anthropic", "claude-opus-5")
    use(receiver, {"input_uncached": 10_000, "cache_read": 40_000, "output": 15_000}, attributes)
    use(receiver, {"session_hour": 1}, attributes, metric="llm.units", unit="{unit}", by="unit.kind")
    pays(receiver, "0.525", wrong="0.725")


def test_a3_tokens_read_from_and_written_to_the_cache_are_part_of_the_prompt(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-5", prices=SONNET_45)
    attributes = attributes_of("anthropic", "claude-sonnet-4-5")
    use(receiver, {"input_uncached": 1200, "cache_read": 500, "cache_write_5m": 300}, attributes)
    pays(receiver, "0.004875", wrong="0.005775")


GEMINI = {"input_uncached": "0.5", "cache_read": "0.05", "output": "3"}


def test_a5_cached_tokens_of_gemini_are_taken_out_of_its_prompt(receiver):
    card(receiver, "gcp.gemini", "gemini-3-flash-preview", prices=GEMINI)
    attributes = attributes_of("gcp.gemini", "gemini-3-flash-preview")
    send_counters(receiver, attributes, input_tokens=20_212, cache_read=16_298, output_tokens=931)
    pays(receiver, "0.0055649", wrong="0.0137139")


def send_counters(receiver, attributes, when="2026-11-10T12:00:00", **counts):
    """The counters of OpenTelemetry's GenAI conventions, where what was cached is part of the input."""
    names = {
        "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read": "cache_read.input_tokens",
        "cache_write": "cache_write.input_tokens", "reasoning": "reasoning.output_tokens",
    }  # fmt: skip
    for name, value in counts.items():
        metric = f"gen_ai.client.inference.usage.{names[name]}"
        use(receiver, {"text": value}, attributes, when, metric=metric, by="gen_ai.token.modality")


@pytest.mark.parametrize(
    ("model", "prices", "expected"),
    [
        ("gpt-4o", {"input_uncached": "2.5", "cache_read": "1.25", "output": "10"}, "0.005615"),
        ("gpt-5", {"input_uncached": "1.25", "cache_read": "0.125", "output": "10"}, "0.0033475"),
        ("gpt-4o-mini", {"input_uncached": "0.15", "cache_read": "0.075", "output": "0.6"}, "0.0003369"),
    ],
)
def test_a6_the_usage_block_of_openais_caching_guide(receiver, model, prices, expected):
    card(receiver, "openai", model, prices=prices)
    send_counters(
        receiver, attributes_of("openai", model), input_tokens=2006, cache_read=1920, output_tokens=300
    )  # fmt: skip
    pays(receiver, expected, wrong="0.008015")


def test_a8_a_prompt_almost_all_of_which_was_cached_is_not_ten_times_too_dear(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-5", prices=SONNET_45)
    attributes = attributes_of("anthropic", "claude-sonnet-4-5")
    send_counters(receiver, attributes, input_tokens=130_213, cache_read=128_955, cache_write=1_253)
    answer = costs(receiver, groupBy="kind")
    [total] = answer["totals"]
    assert total["cost"] == "0.04340025", "neither 0.43402425, added up twice, nor 0.390639, blind to the cache"
    assert total["quantities"] == [{"type": "llm.tokens", "unit": "{token}", "quantity": "130213"}]
    assert {row["kind"]: row["quantities"][0]["quantity"] for row in answer["rows"]} == {
        "input_uncached": "5", "cache_read": "128955", "cache_write": "1253"
    }  # fmt: skip


def test_a8_the_old_histogram_is_dearer_and_is_said_to_be_blind(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-5", prices=SONNET_45)
    attributes = {"org.id": "acme", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    use(receiver, {"input": 130_213}, attributes, metric="gen_ai.client.token.usage", by="gen_ai.token.type",
        kind="histogram")  # fmt: skip
    answer = costs(receiver)
    assert answer["totals"][0]["cost"] == "0.390639"
    assert [(grade["grade"], grade["cost"]) for grade in answer["grades"]] == [("cache_blind", "0.390639")]


def test_a9_reasoning_is_part_of_the_output(receiver):
    card(receiver, "openai", "gpt-5.1", prices={"input_uncached": "1.25", "output": "10"})
    send_counters(
        receiver, attributes_of("openai", "gpt-5.1"), input_tokens=22_118, output_tokens=1970, reasoning=956
    )  # fmt: skip
    pays(receiver, "0.0473475", wrong="0.0569075")


def test_a13_yesterday_is_paid_at_yesterdays_price(receiver):
    card(receiver, "openai", "o3", prices={"input_uncached": "10", "output": "40"}, validTo="2025-06-10")
    card(receiver, "openai", "o3", prices={"input_uncached": "2", "output": "8"}, validFrom="2025-06-10")
    for day in ("2025-06-09T23:59:00", "2025-06-10T00:00:00"):
        use(receiver, {"input_uncached": 1_000_000, "output": 1_000_000}, attributes_of("openai", "o3"), day)
    assert by_day(receiver) == {"2025-06-09": "50", "2025-06-10": "10"}


def by_day(receiver):
    return {row["day"]: row["cost"] for row in costs(receiver, groupBy="day")["rows"]}


def test_a14_gpt_5_6_sol_before_and_after_its_price_went_down(receiver):
    card(receiver, "openai", "gpt-5.6-sol", prices={"input_uncached": "5", "output": "30"}, validTo="2026-08-21")
    card(receiver, "openai", "gpt-5.6-sol", prices={"input_uncached": "4", "output": "20"}, validFrom="2026-08-21")
    for day in ("2026-08-20T10:00:00", "2026-08-21T10:00:00"):
        use(receiver, {"input_uncached": 100_000, "output": 10_000}, attributes_of("openai", "gpt-5.6-sol"), day)
    assert by_day(receiver) == {"2026-08-20": "0.8", "2026-08-21": "0.6"}


def test_a16_a_long_prompt_is_dearer_as_a_whole_as_long_as_its_band_has_a_price(receiver):
    card(receiver, "anthropic", "claude-sonnet-4-6", prices={"input_uncached": "3", "output": "15"})
    card(receiver, "anthropic", "claude-sonnet-4-6", prices={"input_uncached": "6", "output": "22.5"},
         contextBand=">200000", validTo="2026-03-13")  # fmt: skip
    long = attributes_of("anthropic", "claude-sonnet-4-6", **{"llm.context_band": "200001-256000"})
    for day in ("2026-03-12T10:00:00", "2026-03-13T10:00:00"):
        use(receiver, {"input_uncached": 250_000, "output": 1000}, long, day)
    assert by_day(receiver) == {"2026-03-12": "1.5225", "2026-03-13": "0.765"}


def test_a_token_more_than_the_band_holds_makes_the_whole_request_dearer(receiver):
    card(receiver, "openai", "gpt-5.6-sol", prices={"input_uncached": "4", "output": "20"})
    card(receiver, "openai", "gpt-5.6-sol", prices={"input_uncached": "8", "output": "30"}, contextBand=">272000")
    for tokens, band, day in ((272_000, "256001-272000", "01"), (272_001, "272001-512000", "02")):
        attributes = attributes_of("openai", "gpt-5.6-sol", **{"llm.context_band": band})
        use(receiver, {"input_uncached": tokens, "output": 1000}, attributes, f"2026-11-{day}T10:00:00")
    assert by_day(receiver) == {"2026-11-01": "1.108", "2026-11-02": "2.206008"}


def test_a17_batch_has_a_price_of_its_own_at_any_time(receiver):
    card(receiver, "anthropic", "claude-haiku-4-5", prices={"input_uncached": "1", "output": "5"})
    card(receiver, "anthropic", "claude-haiku-4-5", prices={"input_uncached": "0.5", "output": "2.5"}, tier="batch")
    batch = attributes_of("anthropic", "claude-haiku-4-5", **{"llm.service_tier": "batch"})
    for day in ("2026-09-01T10:00:00", "2026-11-01T10:00:00"):
        use(receiver, {"input_uncached": 1_000_000, "output": 1_000_000}, batch, day)
    assert by_day(receiver) == {"2026-09-01": "3", "2026-11-01": "3"}


def test_a_missing_batch_price_is_no_standard_price(receiver):
    card(receiver, "anthropic", "claude-haiku-4-5", prices={"input_uncached": "1", "output": "5"})
    batch = attributes_of("anthropic", "claude-haiku-4-5", **{"llm.service_tier": "batch"})
    use(receiver, {"input_uncached": 1_000_000}, batch)
    answer = costs(receiver)
    assert answer["totals"][0]["cost"] is None
    [unpriced] = answer["unpriced"]
    assert (unpriced["reason"], unpriced["quantity"], unpriced["share"]) == ("tier_unpriced", "1000000", "1")


def test_a19_a_region_is_a_factor_on_the_price(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    factor(receiver, layer="list", provider="anthropic", region="us", factor="1.1", validFrom="2026-02-01")
    use(receiver, {"input_uncached": 1_000_000}, attributes_of("anthropic", "claude-opus-5", **{"llm.region": "us"}))
    pays(receiver, "5.5", wrong="5")


def factor(receiver, key="", **fields):
    reply = send("POST", receiver.url + "/api/v1/rate-modifiers", {**SOURCE, **fields}, key)
    assert reply.status == 201, reply.body
    return reply.json


def test_a21_a_cache_that_lives_an_hour_has_its_own_price(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices=OPUS_5)
    use(receiver, {"cache_write_1h": 1_000_000}, attributes_of("anthropic", "claude-opus-5"))
    pays(receiver, "10", wrong="6.25")


def test_a23_what_is_served_counts_not_what_was_asked_for(receiver):
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25"})
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "2.5"}, tier="priority")
    served = attributes_of("openai", "gpt-5", **{
        "openai.request.service_tier": "priority", "openai.response.service_tier": "default"
    })  # fmt: skip
    send_counters(receiver, served, input_tokens=1_000_000)
    pays(receiver, "1.25", wrong="2.5")


def test_a25_an_increase_that_was_called_off_is_voided_and_still_known(receiver):
    card(receiver, "anthropic", "claude-sonnet-5", prices={"input_uncached": "2"}, validTo="2026-09-01")
    [increase] = card(receiver, "anthropic", "claude-sonnet-5", prices={"input_uncached": "3"}, validFrom="2026-09-01")
    use(receiver, {"input_uncached": 1_000_000}, attributes_of("anthropic", "claude-sonnet-5"), "2026-09-15T10:00:00")
    assert cost(receiver) == "3"
    voided = send("POST", f"{receiver.url}/api/v1/rates/{increase}/void")
    assert voided.status == 200 and voided.json["voidedAt"]
    card(receiver, "anthropic", "claude-sonnet-5", prices={"input_uncached": "2"}, validFrom="2026-09-01")
    pays(receiver, "2", wrong="3")
    shown = get(f"{receiver.url}/api/v1/rates/{increase}").json
    assert (shown["price"], shown["voidedAt"]) == ("3", voided.json["voidedAt"])
    known = get(receiver.url + "/api/v1/rates", knownAt=shown["recordedAt"], at="2026-09-15", model="claude-sonnet-5")
    assert [row["price"] for row in known.json["rates"]] == ["3"]


def test_a26_ten_thousand_tickets(receiver):
    card(receiver, "anthropic", "claude-haiku-4-5", prices={"input_uncached": "1"})
    use(receiver, {"input_uncached": 10_000 * 3_700}, attributes_of("anthropic", "claude-haiku-4-5"))
    assert cost(receiver) == "37"


def test_a27_an_unknown_model_is_listed_and_never_free(receiver):
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25"})
    use(receiver, {"input_uncached": 1_000_000}, attributes_of("openai", "gpt-7-secret"))
    answer = costs(receiver, groupBy="model")
    [row] = answer["rows"]
    assert (row["model"], row["cost"], row["currency"]) == ("gpt-7-secret", None, None)
    expected = {"type": "llm.tokens", "unit": "{token}", "reason": "unpriced", "quantity": "1000000"}
    assert row["unpriced"] == [expected]
    assert answer["unpriced"] == [expected | {"share": "1"}]
    assert answer["totals"][0]["cost"] is None


def test_a29_an_organisations_own_price_times_its_region_and_the_list_for_everybody_else(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices={"input_uncached": "5"})
    card(receiver, "anthropic", "claude-opus-5", prices={"input_uncached": "4"}, orgId="two")
    factor(receiver, layer="list", provider="anthropic", region="us", factor="1.1")
    attributes = attributes_of("anthropic", "claude-opus-5")
    use(receiver, {"input_uncached": 1_000_000}, attributes | {"org.id": "one"})
    use(receiver, {"input_uncached": 1_000_000}, attributes | {"org.id": "two", "llm.region": "us"})
    assert {row["org"]: row["cost"] for row in costs(receiver, groupBy="org")["rows"]} == {"one": "5", "two": "4.4"}


def test_a29_a_second_live_price_for_the_same_time_is_refused(receiver):
    card(receiver, "anthropic", "claude-opus-5", prices={"input_uncached": "5"}, validFrom="2026-01-01")
    body = {**SOURCE, "metricKey": "llm.tokens", "provider": "anthropic", "model": "claude-opus-5",
            "kind": "input_uncached", "price": "6", "validFrom": "2026-06-01", "validTo": "2026-07-01"}  # fmt: skip
    refused = send("POST", receiver.url + "/api/v1/rates", body)
    assert refused.status == 409 and "overlap" not in refused.json["title"], refused.body
    assert (
        send("POST", receiver.url + "/api/v1/rates", body | {"validTo": "2025-12-01", "validFrom": None}).status == 201
    )
