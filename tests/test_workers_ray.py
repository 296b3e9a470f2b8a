"""Work over items on a real Ray cluster of two nodes on this machine: the same outcomes, the same bytes."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import test_bookmap_add
import test_extract
import test_train_resume
import yaml
from conftest import ROOT, prose
from test_extract import shelf  # noqa: F401, a fixture
from test_workers import outcomes
from work import hang_after_the_first, leave_mark, misbehave, name_node, read_copy, square, take_seat, wait_until_ended

from stages import base
from stages.bookmap.add import looks
from stages.extract import __main__ as extract
from stages.scenes import __main__ as scenes
from stages.shared import cluster
from stages.shared.errors import UserError
from stages.shared.pool import Seat
from stages.shared.workers import Limits, Workers, map_items

LOCAL = Workers(backend="local", count=2, seconds=60.0, memory_mb=0)
QUICK = {"RAY_health_check_period_ms": "300", "RAY_health_check_failure_threshold": "3"}  # a lost node is noticed soon


# --- the cluster


class Node:
    """A node as a user starts it, with a name in its environment that its workers can tell."""

    def __init__(self, name, *arguments):
        self.folder = tempfile.mkdtemp(prefix="ray")
        environment = os.environ | QUICK | {"NODE_NAME": name, "PYTHONPATH": str(ROOT / "tests")}
        sizes = ["--num-cpus=1", "--object-store-memory=80000000", "--min-worker-port=0", "--max-worker-port=0"]
        places = [f"--temp-dir={self.folder}", "--node-ip-address=127.0.0.1", "--disable-usage-stats"]
        ray = [str(Path(sys.executable).with_name("ray")), "start", "--block"]
        self.log = Path(self.folder) / "log.txt"
        with self.log.open("w") as log:
            command = [*ray, *sizes, *places, *arguments]
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def ready(self):
        while "Ray runtime started" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        return self

    def kill(self):
        """End the node's own processes, at once."""
        tree = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for process in tree:
            if process.is_running():
                process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def address():
    """Where two nodes of one core each have their head; they take no work from who has not their token."""
    settings = pytest.MonkeyPatch()
    settings.setenv("RAY_AUTH_MODE", "token")
    settings.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    found = f"127.0.0.1:{free_port()}"
    first = Node("first", "--head", f"--port={found.rpartition(':')[2]}", "--include-dashboard=false")
    first.ready()
    second = Node("second", f"--address={found}").ready()
    yield found
    second.stop()
    first.stop()
    settings.undo()


@pytest.fixture
def two_nodes(address):
    return Workers(backend="ray", address=address, count=0, seconds=60.0, memory_mb=0)


# --- items


def test_results_come_in_order_and_from_both_nodes(two_nodes):
    items = list(range(12))
    found = outcomes(name_node, items, workers=two_nodes)
    assert [number for number, _ in found] == items
    assert {node for _, node in found} == {"first", "second"}


def test_broken_items_fail_alone_and_with_the_words_of_one_machine(two_nodes):
    deeds = ["hang", "a", "die", "b", "raise", "c", "hoard", "d"]
    limits = Limits(seconds=2.0, memory_mb=400)
    found = outcomes(misbehave, deeds, limits, two_nodes)
    assert found[1::2] == ["a", "b", "c", "d"]
    assert [failure.kind for failure in found[::2]] == ["time", "died", "error", "memory"]
    assert found == outcomes(misbehave, deeds, limits, LOCAL)


def test_a_file_comes_as_a_copy_under_its_name_and_goes_again(two_nodes, tmp_path):
    paths = [tmp_path / name for name in ("книга.txt", "b.txt", "not there")]
    for path in paths[:2]:
        path.write_text(path.name)
    first, second, third = outcomes(read_copy, paths, workers=two_nodes)
    assert (first[0].name, first[1].decode()) == ("книга.txt", "книга.txt")
    assert first[0] != paths[0] and not first[0].exists() and second[1] == b"b.txt"
    assert third.kind == "error" and str(paths[2]) in third.reason


