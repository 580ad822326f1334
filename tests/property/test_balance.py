"""Whatever is lost, split, repeated or late: recorded = here + known gaps, to the last unit."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp import SECOND, export, now_ns, totals
from sender import Sender
from system.test_completeness import books, eventually, rfc3339

_numbers = itertools.count()


@st.composite
def deliveries(draw):
    """(collections, what is lost at first, what arrives in which order); a part is (collection, "points" | "tally")."""
    collections = draw(st.lists(st.lists(st.integers(0, 2**62), max_size=3), min_size=1, max_size=6))
    last = len(collections) - 1
    parts = [(n, part) for n in range(last) for part in ("points", "tally")] + [(last, "points")]
    lost = draw(st.sets(st.sampled_from(parts)))
    arriving = [part for part in [*parts, (last, "tally")] if part not in lost]
    repeated = draw(st.lists(st.sampled_from(arriving), max_size=3))
    order = draw(st.permutations([*arriving, *repeated]))
    return collections, lost, order


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(
        "--balance-seconds", "0.02", "--gap-grace-seconds", "0.05", "--silent-seconds-min", "86400",
    )  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
def test_recorded_is_here_or_a_known_gap_and_a_gap_closes_when_it_is_filled(receiver, drawn):
    collections, lost, order = drawn
    number = next(_numbers)
    metric = f"usage_{number}"
    sender = Sender(instance=f"s-{number}", begun=now_ns() - 3600 * SECOND)
    requests = {}
    for n, values in enumerate(collections):
        requests[n, "points"], requests[n, "tally"] = sender.collect(n == len(collections) - 1, **{metric: values})
    for part in order:
        assert export(receiver.url, requests[part]).rejected == 0

    points = sum(len(collections[n]) for n, part in lost if part == "points")
    amount = sum(sum(collections[n]) for n, part in lost if part == "points")
    here = sum(sum(values) for values in collections) - amount

    def missing():
        found = books(receiver, type=metric, from_=rfc3339(sender.begun), to=rfc3339(sender.end))
        gaps = found["gaps"]
        return found["until"], sum(gap["points"] for gap in gaps), sum(int(gap["quantity"]) for gap in gaps)

    eventually(lambda: missing() == (rfc3339(sender.end), points, amount))
    assert int(totals(receiver.url, type=metric).get(metric, "0")) == here

    for n, part in sorted(lost):
        if part == "points":
            export(receiver.url, requests[n, part])
    eventually(lambda: missing() == (rfc3339(sender.end), 0, 0))
