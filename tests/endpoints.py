"""Real endpoints for deliveries: HTTP servers and a mail server in threads of the test; imports nothing of ours."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import AuthResult
from standardwebhooks import Webhook

GIVE_UP_SECONDS = 100


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What an endpoint says."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


class Endpoint:
    """An HTTP server that keeps what it gets and answers as `answer` says; with `hold` set only after `release`."""

    def __init__(
        self, answer: Callable[[Received], Answer] = lambda _: Answer(), *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.released = threading.Event()
        self.released.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                outer.received.append(got)
                outer.released.wait(GIVE_UP_SECONDS)
                said = outer.answer(got)
                try:
                    self.send_response(said.status)
                    for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(said.body)
                except OSError:
                    return  # whoever asked is gone

            def log_message(self, *_):
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if tls is None else "https"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        """Distinct webhook-ids in the order of their first arrival."""
        return list(dict.fromkeys(got.id for got in list(self.received)))

    def verified(self, secret: str) -> dict[str, Any]:
        """What was received, by id: every signature is valid, and every repetition has the same body.

        Raises:
            WebhookVerificationError: a signature is not.
        """
        bodies: dict[str, Any] = {}
        for got in list(self.received):
            content = Webhook(secret).verify(got.body, got.headers)
            assert bodies.setdefault(got.id, got.body) == got.body
            assert content["id"] == got.id
        return {number: json.loads(body) for number, body in bodies.items()}

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class MailServer:
    """An SMTP server that keeps what it gets; addresses in `unknown` are refused, and with `busy` everything is."""

    def __init__(self, tls: ssl.SSLContext | None = None, password: str | None = None) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.unknown: set[str] = set()
        self.is_busy = False
        self.was_encrypted: list[bool] = []
        outer = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
                if address in outer.unknown:
                    return "550 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
                if outer.is_busy:
                    return "451 try again later"
                outer.was_encrypted.append(session.ssl is not None)
                outer.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
                outer.messages.append(message_from_bytes(envelope.content, policy=SMTP_POLICY))
                return "250 taken"

        def authenticate(server, session, envelope, mechanism, credentials):
            return AuthResult(success=credentials.password == (password or "").encode(), handled=False)

        self._loop = asyncio.new_event_loop()
        self._controller = UnthreadedController(
            Handler(), hostname="127.0.0.1", port=0, loop=self._loop, tls_context=tls,
            require_starttls=tls is not None, auth_required=password is not None, authenticator=authenticate,
        )  # fmt: skip
        self._controller.begin()
        self.port = self._controller.server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._controller.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
