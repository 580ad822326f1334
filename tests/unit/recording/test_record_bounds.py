"""Memory stays within keys_max, with and without a reader."""

from tallystick import Metering, NotRecorded

MAX = 2**63 - 1


def record(metering, organizations, quantity=1):
    for number in organizations:
        metering.record("events", quantity, organization_id=f"org-{number}")


def test_without_a_reader_new_keys_beyond_the_bound_are_refused_and_counted(collected):
    metering = Metering(collected.provider, keys_max=3)
    record(metering, range(5))
    record(metering, range(3))

    assert metering.refused == {NotRecorded.TOO_MANY_KEYS: 2}
    assert collected.values() == [2, 2, 2]


def test_once_a_reader_has_collected_new_keys_make_room_for_themselves(collected):
    metering = Metering(collected.provider, keys_max=3)
    collected.values()
    record(metering, range(1_000))

    assert metering.refused == {}
    assert collected.values() == [1] * 1_000


def test_an_early_drain_keeps_the_interval_within_64_bits(collected):
    metering = Metering(collected.provider, keys_max=2)
    collected.values()
    record(metering, [1, 2, 3, 1, 2], quantity=MAX)

    assert sorted(metering.refused) == []
    sent = [collected.values() for _ in range(4)]
    assert sent == [[MAX, MAX, MAX], [MAX, MAX], [], []]


def test_fractions_do_not_leave_early_and_still_sum_exactly(collected):
    metering = Metering(collected.provider, keys_max=4)
    collected.values()
    for _ in range(3):
        record(metering, range(4), quantity=0.1)

    assert collected.values() == [0.3] * 4


def test_a_stream_that_waits_takes_more_even_when_all_room_is_taken(collected):
    metering = Metering(collected.provider, keys_max=2)
    collected.values()
    record(metering, [1, 2], quantity=0.1)
    record(metering, [3], quantity=1)
    record(metering, [1, 2], quantity=0.2)

    assert metering.refused == {NotRecorded.TOO_MANY_KEYS: 1}
    assert collected.values() == [0.3, 0.3]


def test_memory_follows_the_last_interval(collected):
    metering = Metering(collected.provider, keys_max=10)
    for start in range(0, 100, 10):
        record(metering, range(start, start + 10))
        assert collected.values() == [1] * 10

    assert metering.refused == {}
