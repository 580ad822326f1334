"""What an answer says of its completeness, as a sentence for people."""

from __future__ import annotations

from typing import Any


def sentence_of(completeness: dict[str, Any]) -> str:
    """One line, from the `completeness` of an answer of the API."""
    until = completeness["until"]
    if until is None:
        return "Completeness unknown: nobody announces what was sent (UsageReader does)."
    if completeness["state"] == "gaps":
        missing = ", ".join(
            f"{row.get('quantity') or 'some'} {row['unit']} of {row['type']} in {row.get('points', 'some')} points"
            for row in completeness["missing"]
        )
        return f"Known to be missing: {missing}. Everything else is here until {until}."
    if completeness["state"] == "unknown":
        return (
            f"Completeness unknown: a writer is silent or announces nothing. What was announced is here until {until}."
        )
    return f"Complete until {until}."
