"""Any sequence of valid records and collections: the sum that leaves equals the sum recorded."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.recording.recorded import TELLS_TRUE_FROM_ONE, Collected

from tallystick import Metering

MAX = 2**63 - 1

quantities = st.one_of(
    st.integers(0, 10),
    st.integers(0, MAX),
    st.just(MAX),
    st.floats(0, 2.0**62, allow_nan=False).filter(lambda number: number == 0 or number > 1e-280),
    st.decimals(0, 10**6, places=25),
    st.decimals(0, 10**18, places=3),
)
values = st.sampled_from(["eu", "1", 1, True, 1.0] if TELLS_TRUE_FROM_ONE else ["eu", "1", 1])
metadata = st.dictionaries(st.sampled_from(["region", "tier"]), values, max_size=2)
record = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["acme", "zeta"]), metadata, quantities)
steps = st.lists(st.one_of(record, st.just("collect")), max_size=40)


def decimal(number):
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 4))
def test_the_sum_that_leaves_equals_the_sum_recorded(steps, keys_max):
    collected = Collected()
    metering = Metering(collected.provider, keys_max=keys_max)
    collected.values()
    recorded, left = defaultdict(Decimal), defaultdict(Decimal)

    for step in steps:
        if step == "collect":
            _collect(collected, left)
            continue
        name, organization, labels, quantity = step
        before = sum(metering.refused.values())
        metering.record(name, quantity, organization_id=organization, metadata=labels)
        if sum(metering.refused.values()) == before:
            key = name, frozenset((k, type(v), v) for k, v in labels.items()), organization
            recorded[key] = _exact(recorded[key], decimal(quantity))
    while _collect(collected, left):
        pass

    assert dict(left) == dict(recorded)


def _collect(collected, left):
    points = collected.points()
    for name, attributes, value in points:
        organization = attributes.pop("org.id")
        assert value <= MAX
        key = name, frozenset((k, type(v), v) for k, v in attributes.items()), organization
        left[key] = _exact(left[key], decimal(value))
    return points


def _exact(one, other):
    from tallystick.validity import EXACT

    return EXACT.add(one, other)
