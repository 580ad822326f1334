"""The names that both sides of LLM metering agree on: metrics, kinds of tokens, units, attributes, context bands.

Pure constants and two pure functions. Applications record with them (`tallystick.llm`), the receiver prices by them.
Why the names are these: README.md in this folder.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Metrics.

TOKENS: Final = "llm.tokens"
"""Tokens by disjoint kind (`token.kind`): the sum over all kinds is what the provider counted."""
TOKENS_UNIT: Final = "{token}"
REASONING_TOKENS: Final = "llm.tokens.reasoning"
"""How many of the output tokens were reasoning. They are within `llm.tokens` already: information, never a price."""
REQUESTS: Final = "llm.requests"
"""Requests by `outcome`, whether or not tokens are known."""
REQUESTS_UNIT: Final = "{request}"
UNITS: Final = "llm.units"
"""What is billed beside tokens, by `unit.kind`; fractions are exact decimals."""
UNITS_UNIT: Final = "{unit}"
COST_REPORTED: Final = "llm.cost.reported"
"""What the answer itself says that it costs (OpenRouter, xAI), as an exact decimal."""
COST_REPORTED_UNIT: Final = "USD"
USAGE_REFUSED: Final = "llm.usage.refused"
"""Usage blocks that contradict themselves, by `reason`: their tokens are unknown, their request is counted."""
USAGE_REFUSED_UNIT: Final = "{usage}"

# Kinds of tokens (values of token.kind). No token is of two kinds.

TOKEN_KIND: Final = "token.kind"  # noqa: S105 - an attribute

INPUT_UNCACHED: Final = "input_uncached"
"""Input at the full price: neither read from a cache nor written to one."""
CACHE_READ: Final = "cache_read"
CACHE_WRITE: Final = "cache_write"
"""Written to a cache whose lifetime the provider does not tell or does not price (OpenAI; Anthropic without the split,
whose default is five minutes)."""
CACHE_WRITE_5M: Final = "cache_write_5m"
CACHE_WRITE_1H: Final = "cache_write_1h"
OUTPUT: Final = "output"
"""Output, reasoning included."""
OUTPUT_REASONING: Final = "output_reasoning"
"""Reasoning that the provider counts and prices apart from output (never beside an `output` that includes it)."""
UNCLASSIFIED: Final = "unclassified"
"""In the provider's total, but in none of the parts that it lists; priced only by a rate for this very kind."""

INPUT_UNCACHED_AUDIO: Final = "input_uncached_audio"
INPUT_UNCACHED_IMAGE: Final = "input_uncached_image"
INPUT_UNCACHED_VIDEO: Final = "input_uncached_video"
CACHE_READ_AUDIO: Final = "cache_read_audio"
CACHE_READ_IMAGE: Final = "cache_read_image"
CACHE_READ_VIDEO: Final = "cache_read_video"
OUTPUT_AUDIO: Final = "output_audio"
OUTPUT_IMAGE: Final = "output_image"
OUTPUT_VIDEO: Final = "output_video"

MODALITIES: Final = ("audio", "image", "video")
"""What a kind is split by where the provider says so; the kind without a suffix is text, documents and whatever is
not split."""

INPUT_KINDS: Final = (
    INPUT_UNCACHED, CACHE_READ, CACHE_WRITE, CACHE_WRITE_5M, CACHE_WRITE_1H,
    INPUT_UNCACHED_AUDIO, INPUT_UNCACHED_IMAGE, INPUT_UNCACHED_VIDEO,
    CACHE_READ_AUDIO, CACHE_READ_IMAGE, CACHE_READ_VIDEO,
)  # fmt: skip
"""Kinds whose sum is the length of the prompt, which decides the context band."""
OUTPUT_KINDS: Final = (OUTPUT, OUTPUT_REASONING, OUTPUT_AUDIO, OUTPUT_IMAGE, OUTPUT_VIDEO)
TOKEN_KINDS: Final = (*INPUT_KINDS, *OUTPUT_KINDS, UNCLASSIFIED)

RATE_FALLBACK: Final = {
    CACHE_READ: INPUT_UNCACHED,
    CACHE_WRITE: CACHE_WRITE_5M,
    CACHE_WRITE_5M: INPUT_UNCACHED,
    CACHE_WRITE_1H: INPUT_UNCACHED,
    OUTPUT_REASONING: OUTPUT,
    INPUT_UNCACHED_IMAGE: INPUT_UNCACHED,
    INPUT_UNCACHED_VIDEO: INPUT_UNCACHED,
    CACHE_READ_IMAGE: CACHE_READ,
    CACHE_READ_VIDEO: CACHE_READ,
}
"""Whose rate holds where a model's card has none for a kind: a missing cache price is the input price, never 0, and
pictures cost what text costs unless the card says otherwise. Audio, output of pictures and `unclassified` have no such
rule: without a rate of their own they are unpriced."""

