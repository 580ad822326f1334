"""A request is counted once, whatever becomes of it: answered, streamed, failed, cancelled."""

import asyncio

import pytest
from unit.llm.recorded import as_object

from tallystick.llm import attributed

both = pytest.mark.parametrize("given", [dict, as_object], ids=["mapping", "object"])


def stream(application, events, given, **call):
    with application.llm.request(**{"provider": "any", **call}) as request:
        for event in events:
            request.see(given(event))


@both
def test_a_whole_response_is_seen(application, given):
    stream(application, [{"model": "gpt-5", "usage": {"prompt_tokens": 5, "completion_tokens": 2}}], given)
    assert application.tokens() == {"input_uncached": 5, "output": 2}
    assert application.sums("llm.requests", "gen_ai.response.model", "outcome") == {("gpt-5", "ok"): 1}


@both
def test_chat_completions_say_their_usage_last(application, given):
    chunk = {"model": "gpt-5", "usage": None, "choices": [{"delta": {"content": "Hello"}}]}
    last = {"model": "gpt-5", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}
    stream(application, [chunk, chunk, last], given)
    assert application.tokens() == {"input_uncached": 5, "output": 2}


@both
def test_responses_say_their_usage_in_the_last_event(application, given):
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7, "input_tokens_details": {"cached_tokens": 4}}
    events = [
        {"type": "response.created", "response": {"model": "gpt-5", "usage": None}},
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.completed", "response": {"model": "gpt-5", "service_tier": "flex", "usage": usage}},
    ]
    stream(application, events, given)
    assert application.tokens() == {"cache_read": 4, "input_uncached": 1, "output": 2}
    assert application.sums("llm.requests", "gen_ai.response.model", "llm.service_tier") == {("gpt-5", "flex"): 1}


@both
def test_anthropic_says_the_prompt_first_and_cumulative_counts_later(application, given):
    start = {"input_tokens": 25, "cache_read_input_tokens": 9, "cache_creation_input_tokens": 0, "output_tokens": 1,
             "service_tier": "priority"}  # fmt: skip
    events = [
        {"type": "message_start", "message": {"model": "claude-sonnet-5", "usage": start}},
        {"type": "content_block_delta", "delta": {"text": "Hello"}},
        {"type": "message_delta", "usage": {"output_tokens": 15}},
        {"type": "message_delta", "usage": {"input_tokens": 30, "output_tokens": 40}},
        {"type": "message_stop"},
    ]
    stream(application, events, given)
    assert application.tokens() == {"input_uncached": 30, "cache_read": 9, "output": 40}
    assert application.sums("llm.requests", "gen_ai.response.model", "llm.service_tier", "outcome") == {
        ("claude-sonnet-5", "priority", "ok"): 1
    }


@both
def test_gemini_says_more_with_every_chunk(application, given):
    chunks = [
        {"modelVersion": "gemini-3", "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}},
        {"modelVersion": "gemini-3", "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 8,
                                                       "totalTokenCount": 13}},
    ]  # fmt: skip
    stream(application, chunks, given)
    assert application.tokens() == {"input_uncached": 5, "output": 8}


def test_bedrock_says_its_usage_in_the_metadata_event(application):
    events = [
        {"contentBlockDelta": {"delta": {"text": "Hello"}}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}, "metrics": {"latencyMs": 9}}},
    ]
    stream(application, events, dict, model="amazon.nova")
    assert application.tokens() == {"input_uncached": 5, "output": 2}


def test_a_stream_that_never_says_its_usage_is_counted_without(application):
    stream(application, [{"choices": [{"delta": {"content": "Hello"}}], "usage": None}], dict)
    assert application.outcomes() == {"no_usage": 1}


def test_an_exception_is_an_error_and_goes_on_to_the_caller(application):
    with pytest.raises(TimeoutError), application.llm.request(provider="openai", model="gpt-5"):
        raise TimeoutError
    assert application.sums("llm.requests", "outcome", "gen_ai.response.model") == {("error", "gpt-5"): 1}
    assert application.points("llm.tokens") == []


async def test_a_cancelled_task_is_a_cancelled_request(application):
    is_in = asyncio.Event()

    async def ask():
        with application.llm.request(provider="openai"):
            is_in.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await is_in.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert application.outcomes() == {"cancelled": 1}


def test_usage_that_was_seen_before_the_exception_is_recorded(application):
    def ask():
        with application.llm.request(provider="openai") as request:
            request.see({"usage": {"prompt_tokens": 5, "completion_tokens": 2}})
            raise ValueError("the answer is no JSON")

    with pytest.raises(ValueError):
        ask()
    assert application.outcomes() == {"error": 1}
    assert application.tokens() == {"input_uncached": 5, "output": 2}


def test_a_caller_that_leaves_a_stream_early_can_say_so(application):
    with application.llm.request(provider="openai") as request:
        request.outcome = "cancelled"
    assert application.outcomes() == {"cancelled": 1}


def test_each_retry_is_a_request(application):
    for _ in range(3):
        with pytest.raises(TimeoutError), application.llm.request(provider="openai"):
            raise TimeoutError
    assert application.outcomes() == {"error": 3}


def test_a_request_is_for_whom_it_was_begun_for(application):
    with attributed(user="u-1"):
        request = application.llm.request(provider="openai")
    with attributed(user="u-2"), request:
        request.see({"prompt_tokens": 1})
    assert application.attribute("user.id") == {"u-1"}
