"""One way to print: rows as a table for people, or as JSON for machines."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tallystick_receiver.readable import printable

_UNFOLDED_COLUMNS: Final = 10_000
"""How wide a table may become where no terminal is: its reader is a program, or a file, and looks for whole words."""
_FIGURES: Final = ("quantity", "count", "average", "integral")


def show(rows: list[dict[str, Any]], *, as_json: bool, figures: Collection[str] = _FIGURES) -> None:
    """Print rows as a table, whose figures are aligned, or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    print_table(table_of(rows, figures))


def print_table(table: RenderableType) -> None:
    """Print a table as wide as the terminal; in a pipe or a file no cell is folded."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_UNFOLDED_COLUMNS)
    console.print(table)


def table_of(rows: list[dict[str, Any]], figures: Collection[str] = _FIGURES) -> RenderableType:
    """Rows as a table, whose figures are aligned."""
    if not rows:
        return "none"
    shown = Table(box=None, header_style="bold")
    for name in rows[0]:
        shown.add_column(Text(printable(name)), overflow="fold", justify="right" if name in figures else "left")
    for row in rows:
        # As Text: what looks like markup in a tenant's name is none.
        shown.add_row(*(Text("" if value is None else printable(str(value))) for value in row.values()))
    return shown
