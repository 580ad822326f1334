"""Gemini's usage metadata: the prompt includes what was cached, and thoughts stand beside the candidates.

Both spellings are read: of REST (`promptTokenCount`) and of the Python clients (`prompt_token_count`).
"""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.llm.block import UsageRefused, count, difference, field, refuse, word
from tallystick.llm.kinds import MODALITIES, OUTPUT, UNCLASSIFIED
from tallystick.llm.reading import Reading, Sampling, prompt_kinds, split, tier_of


def read_generate_content(_response: object, usage: object) -> Reading:
    """The usage metadata of `generateContent`.

    `totalTokenCount` is prompt + tool use + candidates + thoughts, as its description has it.

    Raises:
        Unreadable: the block contradicts itself.
    """
    prompt = count(usage, "promptTokenCount", "prompt_token_count")
    tools = count(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count")
    cached = count(usage, "cachedContentTokenCount", "cached_content_token_count")
    candidates = count(
        usage, "candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"
    )
    thoughts = count(usage, "thoughtsTokenCount", "thoughts_token_count")

    tokens: dict[str, int] = {}
    if prompt is not None or tools is not None:
        tokens |= prompt_kinds(
            (prompt or 0) + (tools or 0),
            _prompt_parts(usage),
            cached=cached,
            cached_parts=_parts(usage, "cacheTokensDetails", "cache_tokens_details"),
            writes={},
        )
    if candidates is not None or thoughts is not None:
        parts = _parts(usage, "candidatesTokensDetails", "candidates_tokens_details",
                       "responseTokensDetails", "response_tokens_details")  # fmt: skip
        tokens |= split(OUTPUT, (candidates or 0) + (thoughts or 0), parts)
    total = count(usage, "totalTokenCount", "total_token_count")
    rest = 0 if total is None else difference(total, *tokens.values())
    if rest:
        tokens[UNCLASSIFIED] = rest
    return Reading(
        samplings=(Sampling(tokens=tokens, reasoning=thoughts or 0),),
        tier=tier_of(*(_named(usage, *names) for names in _TIER_NAMES)),
    )


_TIER_NAMES = (("serviceTier", "service_tier"), ("trafficType", "traffic_type"))


def _named(usage: object, *names: str) -> object:
    return next((value for name in names if (value := field(usage, name)) is not None), None)


def _prompt_parts(usage: object) -> dict[str, int]:
    parts = _parts(usage, "promptTokensDetails", "prompt_tokens_details")
    for modality, tokens in _parts(usage, "toolUsePromptTokensDetails", "tool_use_prompt_tokens_details").items():
        parts[modality] = parts.get(modality, 0) + tokens
    return parts


def _parts(usage: object, *names: str) -> dict[str, int]:
    """Tokens by modality other than text; documents count as text, whose price they have."""
    details = _named(usage, *names)
    if details is None:
        return {}
    if not isinstance(details, Iterable):
        refuse(UsageRefused.INCONSISTENT)
    tokens: dict[str, int] = {}
    for detail in details:
        modality = word(field(detail, "modality"))
        here = count(detail, "tokenCount", "token_count")
        if modality in MODALITIES and here:
            tokens[modality] = tokens.get(modality, 0) + here
    return tokens
