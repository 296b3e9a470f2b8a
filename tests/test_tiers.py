import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, prose
from hypothesis import given
from hypothesis import strategies as st

from stages.shared.errors import UserError
from stages.shared.passages import byte_lengths
from stages.shared.records import TIERS, Paragraph, ShelfBook, write_paragraphs
from stages.shared.scenefile import Scene
from stages.tiers import arms, breadth, held, orders, readings, settings
from stages.tiers.__main__ import unread, unwritten


def shelf(count: int) -> list[ShelfBook]:
    return [
        ShelfBook(
            f"b{i:03d}", f"T{i}", f"A{i}", "en", TIERS[i % 3], f"c{i % 2}", "own", "x", "epub", "0", 1, "here", ""
        )
        for i in range(count)
    ]


def ids(books: list[ShelfBook]) -> list[str]:
    return [book.book_id for book in books]


@given(st.integers(4, 40), st.integers(0, 5), st.sampled_from(["tiered", "shuffled"]))
def test_adding_a_book_keeps_the_sequence_of_the_others(count: int, draw: int, order: str) -> None:
    before = ids(orders.ordered(shelf(count), order, draw, 1))
    after = [one for one in ids(orders.ordered(shelf(count + 1), order, draw, 1)) if one in before]
    assert after == before


def test_tiered_reads_core_then_orbit_then_fractal() -> None:
    tiers_read = [book.tier for book in orders.ordered(shelf(30), "tiered", 0, 1)]
    assert tiers_read == sorted(tiers_read, key=TIERS.index)


def test_a_draw_changes_the_sequence_and_not_the_books() -> None:
    one, other = (ids(orders.ordered(shelf(30), "shuffled", draw, 1)) for draw in (0, 1))
    assert one != other
    assert sorted(one) == sorted(other)


def test_themes_and_topics_keep_their_category() -> None:
    theme = orders.ordered(shelf(30), "theme-c1", 0, 1)
    topic = orders.ordered(shelf(30), "topic-c1", 0, 1)
    assert {book.category for book in theme if book.tier == "fractal"} == {"c1"}
    assert {book.category for book in topic} == {"c1"}
    assert {book.category for book in theme if book.tier == "core"} == {"c0", "c1"}


def test_an_unknown_order_names_the_valid_ones() -> None:
    with pytest.raises(UserError, match="valid are tiered, shuffled, theme-CATEGORY, topic-CATEGORY"):
        orders.ordered(shelf(3), "random", 0, 1)


@pytest.mark.parametrize(
    ("available", "every", "max_books", "expected"),
    [(45, True, None, [10, 20, 45]), (45, False, None, [10, 20]), (45, True, 20, [10, 20]), (45, True, 15, [10, 15]),
     (20, True, None, [10, 20]), (9, False, None, [])],
)  # fmt: skip
def test_a_shelf_takes_the_rungs_that_fit(
    available: int, every: bool, max_books: int | None, expected: list[int]
) -> None:
    assert orders.rungs(available, [10, 20, 50], every, max_books) == expected


def a_text(seed: int) -> arms.Text:
    text = prose(seed, 1)[0]
    return arms.Text(f"b{seed}", f"b{seed}-p1:passage", "passage", "core", "c", "en", byte_lengths([text])[0], text)


@given(st.integers(0, 200))
def test_shuffled_words_are_the_same_words_in_another_order(seed: int) -> None:
    one = a_text(seed)
    control = arms.shuffle_words(one, 1, byte_lengths)
    assert sorted(control.text.split()) == sorted(one.text.split())
    assert control.text != one.text


def test_other_prose_is_as_long_and_never_repeats() -> None:
    texts = [a_text(seed) for seed in range(5)]
    controls = arms.other_prose(texts, ROOT / "requirements.lock", byte_lengths)
    assert all(0.8 * one.tokens <= other.tokens <= one.tokens for one, other in zip(texts, controls, strict=True))
    assert len({control.text for control in controls}) == 5


def test_other_prose_that_runs_out_is_told() -> None:
    with pytest.raises(UserError, match=r"needs 1000000000 tokens, the installed packages have \d+"):
        arms.other_prose([dataclasses.replace(a_text(1), tokens=10**9)], ROOT / "requirements.lock", byte_lengths)


