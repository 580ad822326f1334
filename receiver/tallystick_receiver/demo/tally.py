"""The sender's half of the stick: an exact count of what the sites recorded, compared with what the API answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from tallystick import Level, Metering


class Recorder(Protocol):
    """What an instrumented program needs of the recording API."""

    def record(
        self,
        type: str,  # noqa: A002 - as in Metering
        quantity: int,
        *,
        organization_id: str,
        project_id: str,
        metadata: Mapping[str, str | int],
        unit: str,
    ) -> None:
        """Count that an organisation used something."""

    def level(self, type: str, callback: Callable[[], Iterable[Level]], *, unit: str) -> None:  # noqa: A002
        """Say how much there is of something now."""


class Key(NamedTuple):
    """What usage is compared by."""

    org: str
    project: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One line of the comparison; None: that half knows nothing of it."""

    key: Key
    recorded: Decimal | None
    answered: Decimal | None

    @property
    def is_equal(self) -> bool:
        """Whether both halves of the stick match."""
        return self.recorded == self.answered


class Tally:
    """Passes everything on to a Metering, and keeps its own account of it that no OpenTelemetry code touches."""

    def __init__(self, metering: Metering) -> None:
        self._metering = metering
        self._counted: Counter[Key] = Counter()
        self._levels: list[tuple[str, Callable[[], Iterable[Level]]]] = []

    def record(
        self,
        type: str,  # noqa: A002 - as in Metering
        quantity: int,
        *,
        organization_id: str,
        project_id: str,
        metadata: Mapping[str, str | int],
        unit: str,
    ) -> None:
        """Record, and count."""
        self._metering.record(
            type, quantity, organization_id=organization_id, project_id=project_id, metadata=metadata, unit=unit
        )
        self._counted[Key(organization_id, project_id, type)] += quantity

    def level(self, type: str, callback: Callable[[], Iterable[Level]], *, unit: str) -> None:  # noqa: A002
        """Observe a level, and remember whom to ask for it."""
        self._metering.level(type, callback, unit=unit)
        self._levels.append((type, callback))

    def recorded(self) -> dict[Key, Decimal]:
        """What the sites recorded so far; of a level, its value now."""
        found = {key: Decimal(quantity) for key, quantity in self._counted.items()}
        for type_, callback in self._levels:
            for sample in callback():
                found[Key(sample.organization_id, sample.project_id or "", type_)] = Decimal(sample.quantity)
        return found


def answered(answer: Mapping[str, Any]) -> dict[Key, Decimal]:
    """The rows of /api/usage?groupBy=org,project,type."""
    return {
        Key(row["org"], row["project"] or "", row["type"]): Decimal(row["quantity"])
        for row in answer["rows"] if row["quantity"] is not None
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of a level was kept over time.

    Attributes:
        key: whose.
        unit: of the level.
        average: weighted by time, of the time covered; None where nothing is.
        integral: in the unit times seconds.
        covered_seconds: how long something was known of it.
    """

    key: Key
    unit: str
    average: Decimal | None
    integral: Decimal
    covered_seconds: Decimal


def kept(answer: Mapping[str, Any]) -> list[Kept]:
    """The levels of /api/usage?groupBy=org,project,type."""
    return [
        Kept(
            key=Key(row["org"], row["project"] or "", row["type"]), unit=row["unit"],
            average=None if level["average"] is None else Decimal(level["average"]),
            integral=Decimal(level["integral"]), covered_seconds=Decimal(level["coveredSeconds"]),
        )
        for row in answer["rows"] if (level := row.get("level")) is not None
    ]  # fmt: skip


def compare(recorded: Mapping[Key, Decimal], found: Mapping[Key, Decimal]) -> list[Match]:
    """Both halves side by side, with all that either knows of the organisations and types that were recorded."""
    orgs, types = {key.org for key in recorded}, {key.type for key in recorded}
    keys = set(recorded) | {key for key in found if key.org in orgs and key.type in types}
    return [Match(key=key, recorded=recorded.get(key), answered=found.get(key)) for key in sorted(keys)]
