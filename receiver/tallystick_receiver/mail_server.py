"""The mail server of the settings: where mail is handed over, how, and from whom it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

UNFIT_ADDRESS: Final = (ValueError, LookupError, MessageError)
"""What the package email raises for an address that cannot be."""


class Security(StrEnum):
    """How the line to the mail server is protected, as the scheme of its URL."""

    STARTTLS = "smtp"
    TLS = "smtps"
    PLAIN = "smtp+plain"


_PORTS: Final = {Security.STARTTLS: 587, Security.TLS: 465, Security.PLAIN: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over.

    Attributes:
        user: None to send without signing in.
        sender: the address, and perhaps the name, that mails are from.
    """

    security: Security
    host: str
    port: int
    user: str | None
    password: str
    sender: Address


def mail_server(url: str, sender: str, password: str) -> MailServer | None:
    """The mail server; None where no URL is set.

    Raises:
        ValueError: they cannot be used; the sentence says why.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port, security = parts.port, Security(parts.scheme)
    except ValueError:
        parts, port, security = urlsplit(""), None, Security.STARTTLS
    if not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("smtp_url must be like smtp://user@host:587; its scheme is smtp, smtps or smtp+plain")
    if parts.password is not None:
        raise ValueError("smtp_url must be without a password: that is TALLYSTICK_SMTP_PASSWORD in the environment")
    user = None if parts.username is None else unquote(parts.username)
    if security is Security.PLAIN and user is not None:
        raise ValueError("smtp_url must be without a user for smtp+plain, which would send the password in clear")
    name, address = parseaddr(sender)
    try:
        known = Address(display_name=name, addr_spec=address)
    except UNFIT_ADDRESS:
        known = Address()
    if not known.domain or not sender.isprintable():
        raise ValueError("smtp_from must be an e-mail address, like Tallystick <usage@example.com>")
    return MailServer(
        security=security, host=parts.hostname, port=port or _PORTS[security], user=user, password=password,
        sender=known,
    )  # fmt: skip
