"""The language of a book's text, told by samples, and whether it is that of its row."""

import csv
import hashlib
import os
from pathlib import Path

import pytest
from conftest import prose

from stages.extract import __main__ as stage
from stages.extract.kinship import KNOWN, fit, foreign_language, told
from stages.extract.read import Request, read_book
from stages.shared.language import IDENTIFIER, LEAST, NONE, languages_of, samples_of
from stages.shared.records import Account, ShelfBook, read_csv, write_csv

PARAMS = """
extract: {max_file_mb: 20, max_unpacked_mb: 50, min_words: 100, min_script_share: 0.5, language: reject}
workers: {backend: local, count: 1, seconds: 60, memory_mb: 2048}
"""
GERMAN = (
    "Der alte Fluss behält seinen eigenen Schatten, und wer am Ufer steht, der weiß nicht, woher das Wasser kommt. "
    "Man sagt, dass jede Stadt ein Gedächtnis hat, das länger dauert als die Steine, aus denen sie gebaut wurde; aber "
    "niemand hat es je gesehen. Die Richterin schweigt, weil sie das erste Wort noch nicht gefunden hat.\n"
)
LATIN = (
    "Flumen vetus umbram suam servat, et qui in ripa stat nescit unde aqua veniat. Dicunt enim omnem urbem memoriam "
    "habere quae diutius manet quam lapides ex quibus aedificata est; sed nemo eam umquam vidit. Iudex tacet, quod "
    "primum verbum nondum invenit, neque quisquam eorum qui adsunt quid sit dicendum scire potest.\n"
)
SANSKRIT = "नदी स्वां छायां रक्षति यः तीरे तिष्ठति स न जानाति कुतः जलम् आगच्छति इति वदन्ति सर्वे जनाः\n"


def test_a_book_in_one_language_is_told_whole() -> None:
    assert languages_of(GERMAN * 12) == {"de": 1.0}
    assert languages_of("\n".join(prose(1, 12))) == {"en": 1.0}


def test_a_book_in_two_languages_is_told_with_its_shares() -> None:
    found = languages_of(LATIN * 6 + "\n".join(prose(2, 20))[: 6 * len(LATIN)])
    assert set(found) == {"la", "en"} and found["la"] == pytest.approx(0.5, abs=0.1)


def test_samples_come_from_all_over_a_book_and_are_bounded() -> None:
    samples = samples_of("".join(f"{chr(97 + part)}" * 10_000 for part in range(16)))
    assert [set(sample) for sample in samples] == [{chr(97 + part)} for part in range(16)]


def test_marks_count_as_letters_and_tables_do_not() -> None:
    assert "sa" in languages_of(SANSKRIT * 40)
    assert languages_of("12.5 | 13.7 | a | 0.9\n" * 400) == {}
    assert languages_of(GERMAN[:200] * (LEAST - 1)) == {}


def test_every_language_of_the_library_is_known() -> None:
    assert set(IDENTIFIER.labels) - {NONE} == KNOWN


@pytest.mark.parametrize(
    "detected, row, expected",
    [
        ({"de": 0.94, "en": 0.06}, "de", "right"),
        ({"en": 1.0}, "en-GB", "right"),
        ({"la": 0.62, "en": 0.38}, "en", "right"),
        ({"yue": 0.6, "en": 0.4}, "zh+en", "right"),
        ({"el": 1.0}, "grc", "kin"),
        ({"no": 1.0}, "da", "kin"),
        ({"hi": 0.8, "mr": 0.2}, "sa", "kin"),
        ({"de": 0.9}, "gmh", "kin"),
        ({"en": 1.0}, "de", "wrong"),
        ({"uk": 0.9}, "ru", "wrong"),
        ({"de": 0.8}, "en+la", "wrong"),
        ({"en": 1.0}, "nah", "unknown"),
        ({"fi": 0.3, "cy": 0.2}, "en", "unknown"),
        ({}, "en", "unknown"),
        ({"en": 1.0}, "", "unknown"),
    ],
)
def test_kin_and_unsure_languages_are_no_conflict(detected: dict[str, float], row: str, expected: str) -> None:
    assert fit(detected, row) == expected
    assert bool(foreign_language(detected, row)) == (expected == "wrong")


def test_the_two_main_languages_are_told() -> None:
    assert told({"en": 0.62, "la": 0.3, "de": 0.08}) == "en 0.62 la 0.30" and told({}) == ""


# --- the stage


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyed_root: Path):  # type: ignore[no-untyped-def]
    """Read a shelf of texts; each is (row's language, tier, content). Returns book id -> account."""
    monkeypatch.chdir(tmp_path)

    def read(books: dict[str, tuple[str, str, str]], policy: str = "reject") -> dict[str, Account]:
        Path("params.yaml").write_text(PARAMS.replace("reject", policy))
        rows = []
        for name, (language, tier, content) in books.items():
            path = Path(f"{name}.txt")
            path.write_text(content, encoding="utf-8")
            sha256, size = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
            rows.append(
                ShelfBook(name, "T", "A", language, tier, "c", "own", str(path), "txt", sha256, size, "here", "")
            )
        write_csv(Path("data/shelf.csv"), ShelfBook, rows)
        stage.main()
        return {account.book_id: account for account in read_csv(Path("data/extract/accounts.csv"), Account)}

    return read


BOOKS = {"a": ("en", "core", GERMAN * 12), "b": ("en", "core", "\n\n".join(prose(3, 12)))}


def test_a_book_in_another_language_than_its_row_is_rejected_with_the_remedy(accounts) -> None:  # type: ignore[no-untyped-def]
    found = accounts(BOOKS)
    assert found["a"].status == "rejected" and found["a"].detected == "de 1.00"
    assert found["a"].reason == "wrong language: 100% of it is 'de', its row says 'en'; correct the row's language"
    assert (found["b"].status, found["b"].language, found["b"].detected) == ("read", "en", "en 1.00")


def test_a_wrong_language_may_be_told_only_and_nothing_is_read_again(accounts, capsys) -> None:  # type: ignore[no-untyped-def]
    accounts(BOOKS)
    found = accounts(BOOKS, "tell")
    assert "(0 of them now)" in capsys.readouterr().out.splitlines()[-1]
    assert found["a"].status == "read" and found["a"].reason.startswith("wrong language: ") and found["a"].words


def test_a_duplicate_is_told_by_tier_not_by_the_order_of_the_shelf(accounts) -> None:  # type: ignore[no-untyped-def]
    copy = "\n\n".join(prose(5, 40))
    found = accounts({"a": ("en", "fractal", copy), "z": ("en", "core", copy), "m": ("de", "core", GERMAN * 12)})
    assert found["a"].status == "read" and found["a"].reason == "duplicate of z (100% of its text)"
    assert found["z"].reason == found["m"].reason == ""


# --- real books, where the corpus lies beside the project


def corpus() -> list[dict[str, str]]:
    folder = Path(os.environ.get("LTM_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    if not (folder / "index.csv").exists():
        return []
    with (folder / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"].startswith("txt/") and int(row["bytes"]) < 500_000]
    return [row | {"path": str(folder / row["file"])} for row in rows]


if corpus():

    @pytest.mark.parametrize("row", corpus(), ids=lambda row: row["file"])
    def test_real_books_fit_their_rows(row: dict[str, str]) -> None:
        sha256 = hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest()
        text = read_book(Request("b", (Path(row["path"]),), "txt", sha256, 20, 20, 0))
        expected = {"unknown"} if "betacode" in row["language"] else {"right", "kin"}
        assert fit(text.languages, row["language"]) in expected
