from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, prose
from hypothesis import given
from hypothesis import strategies as st

from stages.scenes import book, density, forms, halves, linkage, pick, scales
from stages.shared.errors import UserError
from stages.shared.params import load_params
from stages.shared.passages import byte_lengths
from stages.shared.records import Paragraph, ShelfBook
from stages.shared.scenefile import FORMS, read_scenes, training_text

RULES = pick.Rules(
    min_tokens=200,
    max_tokens=600,
    per_book=3,
    finalists=6,
    floor=0.0,
    likeness=0.5,
    weights={"information": 1.0, "richness": 1.0, "contrast": 1.0, "abstraction": 1.0, "linkage": 2.0},
)


def a_book(seed: int = 1, language: str = "en") -> ShelfBook:
    facts = dict.fromkeys(["title", "author", "category", "path", "reason"], "x")
    return ShelfBook(
        book_id=f"own-{seed:04d}", language=language, tier="core", source="own", format="epub", sha256="0" * 64,
        bytes=1, status="here", **facts,
    )  # fmt: skip


def paragraphs(seed: int, count: int = 40, kind: str = "prose") -> list[Paragraph]:
    return [
        Paragraph(index, f"Chapter {index // 10}", None, kind, text) for index, text in enumerate(prose(seed, count, 3))
    ]


def drafted(seed: int = 1, rules: pick.Rules = RULES) -> book.Draft:
    return book.draft(paragraphs(seed), "en", rules, {}, byte_lengths)


def bits_for(made: book.Draft) -> list[linkage.Numbers]:
    """What a model might say: each finalist more surprising and more linked than the one before."""
    return [{"surprisal": 1.0 + rank / 10, "linkage": 0.1 * rank} for rank in range(len(made.finalists))]


def document(seed: int = 1, rules: pick.Rules = RULES) -> dict[str, Any]:
    made = drafted(seed, rules)
    return book.scenes_of(a_book(seed), made, bits_for(made), rules, {}, byte_lengths)


@given(st.integers(0, 10_000))
def test_scenes_are_few_spread_and_unlike_and_every_loser_has_its_reason(seed: int) -> None:
    made = drafted(seed)
    ranked = pick.judged(made.finalists, bits_for(made), RULES, {})
    taken, lost = pick.pick(ranked, RULES)
    assert 1 <= len(taken) <= 3
    assert len(taken) + len(lost) == len(ranked) and all(lost.values())
    places = sorted(one.candidate.position for one in taken)
    assert all(after - before >= 0.1 for before, after in pairwise(places))


def test_the_best_scene_is_dense_and_linked() -> None:
    made = drafted()
    ranked = pick.judged(made.finalists, bits_for(made), RULES, {})
    assert [one.quality for one in ranked] == sorted((one.quality for one in ranked), reverse=True)
    best = ranked[0]
    assert best.quality == pytest.approx((4 * best.density + 2 * best.scores["linkage"]) / 6, abs=1e-3)


def test_a_book_without_a_rival_is_judged_by_density_alone() -> None:
    short = book.draft(paragraphs(1, 6), "en", RULES, {}, byte_lengths)
    assert short.finalists and not any(pair.rival for pair in short.pairs)
    ranked = pick.judged(short.finalists, [{"surprisal": 1.0} for _ in short.finalists], RULES, {})
    assert all(one.quality == one.density for one in ranked)


def test_a_rival_lies_at_least_five_passages_away() -> None:
    found = pick.cut(paragraphs(2), RULES, byte_lengths)
    firsts = [halves.halves(one.text)[0] for one in found]
    for index, one in enumerate(found):
        rival = firsts.index(pick.pair_of(one, found).rival)
        assert abs(rival - index) >= pick.RIVAL


@given(st.integers(0, 1000), st.integers(1, 9))
def test_halves_are_cut_at_a_sentence_near_the_middle(seed: int, sentences: int) -> None:
    text = prose(seed, 1, sentences)[0]
    first, second = halves.halves(text)
    assert first + second == text and second
    if sentences > 1:
        assert first.rstrip().endswith(".") and abs(len(first) - len(second)) < 0.8 * len(text)


