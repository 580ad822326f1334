"""A bill as a table, for every other provider, and for those who have no admin key.

    day,provider,model,kind,quantity,cost,currency
    2026-10-01,openai,gpt-5,input_uncached,120000,0.15,USD
    2026-10-01,openai,gpt-5,requests,40,,
    2026-10-01,openai,,web search tool calls,,0.30,USD

`day` (UTC) and one of `quantity` and `cost` are mandatory; `provider` may be said beside the file. A line without model
and kind is everything of that day together. Other columns are not looked at.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date
from typing import Final

from tallystick_receiver.bills.bill import Bill, BillLine, InvalidBillError, Report, amount_of, currency_of
from tallystick_receiver.bills.pages import checked_text

COLUMNS: Final = ("day", "provider", "model", "kind", "tier", "quantity", "cost", "currency")
_ROWS_MAX: Final = 200_000
Lines = dict[str, dict[Report, list[BillLine]]]


def csv_bills(content: bytes, provider: str | None = None) -> list[Bill]:
    """The bills of a table, one for each provider.

    Args:
        content: UTF-8, comma separated, with a header.
        provider: whose they are, where the table does not say.

    Raises:
        InvalidBillError: a cell is not what its column says; the sentence names the line.
    """
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().lower() for name in rows.fieldnames or ()]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidBillError(f"the file is no table in UTF-8: {error}") from None
    if "day" not in names or not {"quantity", "cost"} & set(names):
        raise InvalidBillError(f"line 1: columns day and quantity or cost are needed, of {', '.join(COLUMNS)}")
    if len(set(names)) != len(names):
        raise InvalidBillError("line 1: a column is named twice")
    rows.fieldnames = names
    found: Lines = defaultdict(lambda: defaultdict(list))
    try:
        for count, row in enumerate(rows):
            if count >= _ROWS_MAX:
                raise InvalidBillError(f"the file has more than {_ROWS_MAX} lines: import it month by month")
            _read(row, rows.line_num, provider, found)
    except csv.Error as error:
        raise InvalidBillError(f"line {rows.line_num}: {error}") from None
    if not found:
        raise InvalidBillError("the file has a header only")
    return [
        Bill(
            provider=name,
            days={report: tuple(sorted({line.day for line in lines})) for report, lines in reports.items()},
            lines={report: tuple(lines) for report, lines in reports.items()},
        )
        for name, reports in sorted(found.items())
    ]  # fmt: skip


def _read(row: dict[str, str], line: int, provider: str | None, found: Lines) -> None:
    place = f"line {line}"
    if None in row or None in row.values():
        raise InvalidBillError(f"{place} has not as many cells as the header")
    cells = {name: checked_text(row.get(name, "").strip(), f"{place}, {name}") or None for name in COLUMNS}
    who = cells["provider"] or provider
    if who is None:
        raise InvalidBillError(f"{place}: provider is missing")
    if provider is not None and who != provider:
        raise InvalidBillError(f"{place}: provider is {who!r}, not {provider!r}")
    try:
        day = date.fromisoformat(cells["day"] or "")
    except ValueError:
        raise InvalidBillError(f"{place}: day must be like 2026-10-01, not {(cells['day'] or '')[:60]!r}") from None
    quantity = None if cells["quantity"] is None else amount_of(cells["quantity"], f"{place}, quantity")
    cost = None if cells["cost"] is None else amount_of(cells["cost"], f"{place}, cost")
    if quantity is None and cost is None:
        raise InvalidBillError(f"{place}: quantity or cost is needed")
    if quantity is not None and quantity < 0:
        raise InvalidBillError(f"{place}: quantity is negative")
    whose = {"day": day, "model": cells["model"], "kind": cells["kind"], "tier": cells["tier"]}
    if quantity is not None:
        found[who][Report.USAGE].append(BillLine(**whose, quantity=quantity))  # type: ignore[arg-type]
    if cost is not None:
        currency = currency_of(cells["currency"] or "USD", f"{place}, currency")
        found[who][Report.COST].append(BillLine(**whose, cost=cost, currency=currency))  # type: ignore[arg-type]
