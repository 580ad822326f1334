"""What providers published, and users disputed, comes out to the last digit (research/llm.md, section 4)."""

from decimal import Decimal

import pytest
from unit.llm.recorded import as_object

from tallystick.llm import attributed

OPUS_5 = {"input_uncached": "5", "cache_read": "0.50", "cache_write_5m": "6.25", "cache_write_1h": "10", "output": "25"}
SONNET_4_5 = {"input_uncached": "3", "cache_read": "0.30", "cache_write": "3.75", "cache_write_5m": "3.75",
              "cache_write_1h": "6", "output": "15"}  # fmt: skip
GEMINI_3_FLASH = {"input_uncached": "0.50", "cache_read": "0.05", "output": "3"}
GPT_5 = {"input_uncached": "1.25", "cache_read": "0.125", "output": "10"}

both = pytest.mark.parametrize("given", [dict, as_object], ids=["mapping", "object"])


@both
def test_a1_opus_5_with_a_session_hour(application, given):
    usage = given({"input_tokens": 50_000, "output_tokens": 15_000})
    application.llm.record(usage, provider="anthropic", model="claude-opus-5", units={"session_hour": 1})
    assert application.cost(OPUS_5, {"session_hour": "0.08"}) == Decimal("0.705")


@both
def test_a2_cached_input_is_not_added_to_what_excludes_it(application, given):
    usage = {"input_tokens": 10_000, "cache_read_input_tokens": 40_000, "cache_creation_input_tokens": 0,
             "output_tokens": 15_000}  # fmt: skip
    application.llm.record(given({"usage": usage}), provider="anthropic", units={"session_hour": 1})
    assert application.tokens() == {"input_uncached": 10_000, "cache_read": 40_000, "output": 15_000}
    assert application.cost(OPUS_5, {"session_hour": "0.08"}) == Decimal("0.525") != Decimal("0.725")


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 2_000, "prompt_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 300}},
        {"input_tokens": 2_000, "input_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 300}},
        {"prompt_tokens": 2_000, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 300,
         "prompt_tokens_details": {"cached_tokens": 500, "cache_creation_tokens": 300}},
        {"input_tokens": 1_200, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 300},
        {"inputTokens": 1_200, "cacheReadInputTokens": 500, "cacheWriteInputTokens": 300, "totalTokens": 2_000},
        {"input_tokens": 2_000, "output_tokens": 0, "total_tokens": 2_000,
         "input_token_details": {"cache_read": 500, "cache_creation": 300}},
        {"input_uncached": 1_200, "cache_read": 500, "cache_write": 300},
    ],
    ids=["openai-chat", "openai-responses", "litellm", "anthropic", "bedrock", "langchain", "kinds"],
)  # fmt: skip
def test_a3_one_prompt_costs_the_same_in_every_shape(application, usage):
    application.llm.record({"usage": usage}, provider="any")
    assert {kind: tokens for kind, tokens in application.tokens().items() if tokens} == {
        "input_uncached": 1_200, "cache_read": 500, "cache_write": 300,
    }  # fmt: skip
    assert application.cost(SONNET_4_5) == Decimal("0.004875")
    assert application.cost(SONNET_4_5) not in (Decimal("0.005775"), Decimal("0.007275"))


@both
def test_a5_what_gemini_cached_is_within_the_prompt(application, given):
    usage = {"promptTokenCount": 20_212, "cachedContentTokenCount": 16_298, "candidatesTokenCount": 931,
             "totalTokenCount": 21_143}  # fmt: skip
    application.llm.record(given({"usageMetadata": usage}), provider="gcp.gemini")
    assert application.cost(GEMINI_3_FLASH) == Decimal("0.0055649") != Decimal("0.0137139")


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"input_uncached": "2.50", "cache_read": "1.25", "output": "10"}, "0.005615"),
        (GPT_5, "0.0033475"),
        ({"input_uncached": "0.15", "cache_read": "0.075", "output": "0.60"}, "0.0003369"),
    ],
    ids=["gpt-4o", "gpt-5", "gpt-4o-mini"],
)
def test_a6_what_openai_cached_is_within_the_prompt(application, rates, expected):
    usage = {"prompt_tokens": 2_006, "completion_tokens": 300, "total_tokens": 2_306,
             "prompt_tokens_details": {"cached_tokens": 1_920}}  # fmt: skip
    application.llm.record({"usage": usage}, provider="openai")
    assert application.cost(rates) == Decimal(expected) != Decimal("0.008015")


