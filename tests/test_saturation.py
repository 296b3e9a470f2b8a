"""The stage saturation from items table to report, on synthetic tables with a known truth."""

import dataclasses
import json
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd
import pytest
import yaml

from stages.saturation import __main__ as stage
from stages.saturation.analysis import Analysis, analyse
from stages.saturation.gains import make_cube
from stages.saturation.phrases import LANGUAGES, PHRASES, Speaker
from stages.saturation.proof.synthetic import Study, items_table
from stages.saturation.report import plan_part
from stages.saturation.settings import Registered, Saturation
from stages.saturation.shelves import Shelves
from stages.saturation.show import plan, show
from stages.saturation.tables import read_rows
from stages.saturation.words import need, remedies
from stages.shared.errors import UserError
from stages.shared.measures import book_gains
from stages.shared.records import Account, ShelfBook, write_csv

SETTINGS = Saturation(
    epsilon=10.0, score="prediction", order="tiered", arm="real", interval=0.9, samples=1000, seed=1,
    min_probe_books=8, min_probe_authors=8,
)  # fmt: skip
LADDER = (10, 20, 50, 100, 200, 400, 700, 1000, 2000)


def plateau(n: np.ndarray) -> np.ndarray:
    return 0.06 - 0.03 * (n / 10) ** -0.7


def growth(n: np.ndarray) -> np.ndarray:
    return 0.03 * np.log10(n)


def nothing(n: np.ndarray) -> np.ndarray:
    return 0.0 * n


