"""The recording API: `record()` what was used, and observe the `level()` of what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation

from tallystick.forking import forget_in_children
from tallystick.outlet import OUTLETS
from tallystick.refusals import Refusals
from tallystick.semconv import INT64_MAX
from tallystick.stream import is_shortcut, stream_of
from tallystick.validity import MEANING, NotRecorded, Unrecordable, exact, type_of, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from opentelemetry.metrics import MeterProvider

    from tallystick.validity import AttributeValue

KEYS_MAX_DEFAULT: Final = 100_000
"""Streams that may wait for a collection; each takes about 1 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How much there is of something now, for one organisation, project and metadata."""

    quantity: Decimal | float
    organization_id: str
    project_id: str | None = None
    metadata: Mapping[str, AttributeValue] = field(default_factory=dict)


class Metering:
    """Records usage for whoever reads the OpenTelemetry metrics of this process.

    Example:
        >>> metering = Metering()
        >>> metering.record("logs.ingested.bytes", 5120, organization_id="acme", project_id="web",
        ...                 metadata={"region": "eu"}, unit="By")

    Args:
        meter_provider: where the usage goes; None: to the global provider, which may be set
            later: what is recorded before waits for its first collection.
        keys_max: how many streams (different ids and metadata) may wait for a collection. Once
            they do, a new one costs its caller what `Counter.add` costs, and is refused while no
            reader has ever collected.
    """

    def __init__(self, meter_provider: MeterProvider | None = None, *, keys_max: int = KEYS_MAX_DEFAULT) -> None:
        if keys_max < 1:
            raise ValueError(f"keys_max is {keys_max}, but must be at least 1")
        self._refusals = Refusals(MEANING, "Metering.refused")
        forget_in_children(self._refusals)
        self._outlet = OUTLETS.of(meter_provider, keys_max)
        self._pending = self._outlet.pending

    @property
    def refused(self) -> Mapping[NotRecorded, int]:
        """How many quantities were not recorded, by reason."""
        return self._refusals.counts()

    def record(
        self,
        type: str,  # noqa: A002 - the word of the API (GET /api/usage?type=)
        quantity: Decimal | float,
        *,
        organization_id: str,
        project_id: str | None = None,
        metadata: Mapping[str, AttributeValue] | None = None,
        unit: str = "",
    ) -> None:
        """Count that an organisation used something.

        Returns at once: the usage leaves with the next collection of the provider's readers. A
        value that cannot be recorded never raises; it is counted in `refused` and logged once.

        Args:
            type: what was used, an OTel instrument name; case does not matter.
            quantity: how much, 0 to 2^63-1; counted exactly, a float as its shortest decimal.
            organization_id: who used it.
            project_id: for which of its projects.
            metadata: further dimensions; texts, bools, ints or floats.
            unit: of the quantity, as OTel has it, such as `By` or `s`; the same for all of a type.
        """
        try:
            if quantity.__class__ is not int or not 0 <= quantity <= INT64_MAX:
                quantity = exact(quantity)
            items = () if metadata is None else tuple(metadata.items())
            shortcut = (type, organization_id, project_id, unit, items)
            pending = self._pending
            with pending.lock:
                cell = pending.shortcuts.get(shortcut)
                if cell is not None:
                    if quantity.__class__ is int:
                        cell.whole += quantity
                    else:
                        cell.add(quantity)
                    return
            stream = stream_of(type, organization_id, project_id, metadata, unit)
            self._outlet.add(stream, quantity, shortcut if is_shortcut(shortcut) else None)
        except Unrecordable as refusal:
            self._refusals.count(refusal.reason)
        except Exception:  # noqa: BLE001 - usage must never fail the request that is measured
            reason = _why_unusable(type, organization_id, project_id, metadata, unit)
            self._refusals.count(reason)

    def level(
        self,
        type: str,  # noqa: A002 - as in record()
        callback: Callable[[], Iterable[Level]],
        *,
        unit: str = "",
    ) -> None:
        """Observe a level: at each collection `callback()` says how much there is now.

        The callback runs in the thread of the reader, under a lock of the SDK: it should answer
        from memory, and must not call `level()`. A sample that breaks a rule of `record()` is
        refused alone.
        """
        try:
            name, unit = type_of(type), unit_of(unit)
        except Unrecordable as refusal:
            self._refusals.count(refusal.reason)
            return

        def observe() -> Iterable[Observation]:
            try:
                for sample in callback():
                    observation = self._observation(name, sample, unit)
                    if observation is not None:
                        yield observation
            except Exception:  # noqa: BLE001 - one bad callback must not spoil a collection
                self._refusals.count(NotRecorded.CALLBACK_FAILED)

        self._outlet.observe(name, unit, observe)

    def _observation(self, type_: str, sample: Level, unit: str) -> Observation | None:
        try:
            quantity = exact(sample.quantity)
            stream = stream_of(type_, sample.organization_id, sample.project_id, sample.metadata, unit)
        except Unrecordable as refusal:
            self._refusals.count(refusal.reason)
            return None
        return Observation(quantity if isinstance(quantity, int) else float(quantity), stream.attributes())


def _why_unusable(*arguments: object) -> NotRecorded:
    """The broken rule behind an exception, where there is one: such as a list in the metadata."""
    try:
        stream_of(*arguments)
    except Unrecordable as refusal:
        return refusal.reason
    except Exception:  # noqa: BLE001 - the argument itself raises
        return NotRecorded.UNUSABLE
    return NotRecorded.UNUSABLE
