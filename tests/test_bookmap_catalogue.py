"""The bookmap by rules, out of a small catalogue written for the purpose, and out of a real one where it is there."""

import csv
import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_bookmap import PARAMS, project, put

from stages.bookmap.__main__ import BOOKMAP, METRICS, RESERVE, SHELF, main
from stages.bookmap.authors import century, parse_author, surname
from stages.bookmap.catalogue import COLUMNS, Catalogue, Entry, read_catalogue
from stages.bookmap.rows import author_part, core_books, core_work, same_work_patterns
from stages.bookmap.rules import Rules, Sizes, Theme, read_rules, read_themes
from stages.bookmap.selection import Selection, select
from stages.bookmap.titles import Titles, roman
from stages.bookmap.works import CoreSieve, class_letters
from stages.shared.errors import UserError
from stages.shared.records import Book, read_csv

__all__ = ["project"]  # a fixture

CATALOGUE = ROOT / "data/catalogue"
CORE = core_books(CATALOGUE / "core.csv")
RULES = read_rules(CATALOGUE / "selection_rules.yaml")
THEMES = read_themes(CATALOGUE / "orbit_rules.yaml")
REAL = Path(os.environ.get("LTM_PG_CATALOG", CATALOGUE / "pg_catalog.csv"))
SUBJECTS = {  # one that pulls into each theme and into no other
    "ontology": "Ontology",
    "forms_of_thinking": "Reasoning",
    "deep_linkage": "Dialectic",
    "narrative_paradoxes": "Paradoxes",
    "symbolism_archetypes": "Alchemy",
    "post_structuralism": "Ideology",
    "language_world_models": "Sanskrit language",
}
SIZES = {"orbit": 14, "fractal": 30, "reserve": 5}
PLAIN = {"Type": "Text", "Language": "en", "Authors": "Doe, Jane, 1850-1920", "Subjects": "Bees", "LoCC": "SF"}


def row(number: int, title: str, **values: str) -> dict[str, str]:
    return {"Text#": str(number), "Title": title, **PLAIN, **values}


def small_rows() -> list[dict[str, str]]:
    """Three books for each theme, sixty others, and one row for each way in which a row can go."""
    themed = [
        row(
            1000 + 10 * place + turn,
            f"Thoughts {place}{turn}",
            Subjects=subject,
            Authors=f"A{turn}, {theme}",
        )
        for place, (theme, subject) in enumerate(SUBJECTS.items())
        for turn in range(3)
    ]
    others = [
        row(
            2000 + number,
            f"{chr(97 + number % 26)}{chr(97 + number // 26)}keeping",
            Authors=f"Keeper{number % 20}, K., {1700 + 10 * (number % 25)}-",
            Language=["en", "fr", "de; en"][number % 3],
            LoCC=["SF", "QL", "PS3500"][number % 3],
        )
        for number in range(60)
    ]
    gone = [
        row(3000, "A recording", Type="Sound"),
        row(3001, ""),
        row(3002, "New this week", LoCC="", Subjects="", Bookshelves=""),
        row(3003, "Index of the Project Gutenberg Works of Jane Doe"),
        row(3004, "The Bee Weekly, No. 7, May 1, 1880", Subjects="Bees -- Periodicals"),
        row(1497, "The Republic", Authors="Plato, 428? BCE-348? BCE", LoCC="JC"),
        row(55201, "Der Staat", Authors="Platon", Language="de", LoCC="JC"),
    ]
    return themed + others + gone


