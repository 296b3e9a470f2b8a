"""Benchmarks: rows, table, and what is computed from the measurements."""

import json
import shutil
import time
from pathlib import Path

import pytest
from conftest import ROOT, prose, run

from benchmarks import books, gate, library, material, parts, peers, rows, table, training, trunk
from benchmarks.rows import Figure, Row
from stages import base
from stages.bookmap.metadata import read_facts
from stages.shared.errors import UserError
from stages.shared.records import Paragraph, ShelfBook, write_csv, write_paragraphs


def row(name: str, value: float = 1.0, goal: str = "", peer: str = "") -> Row:
    return Row(name, value, "s", goal, peer, "a machine", "abc1234", "2026-01-01")


def test_new_rows_replace_all_old_ones_of_their_topic_and_no_other() -> None:
    old = [row("training: gone"), row("training: speed", 1.0), row("scoring: speed", 3.0)]
    merged = rows.merge(old, [row("training: speed", 2.0)])
    assert [(one.name, one.value) for one in merged] == [("scoring: speed", 3.0), ("training: speed", 2.0)]


def test_rows_are_sorted_by_name_and_peer() -> None:
    merged = rows.merge([], [row("b: x"), row("a: x", peer="trl"), row("a: x")])
    assert [(one.name, one.peer) for one in merged] == [("a: x", ""), ("a: x", "trl"), ("b: x", "")]


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert rows.read(path) == []
    rows.write([row("b: x"), row("a: x")], path)
    assert rows.read(path) == [row("a: x"), row("b: x")]


def test_a_stamped_row_says_where_and_when() -> None:
    stamped = rows.stamp([Figure("a: x", 123.4567, "s")])[0]
    assert stamped.value == 123.5
    assert stamped.machine and stamped.commit
    assert stamped.date[:2] == "20"


