"""A study as a person runs it: the plan and the books committed first, then `python -m studies` on a tiny model."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, run
from study import small_params, write_epub

from stages.saturation.settings import Saturation
from stages.shared.errors import UserError
from stages.shared.records import ShelfBook
from studies import books, plan, variants

NAMES = ("stages", "studies", "benchmarks", "data/catalogue")
FILES = ("dvc.yaml", "requirements.lock", ".dvcignore", ".gitignore", "data/.gitignore", "data/curation.yaml")
PLAN: dict[str, Any] = {
    "question": "Does it run?",
    "held_out": 8,
    "exclusions": {"languages": ["en"], "books": {"book12.epub": "kept out of it"}},
    "estimate": None,
    "params": {
        "tiers": {"draws": 1, "ladder": [3], "every": False, "controls": []},
        "train": {
            "window": 1,
            "learning_rate": 0.02,
            "trajectory": {"reading": "tiered-real-d0", "books": 5, "every": 1, "inits": 3, "nulls": 19},
        },
        "saturation": {"order": "tiered"},
    },
    "variants": {"wide": {"train": {"rank": 3, "trajectory": {"reading": None}}}},
}


def commit(folder: Path, said: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", said)


def refused(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "studies", "mini", "--library", "books", *arguments]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
    return answer.stderr


def study(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "studies", "mini", "--library", "books", *arguments)


@pytest.fixture(scope="module")
def project(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose study `mini` was run once: listed, committed, run."""
    folder = tmp_path_factory.mktemp("study")
    for name in NAMES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "english", "forms"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / "data/library").mkdir()
    (folder / "books").mkdir()
    for seed in range(1, 13):
        write_epub(folder / f"books/book{seed:02d}.epub", seed)
    params = small_params(tiny_base)
    params["bookmap"]["sample"] = False
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / ".gitignore").write_text((folder / ".gitignore").read_text() + "books\n")
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    run(folder, "dvc", "add", "--quiet", "data/library")
    (folder / "studies/mini").mkdir(parents=True)
    (folder / "studies/mini/plan.yaml").write_text(yaml.safe_dump(PLAN))
    assert "has no commit" in refused(folder) or "is not committed" in refused(folder)
    commit(folder, "plan")
    study(folder)
    assert "is not committed" in refused(folder)
    commit(folder, "books")
    study(folder)
    commit(folder, "results")
    return folder


def test_the_books_are_listed_by_id_and_bytes_without_those_the_plan_excludes(project: Path) -> None:
    rows = books.read_books(project / "studies/mini/books.csv")
    assert len(rows) == 11 and "book12" not in str(rows)
    assert all(len(row.sha256) == 64 and row.title.startswith("The Book of Year") for row in rows)
    assert len((project / "studies/mini/probe_pool.csv").read_text().split()) == 9


def test_the_report_names_the_plan_s_commit_in_both_languages(project: Path) -> None:
    first = run(project, "git", "log", "--format=%H", "--", "studies/mini/plan.yaml").split()[-1]
    english, russian = (
        (project / f"studies/mini/metrics/ltm_layers_of_saturation{end}.md").read_text() for end in ("", ".ru")
    )
    assert f"committed as `{first[:12]}`" in english and "Nothing was done otherwise" in english
    assert f"коммитом `{first[:12]}`" in russian
    assert json.loads((project / "studies/mini/run.json").read_text())["plan_commit"] == first


def test_overturns_are_looked_for_beside_a_null_that_was_trained(project: Path) -> None:
    rows = pd.read_csv(project / "studies/mini/metrics/overturns.csv")
    assert rows.groupby("kind")["number"].nunique().to_dict() == {"real": 3, "shuffled": 19}
    assert rows[rows["kind"] == "shuffled"].groupby("to")["relative"].mean().sub(1).abs().max() < 0.001
    report = (project / "studies/mini/metrics/ltm_layers_of_saturation.md").read_text()
    assert "followed to 5 books, from 3 seeds, a point every 1 books" in report and "19 trunks really trained" in report


