"""The cap of the keyed store: what goes, what stays, what is told; and runs that meet in it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from stages.shared import keyed
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed

YEAR = 365 * 86400.0
MEGABYTE = 10**6


def key(name: str) -> str:
    return keyed.key_of(name)


def old_entry(store: Keyed, name: str, years: float, size: int = MEGABYTE) -> Path:
    """An entry of `size` bytes, used last so many years ago."""
    entry = store.put(key(name), lambda folder: (folder / "one.bin").write_bytes(b"x" * size) and None)
    os.utime(entry, (time.time() - years * YEAR,) * 2)
    return entry


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in a project whose cap is 2.5 MB."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("store: {max_gb: 0.0025}\n")
    return tmp_path / "keyed"


def test_what_was_unused_for_longest_goes_first_whatever_step_it_is_of(root: Path) -> None:
    store, other = Keyed("step", root), Keyed("other", root)
    entries = [old_entry(store, "a", 3), old_entry(other, "b", 5), old_entry(store, "c", 2), old_entry(other, "d", 4)]
    store.trim()
    assert [entry.exists() for entry in entries] == [True, False, True, False]


def test_what_this_run_used_stays_also_over_the_cap(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Keyed("step", root)
    entries = [old_entry(store, name, 1) for name in "abcd"]
    assert all(store.get(key(name)) for name in "abcd")
    store.trim()
    assert all(entry.exists() for entry in entries)
    assert capsys.readouterr().out == "store: 0.004 GB left, store.max_gb is 0.0025; the rest is in use\n"


def test_eviction_is_told_in_a_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Keyed("step", root)
    for name in "abc":
        old_entry(store, name, 1)
    store.trim()
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - YEAR))
    told = capsys.readouterr().out
    line = f"store: 1 of 3 entries evicted, none of them used after {day}; 0.002 GB left, store.max_gb is 0.0025\n"
    assert told == line
    store.trim()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["store: {max_gb: 0}\n", "workers: {}\n"])
def test_without_a_cap_nothing_goes(root: Path, text: str) -> None:
    Path("params.yaml").write_text(text)
    entry = old_entry(Keyed("step", root), "a", 90)
    Keyed("step", root).trim()
    assert entry.exists()


def test_an_evicted_entry_is_made_again(root: Path) -> None:
    store = Keyed("step", root)
    for name in "abc":
        old_entry(store, name, 1)
    store.trim()
    gone = [name for name in "abc" if store.get(key(name)) is None]
    assert len(gone) == 1
    assert old_entry(store, gone[0], 0).exists()


USER = """
import sys
from pathlib import Path
from stages.shared.keyed import Keyed
store = Keyed("step", Path(sys.argv[1]))
print("used" if store.get(sys.argv[2]) else "absent", flush=True)
sys.stdin.read()
"""


def start_user(root: Path, name: str) -> subprocess.Popen[str]:
    """Another process that uses an entry and goes on until its standard input ends."""
    command = [sys.executable, "-c", USER, str(root), key(name)]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "used\n"
    return running


def test_what_another_run_used_stays_until_it_ends_also_by_a_kill(root: Path) -> None:
    store = Keyed("step", root)
    entries = [old_entry(store, name, 1) for name in "abc"]
    other = start_user(root, "a")
    store.trim()
    assert entries[0].exists() and sum(entry.exists() for entry in entries) == 2
    other.kill()
    other.communicate()
    os.utime(entries[0], (0, 0))
    old_entry(store, "d", 1)
    store.trim()
    assert not entries[0].exists()
    assert len(list((root / keyed.RUNS).iterdir())) == 1, "the file of the killed run is still there"


def test_a_run_that_ends_leaves_no_trace_of_itself(root: Path) -> None:
    old_entry(Keyed("step", root), "a", 1)
    before = sorted((root / keyed.RUNS).iterdir())
    other = start_user(root, "a")
    assert len(list((root / keyed.RUNS).iterdir())) == len(before) + 1
    other.communicate("")
    assert sorted((root / keyed.RUNS).iterdir()) == before


def test_an_entry_used_since_the_look_is_put_back(root: Path) -> None:
    entry = old_entry(Keyed("step", root), "a", 1)
    assert not keyed.evict(entry, entry.stat().st_mtime)
    assert keyed.is_whole(entry)
    assert keyed.evict(entry, entry.stat().st_mtime + 1)
    assert not entry.exists()


def test_what_a_killed_run_had_begun_to_write_goes_with_it(root: Path) -> None:
    store = Keyed("step", root)
    for years, name in ((1, "dead"), (0, "alive")):
        draft = store.folder / keyed.DRAFT / name
        draft.mkdir(parents=True)
        os.utime(draft, (time.time() - years * YEAR,) * 2)
    store.trim()
    assert [path.name for path in (store.folder / keyed.DRAFT).iterdir()] == ["alive"]


TRIMMER = """
import sys
from pathlib import Path
from stages.shared.keyed import Keyed, key_of
store = Keyed("step", Path(sys.argv[1]))
mine = [key_of(sys.argv[2], n) for n in range(60)]
for round in range(4):
    for key in mine:
        entry = store.get_or_put(key, lambda folder: (folder / "one.bin").write_bytes(b"x" * 100_000) and None)
        assert (entry / "one.bin").stat().st_size == 100_000
    store.trim()
    assert all(store.get(key) for key in mine)
print("all there")
"""


def test_two_runs_that_trim_at_once_keep_what_both_use(root: Path) -> None:
    store = Keyed("step", root)
    for number in range(50):
        old_entry(store, f"stale {number}", 1, 100_000)
    command = [sys.executable, "-c", TRIMMER, str(root)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*command, name], env=environment, **pipes) for name in "xy"]  # type: ignore[call-overload]
    for running in both:
        out, err = running.communicate(timeout=120)
        assert out.endswith("all there\n"), err
    assert not any(store.path(key(f"stale {number}")).exists() for number in range(50))


def test_a_store_that_cannot_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "keyed").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot write into .*keyed: Not a directory; mend that, or set LTM_KEYED"):
        Keyed("step", tmp_path / "keyed")


def test_the_cap_is_never_below_zero(root: Path) -> None:
    Path("params.yaml").write_text("store: {max_gb: -1}\n")
    with pytest.raises(UserError, match=r"store\.max_gb is -1"):
        Keyed("step", root).trim()


def test_entries_are_counted_with_all_their_files(root: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "inner").mkdir()
        (folder / "inner" / "one.bin").write_bytes(b"x" * 700)
        (folder / "two.bin").write_bytes(b"x" * 300)

    entry = Keyed("step", root).put(key("a"), write)
    sums = (entry / keyed.SUMS).stat().st_size
    assert [(size, path) for _, size, path in keyed.entries_of(root)] == [(1000 + sums, entry)]
