"""What /api/usage can be asked, as a type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

TIME_UNITS: Final = ("hour", "day", "week", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who used how much: which usage, in which window, grouped how."""

    org: str | None
    project: str | None
    types: tuple[str, ...]
    start: datetime
    end: datetime
    zone: ZoneInfo
    group_by: tuple[str, ...]
    filters: dict[str, list[str]]

    @property
    def unit(self) -> str | None:
        """The finest time bucket asked for."""
        return next((unit for unit in TIME_UNITS if unit in self.group_by), None)

    @property
    def groups_rows(self) -> bool:
        """Whether a metric may have several rows, so that its total is none of them."""
        return any(group != "type" for group in self.group_by)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimension keys among the groups."""
        return tuple(g for g in self.group_by if g not in (*TIME_UNITS, "type", "project", "org"))


def matches(key: str, types: tuple[str, ...]) -> bool:
    """Whether a metric's key is asked for: exactly, or by a pattern that ends in *."""
    wanted = [t.lower() for t in types]
    return not wanted or any(key.startswith(t[:-1]) if t.endswith("*") else key == t for t in wanted)
