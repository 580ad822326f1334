"""Endpoints in the database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tallystick_receiver.store.statements import statement
from tallystick_receiver.webhooks import Webhook, WebhookKind

if TYPE_CHECKING:
    import asyncpg


class TooManyWebhooks(Exception):  # noqa: N818 - it names what there is
    """The organisation has as many endpoints as it may."""


async def read_webhooks(
    connection: asyncpg.Connection, *, org: str | None = None, number: str | None = None, after: str | None = None,
    limit: int = 1,
) -> list[Webhook]:  # fmt: skip
    """Endpoints by id, of an organisation or all."""
    return [webhook_of(row) for row in await connection.fetch(statement("read_webhooks"), org, number, after, limit)]


async def create_webhook(connection: asyncpg.Connection, webhook: Webhook, *, most: int) -> None:
    """Keep a new endpoint.

    Args:
        connection: in a transaction.
        webhook: with an id of its own.
        most: how many its owner may have.

    Raises:
        TooManyWebhooks: there are so many already.
    """
    await lock_webhooks(connection)
    if await connection.fetchval(statement("count_webhooks"), webhook.org) >= most:
        raise TooManyWebhooks
    await _write(connection, webhook)


async def lock_webhooks(connection: asyncpg.Connection) -> None:
    """Until the end of the transaction nobody else writes endpoints; whoever addresses events goes on."""
    await connection.execute(statement("lock_webhooks"))


async def change_webhook(connection: asyncpg.Connection, webhook: Webhook) -> None:
    """Keep a changed endpoint; what waits for one that is disabled is parked.

    Args:
        connection: in a transaction.
        webhook: as it shall be.
    """
    await _write(connection, webhook)
    if not webhook.is_enabled:
        because = webhook.disabled_because or "the endpoint is disabled"
        await connection.execute(statement("park_lane"), webhook.id, because, webhook.updated_at)


async def disable_webhook(connection: asyncpg.Connection, number: str, because: str, now: datetime) -> None:
    """Send an endpoint nothing more, and park what waits for it, in a transaction."""
    await connection.execute(statement("disable_webhook"), number, because, now)
    await connection.execute(statement("park_lane"), number, because, now)


async def delete_webhook(connection: asyncpg.Connection, number: str) -> None:
    """Forget an endpoint and its deliveries, in a transaction."""
    await connection.execute(statement("delete_webhook"), number)
    await connection.execute(statement("delete_lane"), number)


def webhook_of(row: asyncpg.Record) -> Webhook:
    """An endpoint from a row that holds its columns."""
    columns = {name: row[name] for name in Webhook.__dataclass_fields__}
    types = row["types"]
    return Webhook(**{**columns, "kind": WebhookKind(row["kind"]), "types": None if types is None else tuple(types)})


async def _write(connection: asyncpg.Connection, webhook: Webhook) -> None:
    await connection.execute(
        statement("write_webhook"), webhook.id, webhook.kind.value, webhook.org, webhook.url, webhook.types,
        webhook.description, webhook.is_enabled, webhook.disabled_because, webhook.secret, webhook.old_secret,
        webhook.old_secret_until, webhook.created_at, webhook.updated_at,
    )  # fmt: skip
