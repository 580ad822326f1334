"""What bodies and queries about credits have in common: whose account, which times, which figures."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Context
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallystick.quantity import text_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import Fields, own_org, parameter
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import time_of
from tallystick_receiver.question import TIME_UNITS
from tallystick_receiver.thresholds import ORG

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.access import Access
    from tallystick_receiver.store.credits import Balance, Booked, Schedule

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_WIDE: Final = Context(prec=2000)
Subject = tuple[str, str, str]
"""Organisation, type of subject, subject."""


def subject_of(fields: Fields, access: Access) -> Subject:
    """Whose account a body names.

    Raises:
        InvalidQuestion: nobody's, or something that no usage belongs to.
        Denied: the key is bound to another organisation.
    """
    kind = fields.text("subjectType", ORG)
    subject = fields.optional_text("subjectId")
    org = own_org(fields.optional_text("orgId") or (subject if kind == ORG else None), access)
    if org is None:
        raise InvalidQuestion("orgId is missing: it says whose usage, unless subjectType is org")
    subject = subject or (org if kind == ORG else None)
    if not subject:
        raise InvalidQuestion("subjectId is missing")
    if kind in {*TIME_UNITS, "type"} or not kind:
        raise InvalidQuestion("subjectType must be org, project, user or the key of a dimension")
    if kind == ORG and subject != org:
        raise InvalidQuestion("subjectId must be the organisation itself where subjectType is org")
    return org, kind, subject


def subject_parameters(request: web.Request) -> tuple[str | None, str | None]:
    """The subjectType and subjectId of a query; a type may stand alone.

    Raises:
        InvalidQuestion: a subject without its type.
    """
    kind, subject = parameter(request, "subjectType"), parameter(request, "subjectId")
    if subject is not None and kind is None:
        raise InvalidQuestion("subjectId needs subjectType")
    return kind, subject


def time_field(fields: Fields, name: str, default: datetime, zone: str = "UTC") -> datetime:
    """An RFC 3339 time, or a date, in UTC."""
    text = fields.optional_text(name)
    return default if text is None else time_of(text, ZoneInfo(zone), name).astimezone(UTC)


def currency_field(fields: Fields, default: str) -> str:
    """A currency's three capitals."""
    text = fields.text("currency", default)
    if _CURRENCY.fullmatch(text) is None:
        raise InvalidQuestion("currency must be like USD")
    return text


def subject_json(subject: Subject) -> dict[str, str]:
    """Whose."""
    return dict(zip(("orgId", "subjectType", "subjectId"), subject, strict=True))


def balance_json(found: Balance) -> dict[str, Any]:
    """An account and its sums; all but `cost` in credits."""
    account = found.account
    spent = _WIDE.multiply(found.cost, account.credits_per_unit)
    booked = _WIDE.add(_WIDE.add(found.granted, found.refilled), found.adjusted)
    return subject_json((account.org, account.subject_type, account.subject)) | {
        "balance": text_of(_WIDE.subtract(booked, spent)), "granted": text_of(found.granted),
        "refilled": text_of(found.refilled),
        "adjusted": text_of(found.adjusted), "spent": text_of(spent), "cost": text_of(found.cost),
        "currency": account.currency, "creditsPerUnit": text_of(account.credits_per_unit),
        "openedAt": rfc3339(account.opened_at),
        "nextRefillAt": None if found.next_refill_at is None else rfc3339(found.next_refill_at),
        "unpricedRows": found.unpriced, "otherCurrencies": list(found.other_currencies),
    }  # fmt: skip


def entry_json(found: Booked) -> dict[str, Any]:
    """An entry."""
    entry = found.entry
    return subject_json(found.account) | {
        "number": found.number, "kind": entry.kind.value, "amount": text_of(entry.amount),
        "idempotencyKey": entry.key, "at": rfc3339(entry.at), "note": entry.note,
        "recordedAt": rfc3339(found.recorded_at),
    }  # fmt: skip


def refill_json(found: Schedule) -> dict[str, Any]:
    """A schedule."""
    refill = found.refill
    return {"id": refill.id} | subject_json(found.account) | {
        "amount": text_of(refill.amount), "every": refill.count, "unit": refill.every.value, "timeZone": refill.zone,
        "startsAt": rfc3339(refill.starts_at), "endsAt": None if refill.ends_at is None else rfc3339(refill.ends_at),
        "note": refill.note, "booked": found.booked,
        "nextAt": None if found.next_at is None else rfc3339(found.next_at), "createdAt": rfc3339(found.created_at),
    }  # fmt: skip
