"""What each provider's answer says besides plain counts: tiers, regions, modalities, units, cost, who served it."""

import pytest
from unit.llm.recorded import as_object

both = pytest.mark.parametrize("given", [dict, as_object], ids=["mapping", "object"])


@both
def test_anthropic_tells_lifetimes_tools_region_and_speed(application, given):
    answer = {
        "model": "claude-opus-5",
        "usage": {
            "input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
            "service_tier": "standard", "speed": "fast", "inference_geo": "us",
            "output_tokens_details": {"thinking_tokens": 8},
        },
    }  # fmt: skip
    application.llm.record(given(answer), provider="anthropic", model="claude-opus")
    assert application.tokens() == {
        "input_uncached": 10, "cache_read": 5, "cache_write_5m": 3, "cache_write_1h": 4, "output": 20,
    }  # fmt: skip
    assert application.units() == {"web_search": 2, "web_fetch": 1}
    ((attributes, requests),) = application.points("llm.requests")
    assert (attributes, requests) == (
        {
            "gen_ai.provider.name": "anthropic", "gen_ai.response.model": "claude-opus-5", "llm.service_tier": "fast",
            "llm.region": "us", "llm.context_band": "<=32000", "outcome": "ok",
        },
        1,
    )  # fmt: skip


def test_writes_without_a_lifetime_are_a_kind_of_their_own(application):
    usage = {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 7}
    application.llm.record(usage, provider="anthropic")
    assert application.tokens()["cache_write"] == 7


@both
def test_compaction_and_advisors_are_billed_beside_the_answer(application, given):
    """anthropic 2.14.0: a `compaction` entry's tokens are not included in the top-level fields."""
    usage = {
        "input_tokens": 23_000, "output_tokens": 1_000,
        "cache_read_input_tokens": 0,
        "iterations": [
            {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
            {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
            {"type": "advisor_message", "model": "claude-fable-5", "input_tokens": 7, "output_tokens": 8},
        ],
    }  # fmt: skip
    application.llm.record(given({"model": "claude-opus-5", "usage": usage}), provider="anthropic")
    assert application.sums("llm.tokens", "gen_ai.response.model", "llm.context_band", "token.kind") == {
        ("claude-opus-5", "<=32000", "input_uncached"): 23_000,
        ("claude-opus-5", "<=32000", "output"): 1_000,
        ("claude-opus-5", "128001-199999", "input_uncached"): 180_000,
        ("claude-opus-5", "128001-199999", "output"): 3_500,
        ("claude-fable-5", "<=32000", "input_uncached"): 7,
        ("claude-fable-5", "<=32000", "output"): 8,
    }
    assert application.outcomes() == {"ok": 1}


@both
def test_gemini_tells_modalities_tools_thoughts_and_traffic(application, given):
    usage = {
        "promptTokenCount": 1_000, "toolUsePromptTokenCount": 100, "cachedContentTokenCount": 400,
        "candidatesTokenCount": 60, "thoughtsTokenCount": 40, "totalTokenCount": 1_200, "trafficType": "ON_DEMAND_FLEX",
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 700}, {"modality": "AUDIO", "tokenCount": 300}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 250}, {"modality": "TEXT", "tokenCount": 150}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 25}],
    }  # fmt: skip
    application.llm.record(given({"modelVersion": "gemini-3-flash", "usageMetadata": usage}), provider="gcp.gemini")
    assert application.tokens() == {
        "input_uncached": 650, "input_uncached_audio": 50, "cache_read": 150, "cache_read_audio": 250,
        "output": 75, "output_image": 25,
    }  # fmt: skip
    assert application.points("llm.tokens.reasoning")[0][1] == 40
    assert application.attribute("llm.service_tier") == {"flex"}
    assert application.attribute("gen_ai.response.model") == {"gemini-3-flash"}


def test_cached_tokens_whose_modality_is_not_told_leave_the_rest_unsplit_where_they_cannot_be_text(application):
    usage = {"promptTokenCount": 1_050, "cachedContentTokenCount": 1_000, "candidatesTokenCount": 1,
             "promptTokensDetails": [{"modality": "VIDEO", "tokenCount": 1_000}]}  # fmt: skip
    application.llm.record(usage, provider="gcp.gemini")
    assert application.tokens() == {"cache_read": 1_000, "input_uncached": 50, "output": 1}


@both
def test_openai_tells_audio(application, given):
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
             "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 10},
             "completion_tokens_details": {"audio_tokens": 20, "reasoning_tokens": 0}}  # fmt: skip
    application.llm.record(given({"usage": usage}), provider="openai")
    assert application.tokens() == {
        "input_uncached": 30, "input_uncached_audio": 60, "cache_read": 10, "output": 30, "output_audio": 20,
    }  # fmt: skip


def test_a_transcription_is_tokens_or_seconds(application):
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
              "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}  # fmt: skip
    application.llm.record({"usage": tokens}, provider="openai", model="gpt-4o-transcribe")
    application.llm.record({"usage": {"type": "duration", "seconds": 9.5}}, provider="openai", model="whisper-1")
    assert application.tokens() == {"input_uncached": 0, "input_uncached_audio": 14, "output": 45}
    assert application.units() == {"audio_second": 9.5}
    assert application.outcomes() == {"ok": 2}