def write_catalogue(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["Text#", "Type", "Issued", *COLUMNS[2:]], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def rules_of(**sizes: int) -> Rules:
    orbit = RULES.orbit.model_copy(update={"shares": {"en": 1.0}})
    return RULES.model_copy(update={"sizes": Sizes(**(SIZES | sizes)), "orbit": orbit})


def choose(
    tmp_path: Path, rows: list[dict[str, str]], themes: dict[str, Theme] | None = None, **sizes: int
) -> Selection:
    """The selection out of rows; no orbit unless it is asked for."""
    catalogue = read_catalogue(write_catalogue(tmp_path / "pg.csv", rows))
    wanted = {"orbit": 0, "fractal": 1, "reserve": 999} | sizes
    return select(catalogue, CORE, CATALOGUE / "core.csv", themes or {}, rules_of(**wanted))


def titles(books: list[Book]) -> list[str]:
    return [book.title for book in books]


@pytest.fixture
def small(project: Path) -> Path:
    """A project whose catalogue and sizes are small; returns the catalogue."""
    rules = yaml.safe_load((CATALOGUE / "selection_rules.yaml").read_text(encoding="utf-8"))
    rules["sizes"], rules["orbit"]["shares"] = SIZES, {"en": 1.0}
    (project / "data/catalogue/selection_rules.yaml").unlink()
    (project / "data/catalogue/selection_rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    params = PARAMS | {"bookmap": {"sample": False, "catalogue": "data/catalogue/pg_catalog.csv"}}
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    put("pg/1497/1497.epub")
    return write_catalogue(project / "data/catalogue/pg_catalog.csv", small_rows())


def test_a_catalogue_gives_core_orbit_fractal_and_reserve(small: Path) -> None:
    main()
    books = read_csv(BOOKMAP, Book)
    assert Counter(book.tier for book in books) == {"core": 100, "orbit": 14, "fractal": 30}
    assert Counter(book.category for book in books if book.tier == "orbit") == dict.fromkeys(SUBJECTS, 2)
    assert [book.tier for book in read_csv(RESERVE, Book)] == ["reserve"] * 5
    assert all(book.book_id == f"pg-{book.gutenberg_id}" for book in books if book.tier != "core")


def test_the_account_tells_the_snapshot_and_the_fate_of_every_row(small: Path) -> None:
    main()
    account = json.loads(METRICS.read_text(encoding="utf-8"))["selection"]
    funnel = account["funnel"]
    assert sum(funnel.values()) == account["rows"] == len(small_rows())
    assert account["largest_id"] == 55201 and len(account["sha256"]) == 64
    for reason in ("not a text", "no title", "no class", "index or collection page", "periodical"):
        assert funnel[reason] == 1
    assert (funnel["core"], funnel["an edition of a core book"], funnel["orbit"], funnel["fractal"]) == (1, 1, 14, 30)
    cells = account["books_by_tier_language_class"]
    assert (
        sum(count for languages in cells.values() for letters in languages.values() for count in letters.values())
        == 144
    )


def test_the_core_takes_class_and_shelves_from_the_catalogue(small: Path) -> None:
    main()
    found = {book.book_id: book.loc_class for book in read_csv(BOOKMAP, Book)}
    assert (found["core-033"], found["core-002"]) == ("JC", "")


def test_the_print_names_catalogue_and_funnel(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main()
    told = capsys.readouterr().out
    assert "pg_catalog.csv: 88 rows, largest id 55201, sha256 " in told and "1 periodical" in told


def test_two_hash_seeds_write_the_same_bytes(small: Path) -> None:
    outputs = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "stages.bookmap"], env=environment, check=True, capture_output=True)
        outputs.append([path.read_bytes() for path in (BOOKMAP, RESERVE, SHELF, METRICS)])
    assert outputs[0] == outputs[1]


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    one = choose(tmp_path, small_rows(), THEMES, orbit=14, fractal=30)
    other = choose(tmp_path, small_rows()[::-1], THEMES, orbit=14, fractal=30)
    assert one.books == other.books and one.reserve == other.reserve


def test_a_theme_that_runs_short_is_named_with_both_numbers(small: Path) -> None:
    write_catalogue(small, [row for row in small_rows() if row["Subjects"] != "Alchemy" or row["Text#"] == "1040"])
    with pytest.raises(UserError, match=r"theme symbolism_archetypes has 1 of the 2 books .*orbit_rules.yaml"):
        main()
    assert not BOOKMAP.exists()


def test_a_fractal_that_runs_short_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the fractal has 1 of the 9 books it needs"):
        choose(tmp_path, [row(1, "The only hive of bees")], fractal=9)


def test_an_embedded_selection_can_be_named_by_its_path(project: Path) -> None:
    put("pg/1497/1497.epub")
    main()
    first = [path.read_bytes() for path in (BOOKMAP, RESERVE, SHELF, METRICS)]
    params = PARAMS | {"bookmap": {"sample": False, "catalogue": "data/catalogue/selection.csv.gz"}}
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    main()
    assert [path.read_bytes() for path in (BOOKMAP, RESERVE, SHELF, METRICS)] == first
    assert "selection" not in json.loads(METRICS.read_text(encoding="utf-8"))


BOOKS = st.lists(
    st.tuples(
        st.integers(0, 8),  # author
        st.integers(0, 5),  # title
        st.sampled_from(["en", "fr", "fi"]),
        st.sampled_from(["PS", "PR", "QL", "G", "NA"]),
        st.sampled_from(["1700-1760", "1850-1920", "43 BCE-17", ""]),
    ),
    min_size=1,
    max_size=60,
)


@hypothesis_settings(max_examples=40)
@given(BOOKS, st.lists(st.integers(1, 60), min_size=2, max_size=4))
def test_any_size_is_nested_in_any_larger_one(books: list[tuple[int, int, str, str, str]], sizes: list[int]) -> None:
    words = ("Alders", "Beeches", "Cedars", "Dogwoods", "Elms and oaks", "Firs")
    entries = tuple(
        Entry(n, "Text", words[title], (language,), (f"Author{author}, {dates}".strip(", "),), (), (letters,), ())
        for n, (author, title, language, letters, dates) in enumerate(books, 70000)
    )
    catalogue = Catalogue(Path("small"), entries, "", 70000 + len(entries))

    def ids(size: int) -> list[str]:
        chosen = select(catalogue, CORE, CATALOGUE / "core.csv", {}, rules_of(orbit=0, fractal=0, reserve=size))
        return [book.book_id for book in chosen.reserve]

    ladder = [ids(size) for size in sorted(sizes)]
    assert all(large[: len(small)] == small for small, large in pairwise(ladder))
    authors = Counter(entry.authors[0] for entry in entries if f"pg-{entry.number}" in ladder[-1])
    assert all(count <= RULES.fractal.per_author for count in authors.values())


def test_other_editions_and_translations_of_the_core_are_never_chosen(tmp_path: Path) -> None:
    rows = [
        row(1, "Der Staat", Authors="Platon, 428? BCE-348? BCE", Language="de"),
        row(2, "The Republic of Plato: A new version", Authors="Plato, 428? BCE-348? BCE; Doe, John [Translator]"),
        row(3, "L'évolution créatrice", Authors="Bergson, Henri, 1859-1941", Language="fr"),
        row(4, "Laughter", Authors="Bergson, Henri, 1859-1941"),
    ]
    chosen = choose(tmp_path, rows)
    assert titles(chosen.books[100:]) == ["Laughter"] and not chosen.reserve
    assert Counter(chosen.fates.values()) == {"an edition of a core book": 3, "fractal": 1}


@pytest.mark.parametrize(
    ("pattern", "author"),
    [
        (r"(metaphysi|metaphisi).*\| .*(aristot|stagir)", "(aristot|stagir)"),
        (r"monadolog.*\| .*leibni", "leibni"),
        (r"early greek philosophy|\| .*(parmenides|heraclit)", ""),
        (r"x[|]y.*\| .*plato\b|z", ""),
        (r"\bzohar\b", ""),
    ],
)
def test_what_a_pattern_asks_of_the_author_is_known(pattern: str, author: str) -> None:
    assert author_part(pattern) == author


def test_the_sieve_of_authors_loses_no_edition_of_the_core() -> None:
    patterns = same_work_patterns(CATALOGUE / "core.csv")
    sieve = CoreSieve(patterns)
    for book in CORE:
        assert core_work(book.title, book.author, sieve.patterns_for(book.title, book.author)) == book.book_id


def test_editions_of_a_work_are_one_book(tmp_path: Path) -> None:
    rows = [
        row(70, "A Hive of Bees"),
        row(71, "The Hive of Bees; or, Life in the Comb"),
        row(72, "A hive of bees\nIllustrated"),
        row(73, "A hive of bees, volume 2"),
    ]
    chosen = choose(tmp_path, rows)
    assert [book.gutenberg_id for book in chosen.books[100:]] == ["70"]
    assert Counter(chosen.fates.values()) == {"fractal": 1, "another edition of a book": 3}


def test_volumes_of_a_work_are_one_book_in_their_order(tmp_path: Path) -> None:
    names = ["Bees, Vol. 10 (of 10)", "Bees, Volume II: Honey", "Bees, vol. the first", "Bees, Vol. 2"]
    chosen = choose(tmp_path, [row(20 + place, name) for place, name in enumerate(names)])
    book = chosen.books[100]
    assert (book.gutenberg_id, book.book_id) == ("22;21;20", "pg-20")
    assert (book.title, book.path) == ("Bees", "pg/22/22.epub;pg/21/21.epub;pg/20/20.epub")


def test_one_work_in_two_languages_is_one_book(tmp_path: Path) -> None:
    rows = [
        row(1, "Eugenia Hive", Authors="Doe, Jane, 1850-1920"),
        row(2, "Eugénie Hive: roman", Authors="Doe, Jane, 1850-1920", Language="fr"),
        row(3, "The sea of wax", Subjects="Bees; Wax; Sea stories"),
        row(4, "La mer de cire", Subjects="Bees; Wax; Sea stories", Language="fr"),
        row(5, "Vom Honig", Language="de"),
    ]
    chosen = choose(tmp_path, rows)
    assert len(chosen.books[100:] + chosen.reserve) == 3
    assert Counter(chosen.fates.values())["the same work as a chosen book"] == 2


def test_titles_of_different_length_are_one_work_in_one_language(tmp_path: Path) -> None:
    rows = [
        row(1, "The Aeneid", Authors="Virgil, 70 BCE-19 BCE"),
        row(2, "The Aeneid of Virgil", Authors="Virgil, 70 BCE-19 BCE"),
        row(3, "A System of Hives"),
        row(4, "A System of Hives, Wooden and Woven"),
    ]
    assert len(choose(tmp_path, rows).reserve) == 1


def test_no_author_has_more_books_than_the_rules_allow_and_nobody_is_no_author(tmp_path: Path) -> None:
    words = "Alders Beeches Cedars Dogwoods Elms Firs Ginkgos Hazels".split()
    rows = [row(place, word) for place, word in enumerate(words, 1)]
    rows += [row(place, word, Authors="Various") for place, word in enumerate(words, 101)]
    chosen = choose(tmp_path, rows)
    assert Counter(book.author for book in chosen.books[100:] + chosen.reserve) == {"Doe, Jane": 5, "Various": 8}
    assert Counter(chosen.fates.values())["its author has enough books"] == 3


def test_a_pattern_of_a_theme_is_found_at_the_start_of_a_word_only(tmp_path: Path) -> None:
    rows = [row(1, "Silver", Subjects="Nevada -- History"), row(2, "Hymns", Subjects="Vedas"), row(3, "Bees")]
    chosen = choose(tmp_path, rows, {"language_world_models": THEMES["language_world_models"]}, orbit=1)
    assert [(book.title, book.tier) for book in chosen.books[100:101]] == [("Hymns", "orbit")]


def test_a_class_alone_does_not_pull_into_the_orbit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="theme ontology has 0 of the 1 books"):
        choose(tmp_path, [row(1, "Sermons", LoCC="B")], {"ontology": THEMES["ontology"]}, orbit=1)


