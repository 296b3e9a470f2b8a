import dataclasses
from pathlib import Path

import pytest
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages.shared import chance, near, passages
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, assemble, code_digest, files_of, key_of, strip_docstrings
from stages.shared.params import Section, load_params
from stages.shared.records import Book, Paragraph, read_csv, write_csv


class Toy(Section):
    size: int
    name: str = "x"


def params_file(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def test_params_load_as_a_frozen_section(tmp_path: Path) -> None:
    toy = load_params(Toy, "toy", params_file(tmp_path, "toy: {size: 3}"))
    assert (toy.size, toy.name) == (3, "x")
    with pytest.raises(ValueError, match="frozen"):
        toy.size = 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("toy: {size: 3, sise: 4}", "unknown key toy.sise; valid keys of toy are size, name"),
        ("toy: {name: a}", "key toy.size is missing"),
        ("toy: {size: many}", "toy.size is 'many'"),
        ("other: {}", "no section 'toy'; its sections are other"),
        ("toy: [", "no valid YAML"),
    ],
)
def test_a_wrong_param_is_named_with_what_is_valid(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        load_params(Toy, "toy", params_file(tmp_path, text))
    assert said in str(error.value)


@given(st.sets(st.text(min_size=1), min_size=2, max_size=20), st.text(min_size=1))
def test_adding_an_item_never_reorders_the_others(items: set[str], added: str) -> None:
    before = chance.shuffled(items, 1)
    after = [item for item in chance.shuffled(items | {added}, 1) if item in before]
    assert after == before


def test_boundaries_of_parts_belong_to_a_digest() -> None:
    assert chance.digest("a", "b") != chance.digest("ab")
    assert 0 <= chance.fraction("a") < 1


def write_one(folder: Path) -> None:
    (folder / "one.txt").write_text("one")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    store, made = Keyed("step", tmp_path), []
    for _ in range(2):
        store.get_or_put("k" * 64, lambda folder: (made.append(1), write_one(folder))[1])
    assert made == [1]


def test_a_damaged_entry_is_dropped(tmp_path: Path) -> None:
    store = Keyed("step", tmp_path)
    entry = store.put("k" * 64, write_one)
    (entry / "one.txt").write_text("two")
    assert store.get("k" * 64) is None
    assert not entry.exists()


def test_a_write_that_fails_leaves_no_entry(tmp_path: Path) -> None:
    store = Keyed("step", tmp_path)
    with pytest.raises(RuntimeError):
        store.put("k" * 64, write_half)
    assert store.get("k" * 64) is None
    assert not list((tmp_path / "step" / "draft").iterdir())


def write_half(folder: Path) -> None:
    write_one(folder)
    raise RuntimeError("killed")


def test_an_assembled_folder_holds_its_entries_and_nothing_else(tmp_path: Path) -> None:
    entry = Keyed("step", tmp_path / "keyed").put("k" * 64, write_one)
    out = tmp_path / "out"
    out.mkdir()
    (out / "stale.txt").write_text("old")
    assemble(out, {"a": entry, "b.txt": files_of(entry)[0]})
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.txt")) == ["a/one.txt", "b.txt"]


def test_comments_and_docstrings_keep_the_code_digest_and_statements_change_it() -> None:
    plain = strip_docstrings("def f():\n    return 1\n")
    assert strip_docstrings('def f():\n    "Say."\n    return 1  # why\n') == plain
    assert strip_docstrings("def f():\n    return 2\n") != plain
    assert code_digest([chance]) != code_digest([near])
    assert key_of({"b": 1, "a": 2}) == key_of({"a": 2, "b": 1})


def test_records_survive_a_csv_with_line_breaks(tmp_path: Path) -> None:
    book = Book(**{field.name: f'{field.name}\nä, "x"' for field in dataclasses.fields(Book)})
    write_csv(tmp_path / "books.csv", Book, [book])
    assert read_csv(tmp_path / "books.csv", Book) == [book]


def paragraphs(texts: list[str], kind: str = "prose") -> list[Paragraph]:
    return [Paragraph(index, "One", None, kind, text) for index, text in enumerate(texts)]


@given(st.lists(st.text(alphabet="ab .!?\n\u3002", max_size=60)))
def test_sentences_joined_give_the_text_back(texts: list[str]) -> None:
    text = " ".join(texts)
    assert "".join(passages.sentences(text)) == text


def test_abbreviations_and_lower_case_do_not_end_a_sentence() -> None:
    assert passages.sentences("Mr. Hale came. He left e.g. at noon! Why?") == [
        "Mr. Hale came. ",
        "He left e.g. at noon! ",
        "Why?",
    ]


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 9))
def test_passages_keep_their_bounds_and_never_overlap(seed: int, count: int, sentences: int) -> None:
    found = passages.passages(paragraphs(prose(seed, count, sentences)), 150, 500, passages.byte_lengths)
    assert all(150 <= len(one.text.encode()) <= 500 for one in found)
    places = [(one.first, one.part) for one in found]
    assert places == sorted(set(places))
    assert len({one.place for one in found}) == len(found)


def test_a_passage_holds_no_heading_and_no_note() -> None:
    texts = paragraphs(prose(1, 2))
    texts.insert(1, Paragraph(9, "One", None, "note", "A note that must not be read. " * 10))
    assert all("note" not in one.text for one in passages.passages(texts, 10, 2000, passages.byte_lengths))


@pytest.mark.parametrize(
    "text", ["CHAPTER THE FIRST OF ALL.", "and so it goes on.", "No end here", "1850 1851 1852 1853.", ""]
)
def test_headings_fragments_and_tables_are_not_well_formed(text: str) -> None:
    assert not passages.is_well_formed(text)


def test_running_text_of_any_script_is_well_formed() -> None:
    for text in [
        "\u201cIt was so from the first day on,\u201d he said.",
        "\u5929\u4e0b\u5927\u52bf\u5206\u4e45\u5fc5\u5408\u3002",
        "\u05d1\u05e8\u05d0\u05e9\u05d9\u05ea \u05d1\u05e8\u05d0.",
    ]:
        assert passages.is_well_formed(text)


def test_a_near_duplicate_is_found_and_a_different_text_is_not() -> None:
    one, other = " ".join(prose(1, 8)), " ".join(prose(2, 8))
    features = {"a": near.shingles(one), "b": near.shingles(other), "c": near.shingles(one + " An added line.")}
    assert near.duplicates(features, 0.8) == {"c": "a"}


def test_a_stage_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    import subprocess
    import sys

    root = Path(__file__).parent.parent
    answer = subprocess.run(
        [sys.executable, "-m", "stages.tiers"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr == "tiers: params.yaml is not in this folder; run from the project's root\n"
