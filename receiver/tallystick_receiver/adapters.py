"""What is priced of usage as it was sent: signed contributions to the kinds of tallystick.llm.

Pure, and a table above all. Stored usage stays what was sent; an adapter says how much of which kind it stands for.
Where a sender counts what was cached within the input, the cache's count is taken out of it again, which is linear and
so is exact on sums. Sources: research/llm.md 1.5 and 3.1; OpenTelemetry's GenAI conventions (gen-ai-token-metrics.md);
Claude Code's monitoring documentation; Codex's otel crate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tallystick.llm import kinds
from tallystick.semconv import KIND_HISTOGRAM, KIND_SUM, METRIC_OVERFLOW
from tallystick_receiver.schemes import scheme_of

EXACT: Final = "exact"
CACHE_BLIND: Final = "cache_blind"
"""Input of which nobody knows how much was cached, so that it is priced too high."""
TTL_UNKNOWN: Final = "ttl_unknown"
"""Written to a cache, for nobody knows how long."""
REPEATED: Final = "repeated"
"""Counted by what encloses the calls, which may count them as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is priced of a set of dimensions.

    Attributes:
        part: which of its lines.
        metric: by whose scheme it is priced.
        unit: of the quantity.
        factor: 1, or -1 where it is taken out of what another line holds.
        attributes: by the names of tallystick.llm, as texts.
        source: the metric as it was sent.
        grade: how well it can be priced.
        precedence: of those that count the same usage at one sender in one hour the least counts; None: always.
    """

    part: int
    metric: str
    unit: str
    factor: int
    attributes: Mapping[str, str]
    source: str
    grade: str
    precedence: int | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A kind to which a point contributes."""

    kind: str
    factor: int = 1
    grade: str = EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adapter:
    """How a foreign metric counts.

    Attributes:
        metric_kind: sum or histogram, as it is sent.
        by: the attribute that says which tokens; "" where the metric's name does.
        parts: by the value of that attribute.
        added: attributes that every such sender means.
        renamed: what is called otherwise there.
    """

    metric_kind: str
    precedence: int
    by: str = ""
    parts: Mapping[str, tuple[_Part, ...]]
    added: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


_OPERATION: Final = "gen_ai.operation.name"
_ENCLOSING: Final = frozenset({
    "invoke_agent", "agent_step", "invoke_workflow", "create_agent", "execute_tool", "fetch_response"
})  # fmt: skip
"""Operations whose tokens are those of the calls within them, or of a call that was counted before."""
_MODALITY: Final = "gen_ai.token.modality"
_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - an attribute
_NATIVE, _COUNTERS, _CLAUDE_CODE, _CODEX, _HISTOGRAM, _ENCLOSED = range(1, 7)
_SPLIT: Final = frozenset({kinds.INPUT_UNCACHED, kinds.CACHE_READ, kinds.OUTPUT})
"""Kinds that have one of their own for each modality."""

_ALSO_CALLED: Final = {
    kinds.PROVIDER: ("gen_ai.system",),
    kinds.MODEL: ("gen_ai.request.model",),
    kinds.USER: ("enduser.id",),
    kinds.SERVICE_TIER: ("openai.response.service_tier", "gen_ai.openai.response.service_tier"),
}
_TIERS: Final = {"default": kinds.STANDARD, "auto": kinds.STANDARD}

_INPUT: Final = (_Part(kinds.INPUT_UNCACHED),)
_OUTPUT: Final = (_Part(kinds.OUTPUT),)
_READ: Final = (_Part(kinds.CACHE_READ), _Part(kinds.INPUT_UNCACHED, -1))
_WRITTEN: Final = (_Part(kinds.CACHE_WRITE, 1, TTL_UNKNOWN), _Part(kinds.INPUT_UNCACHED, -1))
_BLIND: Final = (_Part(kinds.INPUT_UNCACHED, 1, CACHE_BLIND),)


def _counter(*parts: _Part) -> _Adapter:
    return _Adapter(metric_kind=KIND_SUM, precedence=_COUNTERS, parts=MappingProxyType({"": parts}))


