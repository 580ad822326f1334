"""The JSON of rates, factors and aliases: read field by field, and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallystick.llm.kinds import CONTEXT_BAND, SERVICE_TIER, TOKENS
from tallystick.quantity import text_of
from tallystick.semconv import ATTRIBUTE_KEY_LENGTH_MAX, METRIC_NAME_LENGTH_MAX, UNIT_LENGTH_MAX
from tallystick_receiver.adapters import tier_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import Fields, checked
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import time_of
from tallystick_receiver.rates import (
    Alias,
    Layer,
    Match,
    Modifier,
    Rate,
    Span,
    checked_pattern,
    snapped,
    threshold_of,
)
from tallystick_receiver.schemes import scheme_of
from tallystick_receiver.thresholds import new_id
from tallystick_receiver.week import ALWAYS, WeekHours, parsed_window

if TYPE_CHECKING:
    from tallystick_receiver.rates import Record, Sourced

_UTC: Final = ZoneInfo("UTC")
_SELECTOR_MAX: Final = 16
_NOTE_MAX: Final = 2000
_URL_MAX: Final = 1000
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def rate_of(fields: Fields, org: str | None, unit: str | None, now: datetime) -> Rate:
    """A rate from a body.

    Args:
        fields: of one rate; orgId is read already.
        org: whose.
        unit: of the metric as usage brought it, None where it brought none or several.
        now: for `checkedOn` in the future.

    Raises:
        InvalidQuestion: a field is wrong; the sentence names it.
    """
    metric = fields.text("metricKey", length_max=METRIC_NAME_LENGTH_MAX).lower()
    scheme = scheme_of(metric)
    named = {dimension: fields.optional_text(short) for short, dimension in scheme.names.items()}
    selector = _selector(fields, named)
    if scheme.kind and scheme.kind not in selector:
        raise InvalidQuestion("kind is missing: it says which tokens or units the rate is for")
    given = fields.optional_text("unit", length_max=UNIT_LENGTH_MAX)
    if scheme.unit is not None and given not in (None, scheme.unit):
        raise InvalidQuestion(f"unit of {metric} is {scheme.unit}")
    chosen = scheme.unit if scheme.unit is not None else given if given is not None else unit
    if chosen is None:
        raise InvalidQuestion("unit is missing: usage of this metric has not come yet, or has come in several units")
    currency = fields.text("currency", "USD")
    if not _CURRENCY.fullmatch(currency):
        raise InvalidQuestion("currency must be three capital letters, like USD")
    rate = Rate(
        id=new_id("rat"), org=org, metric=metric, unit=chosen, selector={**scheme.defaults, **selector},
        price=fields.decimal("price", may_be_zero=True),
        per_units=fields.decimal("perUnits", Decimal(scheme.per_units)), currency=currency, valid=_span(fields),
        week=_week(fields), **_source(fields, now), recorded_at=now, voided_at=None,
    )  # fmt: skip
    fields.end()
    return rate


def modifier_of(fields: Fields, org: str | None, now: datetime) -> Modifier:
    """A factor from a body. Raises InvalidQuestion."""
    metric = fields.text("metricKey", "llm.*", length_max=METRIC_NAME_LENGTH_MAX).lower()
    names = scheme_of(TOKENS).names if metric.startswith("llm.") else {}
    named = {dimension: fields.optional_text(short) for short, dimension in names.items()}
    modifier = Modifier(
        id=new_id("mod"), org=org, metric=metric, layer=fields.choice("layer", Layer, None),
        selector=_selector(fields, named),
        factor=fields.decimal("factor", may_be_zero=True), valid=_span(fields), **_source(fields, now),
        recorded_at=now, voided_at=None,
    )  # fmt: skip
    fields.end()
    return modifier


def alias_of(fields: Fields, org: str | None, now: datetime) -> Alias:
    """Another name from a body. Raises InvalidQuestion."""
    match = fields.choice("match", Match, Match.EXACT)
    pattern = fields.text("pattern")
    if match is Match.REGEX:
        _said(checked_pattern, pattern)
    provider = fields.optional_text("provider")
    names = scheme_of(TOKENS).names
    alias = Alias(
        id=new_id("ali"), org=org, dimension=fields.text("dimension", names["model"]), match=match, pattern=pattern,
        selector=_selector(fields, {names["provider"]: provider}),
        value=fields.text("value"), priority=_priority(fields), valid=_span(fields),
        note=fields.text("note", "", length_max=_NOTE_MAX, may_be_empty=True), recorded_at=now, voided_at=None,
    )  # fmt: skip
    fields.end()
    return alias


def rate_content(rate: Rate) -> dict[str, Any]:
    """A rate as the API shows it: its selector, and the same by short names."""
    shorts = {short: rate.selector.get(dimension) for short, dimension in scheme_of(rate.metric).names.items()}
    return {
        **_begin(rate), "metricKey": rate.metric, "unit": rate.unit, **shorts, "selector": dict(rate.selector),
        "price": text_of(rate.price), "perUnits": text_of(rate.per_units), "currency": rate.currency, **_valid(rate),
        "window": None if rate.week.is_whole else str(rate.week), **_end(rate),
    }  # fmt: skip


def modifier_content(modifier: Modifier) -> dict[str, Any]:
    """A factor as the API shows it."""
    return {
        **_begin(modifier), "layer": modifier.layer.value, "metricKey": modifier.metric,
        "selector": dict(modifier.selector), "factor": text_of(modifier.factor), **_valid(modifier), **_end(modifier),
    }  # fmt: skip


def alias_content(alias: Alias) -> dict[str, Any]:
    """Another name as the API shows it."""
    return {
        **_begin(alias), "dimension": alias.dimension, "match": alias.match.value, "pattern": alias.pattern,
        "selector": dict(alias.selector), "value": alias.value, "priority": alias.priority, **_valid(alias),
        "note": alias.note, **_times(alias),
    }  # fmt: skip


def _begin(record: Record) -> dict[str, Any]:
    return {"id": record.id, "orgId": record.org}


def _valid(record: Record) -> dict[str, Any]:
    return {"validFrom": _shown(record.valid.start), "validTo": _shown(record.valid.end)}


def _end(record: Sourced) -> dict[str, Any]:
    return {
        "sourceUrl": record.source_url, "checkedOn": record.checked_on.isoformat(), "note": record.note,
        **_times(record),
    }  # fmt: skip


def _times(record: Record) -> dict[str, Any]:
    return {"recordedAt": _shown(record.recorded_at), "voidedAt": _shown(record.voided_at)}


def _shown(time: datetime | None) -> str | None:
    return None if time is None else rfc3339(time)


def _selector(fields: Fields, named: Mapping[str, str | None]) -> dict[str, str]:
    """What `selector` says and what short names say, in the words of tallystick.llm."""
    value = fields.take("selector")
    if value is None:
        value = {}
    sentence = f"selector must be an object of at most {_SELECTOR_MAX} dimensions and their values, as texts"
    if not isinstance(value, Mapping) or len(value) > _SELECTOR_MAX:
        raise InvalidQuestion(sentence)
    for name, text in value.items():
        if not name or not isinstance(text, str):
            raise InvalidQuestion(sentence)
        checked(name, "selector", ATTRIBUTE_KEY_LENGTH_MAX)
        checked(text, "selector")
    found = {**value, **{name: text for name, text in named.items() if text is not None}}
    if SERVICE_TIER in found:
        found[SERVICE_TIER] = tier_of(found[SERVICE_TIER])
    if CONTEXT_BAND in found:
        _said(threshold_of, found[CONTEXT_BAND])
    return found


def _span(fields: Fields) -> Span:
    start, end = _time(fields, "validFrom"), _time(fields, "validTo")
    try:
        return snapped(start, end)
    except ValueError:
        raise InvalidQuestion("validFrom must be at least an hour before validTo; both are of full hours") from None


def _time(fields: Fields, name: str) -> datetime | None:
    text = fields.optional_text(name)
    return None if text is None else time_of(text, _UTC, name).astimezone(UTC)


def _week(fields: Fields) -> WeekHours:
    text = fields.optional_text("window", length_max=1000)
    return ALWAYS if text is None else _said(parsed_window, text)


def _source(fields: Fields, now: datetime) -> dict[str, Any]:
    text = fields.text("checkedOn")
    try:
        checked_on = date.fromisoformat(text)
    except ValueError:
        raise InvalidQuestion(f"checkedOn must be a date like 2026-11-01, not {text[:60]!r}") from None
    if checked_on > now.date():
        raise InvalidQuestion("checkedOn lies in the future")
    url = fields.text("sourceUrl", length_max=_URL_MAX)
    note = fields.text("note", "", length_max=_NOTE_MAX, may_be_empty=True)
    return {"source_url": url, "checked_on": checked_on, "note": note}


def _priority(fields: Fields) -> int:
    value = fields.take("priority")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1_000_000:  # noqa: PLR2004 - a bound
        raise InvalidQuestion("priority must be a whole number")
    return value


def _said(parse: Any, text: str) -> Any:  # noqa: ANN401 - whatever is parsed
    """What a text means.

    Raises:
        InvalidQuestion: with the sentence of its parser.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidQuestion(str(error)) from None
