"""The doctor: what is missing, and what a ladder will take, from a short run of the stages themselves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run
from servers import free_ports

from stages.doctor import checks, estimate, ladder
from stages.doctor.measure import Measured, Run, choose, short_params
from stages.shared.errors import UserError
from stages.shared.params import read_params
from stages.shared.records import ShelfBook
from stages.shared.workers import Workers


def shelf(count: int, language: str = "en") -> list[ShelfBook]:
    facts = ("T", "A", language, "core", "c", "own", "x", "epub", "0", 1000, "here", "")
    return [ShelfBook(f"{language}{number:02d}", *facts) for number in range(count)]


def measured(**runs: Run) -> Measured:
    return Measured(runs, {"train": 100, "evaluate": 300, "scenes": 10}, shelf(10), 200.0, 0.5, 10)


def test_a_short_study_of_the_books_here_tells_time_and_disk_and_leaves_no_trace(study: Path, tmp_path: Path) -> None:
    project = shutil.copytree(study, tmp_path / "study", symlinks=True)
    run(project, "git", "init", "-q")
    before = sorted(project.rglob("*"))
    said = run(project, "python", "-B", "-m", "stages.doctor", "--books", "1000")
    assert "1000 books; rungs 3, 6, 996; 4 readings with 8 adapters" in said
    for word in ("extract", "scenes", "train", "evaluate", "together", "tokens/s", "at the peak"):
        assert word in said
    kept = {path for path in sorted(project.rglob("*")) if ".dvc" not in path.parts}
    assert kept == {path for path in before if ".dvc" not in path.parts}


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path, study: Path) -> None:
    project = shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("base", "shelf.csv", "keyed"))
    with (project / "requirements.lock").open("a") as lock:
        lock.write("no-such-package-anywhere==1.0\n")
    (project / ".dvc/config").write_text("[core]\n    remote = gone\n    no_scm = True\n")
    command = [sys.executable, "-m", "stages.doctor"]
    answer = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "doctor: something is missing" in answer.stderr
    assert "Traceback" not in answer.stderr
    missing = [line for line in answer.stdout.splitlines() if line.startswith("missing")]
    for word in ("no-such-package-anywhere", "`dvc repro base`", "`dvc repro bookmap`", "remote"):
        assert any(word in line for line in missing)


def test_a_remote_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "dvc", "init", "--no-scm", "-q")
    (port,) = free_ports(1)
    remote = f"['remote \"shelf\"']\n    url = ssh://127.0.0.1:{port}/store\n"
    (tmp_path / ".dvc/config").write_text(f"[core]\n    no_scm = True\n    remote = shelf\n{remote}")
    monkeypatch.chdir(tmp_path)
    silent, unchecked = checks.remote()
    assert silent.level == "missing"
    assert f"shelf (ssh://127.0.0.1:{port}/store) does not answer" in silent.said
    assert "`dvc remote modify shelf verify true`" in unchecked.said


def test_memory_that_workers_may_exceed_is_noted() -> None:
    settings = {"backend": "local", "address": "", "count": 4, "seconds": 1, "memory_mb": 10_000_000}
    found = checks.memory(Workers.model_validate(settings))
    assert found.level == "note"
    assert "may need 40000.0 GB" in found.said


def test_a_reading_is_trained_on_its_trunk_and_on_every_cool_down() -> None:
    assert ladder.books_read([10, 20], 0.2) == pytest.approx(22)
    assert ladder.books_read([10], 0.2) == pytest.approx(10)


def test_books_for_the_measurement_speak_the_headline_language_where_enough_do() -> None:
    chosen = choose([*shelf(30, "fr"), *shelf(5)], "en", {"en00"})
    assert len(chosen) == 14
    assert sorted(book.book_id for book in chosen if book.language == "en") == ["en01", "en02", "en03", "en04"]
    with pytest.raises(UserError, match="needs 12 books, 4 of them in en; the shelf has 30 here"):
        choose(shelf(30, "fr"), "en", set())


def test_the_short_study_is_one_reading_whatever_is_asked_for() -> None:
    params = read_params(Path(__file__).parent.parent / "params.yaml")
    asked = json.loads(json.dumps(params))
    asked["tiers"] |= {"orders": ["shuffled", "theme-x"], "ladders": {"tiered": [50]}, "draws": 9}
    short = short_params(asked, 0.5)
    assert (short["tiers"]["orders"], short["tiers"]["draws"], short["tiers"]["controls"]) == (["tiered"], 1, [])
    assert asked["tiers"]["draws"] == 9
    assert short["scenes"] == params["scenes"]


def test_the_estimate_scales_work_and_not_its_start() -> None:
    pace = {"train t": (1000.0, 10.0, 15.0)}
    work = ladder.Work(100, (10, 20), 2, 4, 50.0)
    train = estimate.training(measured(train=Run(16.0, 0, pace)), work)
    assert train.seconds == pytest.approx(6 + 50 * 200 / 100)
    assert train.bytes == 400
    cells = {"evaluate base": (10.0, 4.0, 9.0), "evaluate a": (10.0, 2.0, 12.0)}
    scored = estimate.scoring(measured(evaluate=Run(13.0, 0, cells)), work)
    assert scored.seconds == pytest.approx(13 - 3 - 4 + 4 / 0.5 + 4 * (1 + 2 / 0.5))
    scenes = estimate.by_count("scenes", measured(scenes=Run(12.0, 0, {"scenes": (10.0, 10.0, 11.0)})), 7.0, "")
    assert (scenes.seconds, scenes.bytes) == (pytest.approx(72), 70)


@pytest.mark.parametrize(("seconds", "said"), [(7, "7 s"), (95, "1.6 min"), (7000, "1.9 h"), (200_000, "2.3 days")])
def test_a_duration_reads_as_people_say_it(seconds: float, said: str) -> None:
    assert estimate.duration(seconds) == said
