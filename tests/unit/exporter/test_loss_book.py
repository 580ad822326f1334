"""Known losses: exact, durable, cleared only when they were read; by several writers."""

from decimal import Decimal
from fractions import Fraction
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp import CUMULATIVE, export_request

from tallystick_exporter import loss_book
from tallystick_exporter.loss_book import LossBook, clear_losses, read_losses
from tallystick_exporter.losses import Reason, folded, losses_in
from tallystick_exporter.parcel import parcel_of

RESOURCE = {"service.name": "app", "service.instance.id": "one"}


def losses(*points, instance="one", reason=Reason.BYTES):
    request = export_request(list(points), resource={**RESOURCE, "service.instance.id": instance})
    return losses_in(parcel_of(request.SerializeToString(), len(points), 1), reason)


def told(found):
    return sorted((loss.instance, loss.metric, loss.points, loss.sum) for loss in folded(found))


doubles = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), doubles), min_size=1, max_size=20))
def test_the_total_is_exact_to_the_last_digit(numbers):
    (loss,) = losses(*({"name": "m", "value": number} for number in numbers))
    exact = sum(Fraction(Decimal(repr(number))) for number in numbers)
    assert Fraction(loss.sum) == exact
    assert loss.points == len(numbers)


def test_what_is_no_sum_of_deltas_has_points_but_no_total():
    found = losses(
        {"name": "level", "kind": "gauge", "value": 5, "start": 0, "end": 9},
        {"name": "total", "temporality": CUMULATIVE, "value": 7},
    )
    assert told(found) == [("one", "level", 1, None), ("one", "total", 1, None)]
    assert (found[0].start_ns, found[0].end_ns) == (9, 9)


def test_losses_of_a_metric_fold_into_one_over_the_whole_time():
    found = folded([
        *losses({"name": "m", "value": 1, "start": 1, "end": 2}, {"name": "n", "value": 9}),
        *losses({"name": "m", "value": 0.5, "start": 5, "end": 8}),
        *losses({"name": "m", "value": 3}, instance="two"),
    ])  # fmt: skip
    assert told(found) == [("one", "m", 2, "1.5"), ("one", "n", 1, "9"), ("two", "m", 1, "3")]
    assert (found[0].start_ns, found[0].end_ns) == (1, 8)


def test_a_parcel_that_nobody_can_read_is_a_loss_without_a_metric():
    (loss,) = losses_in(parcel_of(b"\xff\xff", 4, 7), Reason.AGE)
    assert (loss.metric, loss.points, loss.sum, loss.start_ns, loss.end_ns) == ("", 4, None, 7, 7)


def test_losses_outlive_their_writer_and_are_cleared_when_they_were_read(tmp_path):
    LossBook(tmp_path).add(losses({"name": "m", "value": 1}))
    book = LossBook(tmp_path)
    book.add(losses({"name": "m", "value": 2}, instance="two"))
    found = book.read()
    assert told(found) == [("one", "m", 1, "1"), ("two", "m", 1, "2")]

    book.add(losses({"name": "m", "value": 4}))
    book.clear(found)
    assert told(book.read()) == told(read_losses(tmp_path)) == [("one", "m", 1, "4")]
    clear_losses(tmp_path, book.read())
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_losses_stay_in_memory_and_are_folded():
    book = LossBook(None)
    for _ in range(1000):
        book.add(losses({"name": "m", "value": 0.1}))
    assert told(book.read()) == [("one", "m", 1000, "100")]
    assert len(book.read()) == 1
    book.clear(book.read())
    assert book.read() == []


def test_what_cannot_be_written_waits_in_memory(tmp_path):
    (tmp_path / "losses").write_text("a file where the folder should be")
    book = LossBook(tmp_path / "losses")
    book.add(losses({"name": "m", "value": 1}))
    (tmp_path / "losses").unlink()
    assert told(book.read()) == [("one", "m", 1, "1")]
    book.add(losses({"name": "m", "value": 2}))
    assert told(read_losses(tmp_path / "losses")) == [("one", "m", 2, "3")]


def test_a_line_that_a_crash_tore_spoils_no_other(tmp_path):
    book = LossBook(tmp_path)
    book.add(losses({"name": "m", "value": 1}))
    (file,) = tmp_path.iterdir()
    with file.open("a") as torn:
        torn.write('{"id": "x", "rea')
    book.add(losses({"name": "m", "value": 2}))
    assert told(read_losses(tmp_path)) == [("one", "m", 2, "3")]


def test_a_book_is_folded_before_it_grows_large(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_book, "FILE_BYTES_MAX", 2_000)
    book = LossBook(tmp_path)
    for _ in range(200):
        book.add(losses({"name": "m", "value": 1}))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size <= 2_000
    assert told(read_losses(tmp_path)) == [("one", "m", 200, "200")]


@pytest.mark.parametrize("writers", [3])
def test_clearing_while_others_write_forgets_exactly_what_was_read(tmp_path, writers):
    def write(book):
        for _ in range(30):
            book.add(losses({"name": "m", "value": 1}))

    books = [LossBook(tmp_path) for _ in range(writers)]
    threads = [Thread(target=write, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
    cleared = []
    while any(thread.is_alive() for thread in threads):
        found = read_losses(tmp_path)
        clear_losses(tmp_path, found)
        cleared.extend(found)
    for book in books:
        book.add([])
    cleared.extend(read_losses(tmp_path))
    assert told(cleared) == [("one", "m", 30 * writers, str(30 * writers))]