# Kinds of units (values of unit.kind).

UNIT_KIND: Final = "unit.kind"

WEB_SEARCH: Final = "web_search"
WEB_FETCH: Final = "web_fetch"
CODE_EXEC_HOUR: Final = "code_exec_hour"
SESSION_HOUR: Final = "session_hour"
IMAGE: Final = "image"
PAGE: Final = "page"
AUDIO_SECOND: Final = "audio_second"
CHARACTER: Final = "character"

UNIT_KINDS: Final = (WEB_SEARCH, WEB_FETCH, CODE_EXEC_HOUR, SESSION_HOUR, IMAGE, PAGE, AUDIO_SECOND, CHARACTER)
"""The known ones; an application may record others (lower-case words joined by underscores)."""

# What became of a request (values of outcome).

OUTCOME: Final = "outcome"
OK: Final = "ok"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"
NO_USAGE: Final = "no_usage"
"""Answered, but without a usage block that can be read: its tokens are unknown, not zero."""
OUTCOMES: Final = (OK, ERROR, CANCELLED, NO_USAGE)

REASON: Final = "reason"

# Attributes that select a rate; few values each.

PROVIDER: Final = "gen_ai.provider.name"
"""Who bills: `openai`, `anthropic`, `gcp.gemini`, `aws.bedrock` ... (OpenTelemetry's GenAI conventions)."""
MODEL: Final = "gen_ai.response.model"
"""The model that answered; where the answer does not say, the one that was asked for."""
SERVICE_TIER: Final = "llm.service_tier"
"""As served, in lower case: `standard` (OpenAI's `default`), `batch`, `flex`, `priority`, `fast` (Anthropic's speed).
Batch is a tier like the others. Absent: the provider said nothing, which is priced as `standard`."""
STANDARD: Final = "standard"
BATCH: Final = "batch"
FAST: Final = "fast"
CONTEXT_BAND: Final = "llm.context_band"
"""How long the prompt of the request was, as a `ContextBand`. Absent: unknown, or priced without input tokens."""
REGION: Final = "llm.region"
"""Where the model ran, as the provider says it (`us`, `global`, `eu-west-1`). Absent: not told."""

# Attributes of whom it is for.

USER: Final = "user.id"
CONVERSATION: Final = "gen_ai.conversation.id"
FEATURE: Final = "app.feature"
AGENT: Final = "gen_ai.agent.name"
"""The agent that made the call, the leaf. Totals of a whole run are sums over ROOT."""
PARENT_AGENT: Final = "llm.parent_agent"
"""The agent that called AGENT."""
ROOT: Final = "llm.root_id"
"""The run or workflow that the call is part of."""

# Context bands: long prompts of some models cost more, and then the whole request does (a cliff, not a slope).

CONTEXT_THRESHOLDS: Final = (32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288)
"""Every prompt length above which any model of genai-prices 0.2.3 (2,330 models, read 2026-11-25) costs more."""


@dataclass(frozen=True, slots=True)
class ContextBand:
    """Prompts of more than `above` and at most `up_to` tokens; None: of any length. As text `200001-256000`."""

    above: int | None
    up_to: int | None

    def __str__(self) -> str:
        """The value of the attribute: `<=32000`, `32001-100000`, `>524288`."""
        if self.up_to is None:
            return f">{self.above or 0}"
        return f"<={self.up_to}" if self.above is None else f"{self.above + 1}-{self.up_to}"

    def is_above(self, threshold: int) -> bool | None:
        """Whether all these prompts are longer than the threshold; None: some are and some are not.

        A rate for prompts longer than T prices a band exactly when this is not None. Bands are cut at all of
        CONTEXT_THRESHOLDS, so it is None only for a T that neither they nor the application's own list has.
        """
        if self.above is not None and self.above >= threshold:
            return True
        return False if self.up_to is not None and self.up_to <= threshold else None


def context_band(prompt_tokens: int, thresholds: Iterable[int] = CONTEXT_THRESHOLDS) -> ContextBand:
    """The band of a prompt: the thresholds next to its length."""
    ordered = sorted(set(thresholds))
    place = bisect_left(ordered, prompt_tokens)
    above = ordered[place - 1] if place else None
    return ContextBand(above, ordered[place] if place < len(ordered) else None)


def context_band_of(text: str) -> ContextBand:
    """The band that an attribute's text names.

    Raises:
        ValueError: it is none.
    """
    if text.startswith("<="):
        band = ContextBand(None, int(text[2:]))
    elif text.startswith(">"):
        band = ContextBand(int(text[1:]), None)
    else:
        first, _, last = text.partition("-")
        band = ContextBand(int(first) - 1, int(last))
    if str(band) != text:
        raise ValueError(f"{text} is not a context band such as <=32000, 32001-100000 or >524288")
    return band
