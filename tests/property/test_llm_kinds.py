"""Blocks of every provider: kinds are disjoint, none is negative, and together they are what the provider counted."""

from dataclasses import dataclass

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.llm.adapter import answer_in, read
from tallystick.llm.block import Unreadable
from tallystick.llm.kinds import INPUT_KINDS, MODALITIES, TOKEN_KINDS

counts = st.integers(0, 10**6)


@dataclass(frozen=True)
class Truth:
    """What a model really did; every provider's block is a view of it."""

    text: int
    audio: int
    read: int
    read_audio: int
    five_minutes: int
    one_hour: int
    answer: int
    answer_audio: int
    reasoning: int

    @property
    def prompt(self):
        return self.text + self.audio + self.read + self.read_audio + self.written

    @property
    def written(self):
        return self.five_minutes + self.one_hour

    @property
    def output(self):
        return self.answer + self.answer_audio + self.reasoning

    @property
    def total(self):
        return self.prompt + self.output


truths = st.builds(Truth, *[counts] * 9)


def openai(truth, names, **further):
    prompt, answer = names
    return {
        f"{prompt}_tokens": truth.prompt, f"{answer}_tokens": truth.output, "total_tokens": truth.total,
        f"{prompt}_tokens_details": {
            "cached_tokens": truth.read + truth.read_audio, "cache_write_tokens": truth.written,
            "audio_tokens": truth.audio + truth.read_audio,
            "cached_tokens_details": {"audio_tokens": truth.read_audio, "text_tokens": truth.read},
        },
        f"{answer}_tokens_details": {"audio_tokens": truth.answer_audio, "reasoning_tokens": truth.reasoning},
        **further,
    }  # fmt: skip


def chat(truth):
    return openai(truth, ("prompt", "completion"))


def responses(truth):
    return openai(truth, ("input", "output"))


def xai(truth):
    return {**chat(truth), "completion_tokens": truth.output - truth.reasoning}


def deepseek(truth):
    hits = truth.read + truth.read_audio
    return {"prompt_tokens": truth.prompt, "completion_tokens": truth.output, "total_tokens": truth.total,
            "prompt_cache_hit_tokens": hits, "prompt_cache_miss_tokens": truth.prompt - hits}  # fmt: skip


def anthropic(truth):
    return {"input_tokens": truth.text + truth.audio, "cache_read_input_tokens": truth.read + truth.read_audio,
            "cache_creation_input_tokens": truth.written, "output_tokens": truth.output,
            "cache_creation": {"ephemeral_5m_input_tokens": truth.five_minutes,
                               "ephemeral_1h_input_tokens": truth.one_hour}}  # fmt: skip


def bedrock(truth):
    return {"inputTokens": truth.text + truth.audio, "cacheReadInputTokens": truth.read + truth.read_audio,
            "cacheWriteInputTokens": truth.written, "outputTokens": truth.output, "totalTokens": truth.total,
            "cacheDetails": [{"ttl": "1h", "inputTokens": truth.one_hour},
                             {"ttl": "5m", "inputTokens": truth.five_minutes}]}  # fmt: skip


def gemini(truth):
    audio = truth.audio + truth.read_audio
    return {"promptTokenCount": truth.prompt, "cachedContentTokenCount": truth.read + truth.read_audio,
            "candidatesTokenCount": truth.answer + truth.answer_audio, "thoughtsTokenCount": truth.reasoning,
            "totalTokenCount": truth.total,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": truth.prompt - audio},
                                    {"modality": "AUDIO", "tokenCount": audio}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": truth.read_audio},
                                   {"modality": "TEXT", "tokenCount": truth.read}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": truth.answer_audio}]}  # fmt: skip


VIEWS = (chat, responses, xai, deepseek, anthropic, bedrock, gemini)


def tokens_in(usage):
    (sampling,) = read(answer_in({"usage": usage})).samplings
    return sampling.tokens


@settings(max_examples=300, deadline=None)
@given(truths, st.sampled_from(VIEWS))
def test_kinds_are_disjoint_and_sum_to_what_the_provider_counted(truth, view):
    tokens = tokens_in(view(truth))
    assert set(tokens) <= set(TOKEN_KINDS)
    assert all(count >= 0 for count in tokens.values())
    assert sum(tokens.values()) == truth.total
    assert sum(count for kind, count in tokens.items() if kind in INPUT_KINDS) == truth.prompt


@settings(max_examples=300, deadline=None)
@given(truths, st.sampled_from(VIEWS))
def test_each_kind_is_what_the_model_did(truth, view):
    tokens = {kind: count for kind, count in tokens_in(view(truth)).items() if count}
    by_kind = {"cache_read": truth.read, "cache_read_audio": truth.read_audio, "input_uncached": truth.text,
               "input_uncached_audio": truth.audio, "output": truth.answer + truth.reasoning,
               "output_audio": truth.answer_audio, "cache_write_5m": truth.five_minutes,
               "cache_write_1h": truth.one_hour}  # fmt: skip
    if view in (chat, responses, xai):
        by_kind["cache_write"] = by_kind.pop("cache_write_5m") + by_kind.pop("cache_write_1h")
    elif view in (deepseek, gemini):
        # Neither writes to a cache at a price of its own: it is uncached input.
        by_kind["input_uncached"] += by_kind.pop("cache_write_5m") + by_kind.pop("cache_write_1h")
    if view in (deepseek, anthropic, bedrock):
        for kind in ("cache_read", "input_uncached", "output"):
            by_kind[kind] += by_kind.pop(f"{kind}_audio")
    assert tokens == {kind: count for kind, count in by_kind.items() if count}


numbers = st.one_of(st.none(), st.integers(-2, 30), st.booleans(), st.floats(allow_nan=True), st.text(max_size=2))
details = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens", *(f"{m}_tokens" for m in MODALITIES)]),
    numbers,
)
values = st.one_of(numbers, details, st.lists(details, max_size=2))


@st.composite
def distorted_blocks(draw):
    """A view, and a block of its fields with anything in them."""
    view = draw(st.sampled_from(VIEWS))
    return view, draw(st.fixed_dictionaries({}, optional=dict.fromkeys(view(Truth(*[1] * 9)), values)))


@settings(max_examples=500, deadline=None)
@given(distorted_blocks())
def test_any_block_is_read_without_a_negative_kind_or_refused(distorted):
    view, usage = distorted
    answer = answer_in(usage)
    assume(answer is not None)
    try:
        reading = read(answer)
    except Unreadable:
        return
    for sampling in reading.samplings:
        assert all(type(count) is int and count >= 0 for count in sampling.tokens.values())
        assert set(sampling.tokens) <= set(TOKEN_KINDS)
        total = usage.get("total_tokens", usage.get("totalTokenCount"))
        if total is not None and view is not bedrock:
            assert sum(sampling.tokens.values()) == total
