"""What rollups keep: spans of time by definitions for all and of one organisation."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.identity import Stream
from tallystick_receiver.keeping import Rule, is_kept, kept_set, spans_of

HOURS = [datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in range(6)]
RULES = st.lists(
    st.builds(
        lambda org, hour, is_own, dimensions: Rule(
            key="calls", org=org, starts=HOURS[hour], is_own=is_own and org is not None, dimensions=dimensions
        ),
        st.sampled_from([None, "acme", "globex"]), st.integers(0, 5), st.booleans(),
        st.none() | st.sampled_from([(), ("region",), ("region", "user.id")]),
    ),
    unique_by=lambda rule: (rule.org, rule.starts),
)  # fmt: skip


def kept_at(rules, org, time):
    """By looking at every rule: the last own one, unless it says that there is none; else the last one for all."""
    own = max((r for r in rules if r.org == org and r.starts <= time), key=lambda r: r.starts, default=None)
    for_all = max((r for r in rules if r.org is None and r.starts <= time), key=lambda r: r.starts, default=None)
    chosen = own if own is not None and own.is_own else for_all
    return chosen.kept if chosen else None


@given(RULES, st.sampled_from(["acme", "initech"]))
def test_spans_say_of_each_time_what_the_rules_say_and_begin_only_where_something_changes(rules, org):
    spans = spans_of(rules, org)
    for time in [HOURS[0] - timedelta(hours=1), *HOURS]:
        found = next((span.kept for span in reversed(spans) if span.starts <= time), None)
        assert found == kept_at(rules, org, time)
    kinds = [None, *(span.kept for span in spans)]
    assert all(before != after for before, after in itertools.pairwise(kinds))


@given(RULES, st.integers(0, 5), st.integers(1, 5))
def test_a_dimension_is_kept_in_a_window_when_it_is_kept_at_each_of_its_times(rules, first, hours):
    start, end = HOURS[first], HOURS[first] + timedelta(hours=hours)
    kept = [kept_at(rules, "acme", start + timedelta(hours=n)) for n in range(hours)]
    expected = all(keys is None or "user.id" in keys for keys in kept)
    assert is_kept("user.id", spans_of(rules, "acme"), start, end) is expected


def test_a_set_of_dimensions_loses_what_is_not_listed_and_keeps_the_service():
    whole = Stream(
        org="acme", project="web", metric="calls", unit="1", kind="sum", scope="",
        dimensions=[("n", ["i", "5"]), ("region", ["s", "eu"]), ("service.name", ["s", "api"]), ("x", ["b", True])],
    )  # fmt: skip
    rule = Rule(key="calls", org=None, starts=HOURS[0], is_own=False, dimensions=("region",))
    kept = kept_set(whole.dims_identity, rule.kept)
    assert kept.dimensions == [("region", ["s", "eu"]), ("service.name", ["s", "api"])]
    assert kept_set(whole.dims_identity, None).dims_identity == whole.dims_identity