_ADAPTERS: Final[Mapping[str, _Adapter]] = MappingProxyType({
    "gen_ai.client.inference.usage.input_tokens": _counter(*_INPUT),
    "gen_ai.client.inference.usage.cache_read.input_tokens": _counter(*_READ),
    "gen_ai.client.inference.usage.cache_write.input_tokens": _counter(*_WRITTEN),
    "gen_ai.client.inference.usage.cache_creation.input_tokens": _counter(*_WRITTEN),
    "gen_ai.client.inference.usage.output_tokens": _counter(*_OUTPUT),
    "gen_ai.client.inference.usage.reasoning.output_tokens": _counter(),
    "gen_ai.client.token.usage": _Adapter(
        metric_kind=KIND_HISTOGRAM, precedence=_HISTOGRAM, by=_TOKEN_TYPE,
        parts=MappingProxyType({"input": _BLIND, "output": _OUTPUT, "completion": _OUTPUT}),
    ),
    "claude_code.token.usage": _Adapter(
        metric_kind=KIND_SUM, precedence=_CLAUDE_CODE, by="type",
        parts=MappingProxyType({
            "input": _INPUT, "output": _OUTPUT, "cacheRead": _READ[:1], "cacheCreation": _WRITTEN[:1],
        }),
        added=MappingProxyType({kinds.PROVIDER: "anthropic"}),
        renamed=MappingProxyType({"model": kinds.MODEL, "session.id": kinds.CONVERSATION}),
    ),
    "codex.turn.token_usage": _Adapter(
        metric_kind=KIND_HISTOGRAM, precedence=_CODEX, by="token_type",
        parts=MappingProxyType({
            "input": _INPUT, "cached_input": _READ, "output": _OUTPUT, "reasoning_output": (), "total": (),
        }),
        added=MappingProxyType({kinds.PROVIDER: "openai"}),
        renamed=MappingProxyType({"model": kinds.MODEL, "conversation.id": kinds.CONVERSATION}),
    ),
})  # fmt: skip


def foreign_metrics() -> tuple[str, ...]:
    """Keys of metrics that are priced as tokens."""
    return tuple(_ADAPTERS)


def lines_of(metric: str, unit: str, kind: str, attributes: Mapping[str, Any]) -> list[Line]:
    """What is priced of one set of dimensions; empty where it is information only.

    Args:
        metric: its key, as it was sent.
        unit: as it was sent.
        kind: sum or histogram (tallystick.semconv); of others nothing is priced.
        attributes: dimensions with any JSON values.
    """
    if kind not in (KIND_SUM, KIND_HISTOGRAM):
        return []
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
    adapter = _ADAPTERS.get(metric)
    if adapter is not None:
        return list(_adapted(adapter, metric, kind, texts))
    is_tokens = metric == kinds.TOKENS
    scheme = scheme_of(metric)
    is_ours = scheme.unit is not None
    return [
        Line(
            part=0, metric=metric, unit=scheme.unit or unit, factor=1,
            attributes=_canonical(texts) if is_ours else texts, source=metric, grade=EXACT,
            precedence=_NATIVE if is_tokens else None,
        )
    ]  # fmt: skip


def _adapted(adapter: _Adapter, metric: str, kind: str, texts: dict[str, str]) -> Iterator[Line]:
    if kind != adapter.metric_kind:
        return
    renamed = {adapter.renamed.get(key, key): value for key, value in texts.items()}
    which = renamed.pop(adapter.by, "") if adapter.by else ""
    is_known = which in adapter.parts
    parts = adapter.parts[which] if is_known else (_Part(kinds.UNCLASSIFIED),)
    modality = renamed.pop(_MODALITY, "")
    attributes = _canonical({**adapter.added, **renamed})
    is_enclosing = attributes.get(_OPERATION) in _ENCLOSING
    for number, part in enumerate(parts):
        yield Line(
            part=number, metric=kinds.TOKENS, unit=kinds.TOKENS_UNIT, factor=part.factor,
            attributes={**attributes, kinds.TOKEN_KIND: _of_modality(part.kind, modality)}, source=metric,
            grade=REPEATED if is_enclosing else part.grade,
            precedence=_ENCLOSED if is_enclosing else adapter.precedence,
        )  # fmt: skip


def _of_modality(kind: str, modality: str) -> str:
    return f"{kind}_{modality}" if modality in kinds.MODALITIES and kind in _SPLIT else kind


def _canonical(texts: Mapping[str, str]) -> dict[str, str]:
    """Attributes by the names of tallystick.llm; whatever else there is stays."""
    found = dict(texts)
    for name, others in _ALSO_CALLED.items():
        for other in others:
            if not found.get(name) and found.get(other):
                found[name] = found[other]
    if kinds.SERVICE_TIER in found:
        found[kinds.SERVICE_TIER] = tier_of(found[kinds.SERVICE_TIER])
    return found


def tier_of(text: str) -> str:
    """A service tier as rates and usage name it."""
    return _TIERS.get(text.lower(), text.lower())


def is_overflow(attributes: Mapping[str, str]) -> bool:
    """Whether an SDK's cardinality limit stripped it of whom it was for."""
    return attributes.get(METRIC_OVERFLOW) == "true"
