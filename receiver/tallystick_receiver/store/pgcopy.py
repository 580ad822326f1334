"""PostgreSQL's binary COPY format: fixed-width tables from numpy columns, and rows with arrays."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import numpy as np

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
POSTGRES_EPOCH_NS: Final = 946_684_800 * 10**9
NULL: Final = b"\xff\xff\xff\xff"

_OIDS: Final = {np.dtype(np.int64): 20, np.dtype(np.int32): 23, np.dtype(np.int16): 21}
_NUMERIC_OID: Final = 1700
_NUMERIC_BASE: Final = 10_000
_SCALE_MASK: Final = 0x3FFF


def microseconds(nanoseconds: np.ndarray) -> np.ndarray:
    """A timestamptz as COPY carries it: whole microseconds since 2000-01-01."""
    whole: np.ndarray = (nanoseconds - POSTGRES_EPOCH_NS) // 1000
    return whole


def table(columns: list[np.ndarray]) -> bytes:
    """The rows of a table whose columns are all fixed-width integers and never null."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for position, column in enumerate(columns):
        fields += [
            (f"length{position}", ">i4"),
            (f"value{position}", column.dtype.newbyteorder(">").str),
        ]
    rows = np.empty(len(columns[0]), dtype=fields)
    rows["count"] = len(columns)
    for position, column in enumerate(columns):
        rows[f"length{position}"] = column.dtype.itemsize
        rows[f"value{position}"] = column
    return rows.tobytes()


def row(fields: Iterable[bytes]) -> bytes:
    """One row; each field is `scalar`, `array`, `numeric_array` or NULL."""
    parts = list(fields)
    return struct.pack(">h", len(parts)) + b"".join(parts)


def int8(value: int) -> bytes:
    """A bigint or a timestamptz field."""
    return struct.pack(">iq", 8, value)


def int4(value: int) -> bytes:
    """An integer field."""
    return struct.pack(">ii", 4, value)


def array(values: np.ndarray) -> bytes:
    """A one-dimensional array field of a fixed-width integer type."""
    width = values.dtype.itemsize
    items = np.empty(len(values), dtype=[("length", ">i4"), ("value", values.dtype.newbyteorder(">").str)])
    items["length"] = width
    items["value"] = values
    return _array_field(_OIDS[values.dtype], len(values), items.tobytes())


def numeric_array(values: list[Decimal]) -> bytes:
    """A one-dimensional numeric[] field."""
    return _array_field(_NUMERIC_OID, len(values), b"".join(numeric(value) for value in values))


def numeric(value: Decimal) -> bytes:
    """A numeric with its length in front, digit for digit (PostgreSQL source, numeric_recv)."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - finite by admission
    scale = max(-exponent, 0)
    unscaled = int("".join(map(str, digits))) * 10 ** max(exponent, 0)
    fraction_groups = -(-scale // 4)
    unscaled *= 10 ** (fraction_groups * 4 - scale)
    groups: list[int] = []
    while unscaled:
        unscaled, group = divmod(unscaled, _NUMERIC_BASE)
        groups.append(group)
    weight = len(groups) - 1 - fraction_groups
    while groups and groups[0] == 0:
        groups.pop(0)
    groups.reverse()
    if not groups:
        weight = 0
    head = struct.pack(">hhHH", len(groups), weight, 0x4000 if sign and groups else 0, scale & _SCALE_MASK)
    body = head + struct.pack(f">{len(groups)}h", *groups)
    return struct.pack(">i", len(body)) + body


def _array_field(oid: int, count: int, items: bytes) -> bytes:
    if count == 0:
        return struct.pack(">iiii", 12, 0, 0, oid)
    return struct.pack(">iiiiii", 20 + len(items), 1, 0, oid, count, 1) + items


def received_array(content: bytes | None, dtype: type) -> np.ndarray:
    """The values of a one-dimensional array that `array_send` turned to bytes."""
    width = np.dtype(dtype).itemsize
    if content is None or len(content) <= 12:  # noqa: PLR2004 - an array's header without dimensions
        return np.zeros(0, dtype=dtype)
    items = np.frombuffer(
        content,
        offset=20,
        dtype=[("length", ">i4"), ("value", np.dtype(dtype).newbyteorder(">").str)],
    )
    assert items.itemsize == width + 4  # noqa: S101 - the format's definition
    return items["value"].astype(dtype)


class Items:
    """A column whose slices become array fields; the whole column is turned to bytes once."""

    def __init__(self, values: np.ndarray) -> None:
        self._oid = _OIDS[values.dtype]
        self._width = values.dtype.itemsize + 4
        items = np.empty(len(values), dtype=[("length", ">i4"), ("value", values.dtype.newbyteorder(">").str)])
        items["length"] = values.dtype.itemsize
        items["value"] = values
        self._content = items.tobytes()

    def field(self, start: int, stop: int) -> bytes:
        """The array field of the values from `start` to before `stop`."""
        content = self._content[start * self._width : stop * self._width]
        return _array_field(self._oid, stop - start, content)