def params_with(**changed: object) -> settings.TiersParams:
    params = settings.TiersParams(
        seed=1, tiers=["core", "orbit", "fractal"], orders=["shuffled"], draws=2, disjoint=False, ladder=[10, 20],
        ladders={}, every=True, top_draws=None, max_books=None, tokens_per_book=400, forms=["passage"], controls=[],
        control_draws=1, control_orders=[], control_rungs=[], random_tokens=[10, 100],
    )  # fmt: skip
    return params.model_copy(update=changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"forms": ["poem"]}, "unknown 'poem' in tiers; valid are passage, instruction, qa, tension"),
        ({"controls": ["silence"]}, "shuffled_words, other_prose, random_passages, half_books, quarter_books"),
        ({"ladder": [0, 10]}, "a rung is a number of books, at least 1"),
        ({"max_books": 3}, "below the smallest rung 10"),
        ({"tiers": ["orbital"]}, "unknown 'orbital' in tiers; valid are core, orbit, fractal"),
        ({"ladders": {"tired": [10]}}, "tiers.ladders names the order 'tired'; tiers.orders are shuffled"),
        ({"control_orders": ["tiered"]}, "tiers.control_orders names the order 'tiered'"),
        ({"ladders": {"shuffled": []}}, "tiers.ladders has no rung for shuffled"),
    ],
)
def test_impossible_params_are_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as error:
        settings.check(params_with(**changed))
    assert said in str(error.value)


def test_editions_of_a_work_have_one_key() -> None:
    assert held.work_key("The Odyssey: rendered into prose", "Homer") == held.work_key("The Odyssey (verse)", "Homer")
    assert held.work_key("The Odyssey", "Homer") != held.work_key("The Iliad", "Homer")


def test_what_holds_the_text_of_the_probe_or_of_another_book_is_not_read(tmp_path: Path) -> None:
    books = shelf(6)
    (tmp_path / "books.csv").write_text("book_id,title,author\nb000,T0,A0\n", encoding="utf-8")
    runs = np.arange(6_000, dtype=np.uint64).reshape(6, 1_000)
    omnibus = np.concatenate([runs[0][:200], runs[2]])  # a fifth of the probe's book and another one whole
    sketches = dict(zip(ids(books), [runs[0], omnibus, runs[2], runs[3], runs[3][100:], runs[5]], strict=True))
    expected = {"b000": "held out for the probe", "b001": "same text as b000 of the probe"}
    found = held.held_out(books, {*ids(books)}, tmp_path, sketches)
    assert found == expected | {"b004": "duplicate of b003 (100% of its text)"}
    found = held.held_out(books, {*ids(books)} - {"b001", "b003"}, tmp_path, sketches)  # b003 has no scene of its own
    assert found == expected | {"b003": "duplicate of b004 (90% of its text)"}


def test_another_edition_of_a_work_of_the_probe_is_not_read(tmp_path: Path) -> None:
    books = [dataclasses.replace(book, title="Émile: a novel", author="Rousseau") for book in shelf(2)]
    (tmp_path / "books.csv").write_text('book_id,title,author\nb000,Émile,"Rousseau, J. J."\n', encoding="utf-8")
    sketches = {book.book_id: np.array([at], np.uint64) for at, book in enumerate(books)}
    assert held.held_out(books, {"b001"}, tmp_path, sketches)["b001"] == "same work as b000 of the probe"


def probe_of(text: str, folder: Path) -> held.Items:
    (folder / "items.jsonl").write_text(json.dumps({"item": "probe-1", "text": text}) + "\n", encoding="utf-8")
    return held.read_items(folder)


def test_a_training_text_that_repeats_the_probe_stops_the_pipeline(tmp_path: Path) -> None:
    leaked = a_text(1)
    items = probe_of(leaked.text, tmp_path)
    held.check_leaks([a_text(2)], items)
    with pytest.raises(UserError, match="repeats probe item probe-1"):
        held.check_leaks([dataclasses.replace(leaked, text=leaked.text + " And one more line.")], items)


def rows_of(count: int, **changed: object) -> list[readings.Reading]:
    params = params_with(**changed)
    return [row for plan in readings.plans(params, shelf(count)) for row in readings.rows(params, plan)]


