"""The sender's half: each collection says what it holds, whatever instrument it came from."""

import os
from decimal import Decimal

from opentelemetry.sdk.metrics import MeterProvider

from tallystick_exporter import UsageExporter, UsageReader


def test_collections_are_numbered_without_a_gap_idle_ones_too(peer, application):
    app = application()
    for amount in (5, 0, 7):
        if amount:
            app.counter.add(amount, {"org.id": "acme"})
        assert app.reader.force_flush()
    assert [tally.sequence for tally in peer.tallies] == [1, 2, 3]
    assert [tally.own("plain") for tally in peer.tallies] == [(1, "5"), (0, "0"), (1, "7")]
    assert [tally.total("plain") for tally in peer.tallies] == [(1, "5"), (1, "5"), (2, "12")]


def test_a_process_that_never_used_anything_says_so(peer, application):
    app = application()
    assert app.reader.force_flush()
    (tally,) = peer.tallies
    assert (tally.sequence, tally.content["entries"], tally.content["unattributed"]) == (1, [], [])
    assert tally.instance


def test_a_tally_ends_with_its_points_and_starts_where_the_last_one_ended(peer, application):
    app = application()
    for _ in range(2):
        app.counter.add(1, {"org.id": "acme"})
        assert app.reader.force_flush()
    assert [t.end for t in peer.tallies] == [p.end for p in peer.taken]
    assert [t.content["start"] for t in peer.tallies] == [p.start for p in peer.taken]
    assert peer.tallies[0].content["begun"] == peer.taken[0].start


def test_sums_are_exact_and_by_metric_unit_and_kind(peer, application):
    app = application()
    meter = app.provider.get_meter("app")
    meter.create_counter("Cost", unit="USD").add(0.1, {"org.id": "a"})
    for n, amount in enumerate((0.2, 2**62)):
        meter.create_counter("Cost", unit="USD").add(amount, {"org.id": "a", "n": n})
    meter.create_up_down_counter("level").add(-3, {"org.id": "a"})
    for amount in (1, 2):
        meter.create_histogram("size", unit="By").record(amount, {"org.id": "a"})
    assert app.reader.force_flush()
    entries = {tuple(e[:3]): e[3:5] for e in peer.tallies[0].content["entries"]}
    assert entries == {
        ("cost", "USD", "sum"): [3, str(Decimal(2**62) + Decimal("0.3"))],
        ("level", "", "level"): [1, "-3"],
        ("size", "By", "histogram"): [1, "3"],
        ("size", "By", "operations"): [1, "2"],
    }


def test_points_without_an_organisation_are_told_apart(peer, application):
    app = application()
    app.counter.add(5, {"org.id": "acme"})
    app.counter.add(6, {"tenant.id": "acme"})
    app.counter.add(7, {"http.route": "/"})
    assert app.reader.force_flush()
    (tally,) = peer.tallies
    assert (tally.own("plain"), tally.own("plain", "unattributed")) == ((2, "11"), (1, "7"))


def test_the_last_collection_says_that_it_is_the_last(peer, application):
    app = application()
    app.counter.add(1)
    assert app.reader.force_flush()
    app.provider.shutdown()
    assert [tally.content["last"] for tally in peer.tallies] == [False, True]


def test_what_never_arrives_is_in_the_totals_of_the_next_tally(peer, application):
    app = application()
    peer.statuses = [200, 400, 200]
    for amount in (1, 10, 100):
        app.counter.add(amount, {"org.id": "acme"})
        app.reader.force_flush()
    assert [tally.sequence for tally in peer.tallies] == [1, 3]
    assert [tally.total("plain") for tally in peer.tallies] == [(1, "1"), (3, "111")]


def test_a_forked_child_counts_its_own_collections_from_one(peer):
    reader = UsageReader(UsageExporter(peer.url), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counter = provider.get_meter("app").create_counter("plain")
    counter.add(5, {"org.id": "acme"})
    child = os.fork()
    if child == 0:
        counter.add(7, {"org.id": "acme"})
        os._exit(0 if reader.force_flush() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert reader.force_flush()
    provider.shutdown()
    by_instance = {}
    for tally in peer.tallies:
        by_instance.setdefault(tally.instance, []).append(tally)
    assert sorted(found[-1].total("plain") for found in by_instance.values()) == [(1, "5"), (1, "7")]
    assert {found[0].sequence for found in by_instance.values()} == {1}
