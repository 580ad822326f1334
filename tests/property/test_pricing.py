"""Pricing as properties: whatever the rates, the order in which they are known, and the amounts."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.llm import kinds
from tallystick_receiver.adapters import lines_of
from tallystick_receiver.costs import CostRow, sums
from tallystick_receiver.pricing import Key, RateBook, State
from tallystick_receiver.rates import (
    Alias,
    Layer,
    Match,
    Modifier,
    Rate,
    Span,
    checked_pattern,
    unit_price,
    without_date,
)
from tallystick_receiver.week import ALWAYS, parsed_window, week_hours

START = datetime(2026, 11, 2, tzinfo=UTC)
HOURS = 48
NOW = datetime(2026, 11, 1, tzinfo=UTC)
WIDE = Context(prec=500)
WEEKS = [ALWAYS, parsed_window("Mon 01-04"), parsed_window("not Mon 01-04"), parsed_window("Tue-Sun 00-12")]


def hours(number):
    return None if number is None else START + timedelta(hours=number)


edges = st.one_of(st.none(), st.integers(1, HOURS - 1))


@st.composite
def spans(draw):
    first, last = draw(edges), draw(edges)
    if first is not None and last is not None and first >= last:
        first, last = last, first + 1
    return Span(hours(first), hours(last))


@st.composite
def rates(draw):
    selector = {kinds.SERVICE_TIER: draw(st.sampled_from(["standard", "batch"]))}
    selector[kinds.TOKEN_KIND] = draw(st.sampled_from([kinds.INPUT_UNCACHED, kinds.CACHE_READ, kinds.OUTPUT]))
    selector[kinds.MODEL] = draw(st.sampled_from(["m", "m-20260101", "other"]))
    if draw(st.booleans()):
        selector[kinds.CONTEXT_BAND] = draw(st.sampled_from([">100000", ">200000"]))
    return Rate(
        id=f"r{draw(st.integers(0, 10**9))}", org=draw(st.sampled_from([None, "acme"])), valid=draw(spans()), note="",
        recorded_at=NOW, voided_at=None, source_url="x", checked_on=date(2026, 11, 1), metric=kinds.TOKENS,
        unit=kinds.TOKENS_UNIT, selector=selector, price=draw(st.decimals(0, 100, places=4)), per_units=Decimal(10**6),
        currency="USD", week=draw(st.sampled_from(WEEKS)),
    )  # fmt: skip


@st.composite
def modifiers(draw):
    selector = draw(st.sampled_from([{}, {kinds.REGION: "us"}, {kinds.MODEL: "m"}]))
    return Modifier(
        id=f"f{draw(st.integers(0, 10**9))}", org=None, valid=draw(spans()), note="", recorded_at=NOW, voided_at=None,
        source_url="x", checked_on=date(2026, 11, 1), layer=draw(st.sampled_from(list(Layer))), metric="llm.*",
        selector=selector, factor=draw(st.decimals("0.1", 3, places=2)),
    )  # fmt: skip


aliases = st.builds(
    lambda span, match, number: Alias(
        id=f"a{number}", org=None, valid=span, note="", recorded_at=NOW, voided_at=None, dimension=kinds.MODEL,
        match=match, pattern="m-new", selector={}, value="m", priority=0,
    ),
    spans(), st.sampled_from(list(Match)), st.integers(0, 10**9),
)  # fmt: skip

keys = st.builds(
    lambda kind, model, tier, band, region: Key(
        metric=kinds.TOKENS, unit=kinds.TOKENS_UNIT,
        attributes={kinds.TOKEN_KIND: kind, kinds.MODEL: model, kinds.SERVICE_TIER: tier}
        | ({kinds.CONTEXT_BAND: band} if band else {}) | ({kinds.REGION: region} if region else {}),
    ),
    st.sampled_from(kinds.TOKEN_KINDS), st.sampled_from(["m", "m-20260101", "m-new", "zzz"]),
    st.sampled_from(["standard", "batch"]), st.sampled_from([None, "<=32000", "100001-128000", ">524288", "junk"]),
    st.sampled_from([None, "us"]),
)  # fmt: skip


@given(st.lists(rates(), max_size=8), st.lists(modifiers(), max_size=3), st.lists(aliases, max_size=2), keys)
def test_segments_cover_the_time_and_say_of_each_hour_what_it_says_alone(rates, modifiers, aliases, key):
    book = RateBook(rates=rates, modifiers=modifiers, aliases=aliases)
    found = book.segments("acme", key, START, START + timedelta(hours=HOURS))
    assert found[0].start == START and found[-1].end == START + timedelta(hours=HOURS)
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    for hour in range(HOURS):
        time = START + timedelta(hours=hour)
        [alone] = book.segments("acme", key, time, time + timedelta(hours=1))
        assert [s.tariff for s in found if s.start <= time < s.end] == [alone.tariff]


@given(st.lists(rates(), max_size=6, unique_by=lambda r: r.id), st.lists(modifiers(), max_size=3), keys, st.randoms())
def test_it_does_not_matter_in_which_order_rates_came(rates, modifiers, key, random):
    end = START + timedelta(hours=HOURS)
    before = RateBook(rates=rates, modifiers=modifiers, aliases=[]).segments("acme", key, START, end)
    random.shuffle(rates)
    random.shuffle(modifiers)
    assert RateBook(rates=rates, modifiers=modifiers, aliases=[]).segments("acme", key, START, end) == before


@given(st.lists(rates(), max_size=8), keys)
def test_a_tier_is_never_priced_by_another_one(rates, key):
    book = RateBook(rates=rates, modifiers=[], aliases=[])
    by_id = {rate.id: rate for rate in rates}
    for segment in book.segments("acme", key, START, START + timedelta(hours=HOURS)):
        if segment.tariff.state is State.PRICED:
            rate = by_id[segment.tariff.rate_id]
            assert rate.selector[kinds.SERVICE_TIER] == key.attributes[kinds.SERVICE_TIER]
        else:
            assert segment.tariff.price is None


@given(st.decimals(0, 10**4, places=6), st.lists(st.decimals("0.01", 9, places=3), max_size=4),
       st.sampled_from([1, 7, 60, 1000, 10**6, 2**30, 3600]))  # fmt: skip
def test_the_price_of_a_unit_is_exact_where_a_decimal_can_be(price, factors, per_units):
    product = Fraction(1)
    for one in factors:
        product *= Fraction(one)
    found = unit_price(price, product, Decimal(per_units))
    exact = Fraction(price) * product / per_units
    if set(_primes(exact.denominator)) <= {2, 5}:
        assert Fraction(found) == exact
    else:
        assert abs(Fraction(found) - exact) <= exact / 10**39


def _primes(number):
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
            yield prime


amounts = st.integers(0, 10**9)


@given(amounts, amounts, amounts, amounts, amounts)
def test_kinds_of_the_counters_are_disjoint_and_sum_to_what_the_provider_counted(uncached, read, written, out, thought):
    sent = {
        "input_tokens": uncached + read + written, "cache_read.input_tokens": read,
        "cache_write.input_tokens": written, "output_tokens": out + thought, "reasoning.output_tokens": thought,
    }  # fmt: skip
    found = {}
    for name, value in sent.items():
        for line in lines_of(f"gen_ai.client.inference.usage.{name}", "{token}", "sum", {}):
            kind = line.attributes[kinds.TOKEN_KIND]
            found[kind] = found.get(kind, 0) + line.factor * value
    assert found == {
        kinds.INPUT_UNCACHED: uncached, kinds.CACHE_READ: read, kinds.CACHE_WRITE: written, kinds.OUTPUT: out + thought
    }  # fmt: skip
    assert sum(found.values()) == sent["input_tokens"] + sent["output_tokens"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, "USD", "EUR"]),
                          st.decimals(-(10**6), 10**6, places=9)), max_size=20))  # fmt: skip
def test_sums_by_any_group_are_the_total(rows):
    made = [(user, _row(currency, amount)) for user, currency, amount in rows]
    whole = {one.currency: one for _, one in sums(((), row) for _, row in made)}
    for currency in (None, "USD", "EUR"):
        parts = [
            one.cost for _, one in sums(((user,), row) for user, row in made) if one.currency == currency and one.cost
        ]
        total = Decimal(0)
        for part in parts:
            total = WIDE.add(total, part)
        assert total == ((whole[currency].cost or 0) if currency in whole else 0)


def _row(currency, amount):
    cost = None if currency is None else amount
    return CostRow(
        org=None, project=None, metric="m", unit="u", bucket=None, dimensions=(), grade="exact", is_adjustment=False,
        state=State.UNPRICED if currency is None else State.PRICED, currency=currency, is_overflow=False,
        quantity=amount, cost=cost, list_cost=cost, billed_cost=cost,
    )  # fmt: skip


@given(st.sets(st.integers(0, 167), min_size=1))
def test_a_window_is_read_as_it_is_written(chosen):
    week = week_hours([(hour, hour + 1) for hour in chosen])
    assert parsed_window(str(week)) == week
    assert {hour for start, end in week.ranges for hour in range(start, end)} == chosen


@pytest.mark.parametrize(
    ("name", "undated"),
    [("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"), ("gpt-4o-2024-08-06", "gpt-4o"),
     ("claude-opus-4@20250514", "claude-opus-4"), ("model-20251399", None), ("20250929", None), ("gpt-4o", None),
     ("gpt-4o-20240806-preview", None)],
)  # fmt: skip
def test_a_dated_snapshot_is_known_by_its_date_only(name, undated):
    assert without_date(name) == undated


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a|b)*", "a**", "(?=x)", r"(a)\1", "x*y*z*w*", "[a", "(" * 3, "a{1,}" * 4]
)
def test_an_expression_that_could_take_long_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        checked_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"claude-.*", r"(?:us|eu)\.anthropic\.claude-opus-5-\d{8}-v\d:0", r"[a-z0-9-]+", "x?"]
)
def test_usual_expressions_are_taken(pattern):
    assert checked_pattern(pattern) == pattern
