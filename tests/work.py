"""What workers of the tests do, in a module that the nodes of a cluster load quickly."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from stages.shared.pool import seat


def square(number):
    return number * number


def name_node(number):
    time.sleep(0.3 if number % 2 == 0 else 0.0)
    return number, os.environ["NODE_NAME"]


def misbehave(deed):
    if deed == "hang":
        time.sleep(600)
    if deed == "hoard":
        return len(bytearray(900_000_000))
    if deed == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "raise":
        raise ValueError("two\nlines")
    return deed


def read_copy(path):
    time.sleep(0.2)
    return path, path.read_bytes()


def take_seat(number):
    import stages

    return seat(), stages.__file__


def hang_after_the_first(task):
    folder, number = task
    if number:
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(600)
    return number


def wait_until_ended(pid):
    """Wait for the end of a process that is no child of this one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)


def leave_mark(task):
    folder, number = task
    (Path(folder) / f"{number} {os.environ['NODE_NAME']}").touch()
    time.sleep(0.5)
    return number
