"""Run a command that leaves daemons behind, and end them all once standard input ends, by whatever end of the tests.

    python tests/guard.py dvc queue start -j 2

It says "started" when the command has ended. Linux alone: what loses its parent is handed to the nearest subreaper.
"""

import contextlib
import ctypes
import subprocess
import sys

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def end_all() -> None:
    """Kill every process below this one until none is left."""
    while found := psutil.Process().children(recursive=True):
        for one in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(found)


if __name__ == "__main__":
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL)
        print("started", flush=True)
        sys.stdin.read()
    finally:
        end_all()
