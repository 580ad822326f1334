"""What the exporter does with its spool: what goes to disk and when, in which order it leaves, and on trouble."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from waiting import wait_until

from tallystick_exporter import UsageExporter, UsageReader
from tallystick_exporter.options import SpoolOptions


def on_disk(folder):
    return list(Path(folder).rglob("*.piece"))


def use(app, *values):
    for value in values:
        app.counter.add(value)
        app.reader.force_flush()


def test_what_is_taken_at_once_never_touches_the_disk(peer, application, spool_folder):
    app = application()
    use(app, 1, 2, 3)
    app.provider.shutdown()
    assert peer.total("plain") == 6
    assert not spool_folder.exists()


def test_what_was_not_taken_is_on_disk_and_goes_out_before_anything_newer(peer, application, spool_folder):
    app = application()
    peer.statuses = [403, 403]
    use(app, 1, 2)
    assert (app.exporter.waiting, len(on_disk(spool_folder))) == (2, 2)
    use(app, 4)

    assert [sent.value for sent in peer.taken] == [1, 2, 4]
    assert [sent.start for sent in peer.taken[1:]] == [sent.end for sent in peer.taken[:-1]]
    assert on_disk(spool_folder) == []


def test_a_receiver_that_hangs_does_not_keep_a_collection_from_the_disk(peer, spool_folder):
    """The courier waits for an answer; the reader's thread writes what waits in memory."""
    exporter = UsageExporter(peer.url)
    reader = UsageReader(exporter, export_interval_millis=50)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    peer.may_answer.clear()
    provider.get_meter("app").create_counter("plain").add(1)
    peer.requests.get(timeout=30)
    wait_until(lambda: on_disk(spool_folder))
    assert exporter.waiting >= 1  # the ticks go on: idle collections, perhaps
    peer.may_answer.set()
    wait_until(reader.force_flush)  # a request that hung for too long is sent again
    provider.shutdown()
    assert {sent.value for sent in peer.taken} == {1}
    assert len({(sent.instance, sent.end) for sent in peer.taken}) == 1
    assert on_disk(spool_folder) == []


def test_what_a_flush_gave_up_waiting_for_is_written_without_waiting_for_the_tick(peer, application, spool_folder):
    app = application()
    peer.may_answer.clear()
    app.counter.add(1)
    assert not app.reader.force_flush(timeout_millis=10)
    wait_until(lambda: on_disk(spool_folder))
    peer.may_answer.set()
    wait_until(app.reader.force_flush)
    assert {sent.value for sent in peer.taken} == {1}


