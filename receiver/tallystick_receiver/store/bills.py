"""Bills in the database: a day of a report is added as its next revision when it differs, and the last one counts."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.adapters import tier_of
from tallystick_receiver.bills.bill import Bill, BillLine, Report
from tallystick_receiver.reconciliation import Key, Side
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_LOCK: Final = 0x7A11_0024


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did.

    Attributes:
        added: days that nobody had imported before.
        replaced: days that said something else before.
        unchanged: days that said the same.
    """

    added: tuple[date, ...]
    replaced: tuple[date, ...]
    unchanged: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BillDay:
    """One revision of one day of a report."""

    id: int
    org: str | None
    provider: str
    report: Report
    day: date
    revision: int
    line_count: int
    source: str
    imported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBill:
    """What counts of a provider's figures.

    Attributes:
        sides: quantities and cost in the currency that was asked for.
        days: of which reports each day is known.
        other_currencies: of lines that are left out.
    """

    sides: dict[Key, Side]
    days: dict[date, set[Report]]
    other_currencies: tuple[str, ...]


async def write_bill(
    connection: asyncpg.Connection, bill: Bill, *, org: str | None, source: str, now: datetime
) -> dict[Report, Imported]:
    """Keep a bill. Importing it again changes nothing.

    Args:
        connection: in a transaction.
        bill: what a file says.
        org: whose; None: of all organisations together.
        source: where it comes from, for people.
        now: when.
    """
    await connection.execute(statement("lock_bills"), _LOCK)
    return {
        report: await _write_report(connection, bill, report, org=org, source=source, now=now) for report in bill.days
    }  # fmt: skip


async def read_bill(
    connection: asyncpg.Connection, *, org: str | None, provider: str, start: date, end: date, currency: str
) -> StoredBill:
    """The provider's half of days."""
    sides: dict[Key, Side] = {}
    days: dict[date, set[Report]] = defaultdict(set)
    others = set()
    for row in await connection.fetch(statement("read_bill"), org, provider, start, end):
        days[row["day"]].add(Report(row["report"]))
        if not row["lines"]:
            continue
        if row["currency"] not in (None, currency):
            others.add(row["currency"])
            continue
        tier = None if row["tier"] is None else tier_of(row["tier"])
        key = Key(row["day"], row["model"], row["kind"], tier)
        sides[key] = sides.get(key, Side()).plus(Side(quantity=row["quantity"], cost=row["cost"]))
    return StoredBill(sides=sides, days=dict(days), other_currencies=tuple(sorted(others)))


async def read_bill_days(
    connection: asyncpg.Connection, *, org: str | None, is_any: bool, provider: str | None, before: int | None,
    limit: int,
) -> list[BillDay]:  # fmt: skip
    """Imports, the last first.

    Args:
        connection: any.
        org: whose; None: of all organisations together.
        is_any: everybody's.
        provider: one, or None for all.
        before: id of the last row of the page before.
        limit: rows at most.
    """
    rows = await connection.fetch(statement("read_bill_days"), org, is_any, provider, before, limit)
    return [BillDay(**{**row, "report": Report(row["report"])}) for row in rows]


async def _write_report(
    connection: asyncpg.Connection, bill: Bill, report: Report, *, org: str | None, source: str, now: datetime
) -> Imported:
    lines: dict[date, list[BillLine]] = {day: [] for day in bill.days[report]}
    for line in bill.lines[report]:
        lines[line.day].append(line)
    known = {
        row["day"]: row
        for row in await connection.fetch(
            statement("read_bill_digests"), org, bill.provider, report.value, list(lines)
        )
    }  # fmt: skip
    digests = {day: _digest(found) for day, found in lines.items()}
    fresh = [day for day in lines if day not in known or known[day]["digest"] != digests[day]]
    written = await connection.fetch(
        statement("write_bill_days"), org, bill.provider, report.value, fresh,
        [known[day]["revision"] + 1 if day in known else 1 for day in fresh], [digests[day] for day in fresh],
        [len(lines[day]) for day in fresh], source, now,
    )  # fmt: skip
    rows = [
        (row["id"], place, line.model, line.kind, line.tier, line.quantity, line.cost, line.currency)
        for row in written
        for place, line in enumerate(lines[row["day"]])
    ]
    if rows:
        await connection.execute(statement("write_bill_lines"), *(list(column) for column in zip(*rows, strict=True)))
    return Imported(
        added=tuple(day for day in fresh if day not in known), replaced=tuple(day for day in fresh if day in known),
        unchanged=tuple(day for day in lines if day not in set(fresh)),
    )  # fmt: skip


def _digest(lines: Iterable[BillLine]) -> bytes:
    """Of the figures, in whatever order they come."""

    def text(number: Any) -> str | None:  # noqa: ANN401 - a decimal or None
        return None if number is None else text_of(number)

    shown = sorted(
        json.dumps([line.model, line.kind, line.tier, text(line.quantity), text(line.cost), line.currency])
        for line in lines
    )
    return hashlib.sha256("\n".join(shown).encode()).digest()
