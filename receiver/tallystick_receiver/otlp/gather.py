"""The numbers of points in the usual protobuf layout, read and admitted in portions.

As portions are done their part of a large body is given back to the system: the columns that grow take its place.
"""

from __future__ import annotations

from mmap import MADV_DONTNEED, PAGESIZE, mmap
from typing import Final

import numpy as np

from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.otlp.protobuf_points import PREFIX, scan_unusual_point
from tallystick_receiver.otlp.scan import Columns, Scan
from tallystick_receiver.otlp.wire import Buffer

_PORTION: Final = 65_536
_START_TAG, _TIME_TAG, _DOUBLE_TAG, _INT_TAG = 0x11, 0x19, 0x21, 0x31


def admit_points(buffer: Buffer, scan: Scan, limits: TimeLimits) -> None:
    """Read and admit all points of a scanned request; those that only looked usual are read again one by one."""
    scan.admit(scan.take_read(), limits)
    fast = scan.fast
    if not len(fast.row):
        return
    at = np.frombuffer(fast.at, dtype=np.uint32)
    to = np.frombuffer(fast.to, dtype=np.uint32)
    row = np.frombuffer(fast.row, dtype=np.int32)
    firsts, blocks = np.array(fast.block_first, dtype=np.int64), np.array(fast.block, dtype=np.int64)
    for first in range(0, len(row), _PORTION):
        portion = slice(first, first + _PORTION)
        position = np.arange(first, min(first + _PORTION, len(row)))
        block = blocks[np.searchsorted(firsts, position, side="right") - 1]
        scan.admit(_usual(buffer, at[portion], to[portion], row[portion], block, scan), limits)
        scan.admit(scan.take_read(), limits)
        if isinstance(buffer, mmap):
            done = int(at[portion][-1]) // PAGESIZE * PAGESIZE
            if done:
                buffer.madvise(MADV_DONTNEED, 0, done)


def _usual(buffer: Buffer, at: np.ndarray, to: np.ndarray, row: np.ndarray, block: np.ndarray, scan: Scan) -> Columns:
    content = np.frombuffer(buffer, dtype=np.uint8)
    prefix = content[np.minimum(at[:, None] + np.arange(PREFIX), len(content) - 1)]
    tag = prefix[:, 18]
    usual = (prefix[:, 0] == _START_TAG) & (prefix[:, 9] == _TIME_TAG)
    usual &= (tag == _INT_TAG) | (tag == _DOUBLE_TAG)
    for position in np.flatnonzero(~usual).tolist():
        scan_unusual_point(buffer, int(at[position]), int(to[position]), scan.block(int(block[position])), scan)
    chosen = np.flatnonzero(usual)
    prefix = prefix[chosen]
    value = np.ascontiguousarray(prefix[:, 19:27])
    return Columns(
        at=at[chosen], to=to[chosen], row=row[chosen], block=block[chosen],
        start=np.ascontiguousarray(prefix[:, 1:9]).view("<u8")[:, 0],
        end=np.ascontiguousarray(prefix[:, 10:18]).view("<u8")[:, 0],
        integer=value.view("<i8")[:, 0], double=value.view("<f8")[:, 0],
        is_double=prefix[:, 18] == _DOUBLE_TAG,
    )  # fmt: skip
