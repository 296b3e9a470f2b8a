"""The poll curve: disjoint draws against inits of the same books."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from stages.saturation.poll import PollPoint, cell_name, disjoint_pairs, poll, same_from
from stages.saturation.proof.synthetic import Study, items_table
from stages.saturation.settings import Saturation
from stages.saturation.shelves import Shelves, read_shelves
from stages.saturation.states import comparer
from stages.saturation.tables import poll_rows, read_rows, write_rows
from stages.saturation.verdict import Bound
from stages.shared.errors import UserError

SETTINGS = Saturation(
    epsilon=10.0, score="prediction", order="shuffled", arm="real", interval=0.9, samples=500, seed=1,
    min_probe_books=8, min_probe_authors=8,
)  # fmt: skip
BOOKS = tuple(f"b{number:02d}" for number in range(20))
SHELVES = Shelves({("shuffled", 0): BOOKS, ("shuffled", 1): BOOKS[10:] + BOOKS[:10]})


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = [
        items_table(Study(np.log, (5, 10, 15), 20, draws=2, inits=2, order="shuffled", score=score), rng)
        for score in ("prediction", "divergence")
    ]
    return pd.concat(parts, ignore_index=True)


def apart(one: str, other: str) -> np.ndarray:
    """Draws differ by 0.1 bits at 5 books and not beyond inits at 10; inits always by 0.02. Wiggled by book."""
    rng = np.random.default_rng(len(one))
    draws_differ = one.split("-")[2] != other.split("-")[2]
    level = 0.1 if draws_differ and one.endswith("00005") else 0.02
    return np.asarray(level + 0.002 * rng.standard_normal(24 * 2 * 150))


def test_pairs_are_disjoint_draws_of_the_same_init() -> None:
    cells = [(draw, init, rung) for draw in (0, 1) for init in (0, 1) for rung in (5, 10, 15)]
    pairs = disjoint_pairs(cells, "shuffled", SHELVES)
    assert sorted(pairs) == [5, 10]
    assert pairs[5] == [((0, 0, 5), (1, 0, 5)), ((0, 1, 5), (1, 1, 5))]


def test_two_libraries_give_the_same_model_from_ten_books_on() -> None:
    points = poll(table(), SHELVES, SETTINGS, "en", apart)
    assert [point.books for point in points] == [5, 10]
    assert points[0].excess is not None and points[0].excess.value == pytest.approx(0.08, abs=0.005)
    assert same_from(points) == 10


def test_without_disjoint_draws_there_is_no_poll_curve() -> None:
    assert poll(table(), Shelves({("shuffled", 0): BOOKS, ("shuffled", 1): BOOKS}), SETTINGS, "en", apart) == []


def test_without_a_second_init_nothing_is_the_same() -> None:
    one = Bound(0.1, 0.0, 0.2)
    assert same_from([PollPoint(5, 1, one, one, None, None, None)]) is None


def test_the_poll_curve_is_a_table_too(tmp_path: Path) -> None:
    one, same = Bound(0.1, 0.08, 0.12), Bound(0.02, 0.01, 0.03)
    write_rows(tmp_path / "poll.csv", poll_rows([PollPoint(5, 1, one, one, None, None, same)]))
    row = read_rows(tmp_path / "poll.csv")[0]
    assert (row["books"], row["divergence_low"], row["init_divergence"], row["excess"]) == ("5", "0.08", "", "0.02")
    write_rows(tmp_path / "poll.csv", poll_rows([]))
    assert read_rows(tmp_path / "poll.csv") == []


def test_shelves_are_read_with_their_draws(tmp_path: Path) -> None:
    (tmp_path / "topic-x-d1.csv").write_text("book_id,title\nb1,B\nb2,C\n")
    assert read_shelves(tmp_path).orders == {("topic-x", 1): ("b1", "b2")}


def test_cells_are_compared_through_the_shared_head(tmp_path: Path) -> None:
    save_file({"model.embed_tokens.weight": torch.eye(3)}, tmp_path / "model.safetensors")
    states = {"a": [[9.0, 0, 0], [0, 9, 0]], "b": [[9.0, 0, 0], [0, 0, 9]]}
    for name, rows in states.items():
        np.savez(tmp_path / f"{name}.npz", states=np.array(rows, dtype=np.float16))
    found = comparer(tmp_path, tmp_path)("a", "b")
    assert found[0] == pytest.approx(0, abs=1e-6) and 0.9 < found[1] <= 1
    with pytest.raises(UserError, match=r"c\.npz is missing"):
        comparer(tmp_path, tmp_path)("a", "c")


def test_names_of_cells_match_their_files() -> None:
    assert cell_name("tiered", "real", (0, 1, 10)) == "tiered-real-d0-i1-00010"