def test_an_embedding_has_input_alone(application):
    application.llm.record({"usage": {"prompt_tokens": 8, "total_tokens": 8}}, provider="openai")
    assert application.tokens() == {"input_uncached": 8}


@both
def test_bedrock_excludes_the_cache_and_tells_its_lifetimes_and_tier(application, given):
    answer = {"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 1_000, "cacheReadInputTokens": 888,
                        "cacheWriteInputTokens": 100, "cacheDetails": [{"ttl": "1h", "inputTokens": 60},
                                                                       {"ttl": "5m", "inputTokens": 40}]},
              "serviceTier": {"type": "default"}}  # fmt: skip
    application.llm.record(given(answer), provider="aws.bedrock", model="anthropic.claude-opus-5", region="us-east-1")
    assert application.tokens() == {
        "input_uncached": 5, "cache_read": 888, "cache_write_5m": 40, "cache_write_1h": 60, "output": 7,
    }  # fmt: skip
    assert application.sums("llm.requests", "gen_ai.response.model", "llm.service_tier", "llm.region") == {
        ("anthropic.claude-opus-5", "standard", "us-east-1"): 1
    }


def test_deepseek_tells_hits_and_misses(application):
    usage = {"prompt_tokens": 100, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36,
             "completion_tokens": 5, "total_tokens": 105, "prompt_tokens_details": {"cached_tokens": 64}}  # fmt: skip
    application.llm.record(usage, provider="deepseek")
    application.llm.record({"prompt_tokens": 10, "prompt_cache_miss_tokens": 4}, provider="deepseek")
    assert application.tokens() == {"input_uncached": 40, "cache_read": 70, "output": 5}


def test_xai_counts_reasoning_beside_the_output_and_the_total_says_so(application):
    """The figures of Wei-Shaw/sub2api#5771, which agree with what xAI billed."""
    usage = {"prompt_tokens": 10_120, "completion_tokens": 1_499, "total_tokens": 14_428,
             "prompt_tokens_details": {"cached_tokens": 128}, "completion_tokens_details": {"reasoning_tokens": 2_809},
             "cost_in_usd_ticks": 232_856_000}  # fmt: skip
    application.llm.record(usage, provider="x_ai")
    assert application.tokens() == {"input_uncached": 9_992, "cache_read": 128, "output": 4_308}
    assert application.points("llm.cost.reported")[0][1] == 0.0232856


def test_what_a_total_has_beyond_its_parts_is_kept_and_named(application):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    application.llm.record(usage, provider="gcp.gemini")
    assert application.tokens() == {"input_uncached": 10, "output": 5, "unclassified": 100}


def test_openrouter_tells_the_cost(application):
    for cost in (0.000125, 0.1, 0.2):
        usage = {"prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": cost,
                 "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100}}  # fmt: skip
        application.llm.record({"model": "anthropic/claude", "usage": usage}, provider="openrouter")
    assert application.points("llm.cost.reported")[0][1] == 0.300125
    assert application.tokens() == {"input_uncached": 282, "cache_write": 300, "output": 6}


def test_a_batch_is_a_tier(application):
    answer = {"service_tier": "default", "usage": {"prompt_tokens": 1}}
    application.llm.record(answer, provider="openai", batch=True)
    application.llm.record({"usage": {"input_tokens": 1, "service_tier": "batch", "iterations": []}}, provider="a")
    assert application.attribute("llm.service_tier") == {"batch"}


def test_a_tier_or_region_that_is_not_told_is_absent_or_the_callers(application):
    application.llm.record({"prompt_tokens": 1}, provider="openai")
    application.llm.record({"prompt_tokens": 1}, provider="openai", service_tier="flex", region="eu")
    assert application.sums("llm.requests", "llm.service_tier", "llm.region") == {(None, None): 1, ("flex", "eu"): 1}


def test_the_model_that_was_asked_for_stands_in_where_the_answer_names_none(application):
    application.llm.record(
        {"model": "gpt-5-2025-08-07", "usage": {"prompt_tokens": 1}}, provider="openai", model="gpt-5"
    )
    application.llm.record({"prompt_tokens": 1}, provider="openai", model="gpt-5")
    assert application.attribute("gen_ai.response.model") == {"gpt-5-2025-08-07", "gpt-5"}


def test_what_the_provider_counts_wins_over_what_the_caller_counts(application):
    usage = {"input_tokens": 1, "server_tool_use": {"web_search_requests": 2}}
    application.llm.record(usage, provider="anthropic", units={"web_search": 3, "page": 4})
    assert application.units() == {"web_search": 2, "page": 4}


def test_unknown_fields_are_ignored(application):
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "carbon": {"grams": -1}, "queue_time": "x"}
    application.llm.record(usage, provider="openai")
    assert application.tokens() == {"input_uncached": 1, "output": 2}


def test_a_plain_mapping_of_kinds_is_taken_as_it_is(application):
    usage = {"input_uncached": 5, "cache_read_audio": 6, "output_reasoning": 7, "web_search": 8, "code_exec_hour": 0.25}
    application.llm.record(usage, provider="own")
    assert application.tokens() == {"input_uncached": 5, "cache_read_audio": 6, "output_reasoning": 7}
    assert application.units() == {"web_search": 8, "code_exec_hour": 0.25}