def test_the_class_na_is_a_class(tmp_path: Path) -> None:
    book = choose(tmp_path, [row(1, "Castles", LoCC="NA")]).books[100]
    assert book.loc_class == "NA" and "Class NA (Fine arts)" in book.essence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "(bookmap.catalogue) is not here"),
        (b"", "is empty (0 bytes)"),
        (b" \n", "is empty (2 bytes)"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page or XML, no CSV"),
        (b"a,b\n1,2\n", "has no column Text# (its first row is 'a,b'"),
        ((",".join(COLUMNS)).encode(), "has a header and no rows"),
        (gzip.compress(b"Text#,Type" * 999)[:-9], "is a damaged or truncated gzip file of"),
        ((",".join(COLUMNS) + "\n1,Text,Caf\xe9,en,,,,\n").encode("latin-1"), "is not UTF-8 (byte 0xe9 in line 2)"),
        ((",".join(COLUMNS) + "\nx1,Text,T,en,,,,\n").encode(), "has Text# 'x1' in row 2, where a number is needed"),
        ((",".join(COLUMNS) + "\n1,Text,T,en,,,,\n1,Text,U,en,,,,\n").encode(), "has two rows with Text# 1"),
        ((",".join(COLUMNS) + "\n1,Text,T,en\n").encode(), "has 4 fields in row 2 and 8 in its header"),
        ((",".join(COLUMNS) + '\n1,Text,"T\n').encode(), "is no readable CSV after row 1 (unexpected end of data)"),
    ],
)
def test_a_bad_catalogue_is_told_in_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "pg_catalog.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_catalogue(path)
    assert words in str(caught.value) and "`dvc import-url" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_catalogue(tmp_path)


