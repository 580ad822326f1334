"""Who may do what: keys, scopes, and the open mode of a receiver without keys."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallystick_receiver.errors import Unavailable
from tallystick_receiver.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Awaitable

INGEST: Final = "ingest"
READ: Final = "read"
ADMIN: Final = "admin"
SCOPES: Final = (INGEST, READ, ADMIN)
USAGE: Final = "usage"
"""To read usage and its completeness: part of `read`, and all that a read token may."""
_IMPLIED_BY: Final = {INGEST: (ADMIN,), READ: (ADMIN,), ADMIN: (), USAGE: (READ, ADMIN)}
TOKEN_PREFIX: Final = "tst_"  # noqa: S105 - what follows is the secret
_FRESH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is stored: its secret only as SHA-256."""

    key_id: str
    secret: bytes
    name: str
    scopes: frozenset[str]
    org: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a request may do: with `org` None, in every organisation; `key_id` None in the open mode."""

    scopes: frozenset[str]
    org: str | None
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadToken:
    """What a token stands for: whoever bears it reads usage of one organisation, as long as its key is valid.

    Attributes:
        key_id: who made it; None while no key was defined.
        org: whose usage.
    """

    key_id: str | None
    org: str


class Denied(Exception):  # noqa: N818 - it names what happened
    """401 without a valid key, 403 with one that lacks the scope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def new_key() -> tuple[str, str, bytes]:
    """A fresh key: its id, its text (shown once), the SHA-256 that is stored."""
    key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"tsk_{key_id}_{secret}"
    return key_id, text, digest(text)


def new_token() -> tuple[str, bytes]:
    """A fresh read token: its text (given out once), the SHA-256 that is stored."""
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return text, digest(text)


def is_token(authorization: str) -> bool:
    """Whether a header presents a read token, valid or not."""
    kind, _, text = authorization.partition(" ")
    return kind.lower() == "bearer" and text.strip().startswith(TOKEN_PREFIX)


def digest(text: str) -> bytes:
    """What is stored of a key or a token; 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


class Gate:
    """Decides on Authorization headers; keys are read again every second, so a revocation works within one.

    A key that is not known is looked for before it is refused: it may be younger than that, and the first of all.

    While the database is away the keys that are known go on working: ingest must reach its 503 and be retried,
    not a 401 that makes clients drop usage.

    Besides `Bearer <key>` a header may say `Session <token>`: somebody signed in with a key, which decides as ever.
    A read token (`Bearer tst_...`) is looked up for each request, and means itself on an open receiver, too: pages of
    other sites get answers for it.

    Args:
        read_keys: all keys, revoked ones too.
        read_token: what is worth something of a hash; None of one that expired or whose key was revoked.
        clock: seconds, for the age of what was read.
    """

    def __init__(
        self,
        read_keys: Callable[[], Awaitable[list[Key]]],
        read_token: Callable[[bytes], Awaitable[ReadToken | None]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sessions = Sessions()
        self._read_keys = read_keys
        self._read_token = read_token
        self._clock = clock
        self._keys: dict[bytes, Key] | None = None
        self._read_at = self._looked_at = -math.inf
        self._looking = asyncio.Lock()

    async def is_open(self) -> bool:
        """Whether no key was ever defined; a revoked one counts."""
        return not await self._known()

    async def access(self, authorization: str | None, scope: str) -> Access:
        """What the bearer of this header may do.

        Raises:
            Denied: no valid key, or not the scope.
            Unavailable: the keys are not known yet, or this one is not and may be new.
        """
        if authorization is not None and is_token(authorization):
            return await self._by_token(authorization, scope)
        keys = await self._known()
        key = self._presented(authorization or "", keys)
        if key is None and authorization:
            keys = await self._look(self._clock())
            key = self._presented(authorization, keys)
        if not keys:
            return Access(scopes=frozenset(SCOPES), org=None)
        if key is None or key.revoked_at is not None:
            raise Denied(401, "send a valid key: Authorization: Bearer tsk_...")
        if not key.scopes & {scope, *_IMPLIED_BY[scope]}:
            raise Denied(403, f"this key has no scope {READ if scope == USAGE else scope!r}")
        return Access(scopes=key.scopes, org=key.org, key_id=key.key_id)

    async def _by_token(self, authorization: str, scope: str) -> Access:
        """What the bearer of a token may do.

        Raises:
            Denied: it is none or has expired (401), or is not for this (403).
            Unavailable: the database is out of reach.
        """
        token = await self._read_token(digest(authorization.partition(" ")[2].strip()))
        if token is None:
            raise Denied(401, "this token has expired, or is none: ask POST /api/v1/tokens for another one")
        if scope != USAGE:
            raise Denied(403, "a token reads usage, its summary and its completeness, and nothing else")
        return Access(scopes=frozenset({USAGE}), org=token.org, key_id=token.key_id)

    def _presented(self, authorization: str, keys: dict[bytes, Key]) -> Key | None:
        kind, _, text = authorization.partition(" ")
        if kind.lower() == "session":
            key_id = self.sessions.key_id(text.strip())
            return next((key for key in keys.values() if key.key_id == key_id), None)
        return keys.get(digest(text.strip())) if kind.lower() == "bearer" else None

    async def _known(self) -> dict[bytes, Key]:
        """Keys of the last second; older ones while the database is away or slow."""
        due = self._clock() - _FRESH_SECONDS
        if self._keys is None or (self._looked_at < due and not self._looking.locked()):
            try:
                return await self._look(due)
            except Unavailable:
                if self._keys is None:
                    raise
        return self._keys

    async def _look(self, since: float) -> dict[bytes, Key]:
        """Keys as they were at a moment or later; one look at a time, however many wait for it."""
        async with self._looking:
            if self._keys is None or self._read_at < since:
                self._looked_at = self._clock()
                self._keys = {key.secret: key for key in await self._read_keys()}
                self._read_at = self._looked_at
            return self._keys
