"""Finds the usage in what a provider's client gave, and the adapter that reads it, by the names of its fields alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.llm.anthropic import read_messages
from tallystick.llm.bedrock import read_converse
from tallystick.llm.block import UsageRefused, count, field, name, refuse
from tallystick.llm.gemini import read_generate_content
from tallystick.llm.kinds import TOKEN_KINDS, UNIT_KINDS
from tallystick.llm.openai import read_chat, read_duration, read_responses
from tallystick.llm.reading import Reading, Sampling

Adapter = Callable[[object, object], Reading]

_USAGE = ("usage", "usage_metadata", "usageMetadata")
_ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use",
              "inference_geo", "iterations")  # fmt: skip
_EXCLUDED = _ANTHROPIC[:2]
_KINDS = frozenset((*TOKEN_KINDS, *UNIT_KINDS))


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and its usage block; the response is None where the block was given alone."""

    response: object
    usage: object

    @property
    def model(self) -> str | None:
        """The model that answered, where the response says so."""
        names = (field(self.response, key) for key in ("model", "model_version", "modelVersion"))
        return next((found for value in names if (found := name(value)) is not None), None)


def answer_in(given: object) -> Answer | None:
    """The answer in a response, a usage block or an event of a stream; None: it has no usage."""
    if given is None:
        return None
    for key in _USAGE:
        usage = field(given, key)
        if usage is not None and usage != {}:
            return Answer(given, usage)
    kind = field(given, "type")
    if isinstance(kind, str) and kind.startswith("response."):
        # An event of OpenAI's Responses API, the last of which bears the whole response.
        return answer_in(field(given, "response"))
    if kind == "message_start":
        return answer_in(field(given, "message"))
    metadata = field(given, "metadata")
    if field(metadata, "usage") is not None:
        # The last event of Bedrock's ConverseStream.
        return Answer(metadata, field(metadata, "usage"))
    return Answer(None, given) if _adapter(given) is not None else None


def read(answer: Answer) -> Reading:
    """The usage of an answer in our words.

    Raises:
        Unreadable: the block is of no known shape, or contradicts itself.
    """
    adapter = _adapter(answer.usage)
    if adapter is None:
        refuse(UsageRefused.UNKNOWN_SHAPE)
    return adapter(answer.response, answer.usage)


def _adapter(usage: object) -> Adapter | None:
    for key, adapter in _BY_FIELD:
        if field(usage, key) is not None:
            return adapter
    return _read_kinds if isinstance(usage, Mapping) and usage and usage.keys() <= _KINDS else None


def _read_input_tokens(response: object, usage: object) -> Reading:
    """`input_tokens` includes the cache at OpenAI and excludes it at Anthropic; its neighbours say whose it is."""
    if any(field(usage, key) is not None for key in ("input_tokens_details", "input_token_details")):
        if any(count(usage, key) for key in _EXCLUDED):
            refuse(UsageRefused.AMBIGUOUS)
        return read_responses(response, usage)
    is_anthropic = any(field(usage, key) is not None for key in _ANTHROPIC)
    return read_messages(response, usage) if is_anthropic else read_responses(response, usage)


def _read_kinds(_response: object, usage: object) -> Reading:
    """A plain mapping of kinds of tokens and units."""
    tokens = {kind: number for kind in TOKEN_KINDS if (number := count(usage, kind)) is not None}
    units = {kind: found for kind in UNIT_KINDS if (found := field(usage, kind)) is not None}
    return Reading(samplings=(Sampling(tokens=tokens),) if tokens else (), units=units)


_BY_FIELD: Final[tuple[tuple[str, Adapter], ...]] = (
    ("prompt_tokens", read_chat),
    ("input_tokens", _read_input_tokens),
    ("output_tokens", _read_input_tokens),
    ("inputTokens", read_converse),
    ("promptTokenCount", read_generate_content),
    ("prompt_token_count", read_generate_content),
    ("totalTokenCount", read_generate_content),
    ("total_token_count", read_generate_content),
    ("seconds", read_duration),
)
"""The field that gives a shape away; the first that is there decides."""
