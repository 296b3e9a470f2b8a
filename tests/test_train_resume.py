"""The stage as processes of its own: killed, launched twice over, out of disk and out of memory."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, prose
from safetensors.torch import load_file

from stages import base
from stages.shared.keyed import file_digest
from stages.shared.records import ShelfBook, write_csv

BOOKS, RUNGS = 16, (4, 8, 16)


def a_project(folder: Path, tiny_base: Path) -> Path:
    """What the stage reads: a base, one reading of 16 books with 3 rungs, params."""
    (folder / "data/base").mkdir(parents=True)
    base.write_base(f"path:{tiny_base}", {}, folder / "data/base")
    tiers = folder / "data/tiers"
    books = [
        ShelfBook(f"b{i:02d}", "T", "A", "en", "core", "c", "own", "x", "epub", f"{i}", 1, "here", "")
        for i in range(BOOKS)
    ]
    write_csv(tiers / "orders/tiered-d0.csv", ShelfBook, books)
    rows = [
        {"book_id": book.book_id, "text_id": f"{book.book_id}-{j}", "text": text}
        for i, book in enumerate(books)
        for j, text in enumerate(prose(i, 2, sentences=2))
    ]
    for name in ("core", "orbit", "fractal"):
        lines = [json.dumps(row) for row in rows] if name == "core" else []
        (tiers / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    with (tiers / "readings.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        sizes = ";".join(map(str, RUNGS))
        table.writerow(["reading", "order", "arm", "draw", "rungs", "top", "books"])
        table.writerow(["tiered-real-d0", "tiered", "real", 0, sizes, 1, sizes])
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["train"] |= {"batch": 4, "precision": "float32", "dropout": 0.1, "checkpoint_seconds": 0.001}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


@pytest.fixture
def project(tmp_path: Path, tiny_base: Path) -> Path:
    return a_project(tmp_path / "project", tiny_base)


def start(
    project: Path, *command: str, store: str = "keyed", before: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Start the stage (or another command) in a project, with a store of its own."""
    environment = os.environ | {"LTM_KEYED": str(project / store), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command or [sys.executable, "-m", "stages.train"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )


def finish(started: subprocess.Popen[str]) -> str:
    """What a command that ends well has printed."""
    out, err = started.communicate(timeout=300)
    assert started.returncode == 0, out + err
    return out + err


def digests(project: Path) -> dict[str, str]:
    """Every file of the stage's output."""
    files = sorted(path for path in (project / "data/train").rglob("*") if path.is_file())
    return {str(path.relative_to(project)): file_digest(path) for path in files}


def checkpoints(project: Path) -> int:
    """How many whole checkpoints of the trunk lie in the store."""
    return len(list((project / "keyed/trunks").glob("??/*/.sums.json")))


def test_a_reading_killed_again_and_again_ends_with_the_same_bytes(project: Path) -> None:
    finish(start(project, store="undisturbed"))
    expected = digests(project)
    seen: set[str] = set()
    for _ in range(3):
        running = start(project)
        while running.poll() is None and not set(newest(project)) - seen:
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        seen |= set(newest(project))
    said = finish(start(project))
    assert checkpoints(project) == len(RUNGS)
    assert digests(project) == expected
    rows = (project / "data/train/tiered-real-d0-i0/00016/steps.csv").read_text().splitlines()
    done, total = map(int, re.findall(r"(\d+)/(\d+) tokens", said)[-1])
    assert done == total < int(rows[-1].split(",")[1])


def newest(project: Path) -> list[str]:
    """The keys of all whole checkpoints."""
    return [path.parent.name for path in (project / "keyed/trunks").glob("??/*/.sums.json")]


def test_only_the_checkpoints_at_the_rungs_are_left(project: Path) -> None:
    finish(start(project))
    assert checkpoints(project) == len(RUNGS)


def test_the_live_curves_and_the_steps_of_the_adapter_tell_the_same(project: Path) -> None:
    finish(start(project))
    live = (project / "dvclive/tiered-real-d0-i0/plots/metrics/loss.tsv").read_text().splitlines()
    kept = (project / "data/train/tiered-real-d0-i0/00016/steps.csv").read_text().splitlines()
    losses = [float(row.split("\t")[-1]) for row in live[1:]]
    assert losses == pytest.approx([float(row.split(",")[-1]) for row in kept[1:]], abs=1e-5)
    assert json.loads((project / "dvclive/tiered-real-d0-i0/metrics.json").read_text())["step"] == len(losses)


def test_two_ranks_of_accelerate_train_what_one_process_trains(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["train"]["dropout"] = 0.0
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    finish(start(project))
    alone = load_file(project / "data/train/tiered-real-d0-i0/00016/adapter_model.safetensors")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kind = "--cpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    options = [*kind.split(), "--num_cpu_threads_per_process", "1", "--main_process_port", str(port)]
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *options]
    said = finish(start(project, *launcher, "-m", "stages.train", store="ranks"))
    assert said.count("3 of them trained now") == 1
    together = load_file(project / "data/train/tiered-real-d0-i0/00016/adapter_model.safetensors")
    assert max(float((alone[name] - together[name]).abs().max()) for name in alone) < 1e-3
    assert any(not torch.equal(alone[name], torch.zeros_like(alone[name])) for name in alone if "lora_B" in name)


def weights(project: Path) -> dict[str, torch.Tensor]:
    """Every tensor of every adapter."""
    files = sorted((project / "data/train").rglob("adapter_model.safetensors"))
    return {f"{path.parent}/{name}": value for path in files for name, value in load_file(path).items()}


def test_readings_side_by_side_are_those_trained_in_turn(project: Path) -> None:
    table = project / "data/tiers/readings.csv"
    first = table.read_text().splitlines()
    table.write_text("".join(f"{line}\n" for line in [*first, first[1].replace("d0", "d1").replace(",0,4", ",1,4")]))
    order = (project / "data/tiers/orders/tiered-d0.csv").read_text().splitlines()
    (project / "data/tiers/orders/tiered-d1.csv").write_text("\n".join([order[0], *order[:0:-1]]) + "\n")
    finish(start(project))
    in_turn = weights(project)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["train"]["side_by_side"] = 2
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    said = finish(start(project, store="two"))
    assert "6 adapters of 2 readings, 6 of them trained now" in said
    assert weights(project).keys() == in_turn.keys()
    apart = [float((value - in_turn[name]).abs().max()) for name, value in weights(project).items()]
    assert max(apart) < 1e-3  # one thread each in place of all: sums are rounded in another order


def beside(project: Path, rungs: str) -> Path:
    """The same project with another ladder, as an experiment's workspace beside it."""
    other = shutil.copytree(project, project.with_name("beside"))
    table = other / "data/tiers/readings.csv"
    table.write_text(table.read_text().replace("4;8;16", rungs))
    return other


def trained(said: str) -> tuple[int, int]:
    """How many adapters a run has made, and on how many tokens."""
    (made,) = re.findall(r"(\d+) of them trained now", said)
    return int(made), sum(int(done) for done, total in re.findall(r"(\d+)/(\d+) tokens", said) if done == total)


def at_once(*projects: Path) -> tuple[int, int]:
    """Adapters made, and tokens trained on, by runs that share a store and begin together."""
    running = [start(one, store=str(projects[0] / "keyed")) for one in projects]
    told = [trained(finish(one)) for one in running]
    return sum(made for made, _ in told), sum(tokens for _, tokens in told)


def test_two_experiments_at_once_train_no_token_twice(project: Path) -> None:
    other = beside(project, "4;8;16")
    alone = trained(finish(start(project, store="alone")))
    expected = digests(project)
    assert at_once(project, other) == alone
    assert digests(project) == digests(other) == expected


def test_two_ladders_at_once_train_no_adapter_twice(project: Path) -> None:
    other = beside(project, "3;8;16")
    for one in (project, other):
        finish(start(one, store="alone"))
    expected = [digests(one) for one in (project, other)]
    assert at_once(project, other)[0] == len({*RUNGS, 3})
    assert [digests(one) for one in (project, other)] == expected


def test_a_full_disk_is_told_and_what_was_trained_before_is_kept(project: Path) -> None:
    finish(start(project))
    kept = checkpoints(project)
    table = project / "data/tiers/readings.csv"
    table.write_text(table.read_text().replace("4;8;16", "4;8;14;16"))
    largest = max(path.stat().st_size for path in (project / "keyed/trunks").rglob("*.safetensors"))

    def no_more_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, largest // 2))

    running = start(project, before=no_more_room)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1, out + err
    assert "Traceback" not in err
    assert re.search(r"train: cannot write .*File too large; free some space", err)
    assert checkpoints(project) == kept
    finish(start(project))
    assert (project / "data/train/tiered-real-d0-i0/00014/adapter_model.safetensors").exists()


OUT_OF_MEMORY = """
import resource
from pathlib import Path
from stages.shared import models
from stages.shared.errors import run
from stages.shared.plan import Step
from stages.shared.trunk import Recipe, Trunk

def main():
    trunk = Trunk(models.load_base(Path("data/base")), Recipe(4, 8, 0.0, 0.01, 2, 1.0, 0.0, "float32"), 0)
    trunk.take(Step(("a",), ((5, 6, 7),)), 0.01)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, used + 400_000_000))
    trunk.take(Step(("a",) * 64, ((5, 6) * 500,) * 64), 0.01)

run(main)
"""


def test_a_batch_that_does_not_fit_into_memory_is_told_with_its_remedy(project: Path) -> None:
    running = start(project, sys.executable, "-c", OUT_OF_MEMORY)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "out of memory at step 1 (64 texts of up to 1000 tokens); lower train.batch" in err
    assert "Traceback" not in err