@both
def test_a8_a_prompt_that_is_nearly_all_cache_is_counted_once(application, given):
    usage = {"input_tokens": 5, "cache_read_input_tokens": 128_955, "cache_creation_input_tokens": 1_253,
             "cache_creation": {"ephemeral_5m_input_tokens": 1_253, "ephemeral_1h_input_tokens": 0},
             "output_tokens": 0}  # fmt: skip
    application.llm.record(given({"usage": usage}), provider="anthropic")
    assert sum(application.tokens().values()) == 130_213, "260,421 if the cache were added to itself"
    assert application.cost(SONNET_4_5) == Decimal("0.04340025")
    assert application.cost(SONNET_4_5) not in (Decimal("0.43402425"), Decimal("0.390639"))


@both
def test_a9_reasoning_is_within_the_output(application, given):
    usage = {"input_tokens": 22_118, "output_tokens": 1_970, "total_tokens": 24_088,
             "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 956}}  # fmt: skip
    application.llm.record(given({"usage": usage}), provider="openai")
    assert application.tokens() == {"input_uncached": 22_118, "output": 1_970}, "2,926 if reasoning were added"
    assert application.points("llm.tokens.reasoning")[0][1] == 956
    assert application.cost(GPT_5) == Decimal("0.0473475") != Decimal("0.0569075")


def test_a10_a_run_is_the_sum_of_its_leaf_calls(application):
    with attributed(root="run-1", agent="planner"):
        application.llm.record({"prompt_tokens": 10_000, "completion_tokens": 500}, provider="openai")
        with attributed(agent="researcher"):
            application.llm.record({"prompt_tokens": 4_426, "completion_tokens": 271}, provider="openai")
    of_run = application.sums("llm.tokens", "llm.root_id", "token.kind")
    assert of_run == {("run-1", "input_uncached"): 14_426, ("run-1", "output"): 771}
    assert application.attribute("llm.parent_agent") == {None, "planner"}


def test_a23_the_tier_is_the_served_one_not_the_requested_one(application):
    answer = {"service_tier": "default", "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0}}
    application.llm.record(answer, provider="openai", model="gpt-5", service_tier="priority")
    assert application.attribute("llm.service_tier", "llm.tokens") == {"standard"}
    assert application.cost(GPT_5) == Decimal("1.25") != Decimal("2.50")


@pytest.mark.parametrize("outcome", [None, "cancelled", "error"])
def test_a31_a_request_without_usage_is_counted_and_its_tokens_are_unknown_not_zero(application, outcome):
    application.llm.record({"model": "gpt-5", "usage": None}, provider="openai", outcome=outcome)
    assert application.outcomes() == {outcome or "no_usage": 1}
    assert application.points("llm.tokens") == []


def test_a31_a_stream_cut_before_its_usage_is_cancelled_without_tokens(application):
    def answer():
        with application.llm.request(provider="anthropic") as request:
            request.see({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}})
            yield "Hello"

    stream = answer()
    next(stream)
    stream.close()
    assert application.outcomes() == {"cancelled": 1}
    assert application.points("llm.tokens") == []


def test_an_explicit_zero_stays_zero(application):
    application.llm.record({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, provider="openai")
    assert application.tokens() == {"input_uncached": 0, "output": 0}
    assert application.outcomes() == {"ok": 1}
