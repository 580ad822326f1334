"""Usage blocks of Amazon Bedrock's Converse: the input excludes what was read from a cache or written to one.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.llm.block import UsageRefused, count, difference, field, refuse
from tallystick.llm.kinds import CACHE_READ, INPUT_UNCACHED, OUTPUT, UNCLASSIFIED
from tallystick.llm.reading import Reading, Sampling, cache_writes, tier_of


def read_converse(response: object, usage: object) -> Reading:
    """A usage block that says `inputTokens`.

    Raises:
        Unreadable: the block contradicts itself.
    """
    details = field(usage, "cacheDetails")
    counts = {
        INPUT_UNCACHED: count(usage, "inputTokens"),
        CACHE_READ: count(usage, "cacheReadInputTokens"),
        **cache_writes(count(usage, "cacheWriteInputTokens"), _written(details, "5m"), _written(details, "1h")),
        OUTPUT: count(usage, "outputTokens"),
    }
    tokens = {kind: number for kind, number in counts.items() if number is not None}
    total = count(usage, "totalTokens")
    # Observed totals include the cache; the description of the field leaves it out.
    if total is not None and total != (counts[INPUT_UNCACHED] or 0) + (counts[OUTPUT] or 0):
        rest = difference(total, *tokens.values())
        tokens |= {UNCLASSIFIED: rest} if rest else {}
    tier = field(field(response, "serviceTier"), "type")
    optimized = field(field(response, "performanceConfig"), "latency") == "optimized"
    return Reading(samplings=(Sampling(tokens=tokens),), tier="optimized" if optimized else tier_of(tier))


def _written(details: object, ttl: str) -> int | None:
    if details is None:
        return None
    if not isinstance(details, Iterable):
        refuse(UsageRefused.INCONSISTENT)
    found = [count(detail, "inputTokens") or 0 for detail in details if field(detail, "ttl") == ttl]
    return sum(found) if found else None
