"""Deliveries to endpoints: webhooks as Standard Webhooks has them, and Slack's incoming webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
from standardwebhooks import Webhook as Signer

from tallystick_receiver.deliver.addresses import BadTargetError
from tallystick_receiver.deliver.telling import telling_of
from tallystick_receiver.deliveries import Attempt, Delivered, Failed, Gone, Outcome, Refused
from tallystick_receiver.webhooks import Webhook, WebhookKind

if TYPE_CHECKING:
    from tallystick_receiver.deliver.outside import Answer, Outside

_JSON: Final = "application/json"
_SLACK_MARKS: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Endpoints:
    """Makes attempts over HTTP.

    Args:
        outside: the network.
        now_ns: the wall clock.
    """

    def __init__(self, outside: Outside, now_ns: Callable[[], int]) -> None:
        self._outside = outside
        self._now_ns = now_ns

    async def send(self, attempt: Attempt) -> Outcome:
        """One attempt; the caller bounds its time."""
        webhook = attempt.webhook
        if webhook is None:
            return Refused("the endpoint was deleted")
        if not webhook.is_enabled:
            return Refused(webhook.disabled_because or "the endpoint is disabled")
        if webhook.kind is WebhookKind.SLACK:
            return await self._post(webhook.url, slack_body(attempt.body), {"Content-Type": _JSON})
        now = datetime.fromtimestamp(self._now_ns() // 10**9, UTC)
        return await self._post(webhook.url, attempt.body.encode(), signed_headers(webhook, attempt, now))

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        try:
            answer = await self._outside.post(url, body, headers)
        except BadTargetError as error:
            return Refused(str(error))
        except TimeoutError:
            raise
        except aiohttp.ClientConnectorError as error:
            return Failed(f"cannot connect: {error.os_error.strerror or error.os_error}")
        except (OSError, aiohttp.ClientError, ValueError) as error:
            return Failed(f"no answer: {str(error) or type(error).__name__}")
        return _outcome(answer)


def _outcome(answer: Answer) -> Outcome:
    """2xx is taken, 410 wants nothing more, everything else (redirects too) is a failure."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    sentence = f"the endpoint answers {answer.status}: {answer.excerpt.strip()}".rstrip(": ")
    return Gone(sentence) if answer.status == HTTPStatus.GONE else Failed(sentence, answer.retry_after)


def signed_headers(webhook: Webhook, attempt: Attempt, now: datetime) -> dict[str, str]:
    """The id is the event's and stays through every repetition; time and signatures are those of the attempt."""
    signatures = [Signer(s).sign(attempt.event, now, attempt.body) for s in webhook.secrets_at(now)]
    return {
        "Content-Type": _JSON, "webhook-id": attempt.event, "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }  # fmt: skip


def slack_body(body: str) -> bytes:
    """What Slack shows: names come from tenants, so that nothing in them is a mention or a link."""
    told = telling_of(body)
    title, *lines = (line.translate(_SLACK_MARKS) for line in (told.title, *told.lines))
    text = "\n".join([f"*{title}*", *lines])
    return json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":")).encode()