def test_of_long_paragraphs_only_the_beginning_stands_where_enough_passages_do() -> None:
    long = [Paragraph(40, "Chapter 9", None, "prose", " ".join(prose(3, 12, 3)))]
    many = pick.candidates(pick.cut(paragraphs(1) + long, RULES, byte_lengths), "en", RULES, {})
    alone = pick.candidates(pick.cut(long, RULES, byte_lengths), "en", RULES, {})
    assert {one.passage.part for one in many} == {0, 1}
    assert len(alone) > 1 and [one.passage.part for one in alone] == list(range(1, len(alone) + 1))


def test_a_passage_that_argues_is_denser_than_one_that_repeats() -> None:
    argues = "All men die, but truth lives; yet nothing lives without cause, though few reason because they must."
    repeats = "He went on and he went on and he went on and he went on and he went on and he went on."
    rows = scales.scored([density.features(text, "en") for text in (argues, repeats, repeats + " He went.")], {})
    scores = [density.density(row, RULES.weights) for row in rows]
    assert scores[0] > max(scores[1:])


def test_a_language_without_lists_is_scored_on_what_it_has() -> None:
    found = density.features("\u5929\u4e0b\u5927\u52bf\uff0c\u5206\u4e45\u5fc5\u5408\u3002" * 5, "zh")
    assert set(found) == {"information", "richness", "questions", "plainness", "self_contained"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The law holds for all who live.", 1.0),
        ("He holds it for all who live.", 0.5),
        ("But (as he said it holds, and so:", 0.0),
    ],
)
def test_what_hangs_in_the_air_makes_a_passage_less_self_contained(text: str, expected: float) -> None:
    assert density.features(text, "en")["self_contained"] == expected


@given(st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=60), st.floats(-60, 60), st.floats(-60, 60))
def test_a_share_lies_between_0_and_1_and_grows_with_the_value(values: list[float], one: float, two: float) -> None:
    scale = scales.quantiles(values)
    low, high = sorted((scales.share_below(one, scale), scales.share_below(two, scale)))
    assert 0 <= low <= high <= 1
    assert (scales.share_below(min(one, two), scale), scales.share_below(max(one, two), scale)) == (low, high)


def test_a_language_of_the_table_is_scored_by_it_and_another_inside_its_book(tmp_path: Path) -> None:
    table = tmp_path / "scales.csv"
    values = " ".join(str(value) for value in range(21))
    table.write_text(f"language,base,feature,books,passages,values\nen,,richness,5,60,{values}\n")
    rows = [{"richness": 20.0}, {"richness": 30.0}]
    assert scales.scored(rows, scales.scale_of(table, "en", "x")) == [{"richness": 1.0}, {"richness": 1.0}]
    assert scales.scored(rows, scales.scale_of(table, "fi", "x"))[0]["richness"] < 0.5


def test_another_book_moves_no_scene() -> None:
    assert document(1) == document(1)


def test_a_scene_carries_its_place_scores_reason_and_all_forms(tmp_path: Path) -> None:
    book.write_scenes(tmp_path, document(1))
    scene = read_scenes(tmp_path / "scenes.yaml")[0]
    assert scene.text == "\n\n".join(one.text for one in paragraphs(1)[scene.first : scene.last + 1])
    assert set(scene.forms) == set(FORMS)
    assert all(training_text(scene, form).strip() for form in FORMS)
    written = yaml.safe_load((tmp_path / "scenes.yaml").read_text())
    assert "its first half saves" in written["scenes"][0]["reason"]
    assert {"place", "quality", "reason"} == set(written["lost"][0])


def test_a_draft_reads_back_from_the_store(tmp_path: Path) -> None:
    made = drafted(4)
    book.write_draft(tmp_path, made)
    assert book.read_draft(tmp_path) == made


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
    made = book.draft([Paragraph(0, "", None, "prose", "Too short.")], "en", RULES, {}, byte_lengths)
    assert book.scenes_of(a_book(), made, [], RULES, {}, byte_lengths)["scenes"] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_tokens": 700}, "must be below"),
        ({"finalists": 2}, "finalists 2 must be at least scenes.per_book 3"),
        ({"weights": {"beauty": 1.0}}, "has no feature beauty"),
    ],
)
def test_params_that_contradict_each_other_are_refused(change: dict[str, object], said: str) -> None:
    from stages.scenes.__main__ import ScenesParams

    params = load_params(ScenesParams, "scenes", ROOT / "params.yaml")
    with pytest.raises(UserError, match=said):
        params.model_copy(update={"max_tokens": 600, **change}).rules()
