"""`tallystick keys`: create, list, revoke; straight on the database, since the first key must come from somewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import click

from tallystick_receiver.access import SCOPES, Key
from tallystick_receiver.cli.frame import as_json_option, run, settings_of, settings_options
from tallystick_receiver.cli.tables import show
from tallystick_receiver.embedded import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.keys import create_key, keys_of, revoke_key
from tallystick_receiver.store.migrate import migrate

_FIRST: Final = (
    "it is the first key: receivers now answer nobody without one, and senders need one with the scope ingest"
)


@click.group()
def keys() -> None:
    """Keys: who may write and read."""


@keys.command("create")
@settings_options("database_url", "data_dir")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), required=True, help="May be repeated.")
@click.option("--org", default="*", show_default=True, help="The only organisation it may write and read; * for all.")
@as_json_option
def keys_create(*, name: str, scopes: tuple[str, ...], org: str, as_json: bool, **flags: Any) -> None:
    """Create a key and show it, once."""
    if not name or not org:  # An empty variable of a shell script would make a key that nobody meant.
        raise click.UsageError("--name and --org must not be empty")
    key_id, text, is_first = run(_create(settings_of(flags), name, scopes, None if org == "*" else org))
    if as_json:
        click.echo(json.dumps({"id": key_id, "key": text, "org": org, "scopes": sorted(scopes)}))
    else:
        click.echo(text)
        click.echo(f"key {key_id} for {org}; it is not stored and cannot be shown again", err=True)
    if is_first:
        click.echo(_FIRST, err=True)


@keys.command("list")
@settings_options("database_url", "data_dir")
@as_json_option
def keys_list(*, as_json: bool, **flags: Any) -> None:
    """List keys, revoked ones too."""
    rows = [
        {
            "id": key.key_id, "name": key.name, "org": "*" if key.org is None else key.org,
            "scopes": " ".join(sorted(key.scopes)),
            "created": key.created_at.isoformat(timespec="seconds"),
            "revoked": key.revoked_at and key.revoked_at.isoformat(timespec="seconds"),
        }
        for key in run(_list(settings_of(flags)))
    ]  # fmt: skip
    show(rows, as_json=as_json)


@keys.command("revoke")
@settings_options("database_url", "data_dir")
@click.argument("key_id")
def keys_revoke(*, key_id: str, **flags: Any) -> None:
    """Make a key invalid for good; receivers know within a second."""
    if not run(_revoke(settings_of(flags), key_id)):
        raise click.ClickException(f"there is no key {key_id}")
    click.echo(f"revoked {key_id}")


async def _create(settings: Settings, name: str, scopes: tuple[str, ...], org: str | None) -> tuple[str, str, bool]:
    """The id and the text of the key, and whether it is the first of all."""
    async with database_url(settings) as (url, _), connected(url) as connection:
        await migrate(connection)
        is_first = not await keys_of(connection)
        key_id, text = await create_key(connection, name=name, scopes=scopes, org=org, now=datetime.now(UTC))
        return key_id, text, is_first


async def _list(settings: Settings) -> list[Key]:
    async with database_url(settings) as (url, _), connected(url) as connection:
        await migrate(connection)
        return await keys_of(connection)


async def _revoke(settings: Settings, key_id: str) -> bool:
    async with database_url(settings) as (url, _), connected(url) as connection:
        await migrate(connection)
        return await revoke_key(connection, key_id, datetime.now(UTC))
