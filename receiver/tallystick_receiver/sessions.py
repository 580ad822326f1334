"""Sessions of people who signed in with a key: signed, expiring, and without any secret in them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

SESSION_SECONDS: Final = 12 * 3600
_SECRET_BYTES: Final = 32


class Sessions:
    """Issues and reads tokens `<key id>.<expiry>.<signature>`.

    The secret is random and lives as long as the process: whoever reads the database, where keys are only hashes,
    cannot sign in with what is found there.

    Args:
        now: the wall clock in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._secret = secrets.token_bytes(_SECRET_BYTES)

    def issue(self, key_id: str) -> tuple[str, int]:
        """A token that stands for a key, and when it expires (Unix seconds)."""
        expires = int(self._now()) + SESSION_SECONDS
        return f"{key_id}.{expires}.{self._signature(key_id, str(expires))}", expires

    def key_id(self, token: str) -> str | None:
        """The key that a token stands for; None if it is not ours, was changed or has expired."""
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():  # noqa: PLR2004 - as in the format above
            return None
        key_id, expires, signature = parts
        if not hmac.compare_digest(signature, self._signature(key_id, expires)):
            return None
        return key_id if int(expires) > self._now() else None

    def _signature(self, key_id: str, expires: str) -> str:
        return hmac.new(self._secret, f"{key_id}.{expires}".encode(), hashlib.sha256).hexdigest()
