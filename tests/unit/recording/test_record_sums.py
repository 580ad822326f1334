"""What is recorded leaves exactly, with the next collection."""

from collections import OrderedDict
from decimal import Decimal
from enum import Enum, StrEnum
from threading import Thread
from types import MappingProxyType

import pytest
from opentelemetry.metrics import CallbackOptions
from unit.recording.recorded import TELLS_TRUE_FROM_ONE, Collected

from tallystick import Metering, NotRecorded

MAX = 2**63 - 1


def test_usage_leaves_with_its_type_unit_and_attributes(collected):
    Metering(collected.provider).record(
        "Logs.Ingested.Bytes",
        5120,
        organization_id="acme",
        project_id="web",
        metadata={"region": "eu"},
        unit="By",
    )

    [metric] = collected.metrics()
    [point] = metric.data.data_points
    assert (metric.name, metric.unit, point.value, dict(point.attributes)) == (
        "logs.ingested.bytes",
        "By",
        5120,
        {"org.id": "acme", "project.id": "web", "region": "eu"},
    )


def test_the_callback_runs_before_the_counters_are_read(collected):
    counter = collected.provider.get_meter("app").create_counter("added.in.callback")

    def callback(_options: CallbackOptions):
        counter.add(1)
        return ()

    collected.provider.get_meter("app").create_observable_gauge("observed", [callback])

    assert collected.values() == [1]
    assert collected.values() == [1]


def test_usage_recorded_twice_is_collected_once_as_its_sum(collected):
    metering = Metering(collected.provider)
    metering.record("events", 2, organization_id="acme")
    metering.record("events", 3, organization_id="acme")

    assert collected.values() == [5]
    assert collected.values() == []


def test_the_order_of_the_metadata_does_not_matter(collected):
    metering = Metering(collected.provider)
    forth = {"region": "eu", "tier": "pro"}
    back = {"tier": "pro", "region": "eu"}
    for metadata in (forth, back, OrderedDict(back), MappingProxyType(forth), forth, back):
        metering.record("events", 1, organization_id="acme", metadata=metadata)

    assert collected.values() == [6]


@pytest.mark.skipif(not TELLS_TRUE_FROM_ONE, reason="the SDK adds them up before 1.45")
def test_true_one_and_one_point_zero_are_different_attribute_values(collected):
    metering = Metering(collected.provider)
    for _ in range(2):
        for value in (True, 1, 1.0, "1"):
            metering.record("events", 1, organization_id="acme", metadata={"flag": value})

    points = collected.points()
    assert [value for _, _, value in points] == [2, 2, 2, 2]
    assert {type(attributes["flag"]) for _, attributes, _ in points} == {bool, int, float, str}


def test_a_member_of_a_text_enum_and_its_text_are_one_attribute(collected):
    class Region(StrEnum):
        EU = "eu"

    class OldRegion(str, Enum):  # noqa: UP042 - the older way is what is tested
        EU = "eu"

    metering = Metering(collected.provider)
    for region in (Region.EU, OldRegion.EU, "eu", Region.EU, OldRegion.EU, "eu"):
        metering.record("events", 1, organization_id="acme", metadata={"region": region})

    [(_, attributes, value)] = collected.points()
    assert (value, attributes["region"], type(attributes["region"])) == (6, "eu", str)


def test_a_tenth_three_times_is_three_tenths(collected):
    metering = Metering(collected.provider)
    for _ in range(3):
        metering.record("cpu", 0.1, organization_id="acme", unit="s")

    assert collected.values() == [0.3]


def test_halves_that_make_a_whole_leave_as_an_int(collected):
    metering = Metering(collected.provider)
    metering.record("cpu", 0.5, organization_id="acme")
    metering.record("cpu", Decimal("1.5"), organization_id="acme")

    [value] = collected.values()
    assert (value, type(value)) == (2, int)


def test_what_a_float_cannot_hold_is_carried_to_the_next_collection(collected):
    quantity = Decimal("0.1234567890123456789012345678901234567890")
    Metering(collected.provider).record("cpu", quantity, organization_id="acme")

    sums = collected.until_empty()

    assert list(sums.values()) == [quantity]


def test_the_largest_integer_leaves_digit_for_digit(collected):
    Metering(collected.provider).record("bytes", MAX, organization_id="acme")

    assert collected.values() == [MAX]


def test_nine_quintillion_twice_is_carried_to_the_next_collection(collected):
    metering = Metering(collected.provider)
    metering.record("bytes", MAX, organization_id="acme")
    metering.record("bytes", MAX, organization_id="acme")
    metering.record("bytes", 7, organization_id="acme")

    assert [collected.values() for _ in range(4)] == [[MAX], [MAX], [7], []]


def test_several_metering_objects_share_one_provider(collected, caplog):
    first, second = Metering(collected.provider), Metering(collected.provider)
    first.record("cpu", 0.1, organization_id="acme")
    second.record("cpu", 0.2, organization_id="acme")
    second.record("bytes", MAX, organization_id="acme")
    first.record("bytes", MAX, organization_id="acme")

    assert collected.values() == [0.3, MAX]
    assert collected.values() == [MAX]
    assert caplog.messages == []


def test_every_reader_gets_the_usage():
    collected = Collected(readers=2)
    metering = Metering(collected.provider)
    metering.record("events", 1, organization_id="acme")
    assert collected.values() == [1]
    metering.record("events", 2, organization_id="acme")

    collected.reader = collected.readers[1]
    assert collected.values() == [3]
    collected.reader = collected.readers[0]
    assert collected.values() == [2]


def test_no_usage_is_lost_or_doubled_between_threads_and_collections(collected):
    metering = Metering(collected.provider, keys_max=8)
    collected.values()

    def work(number):
        for turn in range(2_000):
            metering.record("events", 1, organization_id=f"org-{(turn + number) % 20}")
            metering.record("cpu", 0.1, organization_id="acme")

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    sums = {}
    while any(thread.is_alive() for thread in threads):
        _add(sums, collected)
    for thread in threads:
        thread.join()
    for _ in range(3):
        _add(sums, collected)

    assert sums["cpu"] == Decimal(800)
    assert sums["events"] + metering.refused.get(NotRecorded.TOO_MANY_KEYS, 0) == 8_000


def _add(sums, collected):
    for name, _, value in collected.points():
        sums[name] = sums.get(name, 0) + Decimal(repr(value))
