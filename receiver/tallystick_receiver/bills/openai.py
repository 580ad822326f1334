"""OpenAI's figures: the answers of organization/usage/completions and organization/costs.

`input_tokens` includes what was read from and written to the cache, and every modality (API reference, read 2026-11).
Costs name their model and kind in one text, `line_item`; what it may say was seen in others' real accounts, and a text
that is not understood is a fee under its own name, so that no money is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from tallystick.llm.kinds import (
    BATCH,
    CACHE_READ,
    CACHE_WRITE,
    INPUT_UNCACHED,
    MODALITIES,
    OUTPUT,
    STANDARD,
    WEB_SEARCH,
)
from tallystick_receiver.bills.bill import (
    REQUESTS,
    Bill,
    BillLine,
    InvalidBillError,
    amount_of,
    count_of,
    currency_of,
)
from tallystick_receiver.bills.pages import Answers, Result, bill_of, unix_time

PROVIDER: Final = "openai"
_LINE_ITEM: Final = re.compile(
    r"(?:(?P<tier>[\w ]+) \| )?(?P<model>[\w.:/-]+)(?: (?P<modality>text|audio|image|video))?, "
    r"(?P<kind>cached input|cache writes?|input cache writes?|input|output)(?:, long context)?"
)
_KINDS: Final = {"input": INPUT_UNCACHED, "cached input": CACHE_READ, "output": OUTPUT}
_FEES: Final = {"web search tool calls": WEB_SEARCH}
_DIRECTIONS: Final = (("input_{}tokens", INPUT_UNCACHED), ("input_cached_{}tokens", CACHE_READ),
                      ("output_{}tokens", OUTPUT))  # fmt: skip


def openai_bill(content: bytes) -> Bill:
    """The days of one file, either report.

    Raises:
        InvalidBillError: it is neither; the sentence names the place.
    """
    return bill_of(_ANSWERS, content)


def _cost(result: Result) -> BillLine:
    cost = amount_of(result.of("amount", "value"), f"{result.place}.amount.value")
    currency = currency_of(result.of("amount", "currency"), f"{result.place}.amount.currency")
    item = result.text("line_item")
    found = _LINE_ITEM.fullmatch(item or "")
    if found is None:
        return BillLine(day=result.day, model=None, kind=_FEES.get(item or "", item), cost=cost, currency=currency)
    modality = found["modality"]
    kind = _KINDS.get(found["kind"], CACHE_WRITE) + (f"_{modality}" if modality in MODALITIES else "")
    tier = found["tier"].lower() if found["tier"] else None
    return BillLine(day=result.day, model=found["model"], kind=kind, tier=tier, cost=cost, currency=currency)


def _usage(result: Result) -> Iterator[BillLine]:
    whole = {INPUT_UNCACHED: _count(result, "input_tokens"), OUTPUT: _count(result, "output_tokens"),
             CACHE_READ: _count(result, "input_cached_tokens"),
             CACHE_WRITE: _count(result, "input_cache_write_tokens")}  # fmt: skip
    whole[INPUT_UNCACHED] -= whole[CACHE_READ] + whole[CACHE_WRITE]
    for modality in MODALITIES:
        for name, kind in _DIRECTIONS:
            part = _count(result, name.format(f"{modality}_"))
            if part:
                whole[kind] -= part
                whole[f"{kind}_{modality}"] = part
    for kind, quantity in whole.items():
        if quantity < 0:
            raise InvalidBillError(f"{result.place}: the parts of {kind} are more than the whole")
    whole[REQUESTS] = _count(result, "num_model_requests")
    tier = BATCH if result.of("batch") is True else _tier(result.text("service_tier"))
    model = result.text("model")
    for kind, quantity in whole.items():
        if quantity:
            yield BillLine(day=result.day, model=model, kind=kind, tier=tier, quantity=quantity)


def _tier(text: str | None) -> str | None:
    return STANDARD if text == "default" else text


def _count(result: Result, name: str) -> Decimal:
    value = result.of(name)
    return Decimal(0) if value is None else count_of(value, f"{result.place}.{name}")


_ANSWERS: Final = Answers(
    provider=PROVIDER, start="start_time", end="end_time", time=unix_time, used="input_tokens",
    reports=("organization/costs", "organization/usage/completions"), cost=_cost, usage=_usage,
)  # fmt: skip
