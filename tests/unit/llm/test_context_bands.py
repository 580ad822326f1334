"""The band of a prompt is decided when it is recorded, such that any cliff in it can be priced later."""

import pytest
from unit.llm.recorded import Application

from tallystick.llm.kinds import CONTEXT_THRESHOLDS, ContextBand, context_band, context_band_of


@pytest.mark.parametrize(
    ("prompt_tokens", "band"),
    [(0, "<=32000"), (32_000, "<=32000"), (32_001, "32001-100000"), (199_999, "128001-199999"),
     (200_000, "200000-200000"), (200_001, "200001-256000"), (272_000, "256001-272000"), (272_001, "272001-512000"),
     (10**7, ">524288")],
)  # fmt: skip
def test_a_prompt_is_in_the_band_between_the_thresholds_next_to_it(prompt_tokens, band):
    assert str(context_band(prompt_tokens)) == band


@pytest.mark.parametrize("threshold", CONTEXT_THRESHOLDS)
def test_every_band_lies_on_one_side_of_every_threshold_and_says_on_which(threshold):
    for prompt_tokens in (0, threshold, threshold + 1, 10**7):
        band = context_band_of(str(context_band(prompt_tokens)))
        assert band.is_above(threshold) is (prompt_tokens > threshold)


def test_a_threshold_within_a_band_is_not_guessed():
    assert ContextBand(32_000, 100_000).is_above(64_000) is None
    assert ContextBand(524_288, None).is_above(10**6) is None


@pytest.mark.parametrize("text", ["", "<=", "<=032", "5", "5-x", "2147483648", ">-", "a-b", "<=272k"])
def test_what_is_no_band_is_refused(text):
    with pytest.raises(ValueError):
        context_band_of(text)


def test_the_whole_prompt_counts_cached_or_not():
    application = Application()
    usage = {"input_tokens": 1, "cache_read_input_tokens": 199_999, "cache_creation_input_tokens": 1}
    application.llm.record(usage, provider="anthropic")
    assert application.attribute("llm.context_band", "llm.tokens") == {"200001-256000"}


def test_an_application_adds_thresholds_of_its_own():
    application = Application(context_thresholds=[64_000])
    application.llm.record({"prompt_tokens": 64_000}, provider="own")
    application.llm.record({"prompt_tokens": 64_001}, provider="own")
    assert application.attribute("llm.context_band") == {"32001-64000", "64001-100000"}


def test_usage_without_a_prompt_has_no_band(application):
    application.llm.record({"type": "duration", "seconds": 5}, provider="openai")
    application.llm.record(None, provider="openai")
    assert application.attribute("llm.context_band") == {None}
