"""Records what a provider's answer says about its usage: one call for each request to a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final, Unpack

from tallystick.forking import forget_in_children
from tallystick.llm import kinds
from tallystick.llm.adapter import Answer, answer_in, read
from tallystick.llm.attribution import Attribution, Who, current
from tallystick.llm.block import MEANING, Unreadable, UsageRefused, field, name, word
from tallystick.llm.call import Call
from tallystick.llm.reading import Reading, Sampling
from tallystick.llm.request import Request
from tallystick.recording import Metering
from tallystick.refusals import Refusals
from tallystick.validity import AttributeValue

Attributes = dict[str, AttributeValue]

_ALWAYS: Final = (kinds.INPUT_UNCACHED, kinds.OUTPUT)
"""Kinds that are recorded when they are 0, for the provider said so. Other zeros would be streams without usage."""


class LlmMetering:
    """Records the usage of language models through a `Metering`. Never blocks, never raises, never estimates.

    Example:
        >>> llm = LlmMetering()
        >>> response = client.messages.create(model="claude-sonnet-5", messages=messages, max_tokens=1000)
        >>> llm.record(response, provider="anthropic", organization_id="acme", user="u-17", feature="chat")

    Args:
        metering: what it records with; default: one for the global provider.
        context_thresholds: further prompt lengths at which prices change, besides `kinds.CONTEXT_THRESHOLDS`.
        default: whom requests are for that do not say so, nor an `attributed()` around them: such as
            `organization_id="acme"`.
    """

    def __init__(
        self, metering: Metering | None = None, *, context_thresholds: Iterable[int] = (), **default: Unpack[Who]
    ) -> None:
        self._metering = Metering() if metering is None else metering
        self._default = Attribution(**default)
        self._thresholds = tuple(sorted({*kinds.CONTEXT_THRESHOLDS, *context_thresholds}))
        self._refusals = Refusals(MEANING, "LlmMetering.refused")
        forget_in_children(self._refusals)

    @property
    def refused(self) -> Mapping[UsageRefused, int]:
        """How many usage blocks, or attributes, were refused, by reason. See also `Metering.refused`."""
        return self._refusals.counts()

    def record(
        self,
        response: object,
        *,
        provider: str,
        model: str | None = None,
        outcome: str | None = None,
        service_tier: str | None = None,
        batch: bool = False,
        region: str | None = None,
        units: Mapping[str, Decimal | float] | None = None,
        metadata: Mapping[str, AttributeValue] | None = None,
        **who: Unpack[Who],
    ) -> None:
        """Count one request, and what its answer says that it used.

        Only usage fields, the model and the tier of the response are looked at.

        Args:
            response: the provider's response, its usage block, the last event of its stream, or a mapping of kinds
                such as `{"input_uncached": 5, "output": 7}`. None, or one without usage: tokens are unknown, not zero.
            provider: who bills: openai, anthropic, gcp.gemini, aws.bedrock, openrouter ...
            model: that was asked for; where the response names one, that is recorded.
            outcome: ok, error or cancelled; default: ok with usage, no_usage without.
            service_tier: as far as the response does not say it.
            batch: it is part of a batch, which is a tier.
            region: as far as the response does not say it.
            units: what is billed beside tokens and is not in the usage block, by kind: `{"web_search": 2}`.
            metadata: further dimensions.
            who: `organization_id`, `project_id`, `user`, `conversation`, `feature`, `agent`, `parent_agent`, `root`.
        """
        call = Call(
            who=self._who(who), provider=provider, model=model, service_tier=service_tier, batch=batch, region=region,
            units=units, metadata=metadata,
        )  # fmt: skip
        self._record(call, response, outcome)

    def request(
        self,
        *,
        provider: str,
        model: str | None = None,
        service_tier: str | None = None,
        batch: bool = False,
        region: str | None = None,
        units: Mapping[str, Decimal | float] | None = None,
        metadata: Mapping[str, AttributeValue] | None = None,
        **who: Unpack[Who],
    ) -> Request:
        """Count one request when a `with` ends, whatever became of it; arguments as for `record()`.

        Example:
            >>> with llm.request(provider="openai", model="gpt-5", organization_id="acme") as request:
            ...     for event in client.responses.create(model="gpt-5", input=question, stream=True):
            ...         request.see(event)
        """
        call = Call(
            who=self._who(who), provider=provider, model=model, service_tier=service_tier, batch=batch, region=region,
            units=units, metadata=metadata,
        )  # fmt: skip
        return Request(partial(self._record, call))

    def _who(self, who: Who) -> Attribution:
        return Attribution(**who).within(current()).within(self._default)

    def _record(self, call: Call, response: object, outcome: str | None) -> None:
        try:
            model, reading, refused = _read(response)
            attributes, unusable = call.attributes(model, reading)
            samplings = () if reading is None else reading.samplings
            whole = self._banded(attributes, samplings[0]) if samplings else attributes
            self._add(call, kinds.REQUESTS, 1, kinds.REQUESTS_UNIT,
                      {**whole, kinds.OUTCOME: self._outcome(outcome, reading)})  # fmt: skip
            if refused is not None:
                self._refusals.count(refused)
                self._add(call, kinds.USAGE_REFUSED, 1, kinds.USAGE_REFUSED_UNIT,
                          {**attributes, kinds.REASON: refused.value})  # fmt: skip
            for sampling in samplings:
                self._add_tokens(call, sampling, attributes)
            self._add_units(call, reading, whole)
            for _ in range(unusable):
                self._refusals.count(UsageRefused.BAD_ATTRIBUTE)
        except Exception:  # noqa: BLE001 - usage must never fail the request that is measured
            self._refusals.count(UsageRefused.UNREADABLE)

    def _outcome(self, said: str | None, reading: Reading | None) -> str:
        """Whether it failed is the caller's to say; whether its usage is known is not."""
        if said in (kinds.ERROR, kinds.CANCELLED):
            return said
        if said not in (None, kinds.OK, kinds.NO_USAGE):
            self._refusals.count(UsageRefused.BAD_OUTCOME)
        return kinds.NO_USAGE if reading is None else kinds.OK

    def _add_tokens(self, call: Call, sampling: Sampling, attributes: Attributes) -> None:
        banded = self._banded(attributes, sampling)
        for kind, tokens in sampling.tokens.items():
            if tokens or kind in _ALWAYS:
                self._add(call, kinds.TOKENS, tokens, kinds.TOKENS_UNIT, {**banded, kinds.TOKEN_KIND: kind})
        if sampling.reasoning:
            self._add(call, kinds.REASONING_TOKENS, sampling.reasoning, kinds.TOKENS_UNIT, banded)

    def _banded(self, attributes: Attributes, sampling: Sampling) -> Attributes:
        banded = dict(attributes)
        if sampling.model is not None:
            banded[kinds.MODEL] = sampling.model
        prompt_tokens = sampling.prompt_tokens
        if prompt_tokens is not None:
            banded[kinds.CONTEXT_BAND] = str(kinds.context_band(prompt_tokens, self._thresholds))
        return banded

    def _add_units(self, call: Call, reading: Reading | None, attributes: Attributes) -> None:
        units: dict[str, object] = {}
        if isinstance(call.units, Mapping):
            units.update(call.units)
        elif call.units is not None:
            self._refusals.count(UsageRefused.BAD_ATTRIBUTE)
        if reading is not None:
            # What the provider counts wins over what the caller counts.
            units.update(reading.units)
        for said, number in units.items():
            kind = word(said)
            if kind is None:
                self._refusals.count(UsageRefused.BAD_ATTRIBUTE)
            else:
                self._add(call, kinds.UNITS, number, kinds.UNITS_UNIT, {**attributes, kinds.UNIT_KIND: kind})
        if reading is not None and reading.cost is not None:
            self._add(call, kinds.COST_REPORTED, reading.cost, kinds.COST_REPORTED_UNIT, attributes)

    def _add(self, call: Call, type_: str, quantity: object, unit: str, attributes: Attributes) -> None:
        # What is no quantity, or no organisation, Metering refuses and counts.
        self._metering.record(
            type_,
            quantity,  # type: ignore[arg-type]
            organization_id=call.who.organization_id,  # type: ignore[arg-type]
            project_id=call.who.project_id,
            metadata=attributes,
            unit=unit,
        )


def _read(response: object) -> tuple[str | None, Reading | None, UsageRefused | None]:
    """The model that answered, what the answer says, and why that was refused."""
    model = None
    try:
        answer = response if isinstance(response, Answer) else answer_in(response)
        if answer is None:
            return name(field(response, "model")), None, None
        model = answer.model
        return model, read(answer), None
    except Unreadable as refusal:
        return model, None, refusal.reason
    except Exception:  # noqa: BLE001 - the response itself raises
        return model, None, UsageRefused.UNREADABLE