def table(*studies: Study, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.concat([items_table(study, rng) for study in studies], ignore_index=True)


def analysis_of(*studies: Study, settings: Saturation = SETTINGS) -> Analysis:
    return analyse(table(*studies).drop_duplicates(["reading", "rung", "item", "condition"]), settings, "en")


def test_a_plateau_is_reached() -> None:
    verdict = analysis_of(Study(plateau, LADDER, 2000)).verdicts[0]
    assert verdict.kind == "reached"
    assert verdict.n_star is not None and 50 <= verdict.n_star <= 400


def test_steady_growth_is_not_reached() -> None:
    assert analysis_of(Study(growth, LADDER, 2000)).verdicts[0].kind == "not reached"


def test_one_draw_never_decides() -> None:
    verdict = analysis_of(Study(plateau, LADDER, 2000, draws=1)).verdicts[0]
    assert verdict.kind == "not decided" and verdict.reasons[0].key == "one draw"


def test_seven_probe_books_never_decide() -> None:
    verdict = analysis_of(Study(plateau, LADDER, 2000, probe_books=7)).verdicts[0]
    assert verdict.kind == "not decided" and verdict.reasons[0].values["books"] == 7


def test_rungs_above_half_of_the_shelf_never_decide() -> None:
    verdict = analysis_of(Study(plateau, (10, 20, 30), 30)).verdicts[0]
    assert verdict.kind == "not decided" and verdict.reasons[0].values == {"shelf": 30, "rungs": "10", "least": 3}


def test_understanding_is_undefined_without_a_gain_after_10_books() -> None:
    analysis = analysis_of(Study(nothing, LADDER, 2000))
    assert analysis.primary.understanding is None
    assert analysis.verdicts[0].kind == "not decided"


def test_understanding_at_10_is_interpolated_between_rungs_around_it() -> None:
    analysis = analysis_of(Study(growth, (5, 20, 80, 320, 640), 640))
    assert analysis.primary.understanding is not None
    assert analysis.primary.understanding[1].value == pytest.approx(100 * np.log(20) / np.log(10), rel=0.2)


def test_a_control_that_harms_is_beaten_and_an_equal_one_is_not() -> None:
    arms = [Study(growth, LADDER, 2000), Study(lambda n: -growth(n), (2000,), 2000, draws=1, arm="shuffled_words")]
    same = Study(growth, (2000,), 2000, draws=1, arm="other_prose")
    beats = {one.control: one.beats for one in analysis_of(*arms, same).contrasts}
    assert beats == {"shuffled_words": True, "other_prose": False}


def test_every_score_is_the_gain_that_was_planted() -> None:
    scores = ("prediction", "explanation", "order", "chain", "divergence", "forgetting")
    studies = [
        Study(growth, (10, 100), 1000, score=score, books=0.0, draw=0.0, init=0.0, mixed=0.0, item=0.0)
        for score in scores
    ]
    books = book_gains(table(*studies).drop_duplicates(["reading", "rung", "item", "condition"]))
    for measure, share in {
        "prediction": 1,
        "explanation": 1,
        "order": 1,
        "chain": 1,
        "chain_base": 0.5,
        "kl": 1,
        "js": 0.5,
        "flips": 2,
        "forgetting": 1,
    }.items():
        cube = make_cube(books, measure, "tiered", "real")
        assert cube is not None
        assert cube.curve == pytest.approx(share * growth(np.array([10.0, 100.0])))


def test_a_book_is_the_ratio_of_its_sums() -> None:
    items = table(Study(growth, (10, 20), 100, draws=1, probe_books=1, items=2, item=0.0))
    items.loc[items["item"].str.endswith("-1"), "bytes"] = 1800
    books = book_gains(items)
    cell = items[(items["rung"] == 10)]["bits"].sum()
    base = items[(items["rung"] == 0)]["bits"].sum()
    assert books.loc[books["rung"] == 10, "gain"].item() == pytest.approx((base - cell) / 2400)


def test_a_cell_that_lacks_a_probe_book_is_an_error() -> None:
    items = table(Study(growth, (10, 20), 100))
    gone = (items["reading"] == "tiered-real-d1-i0") & (items["rung"] == 20) & (items["book_id"] == "probe-003")
    with pytest.raises(UserError, match="draw 1, init 0, rung 20 has no score on probe book probe-003"):
        analyse(items[~gone], SETTINGS, "en")


def test_bits_that_are_no_number_are_an_error() -> None:
    items = table(Study(growth, (10, 20), 100))
    items.loc[3, "bits"] = np.nan
    with pytest.raises(UserError, match="no finite number"):
        analyse(items, SETTINGS, "en")


def test_half_a_changes_nothing() -> None:
    items = table(Study(growth, LADDER, 2000))
    other = items.assign(half="A", book_id="a-" + items["book_id"], item="a-" + items["item"], bits=items["bits"] * 2)
    assert (
        analyse(pd.concat([items, other]), SETTINGS, "en").primary.bounds
        == analyse(items, SETTINGS, "en").primary.bounds
    )


def test_half_a_can_be_looked_at_and_decides_nothing() -> None:
    items, settings = table(Study(plateau, LADDER, 2000)).assign(half="A"), SETTINGS.model_copy(update={"half": "A"})
    chosen = analyse(items, settings, "en")
    assert chosen.primary.bounds[0].low > 0
    assert {one.kind for one in chosen.verdicts} == {"not decided"}
    assert {reason.key for one in chosen.verdicts for reason in one.reasons} == {"half a"}


def test_one_more_arm_changes_no_other_interval() -> None:
    study, control = Study(growth, LADDER, 2000), Study(nothing, (2000,), 2000, arm="other_prose")
    items = table(study)
    extra = table(control, seed=5)
    both = pd.concat([items, extra[extra["arm"] != "base"]])
    assert analyse(both, SETTINGS, "en").primary.bounds == analyse(items, SETTINGS, "en").primary.bounds


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a small finished run: all scores, two draws, a control, and the accounts."""
    monkeypatch.chdir(tmp_path)
    rungs = (10, 20, 30)
    studies = [Study(growth, rungs, 30, draws=2, probe_books=6, score=score) for score in
               ("prediction", "explanation", "order", "chain", "divergence", "forgetting")]  # fmt: skip
    control = [Study(nothing, (30,), 30, draws=1, probe_books=6, arm="other_prose")]
    items = table(*studies, *control).drop_duplicates(["reading", "rung", "item", "condition"])
    for folder in (
        "data/evaluate",
        "data/extract",
        "data/probe",
        "data/scenes",
        "data/tiers",
        "data/validate",
        "metrics",
    ):
        (tmp_path / folder).mkdir(parents=True)
    items.to_parquet("data/evaluate/items.parquet")
    cells = items.loc[items["rung"] > 0, ["reading", "order", "arm", "draw", "rung"]].drop_duplicates()
    cells.assign(steps=cells["rung"], tokens=100 * cells["rung"]).to_csv("data/evaluate/cells.csv", index=False)
    names = [f"probe-{number:03d}" for number in range(6)] + [f"book-{number:03d}" for number in range(33)]
    shelf = [ShelfBook(name, name, "A", "en", "core", "x", "own", "", "epub", "", 1, "here", "") for name in names]
    write_csv(Path("data/shelf.csv"), ShelfBook, shelf)
    read = [Account(name, "read", "") for name in names if name != "book-000"]
    write_csv(Path("data/extract/accounts.csv"), Account, [*read, Account("book-000", "rejected", "encrypted")])
    write_csv(Path("data/scenes/accounts.csv"), Account, [Account(row.book_id, "used", "", "en", 2) for row in read])
    twin = Account("book-003", "rejected", "same work as probe-001 of the probe")
    write_csv(Path("data/tiers/accounts.csv"), Account, [twin])
    Path("data/probe/books.csv").write_text("book_id\n" + "\n".join(names[:6]) + "\n")
    failed = Account("book-001", "rejected", "all its scenes failed validation")
    write_csv(Path("data/validate/accounts.csv"), Account, [failed, Account("book-002", "used", "", "en", 1)])
    Path("metrics/bookmap.json").write_text('{"core_missing": 90, "fractal_missing": 9900, "core_here": 10}')
    Path("params.yaml").write_text(yaml.safe_dump({"probe": {"language": "en"}, "saturation": SETTINGS.model_dump()}))
    monkeypatch.setattr("sys.argv", ["saturation"])
    return tmp_path


def test_the_stage_writes_the_same_bytes_twice(project: Path) -> None:
    stage.main()
    first = {path.name: path.read_bytes() for path in (project / "metrics").iterdir()}
    stage.main()
    assert {path.name: path.read_bytes() for path in (project / "metrics").iterdir()} == first
    assert {
        "saturation.json",
        "curve.csv",
        "scores.csv",
        "phases.csv",
        "poll.csv",
        "curve.svg",
        "ltm_layers_of_saturation.md",
    } <= set(first)


def test_the_summary_is_flat_and_counts_every_book(project: Path) -> None:
    stage.main()
    row = json.loads((project / "metrics/saturation.json").read_text())
    assert not [value for value in row.values() if isinstance(value, list | dict)]
    assert (row["books_used"], row["books_missing"], row["books_rejected"]) == (30, 9990, 3)
    assert row["verdict"] == "not decided" and row["n_star"] is None
    assert row["prediction_low"] < row["prediction"] < row["prediction_high"]
    assert row["beats_other_prose"] is True


def test_phases_stand_beside_the_hypothesis_in_a_table(project: Path) -> None:
    stage.main()
    rows = [row for row in read_rows(Path("metrics/phases.csv")) if row["score"] == "prediction"]
    assert (rows[0]["start"], rows[-1]["end"]) == ("10.0", "30.0")
    assert all(float(row["slope_low"]) <= float(row["slope"]) <= float(row["slope_high"]) for row in rows)
    assert {row["hypothesis"] for row in rows} == {"30.1"}  # 100 points in 3.32 doublings


def test_the_report_names_verdict_reasons_and_gaps(project: Path) -> None:
    stage.main()
    text = (project / "metrics/ltm_layers_of_saturation.md").read_text()
    for part in (
        "Not decided",
        "2 more probe books",
        "encrypted",
        "all its scenes failed validation",
        "10: 100; 100: 200",
        "Not measured",
    ):
        assert part in text


def test_rungs_of_few_steps_are_doubted(project: Path) -> None:
    stage.main()
    text = (project / "metrics/ltm_layers_of_saturation.md").read_text()
    assert "| 20 | 20 | 2,000 |" in text and "adapters of 10 books have taken fewer than 20 optimiser steps" in text
    assert [row["steps"] for row in read_rows(Path("metrics/curve.csv"))] == ["10", "20", "30"]


def test_show_needs_metrics_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage.main()
    told = capsys.readouterr().out.strip()
    (project / "data/evaluate/items.parquet").unlink()
    assert show(Path("metrics")).strip() == told
    assert "30 used, 9990 missing, 3 rejected" in told and "prediction gain" in told


def test_show_without_a_run_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro saturation"):
        show(tmp_path)


def test_every_phrase_takes_the_same_values_in_every_language() -> None:
    for key, said in PHRASES.items():
        places = [{name for _, name, _, _ in Formatter().parse(said[language]) if name} for language in LANGUAGES]
        assert set(said) == set(LANGUAGES) and places[0] == places[1], key


def test_the_report_speaks_russian_too(project: Path) -> None:
    stage.main()
    text = (project / "metrics/ltm_layers_of_saturation.ru.md").read_text(encoding="utf-8")
    assert "> Не решено" in text and "Что здесь не измерено" in text and "Not" not in text


@pytest.mark.parametrize(("told", "said"), [([], "Nothing was done otherwise"), (["tiers.draws: 2"], "otherwise (1)")])
def test_the_report_of_a_study_names_its_plan_and_every_departure(told: list[str], said: str) -> None:
    plan = Registered(study="english", commit="abc123", date="2026-11-25", departures=told)
    analysis = analysis_of(Study(plateau, LADDER, 2000))
    text = "\n".join(
        plan_part(dataclasses.replace(analysis, settings=SETTINGS.model_copy(update={"plan": plan})), Speaker())
    )
    assert "`english`" in text and "`abc123` on 2026-11-25" in text and said in text
    assert all(f"- {line}" in text for line in told)
    assert plan_part(analysis, Speaker()) == []


def test_plan_is_printed_from_what_prove_measured(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("draws,rungs,wrong\n2,4,0.01\n")
    assert plan(tmp_path).splitlines() == ["draws  rungs  wrong", "    2      4   0.01"]
    with pytest.raises(UserError, match="make prove"):
        plan(tmp_path / "none")


def test_a_study_too_small_to_decide_says_how_many_draws_would() -> None:
    noisy = Study(lambda n: 0.03 * (1 + 0.06 * np.log2(n / 10)), LADDER, 2000, draws=2, draw=0.004, correlation=0.5)
    analysis = analysis_of(noisy)
    wanted = need(analysis)
    assert analysis.verdicts[0].kind == "not decided" and wanted is not None
    assert wanted.draws is None or wanted.draws > 2
    assert "more draws" in remedies(analysis, Speaker())[0]


def test_a_decided_study_needs_nothing() -> None:
    analysis = analysis_of(Study(plateau, LADDER, 2000))
    assert need(analysis) is None and remedies(analysis, Speaker()) == []


def test_draws_that_share_their_books_tell_no_noise_of_books() -> None:
    books = tuple(f"b{number}" for number in range(2000))
    shelves = Shelves({("tiered", draw): books for draw in range(3)})
    verdict = analyse(table(Study(plateau, LADDER, 2000)), SETTINGS, "en", shelves).verdicts[0]
    assert [reason.key for reason in verdict.reasons] == ["one draw"]


def test_a_capped_ladder_knows_its_shelf_from_the_orders() -> None:
    books = tuple(f"b{number}" for number in range(9000))
    shelves = Shelves({("tiered", 0): books, ("tiered", 1): books[::-1]})
    items = table(Study(growth, LADDER, 9999, draws=2))
    assert not items["top"].any()
    cube = analyse(items, SETTINGS, "en", shelves).primary.cube
    assert cube.shelf == 9000 and cube.used.all()


def test_a_gap_below_the_last_rung_leaves_the_last_doubling_unmeasured() -> None:
    analysis = analysis_of(Study(plateau, (10, 20, 50, 1000, 2000), 2000))
    assert [reason.key for reason in analysis.verdicts[0].reasons] == ["wide gap"]
    assert remedies(analysis, Speaker()) == ["a rung between 50 and 1,000 books, near half of 1,000"]
