"""/api/v1/reconciliation: the provider's own figures, and how far they are from ours."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick.quantity import text_of
from tallystick_receiver.access import ADMIN, READ
from tallystick_receiver.bills.anthropic import anthropic_bill
from tallystick_receiver.bills.bill import Bill, Report, currency_of
from tallystick_receiver.bills.csv_file import csv_bills
from tallystick_receiver.bills.openai import openai_bill
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import (
    cursor_text,
    known_parameters,
    limit_parameter,
    number_cursor,
    org_parameter,
    parameter,
)
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer
from tallystick_receiver.query.reconciliation_json import Compared, compared_json, shares_json
from tallystick_receiver.reconciliation import Gates, Key, Side, reconcile
from tallystick_receiver.store.bills import BillDay, Imported, StoredBill, read_bill, read_bill_days, write_bill
from tallystick_receiver.store.our_side import Named, model_names, read_our_side, shares

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick_receiver.access import Gate
    from tallystick_receiver.query.asking import Caller, Desk

_PATH: Final = "/api/v1/reconciliation"
BILL_BYTES_MAX: Final = 32 * 2**20
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_GROUPS: Final = ("day", "model", "kind", "tier")
_USUAL_GROUPS: Final = "day,model,kind"
_DAY: Final = timedelta(days=1)


class ReconciliationRoutes:
    """Import bills, list what was imported, compare."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self._desk = desk
        self._gate = gate

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_post(_PATH, self.bring)
        router.add_get(_PATH, self.report)
        router.add_get(f"{_PATH}/bills", self.bills)

    async def bring(self, request: web.Request) -> web.Response:
        """Import a file of a provider; importing it again changes nothing, and other figures of a day replace it."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        known_parameters(request, "orgId", "format", "provider", "source")
        org, source = org_parameter(request, access), parameter(request, "source")
        kind, provider = parameter(request, "format"), parameter(request, "provider")
        bills = await asyncio.to_thread(_parsed, kind, provider, await _body(request))
        now = (await self._desk.caller(request)).now
        async with self._desk.database.reading() as connection, connection.transaction():
            done = [
                (bill, await write_bill(connection, bill, org=org, source=source or kind or "", now=now))
                for bill in bills
            ]
        return answer({"bills": [_imported(bill, report, found) for bill, reports in done
                                 for report, found in reports.items()]})  # fmt: skip

    async def bills(self, request: web.Request) -> web.Response:
        """What was imported, the last first, with every revision."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "provider", "limit", "cursor")
        org, limit = org_parameter(request, access), limit_parameter(request)
        async with self._desk.database.reading() as connection:
            found = await read_bill_days(
                connection, org=org, is_any=org is None, provider=parameter(request, "provider"),
                before=number_cursor(request), limit=limit,
            )  # fmt: skip
        more = cursor_text(str(found[-1].id)) if len(found) == limit else None
        return answer({"days": [_day(day) for day in found], "nextCursor": more})

    async def report(self, request: web.Request) -> web.Response:
        """Both halves of a month by UTC day, model, kind and tier, why they differ, and whether that is too much."""
        caller = await self._desk.caller(request)
        known_parameters(
            request, "orgId", "provider", "month", "currency", "groupBy", "monthPercent", "dayPercent",
            "requestsPercent",
        )  # fmt: skip
        org, provider = org_parameter(request, caller.access), parameter(request, "provider")
        if provider is None:
            raise InvalidQuestion("provider is missing: openai, anthropic, or as in gen_ai.provider.name")
        start, end = _month(parameter(request, "month"), caller)
        currency = currency_of(parameter(request, "currency") or "USD", "currency")
        gates = _gates(request)
        group_by = _group_by(parameter(request, "groupBy"))
        async with self._desk.database.reading() as connection:
            bill = await read_bill(
                connection, org=org, provider=provider, start=start, end=end, currency=currency
            )  # fmt: skip
        named = await model_names(self._desk.database, org, provider)
        ours = await read_our_side(
            self._desk.database, org=org, provider=provider, start=start, end=end, currency=currency, named=named,
            hold=caller.hold, rows_max=self._desk.rows_max, now=caller.now,
        )  # fmt: skip
        costed = {day for day, reports in bill.days.items() if Report.COST in reports}
        found = Compared(
            rows=reconcile(ours.sides, _named(bill, named), costed), days=bill.days, gates=gates, now=caller.now,
            expected=[day for day in _days(start, end) if day <= caller.now.date()],
        )  # fmt: skip
        return answer({
            **({} if org is None else {"orgId": org}),
            "provider": provider, "month": start.isoformat()[:7], "currency": currency, "groupBy": list(group_by),
            **compared_json(found, group_by), "shares": shares_json(shares(ours)),
            "otherCurrencies": sorted({*bill.other_currencies, *ours.other_currencies}),
            "pricedUntil": rfc3339(ours.priced_until),
        })  # fmt: skip


