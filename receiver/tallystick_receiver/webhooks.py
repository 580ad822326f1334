"""Where events are sent: endpoints with a URL of their own, for an organisation or for the operator."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

_SECRET_BYTES: Final = 32
_OLD_SECRET_LASTS: Final = timedelta(days=1)


class WebhookKind(StrEnum):
    """What an endpoint understands."""

    WEBHOOK = "webhook"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint.

    Attributes:
        org: whose it is; None is the operator's, which is told what concerns any organisation.
        types: of events; None for all, none for what thresholds and alerts say to Slack only.
        secret: `whsec_` and base64, as Standard Webhooks has it; None for Slack.
        old_secret: signs beside the new one until `old_secret_until`.
    """

    id: str
    kind: WebhookKind
    org: str | None
    url: str
    types: tuple[str, ...] | None
    description: str
    is_enabled: bool
    disabled_because: str | None
    secret: str | None
    old_secret: str | None
    old_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime

    def secrets_at(self, now: datetime) -> list[str]:
        """What a message of this moment is signed with, the newest first."""
        old = self.old_secret if self.old_secret_until is not None and now < self.old_secret_until else None
        return [secret for secret in (self.secret, old) if secret is not None]

    def rotated(self, now: datetime) -> Webhook:
        """With a fresh secret; the one before it signs for another day."""
        return replace(
            self, secret=new_secret(), old_secret=self.secret, old_secret_until=now + _OLD_SECRET_LASTS, updated_at=now
        )


def new_secret() -> str:
    """A secret that nobody guesses."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