def test_a_gzipped_catalogue_with_line_breaks_in_titles_is_read(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "pg.csv", [row(7, "Bees\nA novel", Authors="Doe, J.; Roe, R. [Editor]")])
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
    entry = read_catalogue(path).entries[0]
    assert (entry.number, entry.title, entry.authors) == (7, "Bees\nA novel", ("Doe, J.", "Roe, R. [Editor]"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": "one"}, "rules.seed is 'one'"),
        ({"sise": 1}, "unknown key rules.sise"),
        ({"nobody": "("}, "no regular expression"),
        ({"sizes": {"orbit": -1, "fractal": 1, "reserve": 1}}, "rules.sizes.orbit is -1"),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    content = yaml.safe_load((CATALOGUE / "selection_rules.yaml").read_text(encoding="utf-8")) | change
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"rules.yaml: ") as caught:
        read_rules(tmp_path / "rules.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize("read", [read_rules, read_themes])
def test_rules_that_are_missing_or_no_mapping_are_told(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(UserError, match="is missing"):
        read(tmp_path / "rules.yaml")
    (tmp_path / "rules.yaml").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(UserError, match="must be a mapping, it is list"):
        read(tmp_path / "rules.yaml")


@pytest.mark.parametrize(
    ("text", "name", "dates", "role"),
    [
        ("Dickens, Charles, 1812-1870", "Dickens, Charles", "1812-1870", ""),
        ("Grote, George, 1794-1871 [Translator]", "Grote, George", "1794-1871", "Translator"),
        ("Plato, 428? BCE-348? BCE", "Plato", "428? BCE-348? BCE", ""),
        ("Aesop, active 6th century B.C.", "Aesop", "active 6th century B.C.", ""),
        ("Allen, -1919", "Allen", "-1919", ""),
        ("King, Stephen, 1957-", "King, Stephen", "1957-", ""),
        ("Lyly, John, 1641?-1692", "Lyly, John", "1641?-1692", ""),
        ("Alger, Horatio, Jr., 1832-1899", "Alger, Horatio, Jr.", "1832-1899", ""),
        ("Queen [pseud.]", "Queen [pseud.]", "", ""),
        ("United States. Army. Battalion, 5th", "United States. Army. Battalion, 5th", "", ""),
    ],
)
def test_authors_are_taken_apart(text: str, name: str, dates: str, role: str) -> None:
    author = parse_author(text)
    assert (author.name, author.dates, author.role) == (name, dates, role)


@pytest.mark.parametrize(
    ("dates", "name"),
    [
        ("1828-1910", "19th"),
        ("1867-1897", "19th"),
        ("1871-1950", "20th"),
        ("1957-", "20th"),
        ("-1919", "20th"),
        ("4 BCE-65", "ancient(<500)"),
        ("428-348 BCE", "ancient(<500)"),
        ("active 6th century B.C.", "ancient(<500)"),
        ("active 12th century", "medieval(500-1500)"),
        ("active 1876-1880", "19th"),
        ("1980-", "21st"),
        ("", "unknown"),
    ],
)
def test_dates_give_a_century(dates: str, name: str) -> None:
    assert century(dates, 40) == name


@pytest.mark.parametrize(
    ("title", "words", "volume"),
    [
        ("The Yoga-Vasishtha, Vol. 4 (of 4), Part 2 (of 2)", "yoga vasishtha", (4, 2)),
        ("Guerre et paix, Tome premier: 1805", "guerre et paix", (1,)),
        ("Geschichte des Agathon. Zweiter Teil", "geschichte des agathon", (2,)),
        ("Otawa, Osa II eli Suomalaisia huvituksia", "otawa", (2,)),
        ("Die Zeit (3/7)", "zeit", (3,)),
        ("Moby-Dick; or, The Whale", "moby dick", ()),
        ("Works: Poems", "works poems", ()),
        ("Roderick Random A Novel of the Sea", "roderick random", ()),
        ("Uncle Wiggily $b Or, What happened", "uncle wiggily", ()),
        ("道德經", "道德經", ()),
        ("???", "", ()),
    ],
)
def test_titles_are_bared(title: str, words: str, volume: tuple[int, ...]) -> None:
    bare = Titles(RULES.titles).bare(title)
    assert (" ".join(bare.words), bare.volume) == (words, volume)


def test_small_readers_of_names_and_numbers() -> None:
    assert (roman("xiv"), roman("mix"), class_letters("PS3537"), class_letters("")) == (14, 0, "PS", "")
    assert (surname("Miller, Jane"), surname("Jane Miller"), surname("")) == ("miller", "miller", "")


@pytest.mark.skipif(not REAL.exists(), reason="no pg_catalog.csv here; LTM_PG_CATALOG names one")
def test_a_real_catalogue_gives_the_whole_bookmap_in_a_minute() -> None:
    start = time.process_time()
    catalogue = read_catalogue(REAL)
    chosen = select(catalogue, CORE, CATALOGUE / "core.csv", THEMES, RULES)
    assert time.process_time() - start < 60
    assert Counter(book.tier for book in chosen.books) == {"core": 100, "orbit": 900, "fractal": 9000}
    assert len(chosen.reserve) == 1000 and len({book.path for book in chosen.books + chosen.reserve}) == 11_000
    patterns = same_work_patterns(CATALOGUE / "core.csv")
    assert not [book.title for book in chosen.books[100:] if core_work(book.title, book.author, patterns)]
    assert Counter(book.language for book in chosen.books if book.tier == "orbit")["en"] <= 720
    assert len({book.language for book in chosen.books}) > 30
