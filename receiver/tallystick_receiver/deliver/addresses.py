"""Which URLs and addresses may be called, so that nobody reaches the operator's own network through us. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

from yarl import URL

_PORT_MAX: Final = 65_535
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48", "100::/64", "3fff::/20", "5f00::/16")
)
"""Azure's own services, which look public, and what older versions of Python do not know of the IANA's registries of
special addresses.
"""


class BadTargetError(ValueError):
    """A URL that is not called; the sentence says why."""


def target_of(text: str) -> URL:
    """A URL that may be called, as far as it alone can tell.

    Raises:
        BadTargetError: it is no absolute http or https URL, or carries a user name or password.
    """
    if not text.isprintable() or any(c.isspace() or c == "\\" for c in text):
        raise BadTargetError("url holds white space, a backslash or what cannot be printed")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        raise BadTargetError("url cannot be read") from None
    if url.scheme not in ("http", "https") or not host:
        raise BadTargetError("url must begin with https:// or http:// and name a host")
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        raise BadTargetError("url must not hold a user name or password")
    if port is None or not 0 < port <= _PORT_MAX:
        raise BadTargetError("the port of url must be 1 to 65535")
    return url


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet.

    Everything else is private, loopback, link-local (clouds' metadata too), multicast or reserved. Addresses that embed
    an IPv4 address are as public as that one.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = _embedded(ip)
        if embedded is not None:
            return is_public(str(embedded))
    is_special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _NOT_PUBLIC)
    return ip.is_global and not is_special


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
