"""Anthropic's figures: the answers of usage_report/messages and cost_report (Admin API, read 2026-11).

Token counts are disjoint. An amount is a decimal text in the currency's lowest unit: "123.45" in USD is $1.2345.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Final

from tallystick.llm.kinds import (
    CACHE_READ,
    CACHE_WRITE_1H,
    CACHE_WRITE_5M,
    CODE_EXEC_HOUR,
    FAST,
    INPUT_UNCACHED,
    OUTPUT,
    SESSION_HOUR,
    WEB_SEARCH,
)
from tallystick_receiver.bills.bill import Bill, BillLine, InvalidBillError, amount_of, count_of, currency_of
from tallystick_receiver.bills.pages import Answers, Result, bill_of, rfc3339_time

PROVIDER: Final = "anthropic"
_CENTS: Final = -2
_WIDE: Final = Context(prec=100)
_KINDS: Final = {
    "uncached_input_tokens": INPUT_UNCACHED,
    "output_tokens": OUTPUT,
    "cache_read_input_tokens": CACHE_READ,
    "cache_creation.ephemeral_1h_input_tokens": CACHE_WRITE_1H,
    "cache_creation.ephemeral_5m_input_tokens": CACHE_WRITE_5M,
}
_FEES: Final = {"web_search": WEB_SEARCH, "code_execution": CODE_EXEC_HOUR, "session_usage": SESSION_HOUR}
_SEARCHES: Final = ("server_tool_use", "web_search_requests")


def anthropic_bill(content: bytes) -> Bill:
    """The days of one file, either report.

    Raises:
        InvalidBillError: it is neither; the sentence names the place.
    """
    return bill_of(_ANSWERS, content)


def _cost(result: Result) -> BillLine:
    amount = result.of("amount")
    if not isinstance(amount, str):
        raise InvalidBillError(f'{result.place}.amount must be a text in cents, like "123.45"')
    currency = currency_of(result.of("currency"), f"{result.place}.currency")
    cost = amount_of(amount, f"{result.place}.amount").scaleb(_CENTS, _WIDE)
    kind = result.text("cost_type")
    if kind == "tokens":
        token_type = result.text("token_type") or ""
        kind = _KINDS.get(token_type, f"tokens: {token_type}" if token_type else None)
    elif kind is None:
        kind = result.text("description")
    return BillLine(
        day=result.day, model=result.text("model"), kind=_FEES.get(kind or "", kind), tier=_tier(result), cost=cost,
        currency=currency,
    )  # fmt: skip


def _usage(result: Result) -> Iterator[BillLine]:
    model, tier = result.text("model"), _tier(result)
    for name, kind in (*_KINDS.items(), (".".join(_SEARCHES), WEB_SEARCH)):
        value = result.of(*name.split("."))
        quantity = Decimal(0) if value is None else count_of(value, f"{result.place}.{name}")
        if quantity:
            yield BillLine(day=result.day, model=model, kind=kind, tier=tier, quantity=quantity)


def _tier(result: Result) -> str | None:
    return FAST if result.of("speed") == FAST else result.text("service_tier")


_ANSWERS: Final = Answers(
    provider=PROVIDER, start="starting_at", end="ending_at", time=rfc3339_time, used="uncached_input_tokens",
    reports=("cost_report", "usage_report/messages"), cost=_cost, usage=_usage,
)  # fmt: skip
