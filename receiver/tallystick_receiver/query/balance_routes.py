"""/api/v1/balances and /api/v1/balances/entries: accounts of credits and what is booked on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.access import ADMIN, READ
from tallystick_receiver.credits import Account, Entry, EntryKind, hour_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.credit_fields import (
    Subject,
    balance_json,
    currency_field,
    entry_json,
    subject_of,
    subject_parameters,
    time_field,
)
from tallystick_receiver.query.fields import (
    Fields,
    cursor_text,
    fields_of,
    known_parameters,
    limit_parameter,
    number_cursor,
    org_parameter,
    parameter,
)
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.credits import (
    AccountConflictError,
    EntryConflictError,
    open_account,
    read_balances,
    read_entries,
    write_entry,
)
from tallystick_receiver.store.retention import dropped_before

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PATH: Final = "/api/v1/balances"
_KEY_LENGTH_MAX: Final = 255
_REFILL_KEYS: Final = "refill:"


class BalanceRoutes:
    """Open accounts, show balances, book and list entries."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.list)
        router.add_post(_PATH, self.open)
        router.add_get(f"{_PATH}/entries", self.entries)
        router.add_post(f"{_PATH}/entries", self.book)

    async def list(self, request: web.Request) -> web.Response:
        """A page of balances, in the order in which accounts were opened."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "subjectType", "subjectId", "limit", "cursor")
        org, limit = org_parameter(request, access), limit_parameter(request)
        kind, subject = subject_parameters(request)
        async with self._database.reading() as connection:
            found = await read_balances(
                connection, org=org, subject_type=kind, subject=subject, after=number_cursor(request), limit=limit
            )
        more = cursor_text(str(found[-1].id)) if len(found) == limit else None
        return answer({"balances": [balance_json(balance) for balance in found], "nextCursor": more})

    async def open(self, request: web.Request) -> web.Response:
        """Open an account; the same again changes nothing, and what differs is refused."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        now = self._now()
        subject = subject_of(fields, access)
        says_time = "openedAt" in fields
        opened = time_field(fields, "openedAt", hour_of(now))
        if opened != hour_of(opened):
            raise InvalidQuestion("openedAt must be a full hour, since cost is by hour")
        account = replace(
            usual_account(subject, now), opened_at=opened, currency=currency_field(fields, "USD"),
            credits_per_unit=fields.decimal("creditsPerUnit", Decimal(1)),
        )  # fmt: skip
        fields.end()
        try:
            async with self._database.reading() as connection, connection.transaction():
                _, is_new = await open_account(connection, account, says_hour=says_time)
                kept_from = (await dropped_before(connection))["usage_cost"]
                if is_new and opened < kept_from:
                    raise InvalidQuestion(f"openedAt is before {kept_from.date()}: cost by hour is kept since")
                found = await read_balances(
                    connection, org=subject[0], subject_type=subject[1], subject=subject[2], after=None, limit=1
                )
        except AccountConflictError as error:
            return problem(409, str(error))
        return answer(balance_json(found[0]), 201 if is_new else 200)

    async def entries(self, request: web.Request) -> web.Response:
        """A page of entries, the last booked first."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "subjectType", "subjectId", "kind", "limit", "cursor")
        org, limit = org_parameter(request, access), limit_parameter(request)
        kind, subject = subject_parameters(request)
        wanted = parameter(request, "kind")
        async with self._database.reading() as connection:
            found = await read_entries(
                connection, org=org, subject_type=kind, subject=subject, before=number_cursor(request), limit=limit,
                kind=None if wanted is None else Fields({"kind": wanted}).choice("kind", EntryKind, None),
            )  # fmt: skip
        more = cursor_text(str(found[-1].number)) if len(found) == limit else None
        return answer({"entries": [entry_json(entry) for entry in found], "nextCursor": more})

    async def book(self, request: web.Request) -> web.Response:
        """Book a grant or an adjustment once; its account is opened by the first entry."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        now = self._now()
        subject = subject_of(fields, access)
        kind = fields.choice("kind", EntryKind, EntryKind.GRANT)
        if kind is EntryKind.REFILL:
            raise InvalidQuestion("kind must be grant or adjust: refills are booked by their schedules")
        amount = fields.signed_decimal("amount") if kind is EntryKind.ADJUST else fields.decimal("amount")
        key = fields.text("idempotencyKey", length_max=_KEY_LENGTH_MAX)
        if key.startswith(_REFILL_KEYS):
            raise InvalidQuestion("idempotencyKey must not begin with refill:, as those of schedules do")
        says_time = "at" in fields
        entry = Entry(
            kind=kind, amount=amount, key=key, at=time_field(fields, "at", now),
            note=fields.text("note", "", length_max=1024, may_be_empty=True),
        )  # fmt: skip
        fields.end()
        try:
            async with self._database.reading() as connection, connection.transaction():
                account_id, _ = await open_account(connection, usual_account(subject, now), says_hour=None)
                found, is_new = await write_entry(connection, account_id, entry, now, says_time=says_time)
        except EntryConflictError as error:
            return problem(409, str(error))
        return answer(entry_json(replace(found, account=subject)), 201 if is_new else 200)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)


def usual_account(subject: Subject, now: datetime) -> Account:
    """An account as the first entry opens it: credits are money, and cost from this hour on is spent."""
    org, kind, name = subject
    return Account(
        org=org, subject_type=kind, subject=name, currency="USD", credits_per_unit=Decimal(1), opened_at=hour_of(now),
        created_at=now,
    )  # fmt: skip
