"""The platform's assistant: explains logs by answers of language models, and meters what these say of their usage.

No model is called: the answers are made up here, in the words of their providers.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, cast

from tallystick.llm import LlmMetering, attributed

if TYPE_CHECKING:
    from tallystick import Metering
    from tallystick_receiver.demo.tally import Recorder

FEATURES: Final = ("explain", "summarise", "chat")
"""Each is answered by a model of its own."""
USERS: Final = ("ann", "bob", "cleo", "dora", "eli", "fay")
_BYTES_OF_A_TOKEN: Final = 4
_INSTRUCTIONS: Final = 1_800


class Assistant:
    """Answers with one model for each feature; that of `chat` is the platform's own, and nobody set a price for it.

    Args:
        metering: where usage is recorded.
    """

    def __init__(self, metering: Recorder) -> None:
        self._llm = LlmMetering(cast("Metering", metering))
        self._random = Random()  # noqa: S311 - answers, not secrets

    def answer(self, logs: bytes, *, organization_id: str, project_id: str, user: str, feature: str) -> str:
        """Explain logs: a longer piece is a longer prompt, and instructions that were sent before are cached."""
        read, written = len(logs) // _BYTES_OF_A_TOKEN, self._random.randint(80, 400)
        with attributed(user=user, feature=feature):
            if feature == "explain":
                said: dict[str, object] = {"model": "claude-haiku-4-5", "usage": {
                    "input_tokens": read, "cache_read_input_tokens": _INSTRUCTIONS, "output_tokens": written,
                }}  # fmt: skip
                provider = "anthropic"
            elif feature == "summarise":
                prompt = read + _INSTRUCTIONS
                said = {"model": "gpt-5-mini", "usage": {
                    "prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written,
                    "prompt_tokens_details": {"cached_tokens": _INSTRUCTIONS},
                }}  # fmt: skip
                provider = "openai"
            else:
                said = {"model": "platform-small", "usage": {"input_uncached": read, "output": written}}
                provider = "platform"
            self._llm.record(said, provider=provider, organization_id=organization_id, project_id=project_id)
        return f"{written} tokens about {len(logs)} bytes of logs"
