"""Usage -> the JSON of /api/usage (design section 4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tallystick.quantity import text_of
from tallystick_receiver.holding import integral_unit
from tallystick_receiver.query.paging import Page, cut
from tallystick_receiver.question import TIME_UNITS, Question
from tallystick_receiver.store.usage import Usage, UsageRow


def rfc3339(time: datetime) -> str:
    """RFC 3339, with Z for UTC."""
    return time.isoformat().replace("+00:00", "Z")


def usage_answer(question: Question, usage: Usage, completeness: dict[str, Any], page: Page) -> dict[str, Any]:
    """The whole answer; rows are ordered by their groups, quantities are texts, totals are those of all pages.

    Raises:
        InvalidQuestion: the page's cursor is not one of ours.
    """
    order = _order(question)
    rows, following = cut(sorted((_row(row, question) for row in usage.rows), key=order), page, order)
    totals = sorted((_figures(row) for row in usage.totals), key=lambda row: (row["type"], row["unit"]))
    answer: dict[str, Any] = {} if question.org is None else {"orgId": question.org}
    if question.project is not None:
        answer["projectId"] = question.project
    return answer | {
        "from": rfc3339(question.start),
        "to": rfc3339(question.end),
        "timeZone": question.zone.key,
        "groupBy": list(question.group_by),
        "rows": list(rows),
        "totals": totals,
        "completeness": completeness,
        **({} if following is None else {"nextCursor": following}),
    }


def _row(row: UsageRow, question: Question) -> dict[str, Any]:
    found: dict[str, Any] = {"type": row.metric, "unit": row.unit}
    for group in question.group_by:
        if group == "org":
            found["org"] = row.org
        elif group == "project":
            found["project"] = row.project
        elif group in TIME_UNITS and row.bucket is not None:
            found[group] = bucket_text(row.bucket.astimezone(question.zone), group)
    found.update(zip(question.dimensions, row.dimensions, strict=True))
    return found | _figures(row)


def _figures(row: UsageRow) -> dict[str, Any]:
    quantity = _text(row.quantity)
    found: dict[str, Any] = {"type": row.metric, "unit": row.unit, "quantity": quantity, "count": row.points}
    if row.level is not None:
        found["level"] = {
            "last": quantity,
            "min": _text(row.level.lowest),
            "max": _text(row.level.highest),
            "average": _text(row.level.average),
            "integral": _text(row.level.integral_seconds),
            "integralUnit": integral_unit(row.unit),
            "coveredSeconds": _text(row.level.covered_seconds),
        }
    return found


def _text(number: Decimal | None) -> str | None:
    return None if number is None else text_of(number)


def bucket_text(local: datetime, unit: str) -> str:
    """How a bucket of a local time is shown: its begin, its date or its month."""
    if unit == "hour":
        return rfc3339(local.replace(minute=0, second=0, microsecond=0))
    if unit == "week":
        return (local.date() - timedelta(days=local.weekday())).isoformat()
    return local.strftime("%Y-%m") if unit == "month" else local.date().isoformat()


def _order(question: Question) -> Any:  # noqa: ANN401 - a sort key
    keys = ("type", "unit", *(group for group in question.group_by if group != "type"))

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        # Projects of several organisations may bear one name: figures decide then, so that pages know their order.
        groups = ((row[key] is not None, str(row[key])) for key in keys)
        return *groups, "level" in row, row["quantity"] or "", row["count"]

    return order
