"""`tallystick record`: one record over HTTP, for shell scripts and by hand."""

from __future__ import annotations

import json
from typing import Any, Final

import aiohttp
import click

from tallystick_receiver.cli.client import url_option
from tallystick_receiver.cli.frame import as_json_option, run

_PATH: Final = "/api/v1/usage/records"
_STORED: Final = (200, 201)


@click.command("record", context_settings={"ignore_unknown_options": True})
@click.argument("metric")
@click.argument("quantity")
@url_option
@click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key with the scope ingest. [TALLYSTICK_KEY]")
@click.option("--org", default=None, help="Whose usage; not needed with a key of one organisation.")
@click.option("--project", default=None, help="Of which project.")
@click.option("--unit", default=None, help="UCUM, like By or {request}.")
@click.option("--attr", "attributes", multiple=True, help="A dimension as key=value; may be repeated.")
@click.option("--id", "record_id", default=None, help="What a resend is recognised by; made up by default.")
@click.option("--at", default=None, help="RFC 3339 time; default: now.")
@as_json_option
def record_command(
    *, metric: str, quantity: str, url: str, key: str, org: str | None, project: str | None, unit: str | None,
    attributes: tuple[str, ...], record_id: str | None, at: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Record that QUANTITY of METRIC was used."""
    metadata = {name: value for name, value in (("orgId", org), ("projectId", project)) if value is not None}
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like region=eu, not {attribute!r}")
        metadata[name] = value
    said = {"id": record_id, "unit": unit, "timestamp": at, "metadata": metadata or None}
    record = {"metricKey": metric, "quantity": quantity} | {n: v for n, v in said.items() if v is not None}
    status, found = run(_post(url.rstrip("/") + _PATH, record, key))
    if status not in _STORED:
        raise click.ClickException(found.get("detail", f"the receiver answers {status}"))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{found['status']} {found['id']}")


async def _post(url: str, record: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json=record, headers=headers) as r:
        return r.status, await r.json(content_type=None)
