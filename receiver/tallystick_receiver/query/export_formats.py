"""Rows of an export -> bytes, a batch at a time: CSV and NDJSON. What else there is comes from `encoder_of`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, Protocol

from tallystick_receiver.query.export_rows import ALL_DIMENSIONS, COUNT, FIGURES, Table, Value, Values
from tallystick_receiver.query.parquet import ParquetFile

_QUOTED: Final = re.compile('[",\r\n]')
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "'")


class Encoder(Protocol):
    """One file: what begins it, its rows in batches, what ends it."""

    content_type: str

    def begin(self) -> bytes:
        """What comes first."""

    def rows(self, batch: list[Values]) -> bytes:
        """What is to be sent now; the rows may come later."""

    def end(self) -> bytes:
        """What comes last."""


class Csv:
    """RFC 4180: CRLF, quotes where they are needed, UTF-8. Null is empty, an empty text is `""`.

    A text that a spreadsheet would take for a formula begins with an apostrophe, and so does one that began with an
    apostrophe itself: whoever strips one has what was recorded. Figures are no texts.
    """

    content_type = "text/csv; charset=utf-8; header=present"

    def __init__(self, table: Table) -> None:
        self._names = table.names
        self._texts = len(table.names) - len(FIGURES)

    def begin(self) -> bytes:
        """The header."""
        return (",".join(csv_cell(name) for name in self._names) + "\r\n").encode()

    def rows(self, batch: list[Values]) -> bytes:
        """A line each."""
        texts = self._texts
        lines = [
            ",".join([*map(csv_cell, values[:texts]), *("" if v is None else str(v) for v in values[texts:])])
            for values in batch
        ]
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "backslashreplace")

    def end(self) -> bytes:
        """Nothing."""
        return b""


def csv_cell(value: Value) -> str:
    """A cell of a CSV file; what a spreadsheet would take for a formula gets an apostrophe."""
    if value is None:
        return ""
    text = str(value)
    if not text:
        return '""'
    if text.startswith(_DANGEROUS):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


class Ndjson:
    """A JSON object a line, as a row of /api/usage has it; quantities are texts, `attributes` is an object."""

    content_type = "application/x-ndjson"

    def __init__(self, table: Table) -> None:
        self._names = table.names
        self._nested = table.names.index(ALL_DIMENSIONS) if ALL_DIMENSIONS in table.names else None

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, batch: list[Values]) -> bytes:
        """A line each."""
        return b"".join(self._line(values) for values in batch)

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def _line(self, values: Values) -> bytes:
        line: dict[str, object] = dict(zip(self._names, values, strict=True))
        if self._nested is not None:
            line[ALL_DIMENSIONS] = json.loads(str(values[self._nested]))
        if line["kind"] == "sum":
            for name in FIGURES[FIGURES.index(COUNT) + 1 :]:
                del line[name]
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"


FORMATS: Final[dict[str, Callable[[Table], Encoder]]] = {"csv": Csv, "ndjson": Ndjson, "parquet": ParquetFile}
