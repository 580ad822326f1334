"""The spool: bounded, whole or put aside; with real files."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.exporter.otlp_peer import points_in
from unit.exporter.spools import BLOCK, DAY_NS, Spools, drained, parcel, values

from tallystick_exporter.losses import Reason, folded
from tallystick_exporter.parcel import halves, parcel_of
from tallystick_exporter.piece_file import CorruptPieceError, packed, unpacked
from tallystick_exporter.spool import CORRUPT_FILES_MAX


def test_what_one_process_left_the_next_sends_byte_for_byte_oldest_first(spools):
    first = spools.open()
    written = [parcel(value, DAY_NS + value) for value in range(5)]
    for one in written:
        first.add(one)
    first.close()
    second = spools.open()
    second.adopt()

    found = drained(second)
    assert [(p.name, p.body, p.points, p.made_ns) for p in found] == [
        (p.name, p.body, p.points, p.made_ns) for p in written
    ]
    assert list(spools.root.glob("writers/*")) == []


def test_nobody_takes_what_a_living_process_owns(spools):
    first, second = spools.open(), spools.open()
    first.add(parcel())
    second.adopt()
    assert (len(first), len(second)) == (1, 0)


def test_a_folder_is_adopted_by_one_process_only(spools):
    dead = spools.open()
    dead.add(parcel())
    dead.close()
    first, second = spools.open(), spools.open()
    first.adopt()
    second.adopt()
    assert (len(first), len(second)) == (1, 0)


def test_a_spool_that_was_emptied_leaves_nothing_behind(spools):
    spool = spools.open()
    spool.add(parcel())
    drained(spool)
    spool.close()
    assert list(spools.root.glob("writers/*")) == []


def test_a_closed_spool_takes_nothing_more(spools):
    spool = spools.open()
    spool.close()
    with pytest.raises(OSError, match="closed"):
        spool.add(parcel())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9_000), st.booleans()), max_size=25))
def test_the_bound_holds_and_what_is_not_sent_or_here_is_counted_as_lost(steps):
    """Two processes; `sends` takes the oldest away as a delivery does."""
    bytes_max = 8 * BLOCK
    with TemporaryDirectory() as folder:
        spools = Spools(Path(folder) / "spool")
        pair = [spools.open(bytes_max), spools.open(bytes_max)]
        added, sent = [], []
        for number, (which, noise, sends) in enumerate(steps):
            value = 2**62 + number
            pair[which].add(parcel(value, DAY_NS + number, noise=noise))
            added.append(value)
            if sends:
                oldest = pair[which].oldest()
                pair[which].settled(oldest)
                sent.extend(values([oldest]))
            # Each may keep its share, and one parcel more until the other one's next turn.
            assert spools.size <= bytes_max + bytes_max // 2
        here = values(drained(pair[0]) + drained(pair[1]))
        lost = folded(spools.losses)
        spools.close()

    assert sum(loss.points for loss in lost) == len(added) - len(sent) - len(here)
    assert sum(int(loss.sum) for loss in lost) == sum(added) - sum(sent) - sum(here)
    assert {loss.reason for loss in lost} <= {Reason.BYTES}


def test_one_process_alone_may_use_the_whole_bound_and_drops_the_oldest(spools):
    spool = spools.open(bytes_max=3 * BLOCK)
    for value in range(5):
        spool.add(parcel(value, DAY_NS + value))
    assert spools.size == 3 * BLOCK
    assert values(drained(spool)) == [2, 3, 4]
    assert [(loss.metric, loss.instance, loss.points, loss.sum) for loss in folded(spools.losses)] == [
        ("m", "one", 2, "1")
    ]


def test_a_process_that_comes_late_gets_its_share(spools):
    greedy, late = spools.open(bytes_max=4 * BLOCK), spools.open(bytes_max=4 * BLOCK)
    for value in range(4):
        greedy.add(parcel(value))
    for value in range(4):
        late.add(parcel(10 + value))
    greedy.add(parcel(4))
    assert values(drained(late)) == [12, 13]
    assert values(drained(greedy)) == [3, 4]


def test_a_parcel_larger_than_the_bound_is_refused_and_pushes_nothing_out(spools):
    spool = spools.open(bytes_max=2 * BLOCK)
    spool.add(parcel())
    with pytest.raises(OSError, match="larger"):
        spool.add(parcel(noise=3 * BLOCK))
    assert len(spool) == 1


def test_what_is_being_sent_is_not_dropped_to_make_room(spools):
    spool = spools.open(bytes_max=2 * BLOCK)
    spool.add(parcel(1))
    spool.add(parcel(2))
    sending = spool.oldest()
    spool.in_hand = sending.name
    spool.add(parcel(3))
    spool.settled(sending)
    assert values([sending, *drained(spool)]) == [1, 3]
    assert [loss.sum for loss in spools.losses] == ["2"]


def test_what_is_being_sent_is_not_dropped_for_its_age_meanwhile(spools):
    spool = spools.open(seconds_max=3600)
    spool.add(parcel(1))
    sending = spool.oldest()
    spool.in_hand = sending.name
    spools.now_ns = DAY_NS + 3601 * 10**9
    spool.add(parcel(2, spools.now_ns))
    assert spools.losses == []
    spool.in_hand = ""
    assert values(drained(spool)) == [2]
    assert [loss.reason for loss in spools.losses] == [Reason.AGE]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_every_folder_of_a_new_spool_is_made_durable_and_so_is_its_file(tmp_path, monkeypatch):
    """What survives a power cut is what was fsynced: the file, and the name of each folder on the way to it."""
    synced = []

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    spools = Spools(tmp_path / "state" / "spool")
    spools.open().add(parcel())
    (file,) = spools.root.glob("writers/*/*.piece")
    spools.close()
    assert {tmp_path, tmp_path / "state", spools.root, spools.root / "writers", file.parent} <= set(synced)
    assert synced.index(file.with_name(file.name + ".tmp")) < len(synced) - 1 - synced[::-1].index(file.parent)


def test_what_waited_too_long_is_dropped_and_counted_exactly(spools):
    spool = spools.open(seconds_max=3600)
    spool.add(parcel(0.1, DAY_NS, points=3))
    spool.add(parcel(5, DAY_NS + 3600 * 10**9))
    spools.now_ns = DAY_NS + 3601 * 10**9

    assert values(drained(spool)) == [5]
    (loss,) = spools.losses
    assert (loss.reason, loss.points, loss.sum) == (Reason.AGE, 3, "0.3")
    assert (loss.service, loss.start_ns, loss.end_ns, loss.unit) == ("app", 1, 2, "{request}")


def damage_by_cutting(file):
    file.write_bytes(file.read_bytes()[:-3])


def damage_by_emptying(file):
    file.write_bytes(b"")


def damage_by_flipping(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def damage_by_a_folder_in_its_place(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "damage", [damage_by_cutting, damage_by_emptying, damage_by_flipping, damage_by_a_folder_in_its_place]
)
def test_a_damaged_file_is_put_aside_and_holds_up_nothing(spools, damage, caplog):
    spool = spools.open()
    for value in (1, 2, 3):
        spool.add(parcel(value, DAY_NS + value))
    damage(sorted(spools.root.glob("writers/*/*.piece"))[1])

    assert values(drained(spool)) == [1, 3]
    assert [(loss.reason, loss.points, loss.start_ns) for loss in spools.losses] == [(Reason.CORRUPT, 0, DAY_NS + 2)]
    assert len(list(spools.root.glob("corrupt/*"))) == 1
    assert "is damaged" in caplog.text


def test_damaged_files_do_not_pile_up(spools):
    spool = spools.open()
    for value in range(CORRUPT_FILES_MAX + 5):
        spool.add(parcel(value))
    for file in spools.root.glob("writers/*/*.piece"):
        damage_by_cutting(file)
    assert drained(spool) == []
    assert len(list(spools.root.glob("corrupt/*"))) == CORRUPT_FILES_MAX


def test_a_file_that_was_whole_but_not_named_yet_is_sent_and_a_torn_one_is_put_aside(spools):
    dead = spools.open()
    dead.add(parcel(1))
    dead.add(parcel(2))
    whole, torn = sorted(spools.root.glob("writers/*/*.piece"))
    dead.close()
    whole.rename(whole.with_name(whole.name + ".tmp"))
    damage_by_cutting(torn)
    torn.rename(torn.with_name(torn.name + ".tmp"))
    spool = spools.open()
    spool.adopt()

    assert values(drained(spool)) == [1]
    assert [loss.reason for loss in spools.losses] == [Reason.CORRUPT]


def test_a_spool_that_was_deleted_meanwhile_begins_anew(spools):
    spool = spools.open()
    spool.add(parcel(1))
    for file in [*spools.root.glob("writers/*/*"), *spools.root.glob("writers/*")]:
        file.unlink() if file.is_file() else file.rmdir()
    spool.add(parcel(2))
    assert values(drained(spool)) == [2]


@given(st.binary(max_size=300), st.data())
def test_no_damage_to_a_file_goes_unseen(body, data):
    content = packed(parcel_of(body, 7, 9))
    assert unpacked("x", content).body == body
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(changed), content[:at], content + b"x"):
        with pytest.raises(CorruptPieceError):
            unpacked("x", damaged)


@given(st.integers(2, 40))
def test_halves_hold_the_same_points_with_the_same_times(points):
    whole = parcel(3, points=points)
    first, second = halves(whole)
    assert (first.points, second.points) == (points // 2, points - points // 2)
    assert points_in(first.body) + points_in(second.body) == points_in(whole.body)
    assert [len(points_in(half.body)) for half in (first, second)] == [first.points, second.points]
