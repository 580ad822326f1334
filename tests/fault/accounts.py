"""recorded = queryable + known gaps: who recorded what, what can be asked, and the difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fault.actors import Application
from otlp import get, totals
from rich.console import Console
from rich.table import Table

WINDOW_DAYS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """One application's books.

    Args:
        name: the type of its usage.
        least, most: what it recorded. They are equal unless it was killed: then it is at least what was delivered or
            on disk, and at most what it recorded, with the call under way.
    """

    name: str
    least: int
    most: int
    was_killed: bool
    queryable: Decimal
    gap: Decimal

    @property
    def difference(self) -> Decimal:
        """What is there too much (positive) or missing (negative), known gaps considered."""
        found = self.queryable + self.gap
        return found - min(max(found, Decimal(self.least)), Decimal(self.most))

    @property
    def needless_gap(self) -> Decimal:
        """There must be none where a spool or a queue was in place and the application was not killed."""
        return Decimal() if self.was_killed else self.gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One line of the table, and what stands behind it."""

    name: str
    accounts: list[Account]
    duplicates: int
    kills: int
    postponed: int

    @property
    def difference(self) -> Decimal:
        """The sum of all differences, none of which makes up for another."""
        return sum((abs(account.difference) for account in self.accounts), Decimal())

    @property
    def needless_gaps(self) -> Decimal:
        """Of all applications."""
        return sum((account.needless_gap for account in self.accounts), Decimal())

    @property
    def is_right(self) -> bool:
        return self.difference == 0 and self.needless_gaps == 0


def window() -> dict[str, str]:
    """from and to around everything that a scenario records."""
    now, days = datetime.now(UTC), timedelta(days=WINDOW_DAYS)
    return {"from_": f"{now - days:%Y-%m-%dT%H:00:00Z}", "to": f"{now + days:%Y-%m-%dT%H:00:00Z}"}


def known_gaps(receiver_url: str) -> dict[str, Decimal]:
    """What the receiver knows to be missing, by type; nothing where it does not answer that question."""
    reply = get(receiver_url + "/api/v1/completeness", **window())
    if reply.status == 404:
        return {}
    assert reply.status == 200, reply.body
    found: dict[str, Decimal] = {}
    for gap in reply.json["gaps"]:
        found[gap["type"]] = found.get(gap["type"], Decimal()) + Decimal(gap["quantity"])
    return found


def accounts_of(applications: Iterable[Application], receiver_url: str) -> list[Account]:
    """The books of applications that are dead, from their truths and the receiver's answers."""
    queryable = totals(receiver_url, **window())
    gaps = known_gaps(receiver_url)
    found = []
    for application in applications:
        recorded, name = application.recorded, application.name
        is_killed = application.was_killed
        least, most = (recorded.confirmed, recorded.intended) if is_killed else (recorded.returned, recorded.returned)
        there, gap = Decimal(queryable.get(name, 0)), gaps.get(name, Decimal())
        found.append(Account(name, least, most, is_killed, there, gap))
    return found


def show(outcomes: Iterable[Outcome], console: Console | None = None) -> None:
    """Print the table, and the accounts that do not agree."""
    table = Table(title="recorded = queryable + known gaps")
    for column in ("scenario", "recorded", "queryable", "known gaps", "difference", "duplicates seen", "kills"):
        table.add_column(column, justify="left" if column == "scenario" else "right")
    wrong = []
    for outcome in outcomes:
        least, most = (sum(getattr(a, end) for a in outcome.accounts) for end in ("least", "most"))
        recorded = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        queryable = sum(account.queryable for account in outcome.accounts)
        gap = sum(account.gap for account in outcome.accounts)
        table.add_row(outcome.name, recorded, f"{queryable:,}", f"{gap:,}", f"{outcome.difference:,}",
                      f"{outcome.duplicates:,}", str(outcome.kills))  # fmt: skip
        wrong += [a for a in outcome.accounts if a.difference or a.needless_gap]
    console = console or Console(width=120)
    console.print(table)
    for account in wrong:
        console.print(f"[red]{account}: {account.difference:+}[/red]")
