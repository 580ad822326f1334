"""A request to a model as a `with`: it is counted whatever becomes of it, answered, failed, cancelled or streamed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from tallystick.llm.adapter import Answer, answer_in
from tallystick.llm.block import Overlay, field
from tallystick.llm.kinds import CANCELLED, ERROR


class Request:
    """Counts one request when its block ends. Made by `LlmMetering.request()`.

    An exception makes it an error, and cancellation (`asyncio.CancelledError`, a closed generator, Ctrl-C) cancelled.
    """

    def __init__(self, record: Callable[[object, str | None], None]) -> None:
        self._record = record
        self._start: Answer | None = None
        self._last: object = None
        self.outcome: str | None = None
        """Set it where no exception tells: such as `cancelled` for a stream that is left early."""

    def see(self, response: object) -> None:
        """Look at the response, or at each event of its stream; the last that says its usage counts.

        Never raises. Only usage fields, the model and the tier are looked at.
        """
        try:
            answer = answer_in(response)
        except Exception:  # noqa: BLE001 - the verdict is given when the request is recorded
            self._last = response
            return
        if answer is None:
            return
        if field(response, "type") == "message_start":
            # Anthropic says the prompt first and the output last; alone, this is no usage of the whole request.
            self._start = answer
        elif self._start is not None and answer.response is not None:
            self._last = Answer(self._start.response, Overlay(answer.usage, self._start.usage))
        else:
            self._last = answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        outcome = self.outcome
        if outcome is None and kind is not None:
            outcome = ERROR if issubclass(kind, Exception) else CANCELLED
        self._record(self._last, outcome)
