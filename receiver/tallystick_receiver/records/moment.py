"""RFC 3339 times to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS: Final = 86_400
_HOURS: Final = 24
_MINUTES: Final = 60


def nanoseconds_of(text: str) -> int:
    """Nanoseconds since 1970.

    Raises:
        ValueError: it is not an RFC 3339 time with an offset and at most nine digits of a second.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, time, fraction, sign, hours, minutes = found.groups()
    since = datetime.fromisoformat(f"{day}T{time}+00:00") - _EPOCH
    seconds = since.days * _DAY_SECONDS + since.seconds
    if sign is not None:
        if int(hours) >= _HOURS or int(minutes) >= _MINUTES:
            raise ValueError(text)
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds * 10**9 + (int(fraction.ljust(9, "0")) if fraction else 0)
