"""The proof of the stage flashes: what is planted, how it is counted, and a short one on a tiny model."""

import random
from pathlib import Path

import pytest
from flashes_project import HELD, texts_of, write_project
from study import own_prose

from stages.flashes.proof import __main__ as proof
from stages.flashes.proof import planted, written
from stages.flashes.run import Run
from stages.flashes.settings import Flashes
from stages.shared.params import load_params
from stages.shared.records import Account, Paragraph, write_csv, write_paragraphs
from stages.shared.workers import Workers

TEXT = "The judge keeps what was lost, but never without cost, and the sea answers every law in year two."


@pytest.fixture(scope="module")
def project(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the proof reads: the stage's inputs, the texts of the probe's books, a sister of one of them."""
    folder = write_project(tiny_base, tmp_path_factory.mktemp("proof"))
    (folder / "data/extract").mkdir()
    for number, name in enumerate([*(f"held{at}" for at in range(HELD)), "sister"]):
        texts = [*(texts_of(name) if name != "sister" else []), *own_prose(300 + number)[:14]]
        rows = [Paragraph(at, "Of wind", None, "prose", text) for at, text in enumerate(texts)]
        write_paragraphs(folder / f"data/extract/{name}.jsonl", rows)
    twin = Account("sister", "rejected", "same work as held2 of the probe")
    write_csv(folder / "data/tiers/accounts.csv", Account, [twin, Account("b01", "used", "")])
    return folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof runs in the project, with a store of its own."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("LTM_KEYED", str(project / "keyed"))


def all_planted() -> list[planted.Planted]:
    params = load_params(Flashes, "flashes")
    there = Run(params, "tiered-real-d0-i0", "en", load_params(Workers, "workers")).there
    return planted.plant(there, params.seed)


def test_twenty_truths_and_twenty_pieces_of_junk_are_planted() -> None:
    found = all_planted()
    kinds = [one.kind for one in found]
    assert sum(one.truth for one in found) == 20 and sum(not one.truth for one in found) == 20
    assert kinds.count("written") == 10 and all(kinds.count(kind) == 5 for kind in planted.JUNK)
    assert len({one.text for one in found}) == len({one.name for one in found}) == 40


def test_a_sister_volume_is_planted_before_other_passages_of_the_same_book() -> None:
    found = {one.name: one for one in all_planted()}
    assert (found["sister"].kind, found["sister"].about) == ("sister", "held2")
    assert [one.kind for one in found.values()].count("same book") == 9


def test_no_planted_truth_is_a_passage_of_the_probe() -> None:
    probed = planted.probe_runs()
    for one in all_planted():
        if one.truth and one.kind != "written":
            assert not any(planted.repeats(part, probed) for part in one.text.split("\n\n"))


def test_the_second_volume_says_what_the_first_one_taught() -> None:
    for one, row in zip(written.works(), written.SCHOOLS, strict=True):
        for fact in row.split("|"):
            assert fact in one.first and fact in one.second, fact
        assert len(one.first.split()) >= 190
    assert len({one.second for one in written.works()}) == 10


def test_junk_has_the_words_of_its_source_or_none_of_them() -> None:
    chance = random.Random(0)
    assert sorted(planted.shuffled_words(TEXT, chance).split()) == sorted(TEXT.split())
    assert not set("abcdefghijklmnopqrstuvwxyz") & set(planted.script(TEXT, chance))
    assert planted.ocr(TEXT, chance) != TEXT and planted.table(TEXT, chance).count("\t") == 180


def fate(name: str, kind: str, truth: bool, status: str) -> proof.Fate:
    return proof.Fate(name, kind, truth, status, 0.9, 1.0, 0.0, 0.001, 0.01, "x", "x" if truth else "y", 0.02)


def test_precision_and_recall_leave_ordinary_books_out_and_have_exact_intervals() -> None:
    fates = [fate(f"t{at}", "written", True, "flash" if at < 9 else "none") for at in range(10)]
    fates += [fate(f"j{at}", "ocr", False, "flash" if at < 1 else "faded") for at in range(10)]
    told = proof.figures([*fates, fate("o", "ordinary", False, "flash")])
    assert told["precision"] == {"share": 0.9, "low": 0.555, "high": 0.997, "hits": 9, "of": 10}
    assert told["recall"]["hits"] == 9 and told["truths"] == told["junk"] == 10
    assert told["found"]["ordinary"]["hits"] == 1
    assert proof.share(0, 0)["share"] is None


def test_a_short_proof_tells_the_fate_of_every_planted_text() -> None:
    fates = proof.Proof(load_params(Flashes, "flashes"), "tiered-real-d0-i0", ordinary=1, every=10).fates()
    assert [one.kind for one in fates] == ["written", "sister", "ocr", "shuffled", "ordinary"]
    assert all(one.p is not None and one.p >= 2**-10 for one in fates if one.status in ("flash", "faded", "none"))
    assert not [one.name for one in fates if one.status == "flash" and not one.truth]
