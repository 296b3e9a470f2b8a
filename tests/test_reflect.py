"""Own thinking: what the filter refuses, what the guard stops, what is equal, and the stage as processes of its own."""

import csv
import dataclasses
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import ROOT
from study import own_prose
from test_scenes_writer import Reply, Server, completion, server

from stages import base
from stages.reflect import rules
from stages.reflect.material import read_material
from stages.reflect.prompts import Prompt
from stages.reflect.savings import linkage, weigh
from stages.reflect.settings import GuardParams, ReflectParams
from stages.reflect.study import prepare
from stages.reflect.tables import CURVE
from stages.reflect.writing import Written
from stages.saturation.phrases import Speaker
from stages.saturation.report_reflect import read_reflection, reflect_part
from stages.shared.chance import digest
from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.models import load_base, load_tokenizer
from stages.shared.params import load_params
from stages.shared.records import ShelfBook, write_csv

__all__ = ["server"]  # the fixture of another module's tests
BOOKS, RUNGS = 8, (2, 4, 8)
LOOSE = {
    "pool": 8,
    "min_tokens": 8,
    "linkage": 0.1,
    "copied": 20,
    "likeness": 0.9,
    "distinct": 0.0,
    "squeezed": 0.0,
    "letters": 0.0,
    "agreement": -50.0,
}


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def text_of(seed: int, number: int) -> str:
    return ". ".join(own_prose(seed)[number].split(". ")[:2]) + "."


