"""Rows of an export -> Parquet, a row group at a time, with pyarrow (the extra `parquet`)."""

from __future__ import annotations

import importlib
import io
import json
from decimal import Context, Decimal
from types import ModuleType
from typing import Any, Final

from tallystick_receiver.query.export_rows import COUNT, FIGURES, Table, Values
from tallystick_receiver.query.json_answer import rfc3339

DIGITS: Final = 38
DECIMALS: Final = 18
"""A decimal128 of 20 digits before and 18 behind the point: what most readers know, wide enough for every int64."""
EXACT_TEXT: Final = "quantityText"
"""The column that holds the quantity where the decimal cannot; null elsewhere."""
_ROWS_OF_A_GROUP: Final = 20_000
_UNIT: Final = Decimal(1).scaleb(-DECIMALS)
_WIDE: Final = Context(prec=2000)


class ExtraMissingError(Exception):
    """Parquet needs pyarrow; the sentence names the extra."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow where the receiver runs: pip install 'tallystick[parquet]'")


class _Sink(io.RawIOBase):
    """What pyarrow writes to, emptied after each row group."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401 - any buffer
        content = bytes(piece)
        self._pieces.append(content)
        return len(content)

    def taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class ParquetFile:
    """One file; its metadata says window, time zone and completeness (keys `tallystick.*`).

    Args:
        table: what is exported.

    Raises:
        ExtraMissingError: pyarrow is not installed.
    """

    content_type = "application/vnd.apache.parquet"

    def __init__(self, table: Table) -> None:
        self._arrow = _imported("pyarrow")
        parquet = _imported("pyarrow.parquet")
        self._sink = _Sink()
        self._names = (*table.names, EXACT_TEXT)
        self._schema = self._arrow.schema(
            [self._arrow.field(name, self._type_of(name)) for name in self._names],
            metadata={
                "tallystick.from": rfc3339(table.question.start), "tallystick.to": rfc3339(table.question.end),
                "tallystick.timeZone": table.question.zone.key,
                "tallystick.completeness": json.dumps(table.completeness, ensure_ascii=False),
            },
        )  # fmt: skip
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._quantity = table.names.index(FIGURES[0])
        self._waiting: list[Values] = []

    def begin(self) -> bytes:
        """The magic bytes."""
        return self._sink.taken()

    def rows(self, batch: list[Values]) -> bytes:
        """A row group when there are rows for one."""
        self._waiting += batch
        if len(self._waiting) >= _ROWS_OF_A_GROUP:
            self._flush()
        return self._sink.taken()

    def end(self) -> bytes:
        """The last row group and the footer."""
        if self._waiting:
            self._flush()
        self._writer.close()
        return self._sink.taken()

    def _type_of(self, name: str) -> Any:  # noqa: ANN401 - a type of pyarrow
        if name == FIGURES[0]:
            return self._arrow.decimal128(DIGITS, DECIMALS)
        return self._arrow.int64() if name == COUNT else self._arrow.string()

    def _flush(self) -> None:
        columns: list[list[Any]] = [list(column) for column in zip(*self._waiting, strict=True)]
        texts = columns[self._quantity]
        numbers = [None if text is None else fitting(text) for text in texts]
        columns[self._quantity] = numbers
        columns.append([text if number is None else None for text, number in zip(texts, numbers, strict=True)])
        self._waiting.clear()
        arrays = [
            self._arrow.array(column, self._type_of(name)) for name, column in zip(self._names, columns, strict=True)
        ]
        self._writer.write_batch(self._arrow.record_batch(arrays, schema=self._schema), _ROWS_OF_A_GROUP)


def fitting(text: str) -> Decimal | None:
    """The number, if a decimal128 of DIGITS and DECIMALS holds it digit for digit."""
    number = Decimal(text)
    if number.adjusted() >= DIGITS - DECIMALS:
        return None
    rounded = number.quantize(_UNIT, context=_WIDE)
    return rounded if rounded == number else None


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ExtraMissingError from None
