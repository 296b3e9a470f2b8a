"""Rows of the catalogue become works: what is no book goes, editions and volumes of one work are folded."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stages.bookmap.authors import Author, century, writers
from stages.bookmap.catalogue import Entry
from stages.bookmap.rows import author_part, core_work, plain, work_line
from stages.bookmap.rules import Rules
from stages.bookmap.titles import Bare, Titles

OTHER_EDITION = "another edition of a book"
SERIES = "part of a series"
CORE_EDITION = "an edition of a core book"


@dataclass(frozen=True)
class Candidate:
    """A row that may become a book."""

    entry: Entry
    authors: tuple[Author, ...]
    bare: Bare

    @cached_property
    def author_key(self) -> str:
        """The first author without dates and spelled-out names; "" where nobody is named."""
        return plain(self.authors[0].name).partition(" (")[0].strip() if self.authors else ""


@dataclass(frozen=True)
class Work:
    """A book: one edition of a work in one language, in one file or in several volumes."""

    files: tuple[Candidate, ...]
    editions: int  # further editions in the catalogue
    canon: int  # marks of the canon

    @property
    def first(self) -> Candidate:
        """Its file, or the file of its first volume."""
        return self.files[0]

    @property
    def entry(self) -> Entry:
        """The row that speaks for it."""
        return self.first.entry

    @cached_property
    def book_id(self) -> str:
        """Its id, the same in every snapshot of the catalogue."""
        return f"pg-{min(file.entry.number for file in self.files)}"

    @property
    def language(self) -> str:
        """The first of its languages."""
        return self.entry.languages[0]

    @property
    def class_letters(self) -> str:
        """The letters of its first class.

        Example: "E201" -> "E"
        """
        return class_letters(self.entry.classes[0])

    def century(self, after_birth: int) -> str:
        """The century of its first author."""
        return century(self.first.authors[0].dates if self.first.authors else "", after_birth)

    def stratum(self, rules: Rules) -> str:
        """Class group, language and century.

        Example: "PS|en|19th"
        """
        letters = self.class_letters
        group = letters[: 2 if letters[0] in rules.fractal.split_classes else 1]
        return "|".join([group, self.language, self.century(rules.fractal.century_after_birth)])


def class_letters(value: str) -> str:
    """The letters that a class begins with.

    Example: "PS3537" -> "PS"
    """
    found = re.match(r"[A-Z]+", value.upper())
    return found[0] if found else ""


def drop_reason(entry: Entry, rules: Rules) -> str:
    """Why a row is no book, or ""."""
    values = {
        "type": entry.type,
        "title": entry.title,
        "language": "; ".join(entry.languages),
        "authors": "; ".join(entry.authors),
        "subjects": "; ".join(entry.subjects),
        "classes": "; ".join(entry.classes),
        "shelves": "; ".join(shelf_names(entry.shelves)),
    }
    texts = {name: plain(value) for name, value in values.items()}
    for drop in rules.drops:
        text = texts[drop.field]
        if (drop.found and drop.found.search(text)) or (drop.lacks and not drop.lacks.search(text)):
            return drop.reason
    return ""


def shelf_names(shelves: Iterable[str]) -> list[str]:
    """Shelves without the prefix that Gutenberg changes now and then.

    Example: ["Category: Novels", "Browsing: Fiction"] -> ["Novels", "Fiction"]
    """
    return list(dict.fromkeys(re.sub(r"^(?:(?:Category|Browsing): *)+", "", shelf) for shelf in shelves))


def candidates_of(entries: Sequence[Entry], rules: Rules, fates: dict[int, str]) -> list[Candidate]:
    """The rows that are books; the reason of each other one goes into `fates`."""
    titles, found = Titles(rules.titles), []
    for entry in entries:
        if reason := drop_reason(entry, rules):
            fates[entry.number] = reason
        else:
            found.append(Candidate(entry, writers(entry.authors), titles.bare(entry.title)))
    return found


class CoreSieve:
    """The patterns of core works that can fit an author, found once for each: a tenth of the time."""

    def __init__(self, patterns: Mapping[str, re.Pattern[str]]) -> None:
        self.patterns = dict(patterns)
        self.authors = {core_id: re.compile(author_part(found.pattern)) for core_id, found in patterns.items()}
        self.known: dict[str, dict[str, re.Pattern[str]]] = {}

    def patterns_for(self, title: str, author: str) -> dict[str, re.Pattern[str]]:
        """The patterns that can be found in `work_line(title, author)`."""
        if "|" in title:
            return self.patterns
        if author not in self.known:
            line = work_line("", author)
            self.known[author] = {
                name: self.patterns[name] for name, asked in self.authors.items() if asked.search(line)
            }
        return self.known[author]


def leave_core_out(
    candidates: Sequence[Candidate],
    core_ids: Mapping[int, str],
    patterns: Mapping[str, re.Pattern[str]],
    fates: dict[int, str],
) -> list[Candidate]:
    """The candidates that are no files, editions or translations of a core book; the others go into `fates`.

    Core books are recognised as the whole work, whoever is named first, and in any of the row's names.
    """
    rest = []
    sieve = CoreSieve(patterns)
    for candidate in candidates:
        if candidate.entry.number in core_ids:
            continue
        names = "; ".join(author.name for author in candidate.authors) or "; ".join(candidate.entry.authors)
        if core_work(candidate.entry.title, names, sieve.patterns_for(candidate.entry.title, names)):
            fates[candidate.entry.number] = CORE_EDITION
        else:
            rest.append(candidate)
    return rest


def fold(candidates: Sequence[Candidate], rules: Rules, fates: dict[int, str]) -> list[Work]:
    """One work per author, bare title and language; rows that are not its files go into `fates`."""
    groups: dict[tuple[str, tuple[str, ...], str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.author_key, candidate.bare.words, candidate.entry.languages[0]].append(candidate)
    works = []
    for group in groups.values():
        files = files_of(group, rules)
        for candidate in group:
            if candidate not in files:
                fates[candidate.entry.number] = OTHER_EDITION
        if len(files) > rules.titles.volumes_at_most:
            fates.update({file.entry.number: SERIES for file in files})
        else:
            canon = max(canon_marks(file.entry, rules) for file in group)
            works.append(Work(tuple(files), len(group) - len(files), canon))
    return works


def files_of(group: Sequence[Candidate], rules: Rules) -> list[Candidate]:
    """The files of the edition that stands for a work: a whole one, the most marked, the oldest; else each volume."""
    ranked = sorted(group, key=lambda file: (-canon_marks(file.entry, rules), file.entry.number))
    if whole := [file for file in ranked if not file.bare.volume]:
        return whole[:1]
    volumes: dict[tuple[int, ...], Candidate] = {}
    for file in sorted(group, key=lambda file: file.entry.number):
        volumes.setdefault(file.bare.volume, file)
    return [volumes[volume] for volume in sorted(volumes)]


def canon_marks(entry: Entry, rules: Rules) -> int:
    """How many marks of the canon the shelves of a row bear."""
    shelves = plain("; ".join(entry.shelves))
    return sum(bool(pattern.search(shelves)) for pattern in rules.canon)
