"""`tallystick verify`: whether the books agree."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import click

from tallystick_receiver.cli.frame import as_json_option, run, settings_of, settings_options
from tallystick_receiver.cli.tables import show
from tallystick_receiver.cli.window import progress_of_days, window_of, window_options
from tallystick_receiver.embedded import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.migrate import migrate
from tallystick_receiver.store.verify import Difference, Findings, Side, verify


@click.command("verify")
@window_options
@click.option("--differences", "differences_max", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="Differences that are shown; all are counted.")  # fmt: skip
@settings_options("database_url", "data_dir")
@as_json_option
def verify_command(
    *, from_: datetime | None, to: datetime | None, org: str | None, differences_max: int, as_json: bool, **flags: Any
) -> None:
    """Compare everything that is kept, exactly. Exit code 1: ledger, points, rollups, aggregates or costs differ."""
    found = run(_verify(settings_of(flags), from_, to, org, differences_max))
    if as_json:
        click.echo(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
    else:
        _tell(found)
    if found.count:
        raise SystemExit(1)


async def _verify(
    settings: Settings, start: datetime | None, end: datetime | None, org: str | None, differences_max: int
) -> Findings:
    async with database_url(settings) as (url, _), connected(url) as connection:
        await migrate(connection)
        lower, upper = await window_of(connection, start, end)
        with progress_of_days("verifying", (upper - lower) // timedelta(days=1)) as progress:
            return await verify(
                connection, start=lower, end=upper, org=org, differences_max=differences_max, progress=progress
            )


def _tell(found: Findings) -> None:
    window = f"{found.start.date()} to {found.end.date()} (exclusive)"
    if found.count:
        show([_row(difference) for difference in found.differences], as_json=False)
        click.echo(f"{found.count} differences, {window}; 'tallystick rebuild' recomputes rollups from points")
    else:
        click.echo(f"the books agree, {window}")
    compared = ", ".join(f"{name} {days}" for name, days in found.compared.items()) or "nothing is kept of these days"
    click.echo(f"days compared: {compared}", err=True)
    if found.unsettled:
        click.echo(f"{found.unsettled} figures of continuous aggregates changed whenever they were compared", err=True)
    if found.org is not None:
        click.echo("the ledger's totals are not kept by organisation and were not compared", err=True)


def _row(difference: Difference) -> dict[str, str | None]:
    place = (difference.org, difference.project, difference.metric, difference.detail)
    return {
        "time": difference.at.isoformat().replace("+00:00", "Z"),
        "what": " ".join(part for part in place if part),
        "one side": _side(difference.left),
        "other side": _side(difference.right),
    }


def _side(side: Side) -> str:
    if side.quantity is None:
        return f"{side.name}: none"
    points = "" if side.points is None else f" in {side.points} points"
    return f"{side.name}: {side.quantity}{points}"


def _as_json(found: Findings) -> dict[str, Any]:
    return {
        "from": found.start.date().isoformat(),
        "to": found.end.date().isoformat(),
        "orgId": found.org,
        "daysCompared": found.compared,
        "count": found.count,
        "unsettled": found.unsettled,
        "differences": [
            {
                "check": d.check, "orgId": d.org, "projectId": d.project, "type": d.metric, "detail": d.detail,
                "at": d.at.isoformat().replace("+00:00", "Z"),
                "sides": [{"of": s.name, "quantity": s.quantity, "points": s.points} for s in (d.left, d.right)],
            }
            for d in found.differences
        ],
    }  # fmt: skip
