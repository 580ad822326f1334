"""A request's body, read and decompressed within bounds: never more in memory than one large body."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator
from mmap import mmap
from typing import TYPE_CHECKING, Final

import zstandard

from tallystick_receiver.errors import BodyError
from tallystick_receiver.otlp.wire import Buffer

if TYPE_CHECKING:
    from aiohttp import web

ENCODINGS: Final = ("identity", "gzip", "deflate", "zstd")
_CHUNK: Final = 1 << 18
_PIECE: Final = 1 << 14
_MEMBERS_MAX: Final = 10_000
_ZSTD_PIECE: Final = 512
_ZSTD_WINDOW_MAX: Final = 1 << 23
_GZIP_OR_ZLIB: Final = {"gzip": 31, "deflate": 15}


class _Growing:
    """Bytes that arrive in chunks: a list while they are few, anonymous memory of the final size from then on.

    Slices of anonymous memory are bytes, as the decoder needs, and closing it gives the memory back at once.
    """

    def __init__(self, size_max: int, small_max: int) -> None:
        self._size_max = size_max
        self._small_max = small_max
        self._chunks: list[bytes] = []
        self._large: mmap | None = None
        self.size = 0

    @property
    def is_large(self) -> bool:
        return self.size > self._small_max

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._size_max:
            self.close()
            raise BodyError(413, f"the body is larger than {self._size_max} bytes")
        if not self.is_large:
            self._chunks.append(chunk)
            return
        if self._large is None:
            self._large = mmap(-1, self._size_max)
            for earlier in self._chunks:
                self._large.write(earlier)
            self._chunks.clear()
        self._large.write(chunk)

    def buffer(self) -> Buffer:
        if self._large is None:
            return b"".join(self._chunks)
        self._large.resize(max(self.size, 1))
        return self._large

    def close(self) -> None:
        self._chunks.clear()
        if self._large is not None:
            self._large.close()


async def read_body(
    request: web.Request, *, size_max: int, small_max: int, large: asyncio.Semaphore,
    run: Callable[..., asyncio.Future[Buffer]],
) -> tuple[Buffer, bool]:  # fmt: skip
    """The decompressed body, and whether it holds the semaphore `large`, which the caller then releases.

    Args:
        request: its payload is read raw (auto_decompress is off).
        size_max: bytes, before and after decompression.
        small_max: bytes above which a body waits for its turn.
        large: the turns of large bodies.
        run: runs a function off the event loop.

    Raises:
        BodyError: 413 too large, 415 unknown encoding, 400 not what Content-Encoding says.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if encoding not in ENCODINGS:
        raise BodyError(415, f"Content-Encoding {encoding[:40]!r} is not one of {', '.join(ENCODINGS)}")
    if request.content_length is not None and request.content_length > size_max:
        raise BodyError(413, f"the body is larger than {size_max} bytes")
    received = _Growing(size_max, small_max)
    holds = False
    try:
        async for chunk in request.content.iter_chunked(_CHUNK):
            if not holds and received.size + len(chunk) > small_max:
                await large.acquire()
                holds = True
            received.add(chunk)
        if encoding == "identity":
            return received.buffer(), holds
        compressed = received.buffer()
        expanded = _Growing(size_max, small_max)
        if not holds and not await run(_expand, compressed, encoding, expanded, small_max):
            await large.acquire()
            holds = True
            expanded = _Growing(size_max, small_max)
        if holds:
            await run(_expand, compressed, encoding, expanded, size_max)
        received.close()
        return expanded.buffer(), holds
    except BaseException:
        received.close()
        if holds:
            large.release()
        raise


def _expand(compressed: Buffer, encoding: str, into: _Growing, stop_above: int) -> bool:
    """Decompress into `into`; False when it was given up because there is more than `stop_above`."""
    try:
        for chunk in _zstd(compressed) if encoding == "zstd" else _deflate(compressed, _GZIP_OR_ZLIB[encoding]):
            if into.size + len(chunk) > stop_above < into._size_max:  # noqa: SLF001 - the same module
                into.close()
                return False
            into.add(chunk)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise BodyError(400, f"the body is not valid {encoding}: {error}") from None
    return True


def _deflate(compressed: Buffer, wbits: int) -> Iterator[bytes]:
    """Gzip (of several members) or zlib, in chunks; fed in pieces, since what is left over is copied each time."""
    position = 0
    for _ in range(_MEMBERS_MAX):
        member = zlib.decompressobj(wbits)
        while not member.eof:
            piece = compressed[position : position + _PIECE]
            if not piece:
                raise EOFError("it is cut short")
            position += len(piece)
            chunk = member.decompress(piece, _CHUNK)
            yield chunk
            while not member.eof and (member.unconsumed_tail or len(chunk) == _CHUNK):
                chunk = member.decompress(member.unconsumed_tail, _CHUNK)
                yield chunk
        position -= len(member.unused_data)
        if position >= len(compressed):
            return
    raise EOFError(f"it has more than {_MEMBERS_MAX} members")


def _zstd(compressed: Buffer) -> Iterator[bytes]:
    """Zstandard (of several frames), fed in small pieces, since four bytes may stand for 128 KiB."""
    position = 0
    for _ in range(_MEMBERS_MAX):
        frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX).decompressobj(read_across_frames=False)
        while not frame.eof:
            piece = compressed[position : position + _ZSTD_PIECE]
            if not piece:
                raise EOFError("it is cut short")
            position += len(piece)
            yield frame.decompress(piece)
        position -= len(frame.unused_data)
        if position >= len(compressed):
            return
    raise EOFError(f"it has more than {_MEMBERS_MAX} frames")
