"""Records against a model in plain words: the first record of an id counts once, however it is sent and resent."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tallystick.refusal import Reason, Refused
from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.errors import Malformed
from tallystick_receiver.ledger import CONFLICT, DUPLICATE, NEW
from tallystick_receiver.points import Records
from tallystick_receiver.recognition import recognise
from tallystick_receiver.records.cloud_event import Mapping
from tallystick_receiver.records.decode import EVENT_TYPE, EVENTS_TYPE, JSON_TYPE, decode
from tallystick_receiver.records.json_text import quantity_in
from tallystick_receiver.streams import Streams

NOW = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 10**9
TIMES = ("2026-10-31T23:59:59.999999999Z", "2026-11-01T00:00:00Z", None)

content = st.fixed_dictionaries({
    "metricKey": st.sampled_from(["calls", "bytes"]),
    "subjectId": st.sampled_from(["acme", "globex"]),
    "quantity": st.sampled_from(["0", "1", "1.0", "2.5", "1e2"]),
    "timestamp": st.sampled_from(TIMES),
})  # fmt: skip
sent = st.lists(st.tuples(st.sampled_from("abcde"), content), max_size=20)


class Receiver:
    """One receiver: its own memory and clock; the database is shared."""

    def __init__(self, clock):
        self.streams = Streams()
        self.clock = clock

    def receive(self, items):
        self.clock += 10**9
        limits = TimeLimits(now_ns=self.clock, late_ns=NOW, ahead_ns=10**18)
        body = json.dumps([{"id": name, "subjectType": "org", **record} for name, record in items]).encode()
        found = decode(
            body, JSON_TYPE, Mapping(), streams=self.streams, credential_org=None, limits=limits, records_max=100
        )
        assert found.batch.records.refused == {}
        return found.batch.records


class Model:
    """The rule in plain words."""

    def __init__(self):
        self.first = {}

    def send(self, name, record):
        fixed = (record["metricKey"], record["subjectId"], Decimal(record["quantity"]))
        if name not in self.first:
            self.first[name] = (fixed, record["timestamp"])
            return NEW
        same = self.first[name][0] == fixed and record["timestamp"] in (None, self.first[name][1])
        return DUPLICATE if same else CONFLICT


def nothing_wrong(records):
    return [None] * len(records)


def value_of(records, verdicts):
    new = np.array(verdicts, dtype=np.int8) == NEW
    points = records.points.take(new)
    return sum(
        (int(m) * Fraction(10) ** int(e) for m, e in zip(points.mantissa, points.exponent, strict=True)), Fraction(0)
    )


@given(sent, st.data())
def test_the_first_record_of_an_id_counts_once_through_any_split_and_two_receivers(items, data):
    model, known, total = Model(), {}, Fraction(0)
    receivers = [Receiver(NOW), Receiver(NOW - 5 * 10**9)]
    while items:
        size = data.draw(st.integers(1, len(items)))
        requests, items = [items[:size]], items[size:]
        if items:
            size = data.draw(st.integers(0, len(items)))
            requests, items = [*requests, items[:size]], items[size:]
        batches: list[Records | None] = [data.draw(st.sampled_from(receivers)).receive(request) for request in requests]
        verdicts = recognise([None, *batches], [[], *map(nothing_wrong, batches)], known)[1:]
        expected = [[model.send(*item) for item in request] for request in requests]
        assert verdicts == expected
        total += sum(value_of(batch, verdict) for batch, verdict in zip(batches, verdicts, strict=True))
    assert total == sum((Fraction(fixed[2]) for fixed, _ in model.first.values()), Fraction(0))


@given(st.dictionaries(st.sampled_from("abcdefgh"), content, min_size=1), st.data())
def test_any_order_split_and_repetition_of_the_same_records_gives_the_same_total(records, data):
    times = data.draw(st.integers(1, 4))
    items = data.draw(st.permutations([*records.items()] * times))
    known, total = {}, Fraction(0)
    receivers = [Receiver(NOW), Receiver(NOW - 5 * 10**9)]
    verdicts = []
    while items:
        size = data.draw(st.integers(1, len(items)))
        batch = data.draw(st.sampled_from(receivers)).receive(items[:size])
        items = items[size:]
        [verdict] = recognise([batch], [nothing_wrong(batch)], known)
        total += value_of(batch, verdict)
        verdicts += verdict
    assert total == sum(Fraction(record["quantity"]) for record in records.values())
    assert verdicts.count(NEW) == len(records)
    assert verdicts.count(DUPLICATE) == len(records) * (times - 1)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["-2", "0", "3"]), st.booleans()), max_size=30),
    st.data(),
)
def test_whatever_a_metric_is_defined_as_meanwhile_a_resend_is_a_duplicate_and_what_was_refused_leaves_no_trace(
    items, data
):
    """Each item is an id, a quantity, and whether the metric is a level by then: only that may be negative."""
    first, known, receiver = {}, {}, Receiver(NOW)
    while items:
        size = data.draw(st.integers(1, len(items)))
        group, items = items[:size], items[size:]
        records = receiver.receive(
            [(i, {"metricKey": "disk", "subjectId": "acme", "quantity": quantity}) for i, quantity, _ in group]
        )
        wrong = [Reason.NEGATIVE if quantity == "-2" and not is_level else None for _, quantity, is_level in group]
        expected = []
        for (name, quantity, _), reason in zip(group, wrong, strict=True):
            before = first.get(name)
            if before is None and reason is None:
                first[name] = quantity
            expected.append((reason or NEW) if before is None else DUPLICATE if before == quantity else CONFLICT)
        assert recognise([records], [wrong], known) == [expected]
    assert len(known) == len(first)


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
member = st.sampled_from(
    ["id", "metricKey", "subjectType", "subjectId", "quantity", "timestamp", "metadata", "unit", "specversion",
     "source", "type", "subject", "time", "data", "data_base64", "records"]
)  # fmt: skip
item = st.dictionaries(member, st.sampled_from(["1.0", "acme", "org", 1]) | json_value, max_size=8) | json_value


@given(st.lists(item, max_size=4) | item, st.sampled_from([JSON_TYPE, EVENT_TYPE, EVENTS_TYPE]), st.booleans())
def test_whatever_json_is_sent_each_record_is_admitted_or_refused_and_nothing_else_happens(document, form, bound):
    limits = TimeLimits(now_ns=NOW, late_ns=NOW, ahead_ns=10**18)
    org = "acme" if bound else None
    try:
        found = decode(
            json.dumps(document).encode(), form, Mapping(), streams=Streams(), credential_org=org, limits=limits,
            records_max=100,
        )  # fmt: skip
    except Malformed:
        return
    records = found.batch.records
    places = sorted([*records.place.tolist(), *records.refused])
    assert places == list(range(len(found.ids)))
    assert len(records.ids) == len(records.points)
    assert not records.points.is_level.any()  # a definition decides, in the commit


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=9))
def test_a_decimal_comes_through_digit_for_digit_or_is_refused(number):
    try:
        quantity = quantity_in(str(number), "quantity")
    except Refused:
        assert abs(Fraction(number) * 10**9) >= 2**63
    else:
        assert quantity.to_decimal() == number
