"""What the base says of passages: kept by key, the same in any grouping, and bits that agree with the model's own."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch
from conftest import prose

from stages import base
from stages.scenes import halves, shelves
from stages.shared import models
from stages.shared.scorebook import Scorebook
from stages.shared.scoring import LN2


@pytest.fixture(scope="module")
def tiny(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(tiny_base, tmp_path_factory.mktemp("base") / "base")
    (folder / models.FACTS).write_text(json.dumps(base.facts_of(folder, "test", "tiny", "none")))
    return folder


def pairs(count: int) -> list[halves.Pair]:
    texts = prose(5, count + 1, 4)
    return [halves.Pair(*halves.halves(text), halves.halves(texts[-1])[0]) for text in texts[:-1]]


def test_surprisal_and_linkage_are_the_model_s_own_bits(tiny: Path, keyed_root: Path) -> None:
    loaded, (one,) = models.load_base(tiny), pairs(1)
    found = shelves.Model(tiny).ask({"book": [one]})["book"][0]

    def bits(before: str, text: str) -> float:
        context = [loaded.prefix, *loaded.tokenizer.encode(before, add_special_tokens=False)]
        ids = torch.tensor([[*context, *loaded.tokenizer.encode(text, add_special_tokens=False)]])
        logs = torch.log_softmax(loaded.model(ids).logits[0, :-1], -1).gather(1, ids[0, 1:, None])[:, 0]
        return -float(logs[len(context) - 1 :].sum().detach()) / LN2

    whole = bits("", one.first) + bits(one.first, one.second)
    saved = bits(one.rival, one.second) - bits(one.first, one.second)
    assert found["surprisal"] == pytest.approx(whole / len((one.first + one.second).encode()), abs=2e-2)
    assert found["linkage"] == pytest.approx(saved / len(one.second.encode()), abs=2e-2)


def test_what_the_model_has_said_is_not_asked_again(
    tiny: Path, keyed_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shelves.Model(tiny).ask({"a": pairs(3)})
    monkeypatch.setattr(models, "load_base", lambda folder: pytest.fail("the model was loaded"))
    assert shelves.Model(tiny).ask({"b": pairs(3)})["b"] == first["a"]


def test_a_damaged_row_and_a_torn_file_are_computed_again(tmp_path: Path) -> None:
    book = Scorebook("x", tmp_path)
    book.put({"a": {"surprisal": 1.0}, "b": {"surprisal": 2.0}})
    with sqlite3.connect(book.path) as connection:
        connection.execute("update numbers set content = '{\"surprisal\": 9.0}' where key = 'a'")
    connection.close()
    assert book.get(["a", "b"]) == {"b": {"surprisal": 2.0}}
    book.path.write_bytes(b"no database at all" * 100)
    assert Scorebook("x", tmp_path).get(["a", "b"]) == {}


def test_a_passage_gets_the_same_numbers_in_any_company(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = pairs(5)
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "together"))
    together = shelves.Model(tiny).ask({"book": some})["book"]
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "alone"))
    alone = [shelves.Model(tiny).ask({"book": [one]})["book"][0] for one in reversed(some)]
    assert alone[::-1] == together
