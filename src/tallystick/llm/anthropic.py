"""Anthropic's usage blocks: the input excludes what was read from a cache or written to one."""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.llm.block import UsageRefused, count, difference, field, name, refuse, word
from tallystick.llm.kinds import CACHE_READ, INPUT_UNCACHED, OUTPUT, UNCLASSIFIED, WEB_FETCH, WEB_SEARCH
from tallystick.llm.reading import Reading, Sampling, cache_writes, tier_of

_BESIDE = ("compaction", "advisor_message")
"""Iterations that are billed, and are not within the block's own counts (docstrings of anthropic 2.14.0)."""


def read_messages(_response: object, usage: object) -> Reading:
    """A usage block of the Messages API, with the passes of a model that it lists beside its own counts.

    Raises:
        Unreadable: the block contradicts itself.
    """
    tools = field(usage, "server_tool_use")
    units = {WEB_SEARCH: count(tools, "web_search_requests"), WEB_FETCH: count(tools, "web_fetch_requests")}
    geo = word(field(usage, "inference_geo"))
    return Reading(
        samplings=(_sampling(usage), *_beside(field(usage, "iterations"))),
        units={kind: number for kind, number in units.items() if number},
        tier=tier_of(field(usage, "service_tier"), speed=field(usage, "speed")),
        region=None if geo == "not_available" else geo,
    )


def _sampling(usage: object, model: str | None = None) -> Sampling:
    written = field(usage, "cache_creation")
    counts = {
        INPUT_UNCACHED: count(usage, "input_tokens"),
        CACHE_READ: count(usage, "cache_read_input_tokens"),
        **cache_writes(
            count(usage, "cache_creation_input_tokens"),
            count(written, "ephemeral_5m_input_tokens"),
            count(written, "ephemeral_1h_input_tokens"),
        ),
        OUTPUT: count(usage, "output_tokens"),
    }
    tokens = {kind: number for kind, number in counts.items() if number is not None}
    tokens |= _beyond(tokens, count(usage, "total_tokens"))
    reasoning = count(field(usage, "output_tokens_details"), "thinking_tokens") or 0
    difference(tokens.get(OUTPUT, 0), reasoning)
    return Sampling(tokens=tokens, reasoning=reasoning, model=model)


def _beyond(tokens: dict[str, int], total: int | None) -> dict[str, int]:
    """What a total has beyond its parts. Anthropic gives none; who gives one in this shape must mean the same."""
    if total is None:
        return {}
    parts = sum(tokens.values())
    if total < parts and total == tokens.get(INPUT_UNCACHED, 0) + tokens.get(OUTPUT, 0):
        # A gateway whose input includes the cache, in Anthropic's words.
        refuse(UsageRefused.AMBIGUOUS)
    rest = difference(total, parts)
    return {UNCLASSIFIED: rest} if rest else {}


def _beside(iterations: object) -> Iterable[Sampling]:
    if iterations is None:
        return
    if not isinstance(iterations, Iterable):
        refuse(UsageRefused.INCONSISTENT)
    for iteration in iterations:
        if field(iteration, "type") in _BESIDE:
            yield _sampling(iteration, name(field(iteration, "model")))
