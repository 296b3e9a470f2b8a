"""Scores by group of the probe's books, and what the base knows by heart, on synthetic tables with a known truth."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.saturation.analysis import Analysis, analyse
from stages.saturation.breakdown import Breakdown, GroupScore, break_down
from stages.saturation.findings import find
from stages.saturation.memory import LONG_RUN, read_memory
from stages.saturation.phrases import Speaker
from stages.saturation.proof.synthetic import Study, items_table
from stages.saturation.report import report
from stages.saturation.settings import Saturation
from stages.saturation.shelves import Shelves
from stages.saturation.tables import score_rows, write_rows
from stages.shared.accounts import Fates

SETTINGS = Saturation(
    epsilon=10.0, score="prediction", order="tiered", arm="real", interval=0.9, samples=500, seed=1,
    min_probe_books=8, min_probe_authors=8,
)  # fmt: skip
REAL = Study(lambda n: 0.03 * np.log10(n), (10, 20, 40), 40, draws=2, probe_books=8)


def table(*studies: Study) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    whole = pd.concat([items_table(study, rng) for study in studies], ignore_index=True)
    return whole.drop_duplicates(["reading", "rung", "item", "condition"], ignore_index=True)


def with_runs(items: pd.DataFrame, runs: dict[str, list[int]], control: tuple[int, ...] = ()) -> pd.DataFrame:
    """Add rows of memory as the stage evaluate writes them, `runs` by book and for control texts."""
    base = items[(items["arm"] == "base") & (items["score"] == "prediction")].drop_duplicates("book_id")
    rows = [base[base["book_id"] == name].assign(item=f"m-{name}-{n}", bits=float(run))
            for name, found in runs.items() for n, run in enumerate(found)]  # fmt: skip
    texts = {"stratum": "control", "half": "", "tier": "", "category": "", "book_id": "control"}
    rows += [base[:1].assign(item=f"m-control-{n}", bits=float(run), **texts) for n, run in enumerate(control)]
    return pd.concat([items, pd.concat(rows).assign(score="memory", condition="verbatim", tokens=80)])


def broken_down(items: pd.DataFrame) -> tuple[Analysis, Breakdown]:
    analysis = analyse(items, SETTINGS, "en")
    return analysis, break_down(items, analysis, Shelves())


def report_on(items: pd.DataFrame, language: str = "en") -> str:
    analysis, breakdown = broken_down(items)
    findings = find(analysis, [], [], Shelves(), breakdown)
    return report(analysis, Fates((), 0), findings, Speaker(language))


def top(breakdown: Breakdown, by: str) -> list[GroupScore]:
    """The primary score at the top rung in the groups of `by`."""
    return [one for one in breakdown.scores if one.by == by and one.measure == "prediction" and one.rung == 40]


def test_a_group_of_all_books_has_the_intervals_of_the_headline() -> None:
    studies = [dataclasses.replace(REAL, score=score) for score in ("prediction", "explanation", "divergence")]
    control = dataclasses.replace(REAL, arm="other_prose", draws=1, rungs=(40,))
    items = table(*studies, control).assign(category="epic")
    items = with_runs(items, {name: [3] for name in items["book_id"].unique()})
    analysis, breakdown = broken_down(items)
    for one in breakdown.scores:
        scored = analysis.scored[one.measure, one.order, one.arm]
        assert one.gain == scored.bounds[scored.cube.rungs.index(one.rung)], (one.by, one.measure, one.arm)
    assert {one.by for one in breakdown.scores} == {
        "all", "tier", "category", "language", "stratum", "contamination",
    }  # fmt: skip


def test_a_tier_that_gains_more_shows_it() -> None:
    items, last = table(REAL, dataclasses.replace(REAL, arm="shuffled_words")), {"probe-006", "probe-007"}
    items["tier"] = np.where(items["book_id"].isin(last), "fractal", "core")
    items.loc[(items["tier"] == "fractal") & (items["arm"] == "real"), "bits"] -= 60
    found = {(one.group, one.arm): one for one in top(broken_down(items)[1], "tier")}
    core, fractal = found["core", "real"], found["fractal", "real"]
    assert (core.books, fractal.books) == (6, 2)
    assert core.gain is not None and fractal.value > core.gain.high + 0.05


def test_groups_and_their_cells_stand_in_order() -> None:
    items = table(REAL)
    items["tier"] = [("orbit", "fractal", "core")[int(name[-3:]) % 3] for name in items["book_id"]]
    found = [(one.by, one.group, one.rung) for one in broken_down(items)[1].scores]
    assert found[:4] == [("all", "all", 10), ("all", "all", 20), ("all", "all", 40), ("tier", "core", 10)]
    assert [group for by, group, rung in found if by == "tier" and rung == 10] == ["core", "orbit", "fractal"]


def test_one_probe_book_of_another_language_is_told_without_an_interval() -> None:
    french = table(dataclasses.replace(REAL, language="fr", probe_books=1))
    french = french.assign(book_id="french", item=lambda rows: "fr-" + rows["item"])
    found = top(broken_down(pd.concat([table(REAL), french]))[1], "language")
    assert [(one.group, one.books, one.gain is None) for one in found] == [("en", 8, False), ("fr", 1, True)]
    assert found[1].value != 0


def test_picked_scenes_and_control_text_are_strata_of_their_own() -> None:
    scenes = table(REAL).assign(stratum="scene", item=lambda rows: "s-" + rows["item"])
    forgetting = table(dataclasses.replace(REAL, score="forgetting"))
    breakdown = broken_down(pd.concat([table(REAL), scenes, forgetting]))[1]
    assert [one.group for one in top(breakdown, "stratum")] == ["random", "scene"]
    assert {(one.by, one.group) for one in breakdown.scores if one.measure == "forgetting"} == {("stratum", "control")}


def test_half_a_is_in_no_group() -> None:
    items = table(REAL)
    other = items.assign(half="A", book_id="a-" + items["book_id"], item="a-" + items["item"], bits=items["bits"] * 2)
    assert broken_down(pd.concat([items, other]))[1] == broken_down(items)[1]


def test_a_planted_long_run_puts_exactly_that_book_into_the_stratum() -> None:
    runs = {f"probe-{number:03d}": [0, LONG_RUN - 1, 2] for number in range(8)} | {"probe-003": [1, LONG_RUN, 0]}
    items = with_runs(table(REAL), runs)
    assert [book.book_id for book in read_memory(items).books if book.stratum == "known by heart"] == ["probe-003"]
    found = {one.group: one for one in top(broken_down(items)[1], "contamination")}
    assert (found["known by heart"].books, found["not known by heart"].books) == (1, 7)
    assert found["known by heart"].gain is None and found["not known by heart"].gain is not None


def test_a_book_without_a_long_passage_is_in_neither_stratum() -> None:
    items = with_runs(table(REAL), {"probe-000": [40], "probe-001": [30], "probe-002": [0], "probe-003": [0]})
    found = {one.group: one.books for one in top(broken_down(items)[1], "contamination")}
    assert found == {"known by heart": 2, "not known by heart": 2}
    assert "| probe-004 | en | 1.200 | - | no passage of more than 60 tokens |" in report_on(items)


def test_memory_changes_no_interval() -> None:
    items = table(REAL)
    plain, recited = broken_down(items), broken_down(with_runs(items, {"probe-000": [40]}, (3,)))
    assert recited[0].primary.bounds == plain[0].primary.bounds
    assert tuple(one for one in recited[1].scores if one.by != "contamination") == plain[1].scores


def test_without_rows_of_memory_the_report_has_no_such_part() -> None:
    items = table(REAL)
    breakdown, text = broken_down(items)[1], report_on(items)
    assert not breakdown.memory.measured and not top(breakdown, "contamination")
    assert "longest run" not in text and "known by heart" not in text
    assert "Memorisation of the probe books" in text and "| probe-000 | en | 1.200 |" in text


def test_the_report_tells_the_runs_beside_those_of_control_text() -> None:
    runs = {f"probe-{number:03d}": [number] for number in range(6)} | {"probe-006": [50], "probe-007": [17]}
    text = report_on(with_runs(table(REAL), runs, (1, 9, 4)))
    assert "2 of 8 books" in text and "(control texts: 3) the median run is 4 and the longest 9" in text
    assert "| probe-006 | en | 1.200 | 50 | known by heart |" in text
    assert "| memory of the base | known by heart | en | 2 |" in text and "Memorisation" not in text


def test_the_report_names_groups_of_one_book_and_leaves_out_repetitions() -> None:
    items = table(REAL)
    items["category"] = np.where(items["book_id"] == "probe-005", "epic", "drama")
    text = report_on(items)
    assert "(category, en: epic)" in text and "| category | drama | en | 7 |" in text
    assert "| all | all books | en | 8 |" in text and "| tier |" not in text and "| language | en |" not in text


def test_the_report_speaks_of_groups_in_russian() -> None:
    runs = {f"probe-{number:03d}": [20 * (number % 2)] for number in range(8)}
    text = report_on(with_runs(table(REAL), runs), "ru")
    assert "| память базы | выучена наизусть | en | 4 |" in text and "heart" not in text


def test_a_row_of_the_table_has_its_bounds_or_one_book(tmp_path: Path) -> None:
    items = table(REAL)
    items["category"] = np.where(items["book_id"] == "probe-005", "epic", "drama")
    write_rows(tmp_path / "scores.csv", score_rows(broken_down(items)[1]))
    with (tmp_path / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert all((row["gain_low"] == "") == (row["gain_high"] == "") == (row["books"] == "1") for row in rows)
    assert all(float(row["gain_low"]) < float(row["gain"]) < float(row["gain_high"]) for row in rows if row["gain_low"])
    assert {row["group"] for row in rows if row["books"] == "1"} == {"epic"}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_number_of_the_group_table_has_its_interval(language: str) -> None:
    items = table(REAL)
    items["tier"] = np.where(items["book_id"] < "probe-003", "core", "orbit")
    lines = [line for line in report_on(items, language).splitlines() if line.count(" | ") == 5 and "| en |" in line]
    assert len(lines) == 3 and all("[" in line.split(" | ")[4] for line in lines)


def test_what_an_order_adds_at_equal_size_is_told_apart_from_the_size() -> None:
    more = Study(lambda n: REAL.truth(n) + 0.02 * (n >= 20), (20, 40), 40, draws=2, probe_books=8, order="shuffled")
    found = {one.rung: one.difference for one in analyse(table(REAL, more), SETTINGS, "en").orders}
    assert set(found) == {20, 40}
    assert all(one.low <= 0.02 <= one.high for one in found.values())
    text = report_on(table(REAL, more))
    assert "## What the order does, and what the number of books" in text and "| prediction gain | `shuffled`" in text


def test_an_order_whose_draws_share_their_books_borrows_the_noise_of_the_primary_one() -> None:
    books = tuple(f"b{number}" for number in range(100))
    other = dataclasses.replace(REAL, order="shuffled")
    shelves = Shelves(
        {
            (order, draw): books[:: (-1) ** (draw * (order == "tiered"))]
            for order in ("tiered", "shuffled")
            for draw in (0, 1)
        }
    )
    found = analyse(table(REAL, other), SETTINGS, "en", shelves).orders
    assert found and all(one.borrowed for one in found)


def test_a_control_is_held_against_books_at_every_rung_that_both_read() -> None:
    half = dataclasses.replace(REAL, arm="half_books", draws=1, rungs=(20, 40))
    assert [(one.control, one.rung) for one in analyse(table(REAL, half), SETTINGS, "en").contrasts] == [
        ("half_books", 20),
        ("half_books", 40),
    ]


def test_books_known_by_heart_have_their_own_column_at_every_rung() -> None:
    runs = {f"probe-{number:03d}": [LONG_RUN if number < 3 else 1] for number in range(8)}
    text = report_on(with_runs(table(REAL), runs))
    assert "## Books that the base knows, and others" in text and "known by heart (3)" in text
    assert "Books that the base knows" not in report_on(with_runs(table(REAL), {name: [1] for name in runs}))
