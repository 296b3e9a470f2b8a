"""The same work under two titles or in two languages, as far as the catalogue tells."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from stages.bookmap.rows import plain
from stages.bookmap.rules import Rules
from stages.bookmap.titles import Titles
from stages.bookmap.works import Work


def is_nobody(work: Work, rules: Rules) -> bool:
    """Whether no author is named whose books could be compared or counted."""
    return bool(rules.nobody.search(work.first.author_key))


def find_twins(works: Iterable[Work], rules: Rules) -> dict[str, set[str]]:
    """For each work that has them the ids of its twins: the same work of the same author."""
    shelves: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        if not is_nobody(work, rules):
            shelves[work.first.author_key].append(work)
    twins: dict[str, set[str]] = defaultdict(set)
    for shelf in shelves.values():
        for one, other in twin_pairs(shelf, rules):
            twins[one.book_id].add(other.book_id)
            twins[other.book_id].add(one.book_id)
    return twins


@dataclass(frozen=True)
class Marks:
    """By what two works of an author are compared."""

    work: Work
    words: tuple[str, ...]
    stems: frozenset[str]  # those of the author's name aside, unless the title holds nothing else
    subjects: frozenset[str]


def marks_of(work: Work, titles: Titles) -> Marks:
    """The marks of a work."""
    words = work.first.bare.words
    stems, name = titles.stems(words), titles.stems(tuple(re.findall(r"\w+", work.first.author_key)))
    subjects = frozenset(text for text in map(plain, work.entry.subjects) if "translations" not in text)
    return Marks(work, words, stems - name or stems, subjects)


def twin_pairs(shelf: Sequence[Work], rules: Rules) -> list[tuple[Work, Work]]:
    """The pairs of an author's works that are one work."""
    titles = Titles(rules.titles)
    marks = [marks_of(work, titles) for work in shelf]
    common = rules.titles.subjects_in_common
    return [
        (one.work, other.work)
        for one, other in combinations(marks, 2)
        if (is_edition(one, other) if one.work.language == other.work.language else is_translation(one, other, common))
    ]


def is_edition(one: Marks, other: Marks) -> bool:
    """Whether two works in one language are editions that print their titles at different length.

    Example: "The Aeneid", "The Aeneid of Virgil"; "A System of Logic", "A System of Logic, Ratiocinative and Inductive"
    """
    if one.work.files[0].bare.volume != other.work.files[0].bare.volume and not (one.subjects & other.subjects):
        return False
    if one.stems and one.stems == other.stems:
        return True
    short, long = sorted((one.words, other.words), key=len)
    return len(short) > 1 and long[: len(short)] == short and min(len(one.stems), len(other.stems)) > 1


def is_translation(one: Marks, other: Marks, common: int) -> bool:
    """Whether two works in two languages share their title, or `common` subjects and no other."""
    return share_title(one.stems, other.stems) or (one.subjects == other.subjects and len(one.subjects) >= common)


def share_title(stems: frozenset[str], others: frozenset[str]) -> bool:
    """Whether all that says something in one title stands in the other.

    Example: {"hamle"}, {"hamle", "prins", "danma"} -> True
    """
    return bool(stems and others) and (stems <= others or others <= stems)
