"""Rungs found by the name of their reading, and what is refused."""

import json
from pathlib import Path

import pytest

from stages.shared.errors import UserError
from stages.shared.rungs import choose_rung, find_rung


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Adapters of a real reading and of a control, without their weights."""
    for arm in ("real", "shuffled_words"):
        for rung in (2, 4):
            folder = tmp_path / f"data/train/tiered-{arm}-d0-i0/{rung:05d}"
            folder.mkdir(parents=True)
            facts = {"order": "tiered", "arm": arm, "draw": 0, "rung": rung}
            (folder / "reading.json").write_text(json.dumps(facts))
    orders = tmp_path / "data/tiers/orders"
    orders.mkdir(parents=True)
    (orders / "tiered-d0.csv").write_text("book_id\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_rung_is_the_highest_not_above_half_of_the_books() -> None:
    assert choose_rung([10, 20, 45], 45) == 20
    assert choose_rung([20, 45], 30) == 20


def test_a_rung_of_a_reading_of_real_books_is_found(project: Path) -> None:
    found = find_rung("flashes", "tiered-real-d0-i0", 4)
    assert (found.folder.name, found.facts["rung"], found.order) == ("00004", 4, [])


@pytest.mark.parametrize("section", ["flashes", "reflect"])
def test_a_control_is_no_reading_to_go_on_from(project: Path, section: str) -> None:
    with pytest.raises(UserError, match=rf"{section}.reading .* is of arm shuffled_words; name one of arm real"):
        find_rung(section, "tiered-shuffled_words-d0-i0", None)


def test_where_nothing_was_trained_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="the readings of data/train are none, run `dvc repro train`"):
        find_rung("flashes", "tiered-real-d0-i0", None)