def test_the_code_travels_with_the_run(two_nodes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = outcomes(take_seat, [0], workers=two_nodes)
    assert found[0] == Seat(0, 1) and "runtime_resources" in found[1]


def test_items_of_a_lost_node_are_taken_up_by_another(two_nodes, tmp_path):
    third = Node("third", f"--address={two_nodes.address}").ready()

    def lose_it():
        while not list(tmp_path.glob("* third")):
            time.sleep(0.05)
        third.kill()

    threading.Thread(target=lose_it, daemon=True).start()
    found = outcomes(leave_mark, [(str(tmp_path), number) for number in range(16)], workers=two_nodes)
    third.stop()
    assert found == list(range(16))
    marks = [path.name.split() for path in tmp_path.iterdir()]
    assert {number for number, node in marks if node == "third"} & {number for number, node in marks if node != "third"}


def test_stopping_early_ends_hung_workers(two_nodes, tmp_path):
    items = [(str(tmp_path), number) for number in range(2)]
    one = two_nodes.model_copy(update={"count": 1})
    stream = map_items(hang_after_the_first, items, Limits(seconds=60.0), one, "test")
    assert next(stream) == (items[0], 0)
    while not (marks := list(tmp_path.iterdir())):
        time.sleep(0.05)
    stream.close()
    wait_until_ended(int(marks[0].name))


# --- stages


def set_workers(**settings):
    """Change the section `workers` of the params here, or any other key of it."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | yaml.safe_load(Path("params.yaml").read_text())
    params["workers"] |= settings
    Path("params.yaml").write_text(yaml.safe_dump(params))


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_extract_and_scenes_give_the_same_bytes(two_nodes, shelf, tiny_base, monkeypatch):  # noqa: F811
    books = {f"t{n}.txt": "\n\n".join(prose(n, 40)).encode() for n in range(4)}
    shelf(test_extract.library() | books | {"d-cut.epub": b"PK\x03\x04 cut"})
    base.write_base(f"path:{tiny_base}", {}, Path("data/base"))
    shutil.copytree(ROOT / "data/catalogue", "data/catalogue")
    monkeypatch.setattr(sys, "argv", ["scenes"])
    set_workers(backend="local")
    extract.main()
    scenes.main()
    expected = files_below("data")
    assert {"extract/b-epub.jsonl", "extract/a-pdf.jsonl", "scenes/t3.yaml"} <= expected.keys()
    for made in ("keyed", "data/extract", "data/scenes"):
        shutil.rmtree(made)
    set_workers(backend="ray", address=two_nodes.address)
    extract.main()
    scenes.main()
    assert files_below("data") == expected


def test_files_to_add_are_looked_at_alike(two_nodes, tmp_path):
    test_bookmap_add.write_epub(tmp_path / "a.epub")
    test_bookmap_add.write_pdf(tmp_path / "b.pdf", "A Mill", "en")
    (tmp_path / "c.epub").write_bytes(b"PK\x03\x04 cut")
    files = [*sorted(tmp_path.iterdir()), tmp_path / "gone.pdf"]
    assert list(looks(files, two_nodes)) == list(looks(files, LOCAL))


@pytest.fixture
def two_readings(tmp_path, tiny_base):
    """A project with two readings, each of which has one core, and both at once."""
    project = test_train_resume.a_project(tmp_path / "project", tiny_base)
    table, orders = project / "data/tiers/readings.csv", project / "data/tiers/orders"
    head, row = table.read_text().splitlines()
    table.write_text(f"{head}\n{row}\n{row.replace('d0', 'd1').replace(',0,4', ',1,4')}\n")
    first, *books = (orders / "tiered-d0.csv").read_text().splitlines()
    (orders / "tiered-d1.csv").write_text("\n".join([first, *reversed(books)]) + "\n")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["train"] |= {"side_by_side": 2, "checkpoint_seconds": 60.0}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def test_train_gives_the_same_bytes(two_nodes, two_readings, monkeypatch):
    monkeypatch.chdir(two_readings)
    test_train_resume.finish(test_train_resume.start(two_readings, store="local"))
    expected = test_train_resume.digests(two_readings)
    set_workers(backend="ray", address=two_nodes.address)
    said = test_train_resume.finish(test_train_resume.start(two_readings, store="ray"))
    assert "6 adapters of 2 readings, 6 of them trained now" in said
    assert test_train_resume.digests(two_readings) == expected


# --- what a user is told


def refusal(workers, function=square, **more):
    with pytest.raises(UserError) as refused:
        list(map_items(function, [1, 2], Limits(), workers, "test", **more))
    return str(refused.value)


@pytest.mark.parametrize("wrong", ["", "auto", "127.0.0.1", "ray://127.0.0.1:x"])
def test_an_address_that_is_none_says_what_one_is(wrong):
    told = refusal(Workers(backend="ray", address=wrong, count=1, seconds=1.0, memory_mb=0))
    assert told.startswith(f"workers.address is {wrong!r}; give HOST:PORT of the cluster's head")


def test_a_cluster_that_is_not_there_is_told_at_once():
    nowhere = f"127.0.0.1:{free_port()}"
    told = refusal(Workers(backend="ray", address=nowhere, count=1, seconds=1.0, memory_mb=0))
    assert told.startswith(f"no Ray cluster can be joined at {nowhere} (workers.address): ") and "refused" in told


def test_where_ray_is_not_installed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    told = refusal(Workers(backend="ray", address="127.0.0.1:6379", count=1, seconds=1.0, memory_mb=0))
    assert told == "workers.backend is ray, and Ray is not installed; run `pip install .[ray]`"


def test_a_node_with_another_library_is_refused(two_nodes, monkeypatch):
    here = cluster.versions()
    assert {"Python", "torch", "lxml"} <= here.keys()
    monkeypatch.setattr(cluster, "versions", lambda: here | {"lxml": "1.0"})
    told = refusal(two_nodes)
    assert f"has lxml {here['lxml']} (1.0 on this machine); every node needs the Python and the packages" in told


def test_code_that_a_node_lacks_is_refused(two_nodes, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def triple(number):\n    return 3 * number\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "No module named 'only_here'" in refusal(two_nodes, __import__("only_here").triple)


def test_a_folder_that_a_node_does_not_see_is_named(two_nodes, tmp_path):
    hidden = tmp_path / "not on the node"
    told = refusal(two_nodes, shared=(tmp_path / "store", hidden))
    assert f"does not see {hidden}, which must have this path on all nodes" in told


def test_large_items_get_a_gpu_each_or_their_share_of_the_cores():
    small, large = {"CPU": 4.0}, {"CPU": 8.0, "GPU": 2.0}
    assert cluster.sizes([small, large], 0, 50, large=False) == (12, 1, 0)
    assert cluster.sizes([small, large], 0, 50, large=True) == (2, 6, 1)
    assert cluster.sizes([small, small], 0, 50, large=True) == (2, 4, 0)
    assert cluster.sizes([small, small], 4, 3, large=True) == (3, 2, 0)
