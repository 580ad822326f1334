"""Which dimensions rollups keep: a function of the metric, the organisation and the time of usage, and pure.

Points, series and the ledger always keep all of them, so that a resend is recognised whatever was defined meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tallystick.semconv import SERVICE_NAME
from tallystick_receiver.identity import Stream

ALWAYS_KEPT: Final = frozenset({SERVICE_NAME})
"""Beside organisation, project and metric: who sent it, which breakdowns go by."""

Kept = frozenset[str] | None
"""Keys of dimensions; None is all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a definition says from a time on; `is_own` False: an organisation has no own definition any more."""

    key: str
    org: str | None
    starts: datetime
    is_own: bool
    dimensions: tuple[str, ...] | None

    @property
    def kept(self) -> Kept:
        """What stays."""
        return None if self.dimensions is None else ALWAYS_KEPT | frozenset(self.dimensions)


@dataclass(frozen=True, slots=True)
class Span:
    """What is kept of usage from a time on, until the next span."""

    starts: datetime
    kept: Kept


def spans_of(rules: Iterable[Rule], org: str | None) -> tuple[Span, ...]:
    """What counts for an organisation, by time; before the first span everything is kept.

    Args:
        rules: those of one metric.
        org: whose; its own definition counts instead of the one for all.
    """
    own = sorted((rule for rule in rules if rule.org is not None and rule.org == org), key=lambda rule: rule.starts)
    for_all = sorted((rule for rule in rules if rule.org is None), key=lambda rule: rule.starts)
    spans: list[Span] = []
    before: Kept = None
    for starts in sorted({rule.starts for rule in (*own, *for_all)}):
        chosen = _last(own, starts)
        if chosen is None or not chosen.is_own:
            chosen = _last(for_all, starts)
        kept = chosen.kept if chosen else None
        if kept != before:
            spans.append(Span(starts, kept))
            before = kept
    return tuple(spans)


def _last(rules: list[Rule], time: datetime) -> Rule | None:
    return next((rule for rule in reversed(rules) if rule.starts <= time), None)


def is_kept(dimension: str, spans: Iterable[Span], start: datetime, end: datetime) -> bool:
    """Whether the rollups of a whole window keep a dimension."""
    ordered = list(spans)
    ends = [*(span.starts for span in ordered[1:]), end]
    return all(
        span.kept is None or dimension in span.kept
        for span, until in zip(ordered, ends, strict=False)
        if span.starts < end and until > start
    )


def kept_set(identity: str, kept: Kept) -> Stream:
    """A stream with what is kept of a set of dimensions.

    Args:
        identity: `Stream.dims_identity` of the whole set.
        kept: what stays.
    """
    _, org, project, metric, unit, kind, pairs = json.loads(identity)
    return Stream(
        org=org, project=project, metric=metric, unit=unit, kind=kind, scope="",
        dimensions=[(key, value) for key, value in pairs if kept is None or key in kept],
    )  # fmt: skip
