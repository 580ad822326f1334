"""Rows of cost in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification. Pure.

A price that is not known is an empty cell, though FOCUS wants a figure there: 0 would say that it was free.
`x_PriceState` says so; columns that begin with `x_` are ours, as the specification asks of custom columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from tallystick.llm import kinds
from tallystick.quantity import text_of
from tallystick_receiver.periods import month_of, next_month
from tallystick_receiver.ranges import HOUR

_NO_PROVIDER: Final = "Tallystick"
_AI: Final = "AI and Machine Learning"
_OTHER: Final = "Other"
COLUMNS: Final = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId",
    "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName",
    "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails",
    "SkuPriceId", "SubAccountId", "SubAccountName", "Tags", "x_PriceState", "x_Grade", "x_Notes", "x_RateModifierIds",
    "x_SourceMetric", "x_Metric",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row of cost, and what its line and tariff say.

    Attributes:
        booked_at: of an adjustment to a closed month; None of what was charged at first.
        attributes: of the line.
        resolved: dimensions whose value rates call otherwise.
    """

    org: str
    project: str | None
    hour: datetime
    booked_at: datetime | None
    quantity: Decimal
    cost: Decimal | None
    list_cost: Decimal | None
    billed_cost: Decimal | None
    metric: str
    unit: str
    attributes: Mapping[str, str]
    source: str
    grade: str
    state: str
    rate_id: str | None
    modifier_ids: Sequence[str]
    currency: str | None
    list_price: Decimal | None
    price: Decimal | None
    resolved: Mapping[str, str]
    notes: Sequence[str]


def focus_row(charge: Charge) -> tuple[str | None, ...]:
    """The cells of a row, in the order of COLUMNS; None is an empty cell."""
    named = {**charge.attributes, **charge.resolved}
    provider, model = named.get(kinds.PROVIDER), named.get(kinds.MODEL)
    kind = named.get(kinds.TOKEN_KIND) or named.get(kinds.UNIT_KIND)
    billing = month_of(charge.booked_at or charge.hour)
    unit = charge.unit.strip("{}") or None
    quantity = text_of(charge.quantity)
    described = " ".join(part for part in (model or charge.metric, kind) if part)
    found: dict[str, str | None] = {
        "BilledCost": _text(charge.billed_cost), "BillingAccountId": charge.org, "BillingAccountName": charge.org,
        "BillingCurrency": charge.currency, "BillingPeriodEnd": _time(next_month(billing)),
        "BillingPeriodStart": _time(billing), "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if charge.booked_at else None, "ChargeDescription": described,
        "ChargeFrequency": "Usage-Based", "ChargePeriodEnd": _time(charge.hour + HOUR),
        "ChargePeriodStart": _time(charge.hour), "ConsumedQuantity": quantity, "ConsumedUnit": unit,
        "ContractedCost": _text(charge.cost), "ContractedUnitPrice": _text(charge.price),
        "EffectiveCost": _text(charge.cost), "InvoiceId": None, "InvoiceIssuerName": provider or _NO_PROVIDER,
        "ListCost": _text(charge.list_cost), "ListUnitPrice": _text(charge.list_price),
        "PricingCategory": "Standard" if charge.rate_id else None, "PricingCurrency": charge.currency,
        "PricingQuantity": quantity, "PricingUnit": unit, "ProviderName": provider or _NO_PROVIDER,
        "PublisherName": provider or _NO_PROVIDER, "RegionId": named.get(kinds.REGION),
        "RegionName": named.get(kinds.REGION), "ResourceId": model, "ResourceName": model,
        "ResourceType": "Model" if model else None, "ServiceCategory": _AI if provider else _OTHER,
        "ServiceName": provider or charge.metric,
        "ServiceSubcategory": "Generative AI" if provider else "Other (Other)",
        "SkuId": "/".join(part for part in (provider, model) if part) or charge.metric,
        "SkuMeter": kind or charge.metric,
        "SkuPriceDetails": _json({n: v for n, v in named.items() if n in (kinds.SERVICE_TIER, kinds.CONTEXT_BAND)}),
        "SkuPriceId": charge.rate_id, "SubAccountId": charge.project, "SubAccountName": charge.project,
        "Tags": _json(charge.attributes), "x_PriceState": charge.state, "x_Grade": charge.grade,
        "x_Notes": ";".join(charge.notes) or None, "x_RateModifierIds": ";".join(charge.modifier_ids) or None,
        "x_SourceMetric": charge.source, "x_Metric": charge.metric,
    }  # fmt: skip
    return tuple(found[name] for name in COLUMNS)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else text_of(number)


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(pairs: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(pairs.items())), ensure_ascii=False)
