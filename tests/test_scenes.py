from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages.scenes import book, density, forms, pick
from stages.shared.passages import byte_lengths
from stages.shared.records import Paragraph, ShelfBook
from stages.shared.scenefile import FORMS, read_scenes, training_text

RULES = pick.Rules(
    min_tokens=200,
    max_tokens=600,
    per_book=3,
    floor=-9.0,
    likeness=0.5,
    weights={"information": 1.0, "richness": 1.0, "contrast": 1.0, "general": 1.0},
)


def a_book(seed: int = 1, language: str = "en") -> ShelfBook:
    facts = dict.fromkeys(["title", "author", "category", "path", "reason"], "x")
    return ShelfBook(
        book_id=f"own-{seed:04d}", language=language, tier="core", source="own", format="epub", sha256="0" * 64,
        bytes=1, status="here", **facts,
    )  # fmt: skip


def paragraphs(seed: int, count: int = 40) -> list[Paragraph]:
    return [
        Paragraph(index, f"Chapter {index // 10}", None, "prose", text)
        for index, text in enumerate(prose(seed, count, 3))
    ]


@given(st.integers(0, 10_000))
def test_scenes_are_few_spread_and_unlike(seed: int) -> None:
    taken, second = pick.pick(pick.candidates(paragraphs(seed), "en", RULES, byte_lengths), RULES, byte_lengths)
    assert 1 <= len(taken) <= 3
    assert second not in taken
    places = sorted(one.position for one in taken)
    assert all(after - before >= 0.1 for before, after in pairwise(places))


def test_a_passage_that_argues_is_denser_than_one_that_repeats() -> None:
    argues = "All men die, but truth lives; yet nothing lives without cause, though few reason because they must."
    repeats = "He went on and he went on and he went on and he went on and he went on and he went on."
    rows = density.standardize([density.features(text, "en") for text in (argues, repeats, repeats + " He went.")])
    scores = [density.density(row, RULES.weights) for row in rows]
    assert scores[0] > max(scores[1:])


def test_a_language_without_lists_is_scored_on_what_it_has() -> None:
    found = density.features("\u5929\u4e0b\u5927\u52bf\uff0c\u5206\u4e45\u5fc5\u5408\u3002" * 5, "zh")
    assert set(found) == {"information", "richness", "questions"}


def test_another_book_moves_no_scene() -> None:
    alone = book.scenes_of(a_book(1), paragraphs(1), RULES, byte_lengths)
    assert book.scenes_of(a_book(1), paragraphs(1), RULES, byte_lengths) == alone


def test_a_scene_carries_its_place_scores_and_all_forms(tmp_path: Path) -> None:
    book.write_scenes(tmp_path, book.scenes_of(a_book(), paragraphs(1), RULES, byte_lengths))
    scene = read_scenes(tmp_path / "scenes.yaml")[0]
    assert scene.text == "\n\n".join(one.text for one in paragraphs(1)[scene.first : scene.last + 1])
    assert set(scene.forms) == set(FORMS)
    assert all(training_text(scene, form).strip() for form in FORMS)
    assert scene.scene_id == f"own-0001-p{scene.first}-{scene.last}" or scene.first == scene.last


def test_the_yaml_of_hostile_text_reads_back(tmp_path: Path) -> None:
    hostile = "- !!python/object:os.system x: {a}\n\u2028&anchor *alias \u00e9\t# no comment: |"
    (tmp_path / "scenes.yaml").write_text(yaml.dump({"text": hostile}, Dumper=book.BlockDumper, allow_unicode=True))
    assert yaml.safe_load((tmp_path / "scenes.yaml").read_text())["text"] == hostile


@given(st.integers(0, 1000), st.integers(1, 8), st.sampled_from(["en", "zh", "fi"]))
def test_forms_use_only_the_scene_s_own_sentences(seed: int, sentences: int, language: str) -> None:
    text = prose(seed, 1, sentences)[0]
    made = forms.forms(text, language)
    tension = made["tension"]
    assert isinstance(tension, dict)
    assert " ".join(part for part in tension.values() if part) == text


def test_a_book_without_running_text_gives_no_scene() -> None:
    short = [Paragraph(0, "", None, "prose", "Too short.")]
    assert book.scenes_of(a_book(), short, RULES, byte_lengths)["scenes"] == []


@pytest.mark.parametrize("lower", [600, 700])
def test_bounds_that_cross_are_refused(lower: int) -> None:
    from stages.scenes.__main__ import ScenesParams
    from stages.shared.errors import UserError

    params = ScenesParams(min_tokens=lower, max_tokens=600, per_book=1, floor=0.0, likeness=0.2, weights={})
    with pytest.raises(UserError, match="must be below"):
        params.rules()