def write_tiers(tiers: Path) -> None:
    """One reading of 8 books with two texts each."""
    books = [
        ShelfBook(f"b{i:02d}", "T", "A", "en", "core", "c", "own", "x", "epub", f"{i}", 1, "here", "")
        for i in range(BOOKS)
    ]
    write_csv(tiers / "orders/tiered-d0.csv", ShelfBook, books)
    rows = [
        {"book_id": book.book_id, "text_id": f"{book.book_id}-{j}", "language": "en", "text": text_of(i + 1, j)}
        for i, book in enumerate(books)
        for j in range(2)
    ]
    for name in ("core", "orbit", "fractal"):
        write_lines(tiers / f"{name}.jsonl", rows if name == "core" else [])
    sizes = ";".join(map(str, RUNGS))
    with (tiers / "readings.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["reading", "order", "arm", "draw", "rungs", "top", "books"])
        table.writerow(["tiered-real-d0", "tiered", "real", 0, sizes, 1, sizes])


def write_probe(folder: Path, seed: int = 100) -> None:
    """Four held-out books, one of half A, and control text."""
    rows, items = [], []
    for number in range(4):
        name, half = f"p{number}", "A" if number == 3 else "B"
        rows.append({"book_id": name, "language": "en", "half": half})
        for place in range(2):
            text = text_of(seed + number, place)
            cut = len(text) // 2
            wrong = [text_of(seed + number, other)[:cut] for other in (4, 5)]
            parts = {"explanation": text[:cut], "conclusion": text[cut:], "wrong": wrong}
            items.append({"item": f"{name}-{place}", "book_id": name, "text": text, **parts})
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "books.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)
    write_lines(folder / "items.jsonl", items)
    write_lines(folder / "control.jsonl", [{"item": "c", "book_id": "control", "text": "Return the value of a key."}])


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a base, a reading that was trained, and a probe."""
    folder = tmp_path_factory.mktemp("reflect")
    (folder / "data/base").mkdir(parents=True)
    base.write_base(f"path:{tiny_base}", {}, folder / "data/base")
    write_tiers(folder / "data/tiers")
    write_probe(folder / "data/probe")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["train"] |= {"batch": 2, "precision": "float32", "learning_rate": 0.005}
    params["reflect"] |= {
        "reading": "tiered-real-d0-i0",
        "tokens": 96,
        "candidates": 1,
        "samples": 200,
        "filter": LOOSE,
    }
    params["reflect"]["sampling"] |= {"max_tokens": 24, "batch": 4}
    params["reflect"]["guard"] |= {"control": 9.0, "probe_a": 9.0, "diversity": 0.1}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    finish(start(folder, "train"))
    return folder


@pytest.fixture(scope="module")
def done(trained: Path) -> Path:
    """The same project when the stage has run undisturbed."""
    finish(start(trained))
    return trained


def start(project: Path, stage: str = "reflect", store: str = "keyed") -> subprocess.Popen[str]:
    """Start a stage in a project, with a store of its own."""
    environment = os.environ | {"LTM_KEYED": str(project / store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{stage}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=project, env=environment, **pipes)  # type: ignore[call-overload,no-any-return]


def finish(started: subprocess.Popen[str]) -> str:
    """What a command that ends well has printed."""
    out, err = started.communicate(timeout=300)
    assert started.returncode == 0, out + err
    return out + err


def digests(project: Path) -> dict[str, str]:
    """Every file that the stage leaves."""
    files = [*(project / "data/reflect").glob("*"), *(project / "metrics").glob("reflect.*")]
    return {str(path.relative_to(project)): file_digest(path) for path in files}


def told(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "metrics/reflect.json").read_text())
    return found


def cells_of(project: Path) -> dict[tuple[str, str, str, str], dict[str, str]]:
    with (project / "data/reflect/cells.csv").open() as stream:
        return {(row["arm"], row["equal"], row["replicate"], row["round"]): row for row in csv.DictReader(stream)}


def test_every_arm_is_told_with_its_verdict_at_equal_tokens_and_at_equal_compute(done: Path) -> None:
    found = told(done)
    assert found["run"]
    assert found["rung"] == 4
    assert set(found["verdicts"]) == {"tokens", "compute"}
    assert [(row["arm"], row["equal"]) for row in found["arms"]] == list(CURVE)
    assert len((done / "metrics/reflect.csv").read_text().splitlines()) == 1 + 1 + 2
    assert (done / "metrics/reflect.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_report_sets_the_arms_side_by_side_and_says_who_won_at_which_size(done: Path, language: str) -> None:
    found = read_reflection(done / "metrics/reflect.json")
    assert found
    text = "\n".join(reflect_part(found, Speaker(language)))
    assert text.count("\n- *") == len(found["best"]) + len(found["worst"])
    verdicts = [line for line in text.split("\n") if line.startswith("**")]
    assert len(verdicts) == 2
    assert all("0.0 M" in line or "0.0 млн" in line for line in verdicts)
    assert text.count("| ") > 5 * 8


def test_the_report_says_what_the_guard_stopped_and_that_a_larger_model_wrote(done: Path) -> None:
    stopped = [{"replicate": 1, "round": 0, "kind": "diversity", "value": 0.31, "limit": 0.6}]
    other = {"stopped": stopped, "writer": "large-2026", "verdicts": {"tokens": "beat"}}
    text = "\n".join(reflect_part(told(done) | other, Speaker("en")))
    assert "stopped replicate 1 in round 0: the diversity of what was written is 0.31 of that of round 0" in text
    assert "scenes that a larger model, `large-2026`, wrote" in text
    assert "At equal tokens own thinking beat reading, with a model of 0.0 M parameters" in text
    assert "nothing is compared at equal compute" in text


def test_the_report_has_no_such_chapter_where_the_stage_was_not_run() -> None:
    assert read_reflection(ROOT / "metrics/reflect.json") is None
    assert reflect_part(None, Speaker("en")) == []


def test_the_arms_read_equal_tokens_and_equal_compute_to_a_token(done: Path) -> None:
    rows = cells_of(done)
    assert len(rows) == 5 * 3 * 2
    for (arm, equal, replicate, number), row in rows.items():
        own = rows["own", "tokens", replicate, number]
        assert int(own["tokens"]) == 96
        assert 0 < int(own["own"]) <= 48
        extra = -(-int(own["ran"]) * 2 // 4) if equal == "compute" else 0
        assert int(row["tokens"]) == 96 + extra, (arm, equal)
    assert int(rows["own", "tokens", "0", "0"]["ran"]) > int(rows["own", "tokens", "0", "1"]["ran"])


def test_all_that_was_written_is_kept_with_its_fate(done: Path) -> None:
    rows = [json.loads(line) for line in (done / "data/reflect/written.jsonl").read_text().splitlines()]
    found = told(done)
    for number, counts in enumerate(found["filter"]):
        fates = [row["reason"].partition(":")[0] or "passed" for row in rows if row["round"] == number]
        assert counts == {"round": number} | {kind: fates.count(kind) for kind in ("passed", *rules.KINDS)}
    assert {row["kind"] for row in rows} == {"follows", "counter", "unasked"}
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        first, second = row["scenes"]
        assert first[:3] != second[:3]


def test_the_probe_changes_nothing_that_is_written_or_passes(done: Path, tmp_path: Path) -> None:
    other = shutil.copytree(done, tmp_path / "other")
    shutil.rmtree(other / "data/probe")
    write_probe(other / "data/probe", seed=300)
    finish(start(other))
    same = ("data/reflect/written.jsonl", "data/reflect/written.md")
    assert [digests(other)[name] for name in same] == [digests(done)[name] for name in same]
    assert digests(other)["data/reflect/cells.csv"] != digests(done)["data/reflect/cells.csv"]


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(done: Path, tmp_path: Path) -> None:
    killed = shutil.copytree(done, tmp_path / "killed", ignore=shutil.ignore_patterns("keyed", "reflect*"))
    for step in ("written", "continued", "reflected-cells"):
        running = start(killed)
        while running.poll() is None and not list((killed / "keyed" / step).glob("??/*/.sums.json")):
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL
    finish(start(killed))
    assert digests(killed) == digests(done)


def test_without_a_reading_the_stage_says_so_and_loads_no_model(trained: Path, tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert params["reflect"]["reading"] is None
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    code = "import runpy, sys; sys.argv = ['x']; runpy.run_module('stages.reflect', run_name='__main__')"
    code += "; assert 'torch' not in sys.modules"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "not run: reflect.reading is null" in answer.stdout
    assert not told(tmp_path)["run"]
    assert (tmp_path / "metrics/reflect.csv").read_text().startswith("rounds,own_tokens")


def test_a_saving_is_the_difference_of_the_bits_behind_both_contexts(trained: Path) -> None:
    base_of = load_base(trained / "data/base")

    def bits(context: str, target: str) -> float:
        before, after = (base_of.tokenizer.encode(text) for text in (context, target))
        with torch.no_grad():
            logits = base_of.model(torch.tensor([[base_of.prefix, *before, *after]])).logits[0]
        chances = torch.log_softmax(logits.double(), -1)
        return -sum(float(chances[len(before) + at, token]) for at, token in enumerate(after)) / math.log(2)

    one = linkage("The river keeps its own shadow. And memory answers it.", "A promise hides. No law returns.")
    assert (one.own, one.rival) == ("The river keeps its own shadow. ", "A promise hides. ")
    expected = (bits(one.rival, one.target) - bits(one.own, one.target)) / len(one.target)
    found = weigh(one, base_of)
    assert found["bits"] == pytest.approx(expected, abs=0.03)  # bfloat16 where the processor has it
    sizes = {text: len(base_of.tokenizer.encode(text)) for text in (one.own, one.rival, one.target)}
    assert found["tokens"] == sizes[one.own] + sizes[one.rival] + 2 * sizes[one.target]


@pytest.mark.parametrize(
    ("reading", "rung", "said"),
    [
        (
            "tiered-real-d9-i0",
            None,
            "reflect.reading is 'tiered-real-d9-i0'; the readings of data/train are tiered-real-d0-i0",
        ),
        ("tiered-real-d0-i0", 3, "reflect.rung is 3; the rungs of tiered-real-d0-i0 are 2, 4, 8"),
        ("tiered-real-d0-i0", 8, "no book comes after rung 8 of tiered-real-d0-i0; set reflect.rung to a lower one"),
    ],
)
def test_what_cannot_be_run_is_told_with_its_remedy(
    trained: Path, monkeypatch: pytest.MonkeyPatch, reading: str, rung: int | None, said: str
) -> None:
    monkeypatch.chdir(trained)
    with pytest.raises(UserError, match=re.escape(said)):
        read_material(reading, rung, load_tokenizer(Path("data/base")))


class Parrot:
    """A writer that collapses: from round 1 on all its answers are the same but for their last word."""

    label = "own"

    def write(self, folder: Path, prompts: Sequence[Prompt], *seed: int) -> list[Written]:
        """Prose of its own in round 0, nearly one text for all prompts from then on."""
        same = [f"{text_of(700, 0)} So said {name}." for name in "Adam Bede Cato Dido".split()]
        texts = same[: len(prompts)] if seed[-1] else [text_of(500 + place, 0) for place in range(len(prompts))]
        return [Written(prompt, text, text, 60, 80) for prompt, text in zip(prompts, texts, strict=True)]


def test_a_writer_that_collapses_is_stopped_before_any_of_it_is_read(
    trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "keyed"))
    params = load_params(ReflectParams, "reflect")
    limits = params.filter.model_copy(update={"linkage": 0.0})
    watched = GuardParams(diversity=0.6, control=9.0, probe_a=9.0)
    params = params.model_copy(update={"filter": limits, "guard": watched})
    study = dataclasses.replace(prepare(params, "en", Path("data/base")), writer=Parrot())
    thought = study.think(0, print)
    assert len(thought.rounds) == 1
    assert thought.stopped
    assert thought.stopped.kind == "diversity"
    assert [one.round for one in study.read_on("next", "tokens", 0, thought)] == [0]
    assert {number for number, _ in thought.judged} == {0, 1}


def spoken(body: dict[str, Any]) -> Reply:
    """An answer of a larger model: prose of its own for every prompt."""
    asked = body["messages"][1]["content"]
    return completion(". ".join(own_prose(int(digest(asked)[:6], 16))[0].split(". ")[:3]) + ". And it was cut o")


def test_scenes_of_a_larger_model_are_asked_for_once_and_the_arm_is_labelled_so(
    trained: Path, tmp_path: Path, server: Server
) -> None:
    server.rule = spoken
    project = shutil.copytree(trained, tmp_path / "project", ignore=shutil.ignore_patterns("reflect*", "keyed"))
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["reflect"] |= {"writer": "llm", "rounds": 1}
    params["reflect"]["llm"] |= {"base_url": server.url, "model": "large-2026"}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    said = finish(start(project))
    asked = len(server.bodies)
    found = told(project)
    assert found["writer"] == "large-2026"
    assert set(found["verdicts"]) == {"tokens"}
    assert found["filter"][0]["passed"] > 0
    assert "at equal tokens" in said
    rows = [json.loads(line) for line in (project / "data/reflect/written.jsonl").read_text().splitlines()]
    assert asked == 2 * len(rows)
    assert all(row["text"].endswith(".") and "cut o" not in row["text"] for row in rows)
    assert "response_format" not in server.bodies[-1]
    first = digests(project)
    finish(start(project))
    assert len(server.bodies) == asked
    assert digests(project) == first
