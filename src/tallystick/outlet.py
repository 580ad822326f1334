"""Where usage leaves `tallystick`: pending totals become additions to OTel counters.

One outlet serves all Metering objects of a provider, so that each instrument is created once and
each stream's total of a collection interval is known.
"""

from __future__ import annotations

from functools import partial
from threading import Lock, RLock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.context import create_key, get_value

from tallystick._version import __version__
from tallystick.forking import forget_in_children
from tallystick.pending import Pending
from tallystick.portion import portion, rest
from tallystick.semconv import INT64_MAX
from tallystick.validity import NotRecorded, Unrecordable, exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from tallystick.pending import Cell
    from tallystick.stream import Shortcut, Stream

    Observe = Callable[[], Iterable[metrics.Observation]]

SCOPE: Final = "tallystick"
"""The instrumentation scope of all usage recorded here."""

DISCARDING: Final = create_key("tallystick-discarding")
"""Set in the context of a collection whose result is thrown away: nothing is drained into it."""

_ROOM_MADE_AT_ONCE: Final = 64
"""Cells sent early when a new stream finds no room: a millisecond of the SDK's time."""


class Outlet:
    """Drains the pending usage of one provider whenever a reader collects.

    The SDK runs the callbacks of observable instruments before it reads the counters, so what the
    callback of `tallystick.drain` adds to them leaves in the same collection.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None, keys_max: int) -> None:
        self.pending = Pending(keys_max)
        self._is_global = meter_provider is None
        self._meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._counters: dict[tuple[str, str], metrics.Counter] = {}
        self._levels: dict[tuple[str, str], list[Observe]] = {}
        self._instruments_lock = Lock()
        self._is_collected = False
        self._reset()
        forget_in_children(self)
        self._meter.create_observable_gauge(
            "tallystick.drain.global" if self._is_global else "tallystick.drain",
            [self._collect],
            description="Has no points; its callback hands over what was recorded.",
        )

    def _reset(self) -> None:
        # Re-entrant, because a finaliser may record while the SDK adds.
        self._lock = RLock()
        self._waiting: dict[Stream, int | Decimal] = {}
        self._sent_early: dict[Stream, int] = {}
        self._sent: dict[Stream, int] = {}

    def forget(self) -> None:
        """Forget, in a forked child, what the parent will send."""
        self.pending.forget()
        self._instruments_lock = Lock()
        self._reset()

    def add(self, stream: Stream, amount: int | Decimal, shortcut: Shortcut | None) -> None:
        """Add to what waits for the next collection.

        Raises:
            Unrecordable: there is no room for another stream, and no reader to make some.
        """
        self._counter(stream)
        while not self.pending.add(stream, amount, shortcut):
            if self._add_to_waiting(stream, amount):
                return
            if not self._make_room():
                raise Unrecordable(NotRecorded.TOO_MANY_KEYS)

    def _add_to_waiting(self, stream: Stream, amount: int | Decimal) -> bool:
        """Add to a stream that the last drain could not send whole; False: it is none of them."""
        with self._lock:
            before = self._waiting.get(stream)
            if before is None:
                return False
            self._waiting[stream] = exact_sum(before, amount)
            return True

    def _make_room(self) -> bool:
        """Send the oldest cells early, which costs a new stream what `Counter.add` would."""
        with self._lock:
            if not self._is_collected:
                return False
            taken = self.pending.take_oldest(_ROOM_MADE_AT_ONCE)
            self._wait(taken)
            for stream in taken:
                # A fraction must come alone in its interval, so it waits for the collection.
                if isinstance(self._waiting.get(stream), int):
                    sent = self._sent.get(stream, 0) + self._sent_early.get(stream, 0)
                    early = self._send(stream, sent)
                    self._sent_early[stream] = self._sent_early.get(stream, 0) + early
            self.pending.carried = len(self._waiting)
            return bool(taken)

    def _collect(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        if get_value(DISCARDING):
            return ()
        with self._lock:
            self._is_collected = True
            # The collection that this callback belongs to reads the counters some time between
            # now and the next callback. So what was sent early before and what is sent early from
            # now on may both be in it.
            self._sent, self._sent_early = self._sent_early, {}
            self._wait(self.pending.take_all())
            for stream in list(self._waiting):
                sent = self._sent.get(stream, 0)
                self._sent[stream] = sent + self._send(stream, sent)
            self.pending.carried = len(self._waiting)
        return ()

    def _wait(self, cells: dict[Stream, Cell]) -> None:
        for stream, cell in cells.items():
            before = self._waiting.get(stream)
            total = cell.total()
            self._waiting[stream] = total if before is None else exact_sum(before, total)

    def _send(self, stream: Stream, sent: int) -> int:
        """Add what may leave now to the stream's counter; returns how much of its room is taken."""
        total = self._waiting.pop(stream, None)
        if total is None:
            return 0
        taken = portion(total, sent)
        if taken is not None:
            self._counter(stream).add(taken, stream.attributes())
            total = rest(total, taken)
        if total:
            self._waiting[stream] = total
        if isinstance(taken, float):
            return INT64_MAX - sent
        return taken or 0

    def _counter(self, stream: Stream) -> metrics.Counter:
        """The counter of a stream, made when the stream is first recorded.

        Not in the callback: the last collection of a short process comes when its provider is shut down and makes
        no instruments any more, and the API's proxy holds a lock while it waits for the SDK, which holds one while
        it waits for the callback.
        """
        key = (stream.type, stream.unit)
        counter = self._counters.get(key)
        if counter is None:
            with self._instruments_lock:
                counter = self._counters.get(key)
                if counter is None:
                    counter = self._counters[key] = self._meter.create_counter(stream.type, stream.unit)
        return counter

    def observe(self, type_: str, unit: str, observe: Observe) -> None:
        """Ask `observe` for the levels of a type at every collection."""
        with self._instruments_lock:
            observers = self._levels.setdefault((type_, unit), [])
            observers.append(observe)
            is_first = len(observers) == 1
        if is_first:
            # The SDK keeps one callback an instrument name, so the others are asked by ours.
            callback = partial(self._observe, observers)
            self._meter.create_observable_gauge(type_, [callback], unit)

    @staticmethod
    def _observe(observers: list[Observe], _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        if get_value(DISCARDING):
            return
        for observe in list(observers):
            yield from observe()


class Outlets:
    """The outlet of every provider in use, as the SDK has one table of instruments for each."""

    def __init__(self) -> None:
        self._of_provider: WeakKeyDictionary[metrics.MeterProvider, Outlet] = WeakKeyDictionary()
        self._of_global: Outlet | None = None
        self.forget()
        forget_in_children(self)

    def forget(self) -> None:
        """Take a fresh lock, in a forked child; the outlets forget for themselves."""
        self._lock = Lock()

    def of(self, meter_provider: metrics.MeterProvider | None, keys_max: int) -> Outlet:
        """The outlet of a provider; of None: of the global one, which may be set later.

        The largest `keys_max` asked for holds.
        """
        with self._lock:
            outlet = self._find(meter_provider)
            if outlet is None:
                outlet = Outlet(meter_provider, keys_max)
                if meter_provider is None:
                    self._of_global = outlet
                else:
                    self._of_provider[meter_provider] = outlet
            outlet.pending.keys_max = max(outlet.pending.keys_max, keys_max)
            return outlet

    def _find(self, meter_provider: metrics.MeterProvider | None) -> Outlet | None:
        current = metrics.get_meter_provider()
        if meter_provider is None or meter_provider is current:
            return self._of_global or self._of_provider.get(current)
        return self._of_provider.get(meter_provider)


OUTLETS: Final = Outlets()
