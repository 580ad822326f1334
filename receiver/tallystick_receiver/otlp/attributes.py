"""The wire form of attributes: KeyValue and AnyValue messages (opentelemetry-proto, common.proto)."""

from __future__ import annotations

import base64
import struct

from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTE_VALUE_LENGTH_MAX, ATTRIBUTES_MAX
from tallystick_receiver.attributes import DEPTH_MAX, Attributes, Value, canonical
from tallystick_receiver.otlp.wire import LEN, VARINT, Buffer, fields


def decode_attributes(buffer: Buffer, spans: list[tuple[int, int]]) -> Attributes:
    """The attributes whose KeyValue messages lie at `spans`, sorted by key.

    Raises:
        Refused: the set breaks a limit or holds text that cannot be stored.
        Malformed: the bytes are not KeyValue messages.
    """
    if len(spans) > ATTRIBUTES_MAX:
        raise Refused(Reason.TOO_MANY_ATTRIBUTES, f"{len(spans)} attributes, {ATTRIBUTES_MAX} allowed")
    return canonical([_decode_pair(buffer, start, end, 0) for start, end in spans])


def decode_text(buffer: Buffer, start: int, end: int) -> str:
    """A proto3 string.

    Raises:
        Refused: INVALID_UTF8; unlike the protobuf library, only the point that holds it is lost.
    """
    try:
        return str(buffer[start:end], "utf-8")
    except UnicodeDecodeError:
        raise Refused(Reason.INVALID_UTF8) from None


def text_attribute(buffer: Buffer, start: int, end: int, key: str, length_max: int) -> str | None:
    """The text of a KeyValue message if it has that key; it may be longer than an attribute of usage.

    Raises:
        Refused: the text is too long or no Unicode.
    """
    found, text = "", None
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 1 and wire_type == LEN:
            found = decode_text(buffer, at, to)
        elif number == 2 and wire_type == LEN and to - at <= length_max:  # noqa: PLR2004 - KeyValue.value
            spans = [(a, t) for n, w, a, t in fields(buffer, at, to) if n == 1 and w == LEN]
            text = decode_text(buffer, *spans[-1]) if spans else None
    return text if found == key else None


def _decode_pair(buffer: Buffer, start: int, end: int, depth: int) -> tuple[str, Value]:
    key, value = "", ["n"]
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 1 and wire_type == LEN:
            key = decode_text(buffer, at, to)
        elif number == 2 and wire_type == LEN:  # noqa: PLR2004 - KeyValue.value
            value = _decode_value(buffer, at, to, depth)
    return key, value


def _decode_value(buffer: Buffer, start: int, end: int, depth: int) -> Value:
    if depth > DEPTH_MAX:
        raise Refused(Reason.ATTRIBUTE_TOO_DEEP, f"nested deeper than {DEPTH_MAX}")
    value: Value = ["n"]
    for number, wire_type, at, to in fields(buffer, start, end):
        match number, wire_type:
            case 1, 2:
                value = ["s", decode_text(buffer, at, to)]
            case 2, 0:
                value = ["b", bool(at)]
            case 3, 0:
                value = ["i", str(at - 2**64 if at >= 2**63 else at)]
            case 4, 1:
                value = ["d", repr(struct.unpack("<d", buffer[at:to])[0])]
            case 5, 2:
                value = [
                    "a",
                    [_decode_value(buffer, a, t, depth + 1) for a, t in _items(buffer, at, to)],
                ]
            case 6, 2:
                pairs = [_decode_pair(buffer, a, t, depth + 1) for a, t in _items(buffer, at, to)]
                value = ["k", sorted([key, item] for key, item in pairs)]
            case 7, 2:
                value = ["x", base64.b64encode(buffer[at:to]).decode()]
            case _:
                pass
    return value


def _items(buffer: Buffer, start: int, end: int) -> list[tuple[int, int]]:
    spans = [
        (at, to) for number, wire_type, at, to in fields(buffer, start, end) if number == 1 and wire_type != VARINT
    ]
    if len(spans) > ATTRIBUTE_VALUE_LENGTH_MAX:
        raise Refused(Reason.ATTRIBUTE_TOO_LONG, f"{len(spans)} items in one attribute value")
    return spans
