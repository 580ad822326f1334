"""What the demo's models cost, as published: the rates that make its tokens a cost."""

from __future__ import annotations

from typing import Any, Final

_READ: Final = {"checkedOn": "2026-11-26", "note": "as in genai-prices 0.2.3"}
_ANTHROPIC: Final = {"provider": "anthropic", "sourceUrl": "https://www.anthropic.com/pricing#api"}
_OPENAI: Final = {"provider": "openai", "sourceUrl": "https://developers.openai.com/api/docs/pricing"}
_PRICES: Final = (
    ("claude-haiku-4-5", _ANTHROPIC, {"input_uncached": "1", "cache_read": "0.1", "output": "5"}),
    ("gpt-5-mini", _OPENAI, {"input_uncached": "0.25", "cache_read": "0.025", "output": "2"}),
)
"""USD for a million tokens."""


def rates() -> dict[str, Any]:
    """The body of POST /api/v1/rates; what an earlier performance recorded is replaced by the same."""
    found = [
        {**_READ, **source, "metricKey": "llm.tokens", "model": model, "kind": kind, "price": price}
        for model, source, prices in _PRICES
        for kind, price in prices.items()
    ]
    return {"rates": found, "replace": True}