def test_a_variant_stands_beside_the_study_with_its_tokens(project: Path) -> None:
    rows = pd.read_csv(project / "studies/mini/variants.csv")
    assert set(rows["variant"]) == {"main", "wide"} and (rows["tokens"] > 0).all()
    assert set(rows.loc[rows["by"] != "all", "measure"]) == {"forgetting"}
    gains = rows[rows["measure"] == "prediction"].set_index("variant")["gain"]
    assert gains["main"] != gains["wide"]
    table = (project / "studies/mini/variants.md").read_text()
    assert "| wide | tiered | real | 3 |" in table and "Of 6 intervals" in table
    gained = pd.read_csv(project / "studies/mini/gains.csv")
    means = gained[gained["measure"] == "prediction"].groupby("variant")["gain"].mean()
    assert means["main"] == pytest.approx(gains["main"], abs=2e-5)
    apart = table.split("## Less the study itself")[1]
    [told] = [line.split("|")[5] for line in apart.splitlines() if line.startswith("| wide | tiered | real | 3 |")]
    assert float(told.split()[0].strip("*")) == pytest.approx(gains["wide"] - gains["main"], abs=1e-4)
    assert "main, wide" in refused(project, "--only", "narrow")


def planted(seed: int) -> pd.DataFrame:
    """Gains of a study, and of a variant that gained 0.01 more at the last rung; draws and books spread wide."""
    chance = np.random.default_rng(seed)
    draws, names = chance.normal(0, 0.02, 3), chance.normal(0, 0.02, 24)
    rows = []
    for variant, draw, rung, book in itertools.product(("main", "steeper"), range(3), (10, 50, 100), range(24)):
        more = 0.01 if variant == "steeper" and rung == 100 else 0.0
        gain = rung / 1000 + draws[draw] + names[book] + more + chance.normal(0, 0.003)
        rows.append(("prediction", "shuffled", draw, 0, rung, f"b{book:02d}", variant, "real", False, gain))
    return pd.DataFrame(rows, columns=[*variants.CELL, "variant", "arm", "top", "gain"])


def test_a_variant_is_compared_draw_by_draw_and_book_by_book() -> None:
    settings = Saturation.model_validate(small_params(Path("base"))["saturation"] | {"order": "shuffled"})
    truth = {"10": 0.0, "50": 0.0, "100": 0.01, "50 to 100": 0.01}
    held, left = [], []
    for seed in range(25):
        found = variants.differences(planted(seed), settings)
        told = {place[3]: scores["prediction"] for place, scores in found.items()}
        assert told.keys() == truth.keys() and max(one.high - one.low for one in told.values()) < 0.01
        held += [one.low < truth[name] < one.high for name, one in told.items()]
        left += [variants.leaves_zero(told[name]) for name in ("100", "50 to 100")]
    assert all(left) and 0.8 <= np.mean(held) <= 0.98  # of intervals of 90 %


def test_the_project_s_own_pipeline_is_as_it_was(project: Path) -> None:
    assert not (project / "dvc.lock").exists() and not (project / "metrics").exists()
    assert not list((project / "data/library").iterdir())


def test_a_second_run_trains_nothing_and_gives_the_same_report(project: Path) -> None:
    report = project / "studies/mini/metrics/ltm_layers_of_saturation.md"
    before = report.read_bytes()
    told = study(project, "--only", "main")
    assert "> python -m stages.train" not in told and report.read_bytes() == before


def test_a_default_that_changed_since_the_plan_changes_nothing(project: Path) -> None:
    report, path = project / "studies/mini/metrics/ltm_layers_of_saturation.md", project / "params.yaml"
    before, params = report.read_bytes(), yaml.safe_load(path.read_text())
    params["train"]["rank"] += 1
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    commit(project, "another default")
    told = study(project, "--only", "main")
    assert "> python -m stages.train" not in told and report.read_bytes() == before


