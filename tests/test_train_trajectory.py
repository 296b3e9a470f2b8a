"""Trajectories: points of a trunk on its way, and the trunks of the null beside it."""

import json
from pathlib import Path

import pytest
from conftest import prose
from safetensors.torch import load_file

from stages import base
from stages.shared import models, plan
from stages.shared.errors import UserError
from stages.shared.ranks import Ranks
from stages.shared.records import ShelfBook, write_csv
from stages.shared.trunk import Recipe
from stages.train import reading, trajectory

RECIPE = Recipe(2, 4, 0.0, 0.01, 2, 1.0, 0.0, "float32")
BOOKS = 10


def settings(**changed: object) -> trajectory.TrajectoryParams:
    return trajectory.TrajectoryParams(
        **{"reading": "tiered-real-d0", "books": 8, "every": 4, "inits": 2, "nulls": 3, **changed}
    )


@pytest.fixture(scope="module")
def folder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with a base and the tiers of one reading."""
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    base.write_base(f"path:{tiny_base}", {}, home / "data/base")
    books = [
        ShelfBook(f"b{i}", "T", "A", "en", "core", "c", "own", "x", "epub", f"{i}", 1, "here", "") for i in range(BOOKS)
    ]
    write_csv(home / "data/tiers/orders/tiered-d0.csv", ShelfBook, books)
    for tier in reading.TEXT_TIERS:
        rows = [
            {"book_id": f"b{i}", "text_id": f"b{i}:{n}", "text": prose(10 * i + n, 1, 2)[0]}
            for i in range(BOOKS)
            for n in range(2)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows) if tier == "core" else ""
        (home / f"data/tiers/{tier}.jsonl").write_text(text)
    head = "reading,order,arm,draw,rungs,top,books\n"
    (home / "data/tiers/readings.csv").write_text(f"{head}tiered-real-d0,tiered,real,0,4;8,0,4;8\n")
    return home


@pytest.fixture
def found(folder: Path, monkeypatch: pytest.MonkeyPatch, keyed_root: Path) -> list[trajectory.Trajectory]:
    monkeypatch.chdir(folder)
    return trajectory.read_trajectories(settings(), 4, 2, 0.2, models.load_tokenizer(Path("data/base")))


def points_of() -> trajectory.Points:
    return trajectory.Points(reading.Store(["shared"]))


def train(found: list[trajectory.Trajectory]) -> int:
    return trajectory.train_trajectories(found, points_of(), RECIPE, Ranks(), Path("data/base"))


def test_the_null_reads_the_same_books_in_other_orders_from_the_first_seed(found: list[trajectory.Trajectory]) -> None:
    real, null = ([one for one in found if one.kind == kind] for kind in ("real", "shuffled"))
    assert [one.walked.init for one in real] == [0, 1] and {one.walked.init for one in null} == {0}
    orders = [[book.book_id for book in one.walked.books] for one in found]
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert len({tuple(order) for order in orders}) == 1 + len(null)


def test_a_point_has_read_its_books_and_no_other(found: list[trajectory.Trajectory]) -> None:
    for one in found:
        order = [book.book_id for book in one.walked.books]
        assert [books for books, _ in one.points] == [4, 8]
        for books, steps in one.points:
            read = {text.split(":")[0] for step in one.walked.plan.steps[:steps] for text in step.texts}
            assert read == set(order[:books])


def test_the_trunk_that_is_followed_takes_the_steps_of_its_reading(found: list[trajectory.Trajectory]) -> None:
    texts = reading.read_texts(reading.TEXT_TIERS, models.load_tokenizer(Path("data/base")))
    names = [f"b{number}" for number in range(BOOKS)]
    whole = plan.plan_reading(names, texts, [8], 4, 2, 0.2)
    assert found[0].walked.plan.steps[: whole.rungs[0].branch] == whole.steps[: whole.rungs[0].branch]


def test_every_point_is_made_once_and_two_inits_differ(found: list[trajectory.Trajectory]) -> None:
    assert train(found) == 10
    assert train(found) == 0
    paths = points_of().paths(found)
    assert sorted(path.split("/")[1] for path in paths)[0] == "tiered-real-d0-trunk-i0"
    weights = [load_file(path / "adapter_model.safetensors") for path in paths.values()]
    assert all(str(value.dtype) == "torch.float16" for value in weights[0].values())
    assert len({float(one[next(iter(one))].float().sum()) for one in weights}) == 10


def test_a_trunk_that_was_killed_ends_with_the_same_points(found: list[trajectory.Trajectory]) -> None:
    first, points = found[0], points_of()
    train([first])
    whole = [load_file(path / "adapter_model.safetensors") for path in points.paths([first]).values()]
    points.entries.drop(points.key(first, first.points[1]))
    assert train([first]) == 1
    again = [load_file(path / "adapter_model.safetensors") for path in points.paths([first]).values()]
    assert all((one[name] == other[name]).all() for one, other in zip(whole, again, strict=True) for name in one)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"every": 3, "books": 9}, "that one of train.window, 4"),
        ({"books": 12}, "books is 12, its order has 10"),
        ({"reading": "tired"}, "'tired'; the readings are tiered-real-d0"),
    ],
)
def test_impossible_trajectories_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as error:
        trajectory.read_trajectories(settings(**changed), 4, 2, 0.2, models.load_tokenizer(Path("data/base")))
    assert said in str(error.value)


def test_no_reading_named_is_nothing_followed(folder: Path) -> None:
    assert trajectory.read_trajectories(settings(reading=None), 4, 2, 0.2, None) == []
