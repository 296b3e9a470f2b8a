"""Points of trajectories as the stage evaluate scores them: the same few tokens at every point, the base first."""

from pathlib import Path

import numpy as np
import pytest
from conftest import prose

from stages import base
from stages.evaluate import trajectory
from stages.evaluate.cell import Probe
from stages.shared import card, models, scoring
from stages.shared.records import write_json
from stages.shared.trunk import Recipe, Trunk

SEVERAL = frozenset({"p0", "p1", "p2"})


@pytest.fixture(scope="module")
def tiny(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> models.Base:
    folder = tmp_path_factory.mktemp("base")
    base.write_base(f"path:{tiny_base}", {}, folder)
    return models.load_base(folder)


def probe() -> Probe:
    items = [{"item": f"p{n}", "book_id": f"b{n}", "text": prose(n, 1)[0]} for n in range(4)]
    items[2]["text"] = "Too short."
    nothing: frozenset[str] = frozenset()
    return Probe(items, [], [], nothing, nothing, nothing, SEVERAL)


def encode(tiny: models.Base) -> trajectory.Encode:
    return lambda text: tiny.tokenizer.encode(text, add_special_tokens=False)


def write_point(folder: Path, tiny: models.Base, books: int, kind: str = "real") -> None:
    name = f"tiered-real-d0-trunk-{kind}"
    out = folder / trajectory.FOLDER / name / f"{books:05d}"
    out.mkdir(parents=True)
    trunk = Trunk(models.load_base(tiny.folder), Recipe(2, 4, 0.0, 0.01, 2, 1.0, 0.0, "float32"), books)
    for name_, weight in trunk.weights.items():
        weight.data += 0.01 * books if "lora_B" in name_ else 0.0
    card.write_weights(trunk.model, out)
    facts = {"trajectory": name, "reading": "tiered-real-d0", "kind": kind, "number": 0, "books": books}
    write_json(out / "point.json", facts)


def test_the_beginnings_of_the_passages_with_states_are_scored(tiny: models.Base) -> None:
    found = trajectory.requests_of(probe(), encode(tiny))
    assert set(found) == {"p0", "p1"}  # p2 is too short, p3 has no states
    assert {(len(one.ids), one.start) for one in found.values()} == {(trajectory.TOKENS, trajectory.CONTEXT)}


def test_a_point_holds_the_bits_of_its_tokens_and_the_last_states(tiny: models.Base) -> None:
    requests = list(trajectory.requests_of(probe(), encode(tiny)).values())
    point = trajectory.score_point(tiny.model, tiny, requests, 256)
    whole = scoring.score(tiny.model, tiny.prefix, requests, [True, True])
    assert point.bits == pytest.approx([one.total for one in whole], abs=1e-3)
    assert point.states.shape == (2 * trajectory.KEPT, 32)
    assert (point.states[: trajectory.KEPT] == whole[0].hidden[-trajectory.KEPT :]).all()


def test_a_trunk_is_one_file_with_the_base_first(tiny: models.Base, tmp_path: Path, keyed_root: Path) -> None:
    trained, out = tmp_path / "train", tmp_path / "evaluate"
    out.mkdir()
    for books in (4, 8):
        write_point(trained, tiny, books)
    points = trajectory.Points(["shared"], 256, lambda: tiny)
    assert trajectory.write_trajectories(points, probe(), trained, out) == 1
    there = np.load(out / "trajectories/tiered-real-d0-trunk-real.npz")
    assert there["books"].tolist() == [0, 4, 8] and there["items"].tolist() == ["p0", "p1"]
    assert there["owners"].tolist() == ["b0", "b1"]
    assert there["bits"].shape == (3, 2) and there["states"].shape == (3, 16, 32)
    assert len(np.unique(there["bits"][:, 0])) == 3
    assert (out / "trajectories/trunks.csv").read_text().endswith("tiered-real-d0-trunk-real,tiered-real-d0,real,0\n")


def test_nothing_followed_writes_nothing(tiny: models.Base, tmp_path: Path, keyed_root: Path) -> None:
    points = trajectory.Points(["shared"], 256, lambda: tiny)
    assert trajectory.write_trajectories(points, probe(), tmp_path, tmp_path) == 0
    assert not (tmp_path / "trajectories").exists()
