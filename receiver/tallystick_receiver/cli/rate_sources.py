"""Where rates are imported from: a CSV file, or the package genai-prices; nothing is asked of any network."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from tallystick.llm import kinds
from tallystick_receiver.proposals import SELECTING, Proposal
from tallystick_receiver.schemes import scheme_of
from tallystick_receiver.week import parsed_window

COLUMNS: Final = (
    *SELECTING, "selector", "price", "perUnits", "currency", "validFrom", "validTo", "sourceUrl", "checkedOn", "note"
)  # fmt: skip
GENAI_PRICES: Final = "genai-prices"
_GENAI_URL: Final = "https://github.com/pydantic/genai-prices"
_KINDS: Final = {
    "input_mtok": kinds.INPUT_UNCACHED, "output_mtok": kinds.OUTPUT, "cache_read_mtok": kinds.CACHE_READ,
    "cache_write_mtok": kinds.CACHE_WRITE, "cache_write_1h_mtok": kinds.CACHE_WRITE_1H,
    "input_audio_mtok": kinds.INPUT_UNCACHED_AUDIO, "output_audio_mtok": kinds.OUTPUT_AUDIO,
    "cache_audio_read_mtok": kinds.CACHE_READ_AUDIO, "input_image_mtok": kinds.INPUT_UNCACHED_IMAGE,
    "output_image_mtok": kinds.OUTPUT_IMAGE, "input_video_mtok": kinds.INPUT_UNCACHED_VIDEO,
    "output_video_mtok": kinds.OUTPUT_VIDEO,
}  # fmt: skip
_UNITS: Final = {"web_searches_kcount": kinds.WEB_SEARCH}
_PROVIDERS: Final = {
    "aws": "aws.bedrock", "azure": "azure.ai.openai", "google": "gcp.gemini", "mistral": "mistral_ai", "x-ai": "x_ai",
}  # fmt: skip
"""Names of genai-prices -> values of gen_ai.provider.name in OpenTelemetry's conventions, where they differ."""
_TIERS: Final = {"processing": None, "service_tier": None, "speed": None}


def proposal_of(row: dict[str, Any], *, is_current: bool = False) -> Proposal:
    """A rate in the API's words.

    Raises:
        click.UsageError: a field cannot be read.
    """
    try:
        selector = row.get("selector") or {}
        named = {name: row[name] for name in SELECTING if row.get(name)}
        if "window" in named:
            named["window"] = str(parsed_window(named["window"]))
        extra = {name: value for name, value in selector.items() if value not in named.values()}
        tier = {"tier": kinds.STANDARD} if named.get("metricKey") == kinds.TOKENS and "tier" not in named else {}
        scheme = scheme_of(named.get("metricKey", ""))
        unit = {"unit": scheme.unit} if scheme.unit else {}
        return Proposal(
            named={**tier, **named, **unit, **extra}, price=Decimal(str(row["price"])),
            per_units=Decimal(str(row.get("perUnits") or scheme.per_units)), currency=row.get("currency") or "USD",
            start=_time(row.get("validFrom")), end=_time(row.get("validTo")), is_current=is_current,
            rest={name: row[name] for name in ("sourceUrl", "checkedOn", "note") if row.get(name)},
        )  # fmt: skip
    except (KeyError, ValueError, InvalidOperation, AttributeError) as error:
        raise click.UsageError(f"a rate cannot be read ({type(error).__name__}: {error}): {row}") from None


def body_of(proposal: Proposal) -> dict[str, Any]:
    """A proposal as the API takes it."""
    named = {name: value for name, value in proposal.named.items() if name in SELECTING}
    selector = {name: value for name, value in proposal.named.items() if name not in SELECTING}
    return {
        **named, **({"selector": selector} if selector else {}), "price": str(proposal.price),
        "perUnits": str(proposal.per_units), "currency": proposal.currency,
        "validFrom": proposal.start and proposal.start.isoformat(),
        "validTo": proposal.end and proposal.end.isoformat(), **proposal.rest,
    }  # fmt: skip


