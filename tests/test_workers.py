"""Work over items in worker processes: order, limits, and what a broken item takes with it (only itself)."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from work import wait_until_ended

from stages.shared.errors import UserError
from stages.shared.workers import Failure, Limits, Seat, Workers, cores, map_items, seat

LOCAL = Workers(backend="local", count=2, seconds=60.0, memory_mb=0)
ONE = Workers(backend="local", count=1, seconds=60.0, memory_mb=0)


def square(number):
    return number * number


def slow_when_even(number):
    time.sleep(0.2 if number % 2 == 0 else 0.0)
    return number


def hang_at_two(number):
    if number == 2:
        time.sleep(600)
    return number


def hoard_at_two(number):
    return len(bytearray(900_000_000)) if number == 2 else number


def die_at_two(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raise_at_two(number):
    if number == 2:
        raise ValueError("two\nlines")
    return number


def large_result(number):
    return b"x" * 5_000_000


def die_while_writing(number):
    if number % 3 == 0:
        threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return b"x" * 30_000_000


def take_seat(number):
    time.sleep(0.1)
    return seat()


def die_once_on_the_second_seat(mark):
    time.sleep(0.1)
    if seat().number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return seat().number


def hang_with_mark(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def outcomes(function, items, limits=None, workers=LOCAL):
    return [outcome for _, outcome in map_items(function, items, limits or Limits(), workers, "test")]


def test_results_come_with_their_items_in_order():
    items = list(range(20))
    assert list(map_items(slow_when_even, items, Limits(), LOCAL, "test")) == [(item, item) for item in items]


def test_no_items_start_no_worker():
    assert outcomes(square, []) == []


def test_count_zero_means_all_cores():
    assert outcomes(square, [3], workers=Workers(backend="local", count=0, seconds=1.0, memory_mb=0)) == [9]


def test_a_hung_worker_loses_only_its_item():
    first, failure, last = outcomes(hang_at_two, [1, 2, 3], Limits(seconds=1.0))
    assert (first, last) == (1, 3)
    assert failure == Failure("time", "took longer than 1 s (workers.seconds)")


def test_a_memory_hog_loses_only_its_item():
    first, failure, last = outcomes(hoard_at_two, [1, 2, 3], Limits(memory_mb=400))
    assert (first, last) == (1, 3)
    assert failure == Failure("memory", "needs more than 400 MB of memory (workers.memory_mb)")


@pytest.mark.parametrize("workers", [ONE, LOCAL])
def test_a_killed_worker_loses_only_its_item(workers):
    first, failure, last = outcomes(die_at_two, [1, 2, 3], workers=workers)
    assert (first, last) == (1, 3)
    assert failure == Failure("died", "its worker died (signal 9: killed, often for memory)")


def test_an_exception_is_a_failure_of_one_line():
    first, failure, last = outcomes(raise_at_two, [1, 2, 3])
    assert (first, last) == (1, 3)
    assert failure == Failure("error", "ValueError: two lines")


def test_large_results_pass_whole():
    assert [len(outcome) for outcome in outcomes(large_result, [1, 2, 3])] == [5_000_000] * 3


def test_a_worker_killed_while_it_writes_neither_tears_nor_stops_the_others():
    found = outcomes(die_while_writing, list(range(1, 10)))
    whole = [outcome for number, outcome in enumerate(found, 1) if number % 3]
    assert [len(outcome) for outcome in whole] == [30_000_000] * 6


def test_stopping_early_ends_the_workers():
    stream = map_items(hang_at_two, [1, 2, 3], Limits(seconds=60.0), LOCAL, "test")
    assert next(stream) == (1, 1)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 10


def test_each_worker_has_a_seat_of_its_own():
    share = max(1, cores() // 2)
    assert set(outcomes(take_seat, list(range(8)))) == {Seat(0, share), Seat(1, share)}


def test_who_takes_a_dead_workers_place_takes_its_seat(tmp_path):
    found = outcomes(die_once_on_the_second_seat, [tmp_path / "mark"] * 40)
    (dead,) = [place for place, outcome in enumerate(found) if isinstance(outcome, Failure)]
    assert {0, 1} == set(found[dead + 1 :])


def test_a_killed_main_process_leaves_no_hung_worker(tmp_path):
    main = multiprocessing.get_context("spawn").Process(target=outcomes, args=(hang_with_mark, [tmp_path]))
    main.start()
    while not (marks := list(tmp_path.iterdir())):
        time.sleep(0.05)
    main.kill()
    main.join()
    wait_until_ended(int(marks[0].name))


def test_an_unknown_backend_names_the_valid_ones():
    workers = Workers(backend="cloud", count=1, seconds=1.0, memory_mb=0)
    with pytest.raises(UserError, match="'cloud'; valid backends are local, ray"):
        map_items(square, [1], Limits(), workers, "test")


def test_progress_counts_all_items(capsys):
    outcomes(square, [1, 2, 3])
    assert "test 3/3 books" in capsys.readouterr().err
