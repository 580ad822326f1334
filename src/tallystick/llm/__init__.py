"""LLM usage: what the provider counted, as disjoint kinds of tokens, and for whom."""

from tallystick.llm.attribution import attributed
from tallystick.llm.block import UsageRefused
from tallystick.llm.metering import LlmMetering
from tallystick.llm.request import Request

__all__ = ["LlmMetering", "Request", "UsageRefused", "attributed"]