def _parsed(kind: str | None, provider: str | None, content: bytes) -> list[Bill]:
    if kind == "csv":
        return csv_bills(content, provider)
    if provider not in (None, kind):
        raise InvalidQuestion("provider goes with format=csv: the other formats are one provider's")
    if kind == "openai":
        return [openai_bill(content)]
    if kind == "anthropic":
        return [anthropic_bill(content)]
    raise InvalidQuestion("format must be openai, anthropic or csv")


async def _body(request: web.Request) -> bytes:
    """The file.

    Raises:
        HTTPRequestEntityTooLarge: it is larger than a month of any provider.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(reason="send the file as it is, without Content-Encoding")
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > BILL_BYTES_MAX:
            raise web.HTTPRequestEntityTooLarge(BILL_BYTES_MAX, size)
        parts.append(part)
    return b"".join(parts)


def _named(bill: StoredBill, named: Named) -> dict[Key, Side]:
    """The provider's half, with models as rates name them."""
    found: dict[Key, Side] = {}
    for key, side in bill.sides.items():
        own = key._replace(model=named(key.day, key.model))
        found[own] = found[own].plus(side) if own in found else side
    return found


def _imported(bill: Bill, report: Report, found: Imported) -> dict[str, Any]:
    return {
        "provider": bill.provider, "report": report.value, "lines": len(bill.lines[report]),
        "added": _texts(found.added), "replaced": _texts(found.replaced), "unchanged": _texts(found.unchanged),
        "partial": _texts(bill.partial),
    }  # fmt: skip


def _texts(days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days)]


def _day(day: BillDay) -> dict[str, Any]:
    return {
        "orgId": day.org, "provider": day.provider, "report": day.report.value, "day": day.day.isoformat(),
        "revision": day.revision, "lines": day.line_count, "source": day.source,
        "importedAt": rfc3339(day.imported_at),
    }  # fmt: skip


def _month(text: str | None, caller: Caller) -> tuple[date, date]:
    found = _MONTH.fullmatch(text or f"{caller.now:%Y-%m}")
    if found is None or not 1970 <= int(found[1]) <= 9000:  # noqa: PLR2004 - what timestamptz takes
        raise InvalidQuestion(f"month must be like 2026-10, not {(text or '')[:60]!r}")
    start = date(int(found[1]), int(found[2]), 1)
    return start, (start + 32 * _DAY).replace(day=1)


def _days(start: date, end: date) -> list[date]:
    return [start + _DAY * n for n in range((end - start).days)]


def _group_by(text: str | None) -> tuple[str, ...]:
    groups = tuple(dict.fromkeys(part.strip() for part in (text or _USUAL_GROUPS).split(",")))
    if not set(groups) <= set(_GROUPS):
        raise InvalidQuestion(f"groupBy must list some of {', '.join(_GROUPS)}")
    return groups


def _gates(request: web.Request) -> Gates:
    usual = Gates()
    return Gates(
        month=_percent(request, "monthPercent", usual.month), day=_percent(request, "dayPercent", usual.day),
        requests=_percent(request, "requestsPercent", usual.requests),
    )  # fmt: skip


def _percent(request: web.Request, name: str, usual: Decimal) -> Decimal:
    text = parameter(request, name) or text_of(usual)
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise InvalidQuestion(f"{name} must be 0 to 100")
    return percent
