"""Runs that want the same thing at once: one computes it, the others wait for it, and none waits for a dead one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from stages.shared import locks
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, key_of
from stages.shared.locks import Task, held, in_turn

HOLDER = """
import sys
from pathlib import Path
from stages.shared.locks import held
with held(Path(sys.argv[1]), sys.argv[2], "trains tiered-real-d0-i0"):
    print("held", flush=True)
    sys.stdin.read()
"""
FILLER = """
import sys, time
from pathlib import Path
from stages.shared.keyed import Keyed
from stages.shared.locks import Task
made = []
def write(name):
    def fill(folder):
        made.append(name)
        time.sleep(0.3)
        (folder / name).write_text(name)
    return fill
store = Keyed("step", Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
entries = store.fill([Task(f"{n:064}", f"makes {n}", write(str(n))) for n in range(8)])
assert [(entry / str(n)).read_text() for n, entry in enumerate(entries)] == [str(n) for n in range(8)]
print(*made)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another run; it has said its first line."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, **pipes)  # type: ignore[call-overload]
    assert running.stdout.readline()
    return running


def files(root: Path) -> list[str]:
    return [path.name for path in (root / locks.FOLDER).iterdir()]


def test_two_runs_share_the_work_and_neither_repeats_the_other_s(tmp_path: Path) -> None:
    both = [start(FILLER, str(tmp_path)) for _ in range(2)]
    for running in both:
        running.stdin.write("go\n")
        running.stdin.flush()
    made = [running.communicate(timeout=60) for running in both]
    found = [set(out.split()) for out, _ in made]
    assert found[0] | found[1] == set("01234567") and not found[0] & found[1], made
    assert all(found)
    assert files(tmp_path) == []


def test_who_waits_says_what_for_in_a_line_and_then_goes_on(tmp_path: Path) -> None:
    other = start(HOLDER, str(tmp_path), "a")
    assert start(HOLDER, str(tmp_path), "b").communicate("", timeout=60) == ("", ""), "another lock: no wait"
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "a"]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True) as late:
        said = late.stderr.readline()
        line = f"waiting for another run that trains tiered-real-d0-i0 (process {other.pid} on {os.uname().nodename})\n"
        assert said == line
        other.communicate("", timeout=60)
        assert late.stdout.readline() == "held\n"
        assert late.communicate("", timeout=60) == ("", "")
    assert files(tmp_path) == []


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    other = start(HOLDER, str(tmp_path), "a")
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert files(tmp_path) == ["a"], "its file is left, its lock is not"
    with held(tmp_path, "a", "goes on"):
        assert (tmp_path / locks.FOLDER / "a").read_text().startswith("goes on (process ")
    assert files(tmp_path) == []


def test_what_another_run_holds_comes_last(tmp_path: Path) -> None:
    other, seen = start(HOLDER, str(tmp_path), "b"), []
    for task in in_turn(tmp_path, [Task(name, f"makes {name}", name.upper()) for name in "abc"]):
        seen.append(task.item)
        if task.item == "C":
            other.communicate("", timeout=60)
    assert seen == ["A", "C", "B"]


def test_a_failure_frees_the_lock(tmp_path: Path) -> None:
    store = Keyed("step", tmp_path)

    def fail(folder: Path) -> None:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        store.get_or_put(key_of("x"), fail)
    assert files(tmp_path) == []
    assert store.get_or_put(key_of("x"), lambda folder: (folder / "x").write_text("x") and None).exists()


def test_a_file_that_was_taken_away_is_no_lock(tmp_path: Path) -> None:
    lock = locks.take(tmp_path / "a", "one")
    assert lock is not None and locks.take(tmp_path / "a", "two") is None
    (tmp_path / "a").unlink()
    other = locks.take(tmp_path / "a", "two")
    assert other is not None and not locks.names(tmp_path / "a", lock.file)
    other.free()


def test_locks_that_cannot_be_written_are_told_with_their_remedy(tmp_path: Path) -> None:
    (tmp_path / locks.FOLDER).write_text("a file where the folder should be")
    with (
        pytest.raises(UserError, match=r"cannot lock .*/locks/a: (Not a directory|File exists); mend that, or set LTM"),
        held(tmp_path, "a", "x"),
    ):
        pass
