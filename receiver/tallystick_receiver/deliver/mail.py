"""Deliveries by e-mail over SMTP."""

from __future__ import annotations

import socket
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Final

import aiosmtplib

from tallystick_receiver.deliver.telling import telling_of
from tallystick_receiver.deliveries import Attempt, Delivered, Failed, Outcome, Refused
from tallystick_receiver.mail_server import UNFIT_ADDRESS, MailServer, Security

_FOR_GOOD: Final = 500


class Mail:
    """Makes attempts by e-mail; each is a connection and a message of its own.

    Args:
        server: None fails every attempt with a sentence that says what to set.
        seconds_max: bound of each step with the server.
    """

    def __init__(self, server: MailServer | None, *, seconds_max: float) -> None:
        self._server = server
        self._seconds_max = seconds_max
        self._name = socket.gethostname() or "localhost"
        secure = server is not None and server.security is not Security.PLAIN
        self._tls = ssl.create_default_context() if secure else None

    async def send(self, attempt: Attempt) -> Outcome:
        """One attempt; the caller bounds its time."""
        server = self._server
        if server is None:
            return Failed("smtp_url is not set")
        try:
            message = compose(attempt, server.sender)
        except UNFIT_ADDRESS as error:
            return Refused(f"this address cannot be written to: {error}")
        return await self._hand_over(server, message)

    async def _hand_over(self, server: MailServer, message: EmailMessage) -> Outcome:
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, username=server.user, timeout=self._seconds_max,
            password=server.password if server.user is not None else None, local_hostname=self._name,
            use_tls=server.security is Security.TLS, start_tls=server.security is Security.STARTTLS,
            tls_context=self._tls,
        )  # fmt: skip
        try:
            async with client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0])
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
            return _refused(error)
        except aiosmtplib.SMTPNotSupported as error:
            return Failed(f"the mail server does not know how: {error}")
        except (OSError, aiosmtplib.SMTPException) as error:
            return Failed(f"the mail server fails: {error or type(error).__name__}")
        return Delivered()


def compose(attempt: Attempt, sender: Address) -> EmailMessage:
    """The message of a delivery, the same at every try.

    Header injection cannot be: a line break in an address or a name is refused or replaced before it is a header.

    Raises:
        ValueError: the address cannot be written to. Other errors of the email package are in UNFIT_ADDRESS.
    """
    told = telling_of(attempt.body)
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    message["To"] = Address(addr_spec=attempt.email or "")
    message["Subject"] = told.title
    message["Date"] = attempt.at
    message["Message-ID"] = f"<{attempt.event}.{attempt.number}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join([told.title, "", *told.lines, ""]))
    return message


def _refused(error: aiosmtplib.SMTPResponseException) -> Outcome:
    sentence = f"the mail server refuses: {error.code} {error.message}"
    return Refused(sentence) if error.code >= _FOR_GOOD else Failed(sentence)
