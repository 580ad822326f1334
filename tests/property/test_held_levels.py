"""Integrals of levels against brute force, on the real database: whatever comes in whatever order and is rolled up
whenever, every window is answered as if all samples had come in order.
"""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import fresh_database
from held_levels import LONG_AFTER, Sample, answered, answered_samples, counted, integrated, ns_of, question, store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick_receiver.holding import Hold
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.verify import verify

BASE = datetime(2026, 3, 28, tzinfo=UTC)
"""The night after it has a change to daylight saving time in Europe."""
DAYS = 3
SECOND = 10**9
CROWD = [n * SECOND for n in (3_599, 3_600, 3_700, 4_000, 4_499, 4_500)]
"""Few times in one quarter and beside it, for many samples at one time."""
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")


@pytest.fixture(scope="module")
def real(template):
    """(loop, store, url) of one database for all examples; each example has an organisation of its own."""
    loop = asyncio.new_event_loop()
    with fresh_database(template) as url:
        opened = store(url)
        yield loop, loop.run_until_complete(opened.__aenter__()), url
        loop.run_until_complete(opened.__aexit__(None, None, None))
    loop.close()


def times(seconds):
    """Nanoseconds since BASE: on borders of quarters, a nanosecond beside them, and anywhere."""
    quarters = st.integers(0, seconds // 900).map(lambda n: n * 900 * SECOND)
    return st.one_of(
        quarters, quarters.map(lambda ns: ns + 1), quarters.map(lambda ns: max(ns - 1, 0)),
        st.integers(0, seconds * SECOND), st.integers(0, seconds // 300).map(lambda n: n * 300 * SECOND),
    )  # fmt: skip


values = st.one_of(st.integers(-50, 50), st.sampled_from([0, 2**62, -(2**62), Decimal("0.1"), Decimal("1e-9")]))


@st.composite
def histories(draw):
    """Samples with distinct identities, near each other or far apart."""
    spread = draw(st.sampled_from([0, 2_000, 20_000, DAYS * 86_400]))
    when = times(spread) if spread else st.sampled_from(CROWD)
    found = draw(
        st.lists(
            st.tuples(when, values, st.sampled_from("aab" if spread else "a"), st.sampled_from("wvu")),
            min_size=draw(st.sampled_from([0, 9])), max_size=18, unique_by=lambda s: (s[0], s[2], s[3]),
        )
    )  # fmt: skip
    return [Sample(ns_of(BASE) + ns + 1, *rest) for ns, *rest in found]


windows = st.tuples(times(DAYS * 86_400), times(DAYS * 86_400)).map(
    lambda pair: tuple(BASE + timedelta(microseconds=ns // 1000) for ns in sorted(pair))
)
holds = st.tuples(
    st.sampled_from([900, 901, 3600, 5000, 90_000]),
    st.one_of(st.just(LONG_AFTER), times(DAYS * 86_400).map(lambda ns: ns_of(BASE) + ns)),
)
groups = st.sampled_from(
    [("type",), ("disk",), ("day",), ("hour", "disk"), ("week",), ("month",), ("day", "disk"), ("hour",)]
)


@settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_window_is_integrated_as_if_all_samples_had_come_in_order(real, data):
    loop, subject, url = real
    loop.run_until_complete(_example(subject, url, data))


async def _example(subject, url, data):
    org = uuid.uuid4().hex
    samples = data.draw(histories())
    in_order = sorted(samples + samples[:3])
    waiting = data.draw(st.one_of(st.just(in_order), st.just(in_order[::-1]), st.permutations(in_order)))
    sent = []
    while waiting:
        size = data.draw(st.integers(1, min(5, len(waiting))))
        group, waiting = waiting[:size], waiting[size:]
        await subject.send(org, dict.fromkeys(group))
        sent += group
        if data.draw(st.booleans()):
            await subject.roll(data.draw(st.sampled_from([1, 2, 10**6])))
            await _verify(url, org)
        if data.draw(st.sampled_from([False, False, True])):
            await subject.integrate(BASE + timedelta(days=data.draw(st.integers(1, DAYS + 1))))
        await _compare(subject, org, sent, data)
    await subject.roll()
    await subject.integrate(BASE + timedelta(days=DAYS + 1))
    await _verify(url, org, DAYS + 1)
    await _compare(subject, org, sent, data)


async def _verify(url, org, days=1):
    async with connected(url) as connection:
        found = await verify(connection, start=BASE, end=BASE + timedelta(days=days), org=org)
    assert found.count == 0, found.differences


async def _compare(subject, org, sent, data):
    start, end = data.draw(windows)
    if start == end:
        end += timedelta(microseconds=1)
    seconds, now_ns = data.draw(holds)
    hold = Hold(seconds=seconds, now_ns=now_ns)
    asked = question(org, start, end, *data.draw(groups), zone=data.draw(st.sampled_from(ZONES)))
    usage = await subject.ask(asked, hold)
    assert answered(usage, asked) == integrated(sent, asked, hold), (asked, hold)
    assert answered_samples(usage, asked) == counted(sent, asked)
    whole = question(org, start, end)
    total = replace(usage, rows=usage.totals)
    assert answered(total, whole) == integrated(sent, whole, hold)
    assert answered_samples(total, whole) == counted(sent, whole)
