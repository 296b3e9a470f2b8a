import dataclasses
from pathlib import Path

import pytest
from conftest import prose

from stages import base
from stages.flashes.records import Row
from stages.flashes.tables import draw
from stages.saturation import report_flashes
from stages.saturation.phrases import Speaker
from stages.shared import adapters, continuation, models
from stages.shared.card import write_weights
from stages.shared.trunk import Recipe, Trunk

RECIPE = Recipe(
    rank=4, alpha=8, dropout=0.0, learning_rate=0.01, warmup=2, clip=1.0, weight_decay=0.0, precision="float32"
)
COURSE = continuation.Course(RECIPE, 0.5)


@pytest.fixture(scope="module")
def folder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("base")
    base.write_base(f"path:{tiny_base}", {}, made)
    return made


def tokens(folder: Path, seed: int, count: int = 1, size: int = 60) -> dict[str, list[int]]:
    tokenizer = models.load_tokenizer(folder)
    return {f"t{seed}-{at}": tokenizer.encode(text).ids[:size] for at, text in enumerate(prose(seed, count))}


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that has read twelve texts."""
    trunk = Trunk(models.load_base(folder), RECIPE, 0)
    for step in continuation.steps_of(tokens(folder, 1, 12), 2, "start"):
        trunk.take(step, 0.01)
    out = tmp_path_factory.mktemp("adapter")
    write_weights(trunk.model, out)
    return out


def test_an_adapter_that_reads_nothing_on_stays_as_it_was(folder: Path, adapter: Path, tmp_path: Path) -> None:
    continuation.Continuation(models.load_base(folder), COURSE).write(adapter, (), 0, tmp_path)
    assert adapters.digests(tmp_path) == adapters.digests(adapter)


def test_reading_on_lowers_the_bits_of_what_is_read_and_repeats(folder: Path, adapter: Path) -> None:
    texts, scorer = tokens(folder, 2, 4), models.load_base(folder)
    course = continuation.Course(dataclasses.replace(RECIPE, dropout=0.1), 0.5)
    reader = continuation.Continuation(models.load_base(folder), course)
    steps = continuation.steps_of(texts, 1, "seed")
    before = reader.bits(adapter, (), 0, scorer, texts)
    after = reader.bits(adapter, steps, 0, scorer, texts)
    assert all(after[name] < before[name] for name in texts)
    assert reader.bits(adapter, steps, 0, scorer, texts) == after
    assert reader.bits(adapter, steps, 1, scorer, texts) != after
    assert reader.trunk.log[-1][2] < reader.trunk.log[2][2]


def test_an_adapter_of_another_rank_is_refused(folder: Path, adapter: Path) -> None:
    reader = continuation.Continuation(
        models.load_base(folder), continuation.Course(dataclasses.replace(RECIPE, rank=2), 0.5)
    )
    with pytest.raises(continuation.UserError, match="another base or rank"):
        reader.read(adapter, (), 0)


def test_a_continuations_key_knows_its_texts_and_their_order(adapter: Path) -> None:
    facts = {"fingerprint": "x"}
    texts = {"a": [1, 2], "b": [3, 4], "c": [5, 6]}
    one, other = continuation.steps_of(texts, 1, 0), continuation.steps_of(texts, 1, 2)
    assert sorted(step.texts for step in one) == sorted(step.texts for step in other)
    assert one != other
    keys = {continuation.continuation_key(facts, adapter, steps, COURSE, 0) for steps in (one, other, one[:2])}
    assert len(keys) == 3


def lines(found: report_flashes.Flashes | None, language: str = "en") -> str:
    return "\n".join(report_flashes.flash_part(found, Speaker(language)))


def told(flashes: int, least: float | None) -> report_flashes.Flashes:
    facts = {"reading": "tiered-real-d0-i0", "books_read": 20, "books_past": 25, "passed_filter": 24, "tested": 1}
    facts |= {
        "pairs": 10,
        "fdr": 0.1,
        "spreads": 2.0,
        "flashes": flashes,
        "faded": 0,
        "found_80": least,
        "least_p": 0.001,
    }
    row = {"title": "A | B", "author": "C", "status": "flash" if flashes else "none", "q": "0.01", "moved": "held1"}
    row |= {
        "moved_title": "Held",
        "moved_effect": "0.02",
        "moved_low": "0.01",
        "moved_high": "0.03",
        "lasting": "0.015",
    }
    return report_flashes.Flashes(facts, [row | {"place": "Of wind; paragraphs 3-4; page 7"}])


def test_the_report_tells_a_flash_with_its_place_and_what_it_moved() -> None:
    said = lines(told(1, 0.01))
    row = "| A / B, C | flash | 0.01 | Held | 0.02 [0.01, 0.03] | 0.015 | Of wind; paragraphs 3-4; page 7 |"
    assert row in said.splitlines()
    assert "Flashes found: 1" in said and "0.01 bits per byte" in said
    assert "вспышка" in lines(told(1, 0.01), "ru")


def test_no_flash_is_a_result_with_the_effect_that_would_have_been_found() -> None:
    assert "No flash was found. The design finds an effect of 0.01" in lines(told(0, 0.01))
    assert "more pairs are needed" in lines(told(0, None))


def test_the_report_has_no_chapter_where_no_reading_was_examined(tmp_path: Path) -> None:
    assert report_flashes.read_flashes(tmp_path) is None
    assert lines(None) == ""


def test_the_figure_holds_titles_of_any_script_letter_by_letter(tmp_path: Path) -> None:
    texts = ("b1", "$5 風之書", "A", "zh", "core")
    row = Row(*texts, 0.9, 4.0, 1.0, 0.5, 0.2, "flash", 0.01, 0.0, 0.02, 0.001, 0.01, "h", "Held", 0.02, 0.01, 0.03,
              0.01, 0.001, "b1-p1", "")  # fmt: skip
    draw([row], tmp_path / "one.svg")
    assert "$5 風之書 (flash)" in (tmp_path / "one.svg").read_text(encoding="utf-8")
    draw([row], tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