def test_controls_are_read_at_the_top_rung_of_the_first_draws() -> None:
    rows = rows_of(45, controls=["other_prose"])
    assert [(row.reading, row.rungs, row.top) for row in rows] == [
        ("shuffled-real-d0", "10;20;45", 1),
        ("shuffled-other_prose-d0", "45", 1),
        ("shuffled-real-d1", "10;20;45", 1),
    ]


def test_controls_are_read_at_the_rungs_that_are_named() -> None:
    control = rows_of(45, controls=["other_prose"], control_rungs=[20, 10])[1]
    assert (control.rungs, control.books, control.top) == ("10;20", "10;20", 0)


def test_a_control_rung_that_the_ladder_lacks_names_the_ladder() -> None:
    with pytest.raises(UserError, match="control_rungs has 15, the ladder of this shelf is 10, 20, 45"):
        rows_of(45, controls=["other_prose"], control_rungs=[10, 15])


def test_an_order_without_a_named_control_rung_is_told_and_reads_no_control(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(60, orders=["shuffled", "topic-c1"], controls=["other_prose"], control_rungs=[60])
    assert [row.order for row in rows if row.arm != "real"] == ["shuffled"]
    assert "order topic-c1 has no rung of tiers.control_rungs" in capsys.readouterr().out


@given(st.integers(10, 60))
def test_only_half_and_quarter_books_read_fewer_books_than_the_rung(count: int) -> None:
    for row in rows_of(count, controls=list(settings.CONTROLS), control_rungs=[10]):
        share = {"half_books": 2, "quarter_books": 4}.get(row.arm, 1)
        assert [int(books) for books in row.books.split(";")] == [rung // share for rung in row.numbers]


SIZES = st.lists(st.integers(30, 300), min_size=1, max_size=60)


@given(SIZES, st.sets(st.integers(1, 60), min_size=1, max_size=4), st.sampled_from([*breadth.SHARES]))
def test_the_parts_of_fewer_books_are_all_tokens_of_every_rung(sizes: list[int], some: set[int], arm: str) -> None:
    rungs = sorted({min(rung, len(sizes)) for rung in some})
    parts = breadth.parts(sizes, rungs, arm)
    larger = {breadth.books_read(arm, rung): rung for rung in rungs}
    assert len(parts) == max(larger)
    for read, rung in larger.items():
        assert sum(parts[:read]) == sum(sizes[:rung])


def test_a_part_is_the_book_s_own_tokens_as_often_as_there_are_books_for_it() -> None:
    assert breadth.parts([100] * 8, [8], "half_books") == [200] * 4
    assert breadth.parts([100] * 9, [4, 9], "quarter_books") == [400, 500]


LIMITS = (100, 400)


def word_counts(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def paragraphs_of(book: int, count: int) -> list[Paragraph]:
    texts = prose(book, count, sentences=12)
    return [Paragraph(index, "One", None, "prose", text) for index, text in enumerate(texts)]


def scene_of(book: ShelfBook, paragraph: Paragraph, rank: int) -> Scene:
    place, text = paragraph.index, paragraph.text
    return Scene(
        f"{book.book_id}-p{place}", book.book_id, book.title, book.author, "en", book.tier, book.category, rank,
        "paradox", 1.0, 1, 1, 1, "", "One", place, place, None, {"passage": text},
    )  # fmt: skip


def test_a_scene_without_the_form_is_passed_over_and_a_book_without_it_told() -> None:
    whole, part = (scene_of(shelf(1)[0], paragraph, 0) for paragraph in paragraphs_of(0, 2))
    part = dataclasses.replace(part, forms={"passage": part.text})
    whole = dataclasses.replace(whole, forms={"passage": whole.text, "instruction": "Do."})
    assert [one.form for one in arms.scene_texts([part, whole], ["instruction"], word_counts)] == ["instruction"]
    both = arms.scene_texts([part, whole], ["passage", "instruction"], word_counts)
    assert [one.form for one in both] == ["passage", "instruction"]
    reason = "none of its scenes has a form of tiers.forms (instruction)"
    assert unwritten({"a": [part], "b": [part, whole]}, ["instruction"]) == {"a": reason}


def supply_of(books: list[ShelfBook], length: int, folder: Path, probe: str = "") -> breadth.Supply:
    """Books of `length` paragraphs, every 7th of them a scene, three at most; the real arm reads one of them."""
    scenes, real = {}, {}
    for number, book in enumerate(books):
        paragraphs = paragraphs_of(number, length)
        write_paragraphs(folder / f"{book.book_id}.jsonl", paragraphs)
        scenes[book.book_id] = [scene_of(book, one, rank) for rank, one in enumerate(paragraphs[::7][:3])]
        real[book.book_id] = arms.real_texts(scenes[book.book_id], ["passage"], 200, word_counts)
    is_probe = probe_of(probe, folder).repeated_by if probe else (lambda text: None)
    return breadth.Supply(scenes, real, ["passage"], folder, LIMITS, 1, word_counts, is_probe)


def tokens_of(texts: list[arms.Text], books: list[str]) -> int:
    return sum(one.tokens for one in texts if one.book_id in books)


def sizes_of(supply: breadth.Supply, books: list[str]) -> int:
    return sum(one.tokens for book in books for one in supply.real[book])


@pytest.fixture(scope="module")
def supply(tmp_path_factory: pytest.TempPathFactory) -> breadth.Supply:
    return supply_of(shelf(24), 30, tmp_path_factory.mktemp("texts"))


DRAWN = st.permutations(ids(shelf(24)))
RUNGS = st.sets(st.integers(8, 24), min_size=1, max_size=3)
ARMS = st.sampled_from([*breadth.SHARES])


@given(DRAWN, RUNGS, ARMS)
def test_fewer_books_have_as_many_tokens_at_every_rung(
    supply: breadth.Supply, books: list[str], some: set[int], arm: str
) -> None:
    found = breadth.read_breadth(supply, books, sorted(some), arm)
    larger = {breadth.books_read(arm, rung): rung for rung in sorted(some)}
    assert not found.short
    for read, rung in larger.items():
        wanted = sizes_of(supply, books[:rung])
        assert abs(tokens_of(found.texts, books[:read]) - wanted) <= breadth.EQUAL * wanted
    assert not found.told or len(larger) < len(some)


@given(DRAWN, ARMS)
def test_only_the_first_books_are_read_in_their_order(supply: breadth.Supply, books: list[str], arm: str) -> None:
    found = breadth.read_breadth(supply, books, [24], arm)
    assert list(dict.fromkeys(one.book_id for one in found.texts)) == books[: 24 // breadth.SHARES[arm]]


@given(DRAWN, ARMS)
def test_no_text_is_read_twice_and_no_paragraph_of_a_scene_again(
    supply: breadth.Supply, books: list[str], arm: str
) -> None:
    texts = breadth.read_breadth(supply, books, [24], arm).texts
    paragraphs = [paragraph for one in texts for paragraph in one.text.split("\n\n")]
    assert len({one.text_id for one in texts}) == len(texts)
    assert len(set(paragraphs)) == len(paragraphs)


@given(DRAWN, ARMS)
def test_every_book_begins_with_what_the_real_arm_reads(supply: breadth.Supply, books: list[str], arm: str) -> None:
    texts = breadth.read_breadth(supply, books, [24], arm).texts
    for book in {one.book_id for one in texts}:
        own = supply.real[book]
        assert [one for one in texts if one.book_id == book][: len(own)] == own


@given(st.integers(0, 23), st.integers(100, 2000), st.integers(0, 2000))
def test_a_larger_part_of_a_book_begins_with_the_smaller_one(
    supply: breadth.Supply, book: int, part: int, more: int
) -> None:
    name = f"b{book:03d}"
    small, large = (breadth.fill(supply.candidates(name), size, supply.measure) for size in (part, part + more))
    assert large[: len(small) - 1] == small[:-1]
    assert large[len(small) - 1].text.startswith(small[-1].text)


def test_scenes_come_before_random_passages(supply: breadth.Supply) -> None:
    forms = [one.form for one in supply.candidates("b003")]
    assert forms[:3] == ["passage"] * 3
    assert set(forms[3:]) == {"random_passages"}


@given(st.integers(0, 5), st.integers(1, 29))
def test_no_text_of_the_probe_is_read(book: int, place: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        leaked = paragraphs_of(book, 30)[place].text
        supply = supply_of(shelf(6), 30, Path(name), leaked)
        held.check_leaks(supply.candidates(f"b{book:03d}"), probe_of(leaked, Path(name)))


def test_books_with_too_little_text_are_counted_and_both_numbers_told(tmp_path: Path) -> None:
    supply = supply_of(shelf(8), 4, tmp_path)
    found = breadth.read_breadth(supply, ids(shelf(8)), [8], "quarter_books")
    assert found.short == ["b000", "b001"]
    assert found.told[0] == "has 2 of 2 books with too little text for their part: b000, b001"
    ours, theirs = tokens_of(found.texts, found.short), sizes_of(supply, ids(shelf(8)))
    assert found.told[1] == f"reads {ours} tokens of 2 books at rung 8, the real arm {theirs}: not equal"


def test_a_text_that_two_books_share_is_read_once() -> None:
    read: set[str] = set()
    one, other = a_text(1), dataclasses.replace(a_text(1), book_id="b9", text=a_text(1).text.replace(" ", "\n"))
    assert list(breadth.unread([one], read)) == [one]
    assert list(breadth.unread([other, a_text(2)], read)) == [a_text(2)]


def test_what_one_book_lacks_no_other_book_reads(tmp_path: Path) -> None:
    supply, books = supply_of(shelf(8), 30, tmp_path), ids(shelf(8))
    whole = breadth.read_breadth(supply, books, [8], "quarter_books")
    write_paragraphs(tmp_path / "b000.jsonl", paragraphs_of(0, 2))
    poor = dataclasses.replace(supply, scenes={**supply.scenes, "b000": supply.scenes["b000"][:1]})
    found = breadth.read_breadth(poor, books, [8], "quarter_books")
    assert found.short == ["b000"]
    assert tokens_of(found.texts, ["b001"]) <= tokens_of(whole.texts, ["b001"]) + breadth.LEAST


@given(st.text("山水道德人心天地。", min_size=60, max_size=300), st.integers(16, 170))
def test_a_script_without_spaces_is_cut_to_the_target_too(text: str, target: int) -> None:
    assert target - 3 < byte_lengths([arms.shorten(text, target, byte_lengths)])[0] <= target


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(0, 400))
def test_a_part_is_never_passed_and_no_text_is_a_crumb(lengths: list[int], target: int) -> None:
    words = [" ".join(["word", "x" * 40, *["word"] * length]) for length in lengths]
    texts = [dataclasses.replace(a_text(1), text=one, tokens=byte_lengths([one])[0]) for one in words]
    taken = breadth.fill(iter(texts), target, byte_lengths)
    assert sum(one.tokens for one in taken) <= target
    assert all(one.tokens >= breadth.LEAST for one in taken)


@given(st.integers(8, 40), st.integers(0, 3), st.sampled_from(["tiered", "shuffled"]))
def test_disjoint_draws_share_no_book_up_to_half_of_the_books(count: int, pair: int, order: str) -> None:
    one, other = (orders.ordered(shelf(count), order, draw, 1, disjoint=True) for draw in (2 * pair, 2 * pair + 1))
    assert sorted(ids(one)) == sorted(ids(other))
    if order == "shuffled":
        assert not set(ids(one[: count // 2])) & set(ids(other[: count // 2]))
    for tier in TIERS:
        assert [b for b in one if b.tier == tier] == [b for b in other if b.tier == tier][::-1]


def test_only_the_first_draws_read_above_half_of_the_books() -> None:
    params = params_with(ladder=[5, 10, 20], draws=3, top_draws=1)
    assert [plan.ladder for plan in readings.plans(params, shelf(30))] == [[5, 10, 20, 30], [5, 10], [5, 10]]


def test_an_order_may_have_a_ladder_of_its_own() -> None:
    params = params_with(orders=["shuffled", "tiered"], ladder=[5, 10], draws=1, ladders={"tiered": [8]})
    assert [plan.ladder for plan in readings.plans(params, shelf(30))] == [[5, 10, 30], [8]]


def test_controls_are_read_for_the_orders_that_are_named() -> None:
    named = {"orders": ["shuffled", "tiered"], "controls": ["other_prose"], "control_orders": ["shuffled"]}
    assert {row.order for row in rows_of(30, **named) if row.arm != "real"} == {"shuffled"}


def test_a_phase_of_the_plan_reads_only_its_tiers_and_tells_the_others() -> None:
    reasons = unread(shelf(6), ["core", "orbit"])
    assert set(reasons) == {book.book_id for book in shelf(6) if book.tier == "fractal"}
    assert set(reasons.values()) == {"tier fractal is not in tiers.tiers"}