def test_the_processor_is_named_with_its_family(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\ncpu family\t: 25\nmodel\t: 17\nmodel name\t: Some CPU\n\nprocessor\t: 1\n")
    assert rows.processor(path) == "Some CPU (family 25, model 17)"


@pytest.mark.parametrize("value, goal, expected", [(1.5, ">= 1.5", True), (1.4, ">= 1.5", False), (6, "< 6", False)])
def test_a_goal_is_met_or_missed(value: float, goal: str, expected: bool) -> None:
    assert table.met(Figure("a: x", value, "s", goal)) is expected


def test_the_table_names_peer_goal_and_origin() -> None:
    shown = table.render([row("a: x", 2.0, ">= 3", "trl"), row("a: y", 1234.5)])
    assert "| a: x | trl | 2 s | >= 3, missed |" in shown
    assert "| a: y | ours | 1,234.5 s |  |" in shown
    assert shown.endswith("Measured on a machine; commit abc1234, 2026-01-01.")


def test_the_table_takes_the_place_between_its_markers() -> None:
    text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter"
    assert table.put(text, r"new \1") == f"before\n{table.BEGIN}\nnew \\1\n{table.END}\nafter"
    with pytest.raises(UserError, match="must have the lines"):
        table.put("no markers", "new")


def test_a_frozen_weight_costs_four_operations_a_token_and_one_of_the_adapter_six() -> None:
    assert training.flops_per_token(10, 1) == 46


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    theirs, ours = ([{"seconds": value} for value in values] for values in ((2.0, 9.0, 4.0), (1.0, 3.0, 1.0)))
    assert parts.median_ratio(theirs, ours, "seconds") == 3.0


def test_rounds_run_the_sides_in_turns() -> None:
    order: list[str] = []
    parts.rounds(2, {name: lambda name=name: order.append(name) or {} for name in "ab"})
    assert order == ["a", "b", "b", "a"]


def test_the_fastest_setting_is_the_best() -> None:
    assert peers.fastest([({"bf16": True}, {"seconds": 2.0}), ({"bf16": False}, {"seconds": 1.0})]) == {"bf16": False}


@pytest.mark.parametrize(
    "books, count, expected",
    [(16, 4, [2, 4, 8, 16]), (24, 9, [2, 3, 4, 5, 7, 9, 13, 18, 24]), (3, 9, [2, 3]), (3, 2, [2, 3])],
)
def test_a_ladder_rises_in_even_doublings_to_its_top(books: int, count: int, expected: list[int]) -> None:
    assert trunk.ladder(books, count) == expected


def test_a_benchmark_without_data_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `dvc repro tiers`"):
        material.need(tmp_path / "readings.csv", "tiers")


@pytest.fixture
def small(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny base, four books of one scene each, and a probe; the current folder of the test."""
    base.write_base(f"path:{tiny_base}", {}, tmp_path / "data/base")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    tiers, probe = tmp_path / "data/tiers", tmp_path / "data/probe"
    books = [ShelfBook(f"b{n}", "", "", "en", "core", "", "own", "", "txt", "", 0, "here", "") for n in range(4)]
    write_csv(tiers / "orders/tiered-d0.csv", ShelfBook, books)
    (tiers / "readings.csv").write_text("reading,order,arm,draw,rungs,top,books\ntiered-real-d0,tiered,real,0,4,1,4\n")
    for name, found in (("core", books), ("orbit", []), ("fractal", [])):
        lines = [{"book_id": book.book_id, "text_id": f"{book.book_id}-0", "text": prose(9, 1)[0]} for book in found]
        (tiers / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    probe.mkdir()
    (probe / "items.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in prose(5, 3)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_trunk_and_restarts_leave_the_same_adapter_at_every_rung(small: Path) -> None:
    one = parts.run("benchmarks.trunk", "trunk", init=0, rungs=[2, 4], folder="one")
    many = parts.run("benchmarks.trunk", "restarts", init=0, rungs=[2, 4], folder="many")
    base, *found = material.bits_per_byte([None, "one/2", "one/4", "many/2", "many/4"], 3)
    assert found[:2] == pytest.approx(found[2:], abs=1e-6)
    assert base not in found
    assert many["tokens"] >= one["tokens"] > 0 < one["peak"]


def test_ours_and_trl_read_the_same_tokens(small: Path) -> None:
    ours = parts.run("benchmarks.training", "ours", books=4)
    theirs = parts.run("benchmarks.training", "trl", books=4, setting={})
    assert ours["tokens"] == theirs["tokens"] > 0
    assert ours["seconds"] > 0 < theirs["seconds"]


def test_ours_and_the_harness_score_an_adapter_alike(small: Path) -> None:
    parts.run("benchmarks.training", "read", books=4, precision="float32", folder="data/train/one/00004")
    ours = parts.run("benchmarks.scoring", "ours", folders=material.trained(1), passages=3)
    theirs = parts.run("benchmarks.scoring", "theirs", folder=material.trained(1)[0], passages=3, batch=2)
    assert ours["bits"] == pytest.approx(theirs["bits"], abs=1e-3)


def test_the_gate_accepts_every_scene_that_is_made_for_it(tmp_path: Path) -> None:
    gate.make(tmp_path, 30)
    assert parts.run("benchmarks.gate", "gate", folder=str(tmp_path))["peak"] > 0
    assert json.loads((tmp_path / "metrics/validate.json").read_text())["accepted"] == 30
    assert parts.run("benchmarks.gate", "ours", folder=str(tmp_path))["seconds"] > 0


def test_the_start_of_a_reading_ends_before_its_first_step(small: Path, tmp_path: Path) -> None:
    run(small, "dvc", "init", "--no-scm", "-q")
    found = parts.run("benchmarks.training", "start", began=time.time(), kept=str(tmp_path / "curves"))
    assert 0 < found["seconds"] < found["whole"] + 1


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which two books of the embedded library were read; the current folder of the test."""
    monkeypatch.chdir(tmp_path)
    shelf = [ShelfBook(f"s{n}", "", "", "en", "core", "", "sample", "", "txt", "", 0, "here", "") for n in range(2)]
    write_csv(books.SHELF, ShelfBook, shelf)
    books.TEXTS.mkdir()
    (books.TEXTS / "accounts.csv").touch()
    for n in range(2):
        paragraphs = [Paragraph(i, "One", None, "prose", text) for i, text in enumerate(prose(n, 60))]
        write_paragraphs(books.TEXTS / f"s{n}.jsonl", paragraphs)
    books.sources.cache_clear()
    return tmp_path


def test_a_made_library_holds_other_books_of_every_format_and_the_same_on_every_run(embedded: Path) -> None:
    made = [[books.write_book(embedded, n) for n in range(6)] for _ in range(2)]
    assert made[0] == made[1]
    assert {path.suffix for path in made[0]} == {".epub", ".pdf", ".txt"}
    facts = [read_facts(path) for path in made[0]]
    assert len({(one.title, one.author) for one in facts}) == 6
    assert {one.language for one in facts} == {"en"}
    assert all(path.stat().st_size > 8_000 for path in made[0])


def test_a_made_book_has_the_same_bytes_on_every_run(embedded: Path) -> None:
    first = {n: books.write_book(embedded, n).read_bytes() for n in range(3)}
    assert {n: books.write_book(embedded, n).read_bytes() for n in range(3)} == first


def test_books_that_are_there_are_not_made_again(embedded: Path) -> None:
    kept = embedded / "kept"
    kept.mkdir()
    (kept / "00000.pdf").write_text("made before")
    (kept / "00001.draft").write_text("begun before")
    library.make_books(kept, 3)
    assert [path.name for path in library.books_in(kept)] == ["00000.pdf", "00001.epub", "00002.txt"]
    assert (kept / "00000.pdf").read_text() == "made before"


def test_the_memory_of_a_stage_is_that_of_its_own_process(tmp_path: Path) -> None:
    (tmp_path / "hog.py").write_text("import time; kept = bytearray(150_000_000); time.sleep(1)")
    took = library.timed(tmp_path, "sh", "-c", "python -m hog; true", watched="hog")
    assert 150 < took.peak < 400 and took.seconds > 1


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)ended with code 3:.*no such book"):
        library.timed(tmp_path, "sh", "-c", "echo no such book; exit 3")
