"""Credits in the database: entries are added once, balances are derived, refills are booked when they are due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.credits import Account, Entry, EntryKind, Every, Refill
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_LOCK: Final = 0x7A11_0025
_STATEMENT_SECONDS: Final = 30.0
_SCHEDULES_MAX: Final = 100
_REFILLS_MAX: Final = 1000
"""Of one schedule in one transaction; the rest comes in the next one."""


class EntryConflictError(Exception):
    """Something else is booked under the key already."""


class AccountConflictError(Exception):
    """The account exists and is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """An entry as it is stored."""

    number: int
    account: tuple[str, str, str]
    entry: Entry
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An account and its sums.

    Attributes:
        cost: in the account's currency, of everything its owner used since it was opened.
        unpriced: rows of cost that have no price; they count as nothing.
        other_currencies: of cost that does not count here.
        next_refill_at: None where no refill is to come.
    """

    id: int
    account: Account
    granted: Decimal
    refilled: Decimal
    adjusted: Decimal
    cost: Decimal
    unpriced: int
    other_currencies: tuple[str, ...]
    next_refill_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A refill as it is stored."""

    refill: Refill
    account: tuple[str, str, str]
    booked: int
    next_at: datetime | None
    created_at: datetime


async def open_account(connection: asyncpg.Connection, account: Account, *, says_hour: bool | None) -> tuple[int, bool]:
    """The account of a subject, opened as it is given unless there is one.

    Args:
        connection: in a transaction.
        account: as it shall be.
        says_hour: whether the sender said when it was opened; if not, a resend has another hour. None: one that
            exists may be any.

    Returns:
        Its id, and whether it is new.

    Raises:
        AccountConflictError: it exists and differs.
    """
    number = await connection.fetchval(
        statement("open_credit_account"), account.org, org_id_of(account.org), account.subject_type, account.subject,
        account.currency, account.credits_per_unit, account.opened_at, account.created_at,
    )  # fmt: skip
    if number is not None:
        return number, True
    row = await connection.fetchrow(
        statement("read_credit_account"), account.org, account.subject_type, account.subject
    )  # fmt: skip
    same = (row["currency"], row["credits_per_unit"]) == (account.currency, account.credits_per_unit)
    same &= not says_hour or row["opened_at"] == account.opened_at
    if says_hour is not None and not same:
        raise AccountConflictError(
            f"the account is open since {row['opened_at'].isoformat()} with {row['credits_per_unit']} credits for one"
            f" {row['currency']}; it cannot be changed, since its balance would be another one in retrospect"
        )
    return row["id"], False


async def write_entry(
    connection: asyncpg.Connection, account_id: int, entry: Entry, now: datetime, *, says_time: bool
) -> tuple[Booked, bool]:
    """Book an entry once.

    Args:
        connection: in a transaction.
        account_id: whose.
        entry: what.
        now: when it is recorded.
        says_time: whether the sender said the entry's time; if not, a resend has another one.

    Returns:
        What is booked under its key, and whether it is new.

    Raises:
        EntryConflictError: that is something else.
    """
    fresh = await connection.fetchval(statement("write_credit_entries"), *_columns([(account_id, entry)]), now)
    row = await connection.fetchrow(statement("read_credit_entry"), account_id, entry.key)
    found = _booked(row, ("", "", ""))
    same = (found.entry.kind, found.entry.amount, found.entry.note) == (entry.kind, entry.amount, entry.note)
    if not same or (says_time and found.entry.at != entry.at):
        raise EntryConflictError("another entry is booked under this idempotencyKey")
    return found, fresh is not None


async def read_entries(
    connection: asyncpg.Connection, *, org: str | None, subject_type: str | None, subject: str | None,
    kind: EntryKind | None, before: int | None, limit: int,
) -> list[Booked]:  # fmt: skip
    """Entries, the last booked first; what is None does not restrict."""
    rows = await connection.fetch(
        statement("read_credit_entries"), org, subject_type, subject, kind and kind.value, before, limit
    )  # fmt: skip
    return [_booked(row, (row["org"], row["subject_type"], row["subject"])) for row in rows]


