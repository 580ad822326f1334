"""`tallystick balances`: credits, what is granted, and what is granted again and again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.credits import Every

_PATH: Final = "/api/v1/balances"
_SHOWN: Final = ("org", "subject", "balance", "granted", "refilled", "adjusted", "spent", "nextRefillAt")
_ENTRY_SHOWN: Final = ("number", "at", "org", "subject", "kind", "amount", "idempotencyKey", "note")
_REFILL_SHOWN: Final = ("id", "org", "subject", "amount", "every", "unit", "booked", "nextAt")
_FIGURES: Final = ("balance", "granted", "refilled", "adjusted", "spent", "amount", "booked")


@click.group()
def balances() -> None:
    """Credits: what was granted, less what usage costs."""


def _subject_options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--subject", default=None, help="Like user=u1 or project=web; default: the organisation.")(
        command
    )  # fmt: skip
    return click.option("--org", required=True, help="The organisation.")(command)


@balances.command("show")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@click.option("--subject", default=None, help="Like user=u1; a type alone (user) shows all of it.")
@as_json_option
def balances_show(*, url: str, key: str, org: str | None, subject: str | None, as_json: bool) -> None:
    """Show balances; negative ones are debts."""
    kind, _, name = (subject or "").partition("=")
    found = run(Client(url, key).pages(_PATH, "balances", orgId=org, subjectType=kind or None, subjectId=name or None))
    _print(found, _SHOWN, as_json=as_json)
    if not as_json and any(row["unpricedRows"] for row in found):
        click.echo("some usage has no price and counts as nothing: tallystick cost lists it")


@balances.command("open")
@receiver_options
@_subject_options
@click.option(
    "--credits-per-unit", default=None, help="Credits for one unit of the currency; default 1, LibreChat 1000000."
)
@click.option("--currency", default=None, help="Of the cost that is spent; default USD.")
@click.option("--from", "opened", default=None, help="A full hour; cost from then on is spent. Default: this hour.")
@as_json_option
def balances_open(*, url: str, key: str, org: str, subject: str | None, as_json: bool, **named: str | None) -> None:
    """Open an account before anything is booked on it."""
    body = _subject(org, subject) | given(
        creditsPerUnit=named["credits_per_unit"], currency=named["currency"], openedAt=named["opened"]
    )  # fmt: skip
    _print(run(Client(url, key).call("POST", _PATH, body)), _SHOWN, as_json=as_json)


def _entry_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        as_json_option,
        click.option("--note", default=None, help="For people."),
        click.option("--id", "idempotency_key", default=None,
                     help="What makes a repetition harmless; default: a random one, which is printed."),
        click.argument("amount"),
        _subject_options,
        receiver_options,
    ):  # fmt: skip
        command = option(command)
    return command


@balances.command("grant")
@_entry_options
def balances_grant(*, url: str, key: str, org: str, subject: str | None, as_json: bool, **named: str | None) -> None:
    """Grant AMOUNT credits, once."""
    _book("grant", url, key, _subject(org, subject), as_json=as_json, **named)


@balances.command("adjust", context_settings={"ignore_unknown_options": True})
@_entry_options
def balances_adjust(*, url: str, key: str, org: str, subject: str | None, as_json: bool, **named: str | None) -> None:
    """Correct a balance by AMOUNT credits, which may be negative, once."""
    _book("adjust", url, key, _subject(org, subject), as_json=as_json, **named)


@balances.command("entries")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@click.option("--subject", default=None, help="Like user=u1.")
@as_json_option
def balances_entries(*, url: str, key: str, org: str | None, subject: str | None, as_json: bool) -> None:
    """List what was booked, the last first."""
    kind, _, name = (subject or "").partition("=")
    query = {"orgId": org, "subjectType": kind or None, "subjectId": name or None}
    found = run(Client(url, key).pages(f"{_PATH}/entries", "entries", **query))
    _print(found, _ENTRY_SHOWN, as_json=as_json)


@balances.group("refills")
def refills() -> None:
    """Credits that are granted again and again."""


@refills.command("list")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@as_json_option
def refills_list(*, url: str, key: str, org: str | None, as_json: bool) -> None:
    """List schedules, ended ones too."""
    found = run(Client(url, key).pages(f"{_PATH}/refills", "refills", orgId=org))
    _print(found, _REFILL_SHOWN, as_json=as_json)


@refills.command("create")
@receiver_options
@_subject_options
@click.argument("amount")
@click.option("--every", type=int, default=None, help="Steps between two refills; default 1.")
@click.option("--unit", default=None, type=click.Choice([every.value for every in Every]), help="Default: month.")
@click.option("--from", "starts", default=None, help="The first one, as a time or a date; default: now.")
@click.option("--until", "ends", default=None, help="None at or after this.")
@click.option("--tz", default=None, help="IANA time zone of days, weeks and months; default UTC.")
@click.option("--note", default=None, help="For people.")
@as_json_option
def refills_create(
    *, url: str, key: str, org: str, subject: str | None, amount: str, every: int | None, as_json: bool,
    **named: str | None,
) -> None:  # fmt: skip
    """Grant AMOUNT credits again and again."""
    body = _subject(org, subject) | {"amount": amount} | given(
        every=every, unit=named["unit"], startsAt=named["starts"], endsAt=named["ends"], timeZone=named["tz"],
        note=named["note"],
    )  # fmt: skip
    _print(run(Client(url, key).call("POST", f"{_PATH}/refills", body)), _REFILL_SHOWN, as_json=as_json)


@refills.command("end")
@receiver_options
@click.argument("number", metavar="ID")
def refills_end(*, url: str, key: str, number: str) -> None:
    """End a schedule now; what is booked stays booked."""
    run(Client(url, key).call("DELETE", f"{_PATH}/refills/{number}"))


def _book(
    kind: str, url: str, key: str, subject: dict[str, object], *, as_json: bool, amount: str | None,
    idempotency_key: str | None, note: str | None,
) -> None:  # fmt: skip
    body = subject | {
        "kind": kind, "amount": amount, "idempotencyKey": idempotency_key or f"cli-{secrets.token_hex(8)}",
    } | given(note=note)  # fmt: skip
    _print(run(Client(url, key).call("POST", f"{_PATH}/entries", body)), _ENTRY_SHOWN, as_json=as_json)


def _subject(org: str, subject: str | None) -> dict[str, object]:
    kind, equals, name = (subject or f"org={org}").partition("=")
    if not equals:
        raise click.UsageError(f"--subject must be like user=u1, not {subject!r}")
    return {"orgId": org, "subjectType": kind, "subjectId": name}


def _print(found: dict[str, Any] | list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """One row or several: all of it for machines, chosen columns for people."""
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    rows = found if isinstance(found, list) else [found]
    short = [row | {"org": row["orgId"], "subject": f"{row['subjectType']}={row['subjectId']}"} for row in rows]
    show([{column: row[column] for column in columns} for row in short], as_json=False, figures=_FIGURES)
