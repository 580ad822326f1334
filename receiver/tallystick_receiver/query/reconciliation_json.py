"""A reconciliation as JSON: rows, days, the whole, gates, and what may explain a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.bills.bill import REQUESTS, Report
from tallystick_receiver.forecast import rounded
from tallystick_receiver.reconciliation import (
    Gates,
    Key,
    Parts,
    Row,
    Side,
    Verdict,
    grouped,
    is_settled,
    share_of,
    verdict,
)

_PERCENT: Final = 100
_PLACES: Final = 4
_PARTS: Final = ("coverage", "price", "unpriced", "fees", "rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both halves, row by row, and what decides.

    Attributes:
        rows: see `reconcile`.
        days: which reports of the provider each day has.
        expected: days of the period that began before now.
        gates: how far apart the halves may be.
        now: decides which days are settled.
    """

    rows: Mapping[Key, Row]
    days: Mapping[date, set[Report]]
    expected: list[date]
    gates: Gates
    now: datetime


def compared_json(found: Compared, group_by: tuple[str, ...]) -> dict[str, Any]:
    """The whole comparison; `passed` is what a CI job looks at."""
    money = {key: row for key, row in found.rows.items() if key.kind != REQUESTS}
    total = grouped({key: row for key, row in money.items() if row.parts is not None}, ()).get(())
    by_day = {key[0]: row for key, row in grouped(money, ("day",)).items()}
    days = [_day_json(day, by_day.get(day), found) for day in found.expected]
    month = verdict(total, found.gates.month)
    failed = [day["day"] for day in days if day["verdict"] == Verdict.FAILED.value]
    return {
        "rows": _rows(money, group_by),
        "days": days,
        "total": None if total is None else row_json(total),
        "missingDays": [day.isoformat() for day in found.expected if Report.COST not in found.days.get(day, set())],
        "requests": _requests(found),
        "gates": {
            "monthPercent": text_of(found.gates.month), "dayPercent": text_of(found.gates.day),
            "requestsPercent": text_of(found.gates.requests), "month": month.value, "failedDays": failed,
        },
        "passed": month is Verdict.PASSED and not failed,
    }  # fmt: skip


def row_json(row: Row) -> dict[str, Any]:
    """Both halves of a row and why they differ; `delta` is theirs less ours, and the sum of the parts after it."""
    share = row.share
    parts: dict[str, Any] = dict.fromkeys(("delta", *_PARTS))
    if row.parts is not None:
        parts = {name: text_of(getattr(row.parts, name)) for name in ("delta", *_PARTS)}
    return {
        "ours": _side(row.ours) | {"unpricedQuantity": text_of(row.ours.unpriced)}, "theirs": _side(row.theirs),
        **parts, "percent": None if share is None else _percent(share),
    }  # fmt: skip


def shares_json(shares: Mapping[str, tuple[Decimal, Decimal]]) -> dict[str, str | None]:
    """Parts of our half in percent; None of nothing."""
    return {
        name: _percent(Fraction(part) / Fraction(whole)) if whole else None for name, (part, whole) in shares.items()
    }  # fmt: skip


def _rows(rows: Mapping[Key, Row], group_by: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for group, row in grouped(rows, group_by).items():
        names = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in zip(group_by, group, strict=True)
        }
        found.append(names | row_json(row))
    return sorted(found, key=lambda row: [(row[name] is not None, str(row[name])) for name in group_by])


def _day_json(day: date, row: Row | None, found: Compared) -> dict[str, Any]:
    settled = is_settled(day, found.now, found.gates)
    known = found.days.get(day, set())
    if row is None:
        # A day of which the provider says that it cost nothing, and of which we know nothing either, agrees.
        is_costed = Report.COST in known
        row = Row(
            ours=Side(), theirs=Side(cost=Decimal(0) if is_costed else None), parts=Parts() if is_costed else None
        )
    return {
        "day": day.isoformat(), "reports": sorted(report.value for report in known), "isSettled": settled,
        "verdict": verdict(row, found.gates.day, is_settled=settled).value,
    } | row_json(row)  # fmt: skip


def _requests(found: Compared) -> dict[str, Any]:
    """Requests of days whose usage the provider reported, where it counts them."""
    reported = {day for day, reports in found.days.items() if Report.USAGE in reports}
    rows = {key: row for key, row in found.rows.items() if key.kind == REQUESTS and key.day in reported}
    total = grouped(rows, ()).get((), Row(ours=Side(), theirs=Side(), parts=None))
    ours, theirs = total.ours.quantity or Decimal(0), total.theirs.quantity
    if theirs is None:
        return {"ours": text_of(ours), "theirs": None, "percent": None, "isWarning": False}
    share = share_of(ours, theirs)
    return {
        "ours": text_of(ours), "theirs": text_of(theirs), "percent": _percent(share),
        "isWarning": share * _PERCENT > Fraction(found.gates.requests),
    }  # fmt: skip


def _side(side: Side) -> dict[str, str | None]:
    return {
        "quantity": None if side.quantity is None else text_of(side.quantity),
        "cost": None if side.cost is None else text_of(side.cost),
    }


def _percent(share: Fraction) -> str:
    return text_of(rounded(share * _PERCENT, _PLACES))