def test_under_opentelemetrys_own_reader_a_collection_is_on_disk_before_it_is_sent(peer, spool_folder):
    reader = PeriodicExportingMetricReader(UsageExporter(peer.url), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    peer.may_answer.clear()
    provider.get_meter("app").create_counter("plain").add(1)
    flush = Thread(target=reader.force_flush)
    flush.start()
    peer.requests.get(timeout=30)
    assert len(on_disk(spool_folder)) == 1
    peer.may_answer.set()
    flush.join()
    provider.shutdown()
    assert on_disk(spool_folder) == []


def test_what_a_shutdown_could_not_deliver_in_time_the_next_exporter_delivers(peer, application, spool_folder, caplog):
    app = application()
    peer.may_answer.clear()
    app.counter.add(3)
    assert not app.reader.force_flush(timeout_millis=10)
    app.reader.shutdown(timeout_millis=10)
    assert f"kept in {spool_folder}" in caplog.text
    assert len(on_disk(spool_folder)) >= 1  # the last, empty collection was in time, perhaps
    peer.may_answer.set()
    use(application(), 4)
    # The first was taken, though its answer came too late: it is sent again with the same identity.
    assert len({(sent.instance, sent.end) for sent in peer.taken if sent.value == 3}) == 1
    assert {sent.value for sent in peer.taken} == {3, 4}
    assert on_disk(spool_folder) == []


def test_applications_that_send_elsewhere_do_not_take_over_each_others_usage(peer, application, spool_folder):
    app = application()
    peer.statuses = [403] * 9
    use(app, 1)
    app.reader.shutdown()
    stranger = UsageExporter("http://127.0.0.1:9/v1/metrics", timeout=0.1)
    assert stranger.deliver()
    stranger.shutdown()
    assert len(on_disk(spool_folder)) == 2  # the collection, and the last, empty one


def test_a_full_spool_drops_the_oldest_and_the_loss_can_be_read_and_cleared(peer, application, caplog):
    app = application(spool_bytes_max=2 * 4096)
    peer.statuses = [403] * 4
    use(app, 1, 2, 4, 8)

    assert app.exporter.points_dropped == app.reader.points_dropped == 2
    found = app.exporter.losses()
    assert sum(int(loss.sum) for loss in found) == 3
    assert {(loss.reason, loss.metric, loss.points) for loss in found} == {("bytes", "plain", 1)}
    assert found[0].end_ns == found[1].start_ns
    assert app.reader.force_flush()
    assert [sent.value for sent in peer.taken] == [4, 8]
    assert {loss.instance for loss in found} == {sent.instance for sent in peer.taken}
    app.exporter.clear_losses(found)
    assert app.exporter.losses() == []
    assert "1 points of usage are lost" in caplog.text


def test_what_was_refused_for_good_is_a_known_loss(peer, application):
    app = application()
    peer.statuses = [400]
    use(app, 5)
    (loss,) = app.exporter.losses()
    assert (loss.reason, loss.points, loss.sum) == ("refused", 1, "5")


def test_a_folder_that_cannot_be_written_leaves_usage_in_memory_and_is_logged_once(
    peer, application, spool_folder, caplog
):
    spool_folder.write_text("a file where the folder should be")
    app = application(backlog_points_max=5)
    peer.statuses = [403] * 3
    use(app, 1, 2, 4)

    assert sum("cannot be kept on disk" in record.message for record in caplog.records) == 1
    assert [(loss.reason, loss.sum) for loss in app.exporter.losses()] == [("memory", "1")]
    spool_folder.unlink()
    peer.statuses = [403]
    assert not app.reader.force_flush()
    assert len(on_disk(spool_folder)) == 3  # an idle collection, too
    assert app.reader.force_flush()
    assert [sent.value for sent in peer.taken] == [2, 4]


FULL_DISK = """
import resource, sys
from opentelemetry.sdk.metrics import MeterProvider
from tallystick_exporter import UsageReader
reader = UsageReader(endpoint=sys.argv[1], export_interval_millis=3_600_000)
counter = MeterProvider([reader]).get_meter("app").create_counter("plain")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
for value in (1, 2):
    counter.add(value)
    assert not reader.force_flush()
assert reader.force_flush()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_disk_that_fills_up_in_the_middle_of_a_file_costs_nothing_but_durability(peer, spool_folder):
    peer.statuses = [403, 403]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, peer.url], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be kept on disk") == 1
    assert [sent.value for sent in peer.taken] == [1, 2]
    assert [file for file in spool_folder.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("off", ["", "off", " OFF "])
def test_the_spool_can_be_switched_off(monkeypatch, off):
    monkeypatch.setenv("TALLYSTICK_SPOOL_DIR", off)
    assert SpoolOptions().folder_for("http://a/") is None
    assert SpoolOptions(folder="/x").folder_for("http://a/") is not None


def test_the_folder_is_the_users_own_unless_it_is_set_and_one_a_destination(monkeypatch, tmp_path):
    monkeypatch.delenv("TALLYSTICK_SPOOL_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    first, second, secret = (
        SpoolOptions().folder_for(url)
        for url in ("http://m:4318/v1/metrics", "http://m:4318/other", "http://u:pw@m:4318/v1/metrics")
    )
    assert first.parent == second.parent == tmp_path / ".local/state/tallystick/spool"
    assert first.name.startswith("m-4318-")
    assert first != second
    assert secret == first
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert SpoolOptions().folder_for("http://m/").parent == tmp_path / "state/tallystick/spool"


def test_the_bounds_come_from_the_environment_and_nonsense_is_the_default(monkeypatch, caplog):
    monkeypatch.setenv("TALLYSTICK_SPOOL_BYTES_MAX", "1e6")
    monkeypatch.setenv("TALLYSTICK_SPOOL_SECONDS_MAX", "soon")
    options = SpoolOptions()
    assert (options.chosen_bytes_max, options.chosen_seconds_max) == (1_000_000, 7 * 86_400 - 3_600)
    assert "TALLYSTICK_SPOOL_SECONDS_MAX is 'soon'" in caplog.text
    assert SpoolOptions(bytes_max=5, seconds_max=6).chosen_seconds_max == 6
