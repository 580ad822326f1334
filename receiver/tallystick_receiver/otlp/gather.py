"""The numbers of points in the usual protobuf layout, read for a whole request at once."""

from __future__ import annotations

import numpy as np

from tallystick_receiver.otlp.protobuf import PREFIX, scan_unusual_point
from tallystick_receiver.otlp.scan import Columns, Scan
from tallystick_receiver.otlp.wire import Buffer

_CHUNK = 65_536
_START_TAG, _TIME_TAG, _DOUBLE_TAG, _INT_TAG = 0x11, 0x19, 0x21, 0x31


def gather_columns(buffer: Buffer, scan: Scan) -> Columns:
    """All points of the request; those that only looked usual are read again one by one."""
    fast = scan.fast
    if not len(fast.row):
        return scan.read_columns()
    at = np.frombuffer(fast.at, dtype=np.int64)
    to = np.frombuffer(fast.to, dtype=np.int64)
    row = np.frombuffer(fast.row, dtype=np.int64)
    firsts = np.array(fast.block_first, dtype=np.int64)
    block = np.array(fast.block, dtype=np.int64)[
        np.searchsorted(firsts, np.arange(len(row)), side="right") - 1
    ]
    parts = [_gather(buffer, at[i : i + _CHUNK]) for i in range(0, len(at), _CHUNK)]
    prefix = np.concatenate(parts)
    tag = prefix[:, 18]
    usual = (prefix[:, 0] == _START_TAG) & (prefix[:, 9] == _TIME_TAG)
    usual &= (tag == _INT_TAG) | (tag == _DOUBLE_TAG)
    for position in np.flatnonzero(~usual).tolist():
        scan_unusual_point(
            buffer, int(at[position]), int(to[position]), scan.block(int(block[position])), scan
        )
    chosen = np.flatnonzero(usual)
    prefix = prefix[chosen]
    value = np.ascontiguousarray(prefix[:, 19:27])
    gathered = Columns(
        at=at[chosen], to=to[chosen], row=row[chosen], block=block[chosen],
        start=np.ascontiguousarray(prefix[:, 1:9]).view("<u8")[:, 0],
        end=np.ascontiguousarray(prefix[:, 10:18]).view("<u8")[:, 0],
        integer=value.view("<i8")[:, 0], double=value.view("<f8")[:, 0],
        is_double=prefix[:, 18] == _DOUBLE_TAG,
    )  # fmt: skip
    return _join(gathered, scan.read_columns())


def _gather(buffer: Buffer, at: np.ndarray) -> np.ndarray:
    content = np.frombuffer(buffer, dtype=np.uint8)
    inside = np.minimum(at[:, None] + np.arange(PREFIX), len(content) - 1)
    gathered: np.ndarray = content[inside]
    return gathered


def _join(first: Columns, second: Columns) -> Columns:
    if not len(second.row):
        return first
    return Columns(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in Columns.__slots__
        }
    )
