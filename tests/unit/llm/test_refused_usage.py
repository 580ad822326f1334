"""A block that contradicts itself is refused where everybody can see it; its request is counted, nothing is clamped."""

import pytest

from tallystick import NotRecorded
from tallystick.llm import UsageRefused

INCONSISTENT = {
    "cached above prompt (new-api#5003)": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 16_643}},
    "written above prompt": {"input_tokens": 5, "input_tokens_details": {"cache_write_tokens": 6}},
    "audio above prompt": {"prompt_tokens": 5, "prompt_tokens_details": {"audio_tokens": 6}},
    "reasoning above output": {"completion_tokens": 2, "prompt_tokens": 1,
                               "completion_tokens_details": {"reasoning_tokens": 3}},
    "total below its parts": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 9},
    "hits that are not what was cached": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4,
                                          "prompt_tokens_details": {"cached_tokens": 5}},
    "hits and misses that are not the prompt": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4,
                                                "prompt_cache_miss_tokens": 4},
    "lifetimes above their total": {"input_tokens": 1, "cache_creation_input_tokens": 5,
                                    "cache_creation": {"ephemeral_1h_input_tokens": 6}},
    "gemini's cache above its prompt": {"promptTokenCount": 5, "cachedContentTokenCount": 6},
    "gemini's total below its parts": {"promptTokenCount": 5, "thoughtsTokenCount": 6, "totalTokenCount": 5},
    "bedrock's total below its parts": {"inputTokens": 5, "outputTokens": 1, "cacheReadInputTokens": 9,
                                        "totalTokens": 14},
}  # fmt: skip


@pytest.mark.parametrize("usage", INCONSISTENT.values(), ids=INCONSISTENT)
def test_a_block_that_contradicts_itself_is_refused(application, usage):
    application.llm.record({"usage": usage}, provider="any")
    assert application.points("llm.tokens") == []
    assert application.outcomes() == {"no_usage": 1}
    assert application.refused() == {"inconsistent": 1}
    assert application.llm.refused == {UsageRefused.INCONSISTENT: 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(-1, "negative"), (1.5, "not_a_count"), ("7", "not_a_count"), (True, "not_a_count"), (float("nan"), "not_a_count"),
     (2**63, "not_a_count"), ([], "not_a_count")],
)  # fmt: skip
def test_a_count_that_is_none_is_refused(application, value, reason):
    application.llm.record({"input_tokens": 1, "output_tokens": value}, provider="any")
    assert application.points("llm.tokens") == []
    assert application.refused() == {reason: 1}


def test_a_whole_float_is_a_count(application):
    application.llm.record({"input_tokens": 7.0, "output_tokens": 2**63 - 1}, provider="any")
    assert application.tokens() == {"input_uncached": 7, "output": 2**63 - 1}


@pytest.mark.parametrize(
    "usage",
    [{"input_tokens": 9, "cache_read_input_tokens": 5, "input_tokens_details": {"cached_tokens": 5}},
     {"input_tokens": 9, "cache_read_input_tokens": 5, "output_tokens": 1, "total_tokens": 10}],
    ids=["neighbours of both", "a total that includes the cache"],
)  # fmt: skip
def test_input_that_may_include_the_cache_or_not_is_refused(application, usage):
    application.llm.record({"usage": usage}, provider="a-gateway")
    assert application.refused() == {"ambiguous": 1}


def test_zeros_of_another_shape_are_no_contradiction(application):
    """Gateways fill in fields of all providers."""
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10, "cache_read_input_tokens": 0,
             "cache_creation_input_tokens": 0, "input_tokens_details": {"cached_tokens": 5}}  # fmt: skip
    application.llm.record({"usage": usage}, provider="a-gateway")
    assert application.tokens() == {"input_uncached": 4, "cache_read": 5, "output": 1}


def test_usage_of_no_known_shape_is_refused(application):
    application.llm.record({"usage": {"billed_units": {"search_units": 1}}}, provider="cohere")
    assert application.refused() == {"unknown_shape": 1}
    assert application.outcomes() == {"no_usage": 1}


@pytest.mark.parametrize("response", [None, {}, {"usage": {}}, "a text", 7, {"choices": []}, range(3)], ids=repr)
def test_what_has_no_usage_is_a_request_without_usage(application, response):
    application.llm.record(response, provider="openai", model="gpt-5")
    assert application.sums("llm.requests", "outcome", "gen_ai.response.model") == {("no_usage", "gpt-5"): 1}
    assert application.llm.refused == {}


def test_an_answer_without_usage_still_names_its_model(application):
    application.llm.record({"model": "gpt-5-2025-08-07", "usage": None}, provider="openai", model="gpt-5")
    assert application.attribute("gen_ai.response.model") == {"gpt-5-2025-08-07"}


def test_a_response_that_raises_is_refused_and_the_caller_goes_on(application):
    class Broken:
        @property
        def usage(self):
            raise RuntimeError("lazy loading failed")

    class Nameless:
        def __init__(self):
            self.usage = {"prompt_tokens": 1}

        @property
        def model(self):
            raise RuntimeError("lazy loading failed")

    application.llm.record(Broken(), provider="openai")
    application.llm.record(Nameless(), provider="openai")
    with application.llm.request(provider="openai") as request:
        request.see(Broken())
    assert application.refused() == {"unreadable": 3}
    assert application.outcomes() == {"no_usage": 3}


def test_a_failed_request_with_usage_counts_its_tokens(application):
    application.llm.record({"prompt_tokens": 5, "completion_tokens": 1}, provider="openai", outcome="error")
    assert application.outcomes() == {"error": 1}
    assert application.tokens() == {"input_uncached": 5, "output": 1}


def test_a_request_without_usage_is_not_ok_even_if_the_caller_says_so(application):
    application.llm.record(None, provider="openai", outcome="ok")
    application.llm.record({"prompt_tokens": 5}, provider="openai", outcome="excellent")
    assert application.outcomes() == {"no_usage": 1, "ok": 1}
    assert application.llm.refused == {UsageRefused.BAD_OUTCOME: 1}


def test_a_cost_that_is_no_amount_costs_the_cost_alone(application):
    application.llm.record({"prompt_tokens": 5, "cost": -0.01}, provider="openrouter")
    assert application.tokens() == {"input_uncached": 5}
    assert application.points("llm.cost.reported") == []
    assert application.metering.refused == {NotRecorded.NEGATIVE: 1}


def test_without_an_organisation_nothing_is_recorded_and_that_is_counted(application):
    application.llm.record({"prompt_tokens": 5}, provider="openai", organization_id="")
    assert application.points("llm.tokens") == []
    assert application.metering.refused[NotRecorded.BAD_ORGANIZATION] == 2
