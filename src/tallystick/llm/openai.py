"""OpenAI's usage blocks, and those of everybody who speaks its protocols: the input includes what was cached.

Chat completions and embeddings say `prompt_tokens`, responses, images and transcriptions `input_tokens`. DeepSeek,
OpenRouter, xAI, LiteLLM, LangChain and others add fields of their own, which are read where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tallystick.llm.block import UsageRefused, count, difference, field, refuse
from tallystick.llm.kinds import (
    AUDIO_SECOND,
    MODALITIES,
    OUTPUT,
    UNCLASSIFIED,
    WEB_FETCH,
    WEB_SEARCH,
)
from tallystick.llm.reading import Reading, Sampling, cache_writes, prompt_kinds, split, tier_of

USD_PER_TICK: Final = Decimal("1e-10")
"""https://docs.x.ai: `cost_in_usd_ticks`, ten thousand million to the dollar."""

_WRITTEN: Final = ("cache_write_tokens", "cache_creation_tokens", "cache_creation", "cache_creation_input_tokens")
"""What OpenAI, LiteLLM, LangChain and Perplexity call what was written to a cache."""


def read_chat(response: object, usage: object) -> Reading:
    """A usage block that says `prompt_tokens`.

    Raises:
        Unreadable: the block contradicts itself.
    """
    details = field(usage, "prompt_tokens_details")
    prompt = count(usage, "prompt_tokens")
    misses = count(usage, "prompt_cache_miss_tokens")
    cached = _agreed(
        count(usage, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens"),
        count(details, "cached_tokens", "cache_read"),
        # DeepSeek says hits and misses, which are the whole prompt.
        None if misses is None or prompt is None else difference(prompt, misses),
    )
    tokens = {} if prompt is None else _input(prompt, details, cached, count(usage, "cache_creation_input_tokens"))
    return _reading(response, usage, tokens, "completion_tokens", field(usage, "completion_tokens_details"))


def read_responses(response: object, usage: object) -> Reading:
    """A usage block that says `input_tokens`, and does so inclusively.

    Raises:
        Unreadable: the block contradicts itself.
    """
    details = _either(usage, "input_tokens_details", "input_token_details")
    prompt = count(usage, "input_tokens")
    cached = _agreed(
        count(details, "cached_tokens", "cache_read", "cache_read_input_tokens"), count(usage, "cache_read_tokens")
    )
    tokens = {} if prompt is None else _input(prompt, details, cached, count(usage, "cache_write_tokens"))
    return _reading(
        response, usage, tokens, "output_tokens", _either(usage, "output_tokens_details", "output_token_details")
    )


def read_duration(response: object, usage: object) -> Reading:
    """A transcription that is billed by the second.

    Raises:
        Unreadable: the seconds are of something else.
    """
    if field(usage, "type") != "duration":
        refuse(UsageRefused.UNKNOWN_SHAPE)
    return Reading(samplings=(), units={AUDIO_SECOND: field(usage, "seconds")}, tier=_tier(response, usage))


def _either(usage: object, one: str, other: str) -> object:
    found = field(usage, one)
    return field(usage, other) if found is None else found


def _agreed(*counts: int | None) -> int | None:
    told = {number for number in counts if number is not None}
    if len(told) > 1:
        refuse(UsageRefused.INCONSISTENT)
    return told.pop() if told else None


def _input(total: int, details: object, cached: int | None, written: int | None) -> dict[str, int]:
    told = count(details, *_WRITTEN)
    by_lifetime = _either(details, "cache_creation_token_details", "cache_write_tokens_details")
    writes = cache_writes(
        _agreed(told, written),
        _agreed(*(count(block, "ephemeral_5m_input_tokens") for block in (details, by_lifetime))),
        _agreed(*(count(block, "ephemeral_1h_input_tokens") for block in (details, by_lifetime))),
    )
    cached_parts = _parts(field(details, "cached_tokens_details"))
    return prompt_kinds(total, _parts(details), cached=cached, cached_parts=cached_parts, writes=writes)


def _parts(details: object) -> dict[str, int]:
    """Tokens by modality other than text."""
    parts = {modality: count(details, f"{modality}_tokens", modality) for modality in MODALITIES}
    return {modality: part for modality, part in parts.items() if part}


def _reading(response: object, usage: object, tokens: dict[str, int], answer: str, details: object) -> Reading:
    output = count(usage, answer)
    if output is not None:
        tokens |= split(OUTPUT, output, _parts(details))
    reasoning = count(details, "reasoning_tokens", "thinking_tokens", "reasoning") or 0
    total = count(usage, "total_tokens")
    rest = 0 if total is None else difference(total, *tokens.values())
    if rest and rest == reasoning:
        # xAI counts reasoning beside completion_tokens, OpenAI counts it within; the total says which it is.
        tokens[OUTPUT] = tokens.get(OUTPUT, 0) + reasoning
    elif rest:
        tokens[UNCLASSIFIED] = rest
    difference(tokens.get(OUTPUT, 0), reasoning)
    tools = field(usage, "server_tool_use")
    units = {WEB_SEARCH: count(tools, "web_search_requests"), WEB_FETCH: count(tools, "web_fetch_requests")}
    return Reading(
        samplings=(Sampling(tokens=tokens, reasoning=reasoning),),
        units={kind: number for kind, number in units.items() if number},
        cost=_cost(usage),
        tier=_tier(response, usage),
    )


def _tier(response: object, usage: object) -> str | None:
    return tier_of(field(response, "service_tier"), field(usage, "service_tier"), speed=field(usage, "speed"))


def _cost(usage: object) -> object:
    """What OpenRouter and Perplexity (`cost`) or xAI (`cost_in_usd_ticks`) say that the answer costs, in USD."""
    ticks = count(usage, "cost_in_usd_ticks")
    if ticks is not None:
        return ticks * USD_PER_TICK
    cost = field(usage, "cost")
    return field(cost, "total_cost") if isinstance(cost, Mapping) or hasattr(cost, "total_cost") else cost
