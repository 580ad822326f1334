"""The SQL files, each a statement under its file name, read once at import."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "sql"
_STATEMENTS: Final = {path.stem: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.sql")}


def statement(name: str) -> str:
    """The text of store/sql/<name>.sql.

    Raises:
        KeyError: there is no such file.
    """
    return _STATEMENTS[name]


def statement_over(name: str, inner: str) -> str:
    """A statement of which another file is a part: it stands where the text says `/* <inner> */`.

    Raises:
        KeyError: there is no such file.
    """
    return statement(name).replace(f"/* {inner} */", statement(inner))
