"""The bytes of a file in the spool: a header that tells whether the rest is whole, and the compressed request; pure."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from tallystick_exporter.parcel import Parcel

_HEAD: Final = struct.Struct(">4sHQIII")
"""Magic, version, made_ns, points, bytes of the request before compression, CRC-32 of all this and of the rest."""
_CRC: Final = struct.Struct(">I")
_MAGIC: Final = b"TSPL"
_VERSION: Final = 1

REQUEST_BYTES_MAX: Final = 64 * 1024 * 1024
"""OpenTelemetry's exporter, and receivers, drop a request that is larger (uncompressed)."""

FILE_BYTES_MAX: Final = REQUEST_BYTES_MAX + 1024 * 1024
"""What cannot be compressed grows a little."""


class CorruptPieceError(Exception):
    """A file that is torn, was changed, or was written by a version that is not known here."""


def packed(parcel: Parcel) -> bytes:
    """What a file holds."""
    rest = zlib.compress(parcel.body, 1)
    head = _HEAD.pack(_MAGIC, _VERSION, parcel.made_ns, parcel.points, len(parcel.body), 0)[: -_CRC.size]
    return b"".join((head, _CRC.pack(zlib.crc32(rest, zlib.crc32(head))), rest))


def unpacked(name: str, content: bytes) -> Parcel:
    """The parcel that a file holds, under the name that the file has.

    Raises:
        CorruptPieceError: the file is not what was written.
    """
    if len(content) < _HEAD.size:
        raise CorruptPieceError("shorter than its header")
    magic, version, made_ns, points, size, crc = _HEAD.unpack_from(content)
    if (magic, version) != (_MAGIC, _VERSION):
        raise CorruptPieceError("not a piece of this format")
    rest = memoryview(content)[_HEAD.size :]
    if zlib.crc32(rest, zlib.crc32(content[: _HEAD.size - _CRC.size])) != crc:
        raise CorruptPieceError("the checksum differs")
    try:
        body = zlib.decompressobj().decompress(rest, size)
    except zlib.error as error:
        raise CorruptPieceError(str(error)) from error
    if len(body) != size:
        raise CorruptPieceError("the request is not whole")
    return Parcel(name, body, points, made_ns)