def read_csv(path: Path) -> list[Proposal]:
    """Rates of a file with the columns of COLUMNS, in any order; those that are not there are empty.

    Raises:
        click.UsageError: it is not such a file.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        unknown = set(rows.fieldnames or ()) - set(COLUMNS)
        if unknown or "price" not in (rows.fieldnames or ()):
            raise click.UsageError(f"{path}: columns are {', '.join(COLUMNS)}; not known: {', '.join(sorted(unknown))}")
        found = []
        for row in rows:
            given: dict[str, Any] = {name: value for name, value in row.items() if value}
            given.setdefault("metricKey", kinds.TOKENS)
            if "selector" in given:
                given["selector"] = json.loads(given["selector"])
            found.append(proposal_of(given))
        return found


def read_genai_prices(providers: tuple[str, ...]) -> tuple[list[Proposal], list[str]]:
    """Rates of the data that the installed package carries.

    Args:
        providers: their ids, as genai-prices or OpenTelemetry names them; none: all.

    Returns:
        The rates, and sentences about what could not be expressed.

    Raises:
        click.ClickException: the package is not installed.
    """
    try:
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException("genai-prices is missing: pip install 'tallystick[rates]'") from None
    rest = {"checkedOn": datetime.now(UTC).date().isoformat(), "note": f"genai-prices {version(GENAI_PRICES)}"}
    found: list[Proposal] = []
    left: list[str] = []
    for provider in get_snapshot().providers:
        name = _PROVIDERS.get(provider.id, provider.id)
        if providers and provider.id not in providers and name not in providers:
            continue
        urls = getattr(provider, "pricing_urls", None) or [_GENAI_URL]
        for model in provider.models:
            common = {**rest, "sourceUrl": urls[0], "provider": name, "model": model.id}
            found += [
                proposal_of({**common, **row}, is_current="validFrom" not in row) for row in _rows(model, left)
            ]  # fmt: skip
    return found, left


def _rows(model: Any, left: list[str]) -> Iterator[dict[str, Any]]:
    """Everything that a model costs: its prices by date and hour, and those of its tiers."""
    yield from _dated(_conditional(model.prices), {}, model.id, left)
    variants: dict[str, list[Any]] = {}
    for variant in model.price_variants or ():
        tier = _tier(variant.when)
        if tier is None:
            left.append(f"{model.id}: a price when {variant.when}")
        else:
            variants.setdefault(tier, []).append(variant)
    for tier, entries in variants.items():
        yield from _dated(entries, {"tier": tier}, model.id, left)


def _tier(when: Any) -> str | None:
    pairs = dict(when)
    if len(pairs) == 1 and next(iter(pairs)) in _TIERS:
        return str(next(iter(pairs.values()))).lower()
    return None


class _Always:
    """Prices without a condition."""

    constraint = None

    def __init__(self, prices: Any) -> None:
        self.prices = prices


def _conditional(prices: Any) -> list[Any]:
    return list(prices) if isinstance(prices, list) else [_Always(prices)]


def _dated(entries: list[Any], more: dict[str, str], model: str, left: list[str]) -> Iterator[dict[str, Any]]:
    """Of entries with start dates each holds until the next one; hours of a day hold since the last date.

    A condition of genai-prices is a date or hours of a day, never both.
    """
    dated = sorted(
        (e for e in entries if not hasattr(e.constraint, "start_time")),
        key=lambda e: getattr(e.constraint, "start_date", None) or date.min,
    )
    windows = [(e, _window(e.constraint)) for e in entries if hasattr(e.constraint, "start_time")]
    if any(window is None for _, window in windows):
        left.append(f"{model}: prices for hours that are not full hours of UTC")
        windows = []
    since = getattr(dated[-1].constraint, "start_date", None) if dated else None
    for entry, following in pairwise([*dated, None]):
        time = {}
        start = getattr(entry.constraint, "start_date", None)
        end = getattr(following.constraint, "start_date", None) if following is not None else None
        if start is not None:
            time["validFrom"] = start.isoformat()
        if end is not None:
            time["validTo"] = end.isoformat()
        if following is None and windows:
            time["window"] = "not " + ", ".join(str(window) for _, window in windows)
        yield from _of_prices(entry.prices, {**more, **time}, model, left)
    for entry, window in windows:
        dates = {} if since is None else {"validFrom": since.isoformat()}
        yield from _of_prices(entry.prices, {**more, **dates, "window": str(window)}, model, left)


def _window(constraint: Any) -> str | None:
    start, end = constraint.start_time, constraint.end_time
    if start.minute or end.minute or start.utcoffset() or end.utcoffset() or not start < end:
        return None
    return f"{start:%H}-{end:%H}"


def _of_prices(prices: Any, more: dict[str, str], model: str, left: list[str]) -> Iterator[dict[str, Any]]:
    known = {name: value for name, value in vars(prices).items() if value is not None and not name.startswith("_")}
    for name, value in known.items():
        if name in _UNITS:
            yield {**more, "metricKey": kinds.UNITS, "kind": _UNITS[name], "price": value, "perUnits": "1000"}
            continue
        kind = _KINDS.get(name)
        if kind is None:
            left.append(f"{model}: {name}")
            continue
        if kind == kinds.CACHE_WRITE and "cache_write_1h_mtok" in known:
            kind = kinds.CACHE_WRITE_5M
        row = {**more, "metricKey": kinds.TOKENS, "kind": kind}
        if isinstance(value, Decimal):
            yield {**row, "price": value}
            continue
        yield {**row, "price": value.base}
        for tier in value.tiers:
            yield {**row, "price": tier.price, "contextBand": f">{tier.start}"}


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
