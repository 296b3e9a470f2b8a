"""For a file of one's own: which tier and category fit it, and which book of the shelf is the same work."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stages.bookmap.authors import surname
from stages.bookmap.metadata import Facts
from stages.bookmap.orbit import Pull
from stages.bookmap.rows import core_work, plain
from stages.bookmap.rules import Rules, Theme
from stages.bookmap.titles import Titles
from stages.shared.records import Book

WorkKey = tuple[str, tuple[str, ...], tuple[int, ...], str]


@dataclass(frozen=True)
class Place:
    """Tier and category."""

    tier: str
    category: str


@dataclass
class Proposer:
    """Knows the core, the themes of the orbit and the works of the shelf."""

    core: Mapping[str, Book]
    patterns: dict[str, re.Pattern[str]]
    themes: Mapping[str, Theme]
    rules: Rules
    works: dict[WorkKey, str] = field(default_factory=dict)  # -> book id
    here: set[str] = field(default_factory=set)  # ids of the books of the shelf

    def __post_init__(self) -> None:
        self.pulls = {name: Pull(theme, self.rules) for name, theme in self.themes.items()}
        self.titles = Titles(self.rules.titles)

    def learn(self, books: Iterable[Book]) -> None:
        """Remember books of the shelf."""
        for book in books:
            self.remember(book.book_id, book.title, book.author, book.language)

    def remember(self, book_id: str, title: str, author: str, language: str) -> None:
        """Remember a book of the shelf."""
        self.here.add(book_id)
        if key := self.work_key(title, author, language):
            self.works.setdefault(key, book_id)

    def owner(self, facts: Facts, language: str) -> str:
        """The book of the shelf that is the same work in the same language, or ""."""
        if (key := self.work_key(facts.title, facts.author, language)) and key in self.works:
            return self.works[key]
        core_id = self.core_work(facts)
        return core_id if core_id in self.here and self.core[core_id].language == language else ""

    def work_key(self, title: str, author: str, language: str) -> WorkKey | None:
        """What two files of one work in one language share; None where title or author say too little."""
        bare, name = self.titles.bare(title), surname(plain(author))
        if not name or self.rules.nobody.search(name) or all(word in self.rules.titles.generic for word in bare.words):
            return None
        return name, bare.words, bare.volume, language

    def core_work(self, facts: Facts) -> str:
        """The core book of which a file is an edition, or ""."""
        return core_work(facts.title, facts.author, self.patterns) if facts.title else ""

    def place(self, facts: Facts) -> Place:
        """The tier and category of a file: the core book's, those of the theme that pulls it, else fractal and own."""
        if core_id := self.core_work(facts):
            return Place("core", self.core[core_id].category)
        scores = {name: self.pull(pull, facts) for name, pull in self.pulls.items()}
        best = max(scores, key=lambda name: scores[name])
        enough = scores[best] >= self.rules.orbit.named_author
        return Place("orbit", best) if enough else Place("fractal", "own")

    def pull(self, pull: Pull, facts: Facts) -> float:
        """The points that a theme gives a file for its subjects and its author."""
        orbit = self.rules.orbit
        hits = min(pull.subjects.count(facts.subjects), orbit.subject_hits_at_most)
        named = pull.authors.count(turned(name) for name in facts.author.split("; ")) > 0
        return orbit.subject_hit * hits + orbit.named_author * named


def turned(name: str) -> str:
    """A name with the family name in front.

    Example: "Immanuel Kant" -> "Kant, Immanuel"
    """
    words = name.split()
    return name if "," in name or len(words) < 2 else f"{words[-1]}, {' '.join(words[:-1])}"