def test_a_departure_is_told(project: Path) -> None:
    study(project, "--only", "main", "--set", "saturation.epsilon=7")
    report = (project / "studies/mini/metrics/ltm_layers_of_saturation.md").read_text()
    assert "- saturation.epsilon: planned 10, run 7" in report
    run(project, "git", "checkout", "--quiet", "studies/mini")


def test_missing_books_are_named_and_found_again_under_other_names(project: Path) -> None:
    away = project / "away.epub"
    os.rename(project / "books/book05.epub", away)
    said = refused(project)
    assert (
        "1 of 11 books are not in the library" in said and "The Book of Year 5" in said and "WITHOUT_MISSING=1" in said
    )
    os.rename(away, project / "books/another name.epub")
    assert "readings, 1 cells, 22 trunks with 110 points" in study(project, "--count")


def test_a_plan_that_was_changed_and_not_committed_is_refused(project: Path) -> None:
    path = project / "studies/mini/plan.yaml"
    before = path.read_text()
    path.write_text(before.replace("Does it run?", "Does it?"))
    assert "plan.yaml is not committed" in refused(project)
    path.write_text(before)


def test_params_are_merged_key_by_key_and_mappings_of_names_whole() -> None:
    params = {"probe": {"books": {"en": 10}, "seed": 7}, "scenes": {"weights": {"a": 1, "b": 2}}}
    over = {"probe": {"books": {"de": 3}}, "scenes": {"weights": {"b": 5}}}
    assert plan.merged(params, over) == {
        "probe": {"books": {"de": 3}, "seed": 7},
        "scenes": {"weights": {"a": 1, "b": 5}},
    }
    with pytest.raises(UserError, match=r"unknown key probe\.sead; valid keys there are books, seed"):
        plan.merged(params, {"probe": {"sead": 1}})


def test_params_of_today_take_the_values_they_had_then() -> None:
    now = {"train": {"rank": 8, "trajectory": {"every": 8, "new": 1}, "added": 2}, "page": {"x": 1}}
    then = {"train": {"rank": 4, "trajectory": {"every": 2}, "dropped": 3}, "gone": {"y": 1}}
    assert plan.carried(now, then) == {
        "train": {"rank": 4, "trajectory": {"every": 2, "new": 1}, "added": 2},
        "page": {"x": 1},
    }


def test_what_changes_no_result_is_no_departure() -> None:
    planned = {"workers": {"count": 0}, "train": {"rank": 8, "side_by_side": 0}, "saturation": {"plan": None}}
    run_ = {"workers": {"count": 2}, "train": {"rank": 4, "side_by_side": 2}, "saturation": {"plan": {"study": "x"}}}
    assert plan.departures(planned, run_) == ["train.rank: planned 8, run 4"]


def test_a_key_that_came_after_the_plan_is_no_departure_and_a_language_of_the_probe_is() -> None:
    planned, run_ = {"probe": {"books": {"en": 8}}}, {"probe": {"books": {"en": 8, "de": 3}, "new": 1}}
    assert plan.departures(planned, run_) == ["probe.books.de: planned nothing, run 3"]


def test_settings_of_the_command_line_are_read_as_yaml() -> None:
    assert plan.with_settings({}, "tiers.orders=[tiered] train.rank=4") == {
        "tiers": {"orders": ["tiered"]},
        "train": {"rank": 4},
    }
    with pytest.raises(UserError, match="write SECTION"):
        plan.with_settings({}, "rank=4")


def test_an_exclusion_that_meets_no_file_is_told(tmp_path: Path) -> None:
    book = ShelfBook("b", "T", "A", "en", "core", "c", "own", "data/library/a.epub", "epub", "0", 1, "here", "")
    exclusions = plan.Exclusions(languages=["en"], books={"b.epub": "why"})
    with pytest.raises(UserError, match=r"names b\.epub, which is no file of the library"):
        books.chosen([book], {"b"}, exclusions, tmp_path)