async def read_balances(
    connection: asyncpg.Connection, *, org: str | None, subject_type: str | None, subject: str | None,
    after: int | None, limit: int,
) -> list[Balance]:  # fmt: skip
    """Accounts and their sums by id; what is None does not restrict."""
    rows = await connection.fetch(statement("read_balances"), org, subject_type, subject, after, limit)
    return [
        Balance(
            id=row["id"], granted=row["granted"], refilled=row["refilled"], adjusted=row["adjusted"], cost=row["cost"],
            unpriced=row["unpriced"], other_currencies=tuple(row["other_currencies"]), next_refill_at=row["next_at"],
            account=Account(
                org=row["org"], subject_type=row["subject_type"], subject=row["subject"], currency=row["currency"],
                credits_per_unit=row["credits_per_unit"], opened_at=row["opened_at"], created_at=row["created_at"],
            ),
        )
        for row in rows
    ]  # fmt: skip


async def write_refill(connection: asyncpg.Connection, account_id: int, refill: Refill, now: datetime) -> None:
    """Keep a schedule; what is due of it by now is booked by the duty."""
    await connection.execute(
        statement("write_credit_refill"), refill.id, account_id, refill.amount, refill.count, refill.every.value,
        refill.zone, refill.starts_at, refill.ends_at, refill.note, refill.at(0), now,
    )  # fmt: skip


async def read_refills(
    connection: asyncpg.Connection, *, org: str | None, subject_type: str | None = None, subject: str | None = None,
    number: str | None = None, after: str | None = None, limit: int = 1,
) -> list[Schedule]:  # fmt: skip
    """Schedules by id; what is None does not restrict."""
    rows = await connection.fetch(
        statement("read_credit_refills"), org, subject_type, subject, number, after, limit
    )  # fmt: skip
    return [
        Schedule(
            refill=_refill(row), account=(row["org"], row["subject_type"], row["subject"]), booked=row["next_number"],
            next_at=row["next_at"], created_at=row["created_at"],
        )
        for row in rows
    ]  # fmt: skip


async def end_refill(connection: asyncpg.Connection, number: str, when: datetime) -> None:
    """End a schedule; what was due before stays due, what is booked stays booked."""
    await connection.execute(statement("end_credit_refill"), number, when)


def refiller(database: Database, telemetry: Telemetry, *, seconds: float, now_ns: Callable[[], int]) -> Duty:
    """The duty of booking refills, every `seconds`; after an absence each missed one is booked at its own time."""

    async def work(connection: asyncpg.Connection) -> None:
        while await book_due(connection, datetime.fromtimestamp(now_ns() / 1e9, UTC), telemetry):
            pass

    return Duty(
        database, name="refilling", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work,
        at_once=True,
    )  # fmt: skip


async def book_due(connection: asyncpg.Connection, now: datetime, telemetry: Telemetry) -> bool:
    """Book a bounded number of due refills and move their schedules on, in one transaction.

    Returns:
        Whether any were due: there may be more.
    """
    async with connection.transaction():
        rows = await connection.fetch(statement("take_due_refills"), now, _SCHEDULES_MAX)
        entries: list[tuple[int, Entry]] = []
        for row in rows:
            refill, number = _refill(row), row["next_number"]
            for due, time in islice(refill.due(number, row["now"]), _REFILLS_MAX):
                entries.append((row["account_id"], refill.entry(due, time)))
                number = due + 1
            await connection.execute(statement("move_credit_refill"), refill.id, number, refill.at(number))
        if entries:
            booked = await connection.fetch(statement("write_credit_entries"), *_columns(entries), now)
            telemetry.add("credits.refilled", len(booked))
    return bool(rows)


def _columns(entries: Sequence[tuple[int, Entry]]) -> tuple[list[Any], ...]:
    rows = [(account, e.kind.value, e.amount, e.key, e.at, e.note) for account, e in entries]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _booked(row: asyncpg.Record, account: tuple[str, str, str]) -> Booked:
    entry = Entry(
        kind=EntryKind(row["kind"]), amount=row["amount"], key=row["idempotency_key"], at=row["at"], note=row["note"]
    )  # fmt: skip
    return Booked(number=row["number"], account=account, entry=entry, recorded_at=row["recorded_at"])


def _refill(row: asyncpg.Record) -> Refill:
    return Refill(
        id=row["id"], amount=row["amount"], count=row["every"], every=Every(row["unit"]), zone=row["zone"],
        starts_at=row["starts_at"], ends_at=row["ends_at"], note=row["note"],
    )  # fmt: skip
