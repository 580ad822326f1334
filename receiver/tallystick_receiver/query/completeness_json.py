"""Completeness -> JSON: in full, and in short for the answer of /api/usage."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tallystick.quantity import text_of
from tallystick_receiver.announcement import EXACT
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.store.completeness import Completeness, Gap, Scope, Silence, WriterName


def in_full(scope: Scope, found: Completeness, bound_org: str | None) -> dict[str, Any]:
    """The answer of /api/v1/completeness.

    Args:
        scope: what was asked.
        found: what is known.
        bound_org: the key's organisation; it sees neither names nor amounts of what serves others as well.
    """
    return {
        **({} if scope.org is None else {"orgId": scope.org}),
        "from": rfc3339(scope.start),
        "to": rfc3339(scope.end),
        **in_short(found, bound_org),
        "gaps": [_gap(gap, bound_org) for gap in found.gaps],
        "copied": [_gap(gap, bound_org) for gap in found.copied],
        "silent": [_silence(silence, bound_org) for silence in found.silent],
        "unannounced": [_silence(silence, bound_org) for silence in found.unannounced],
        "writers": {
            "announcing": found.senders, "silent": len(found.silent), "unannounced": len(found.unannounced),
        },
    }  # fmt: skip


def in_short(found: Completeness, bound_org: str | None) -> dict[str, Any]:
    """What every answer about usage says of its completeness."""
    until = None if found.until is None else rfc3339(found.until)
    missing: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    for gap in found.gaps:
        missing[gap.metric, gap.unit].append(gap)
    return {
        "state": found.state.value,
        "until": until,
        **({"missing": [_missing(*key, gaps, bound_org) for key, gaps in sorted(missing.items())]} if missing else {}),
    }


def header_of(short: dict[str, Any]) -> dict[str, str]:
    """The same for a file, which has no other place for it."""
    until = short["until"]
    return {"Tallystick-Completeness": short["state"] + (f"; until={until}" if until else "")}


def _missing(metric: str, unit: str, gaps: list[Gap], bound_org: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": metric, "unit": unit}
    if not all(_is_visible(gap.writer, bound_org) for gap in gaps):
        return answer
    answer["points"] = sum(gap.points for gap in gaps)
    if all(gap.quantity is not None for gap in gaps):
        total = Decimal(0)
        for gap in gaps:
            total = EXACT.add(total, gap.quantity or Decimal(0))
        answer["quantity"] = text_of(total)
    return answer


def _gap(gap: Gap, bound_org: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "type": gap.metric, "unit": gap.unit, "from": rfc3339(gap.start), "to": rfc3339(gap.end),
    }  # fmt: skip
    if _is_visible(gap.writer, bound_org):
        quantity = None if gap.quantity is None else text_of(gap.quantity)
        answer |= {"points": gap.points, "quantity": quantity, "writer": _writer(gap.writer)}
    return answer


def _silence(silence: Silence, bound_org: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"from": rfc3339(silence.start), "to": rfc3339(silence.end)}
    return answer | {"writer": _writer(silence.writer)} if _is_visible(silence.writer, bound_org) else answer


def _is_visible(writer: WriterName, bound_org: str | None) -> bool:
    return bound_org is None or writer.org == bound_org


def _writer(writer: WriterName) -> dict[str, Any]:
    return {
        "orgId": writer.org, "namespace": writer.namespace, "service": writer.service, "instance": writer.instance,
    }  # fmt: skip
