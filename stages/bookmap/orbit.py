"""The orbit: the books that the themes of the core pull in, round robin, with caps on authors and languages."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stages.bookmap.rows import plain
from stages.bookmap.rules import Rules, Theme
from stages.bookmap.twins import is_nobody
from stages.bookmap.works import Work, class_letters
from stages.shared.chance import digest
from stages.shared.errors import UserError

HYPHEN = re.compile(r"(?<=\w)-(?=\w)")


class Patterns:
    """Patterns at the start of words; a value (a subject, a name) is looked through once, whatever bears it."""

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self.each = [re.compile(rf"\b(?:{pattern.pattern})") for pattern in patterns]
        self.any = re.compile("|".join(pattern.pattern for pattern in self.each) or "(?!)")
        self.known: dict[str, frozenset[int]] = {}

    def found_in(self, value: str) -> frozenset[int]:
        """The places of the patterns that are found in a value, in small letters without accents."""
        if value not in self.known:
            text = HYPHEN.sub(" ", plain(value))
            hits = enumerate(self.each) if self.any.search(text) else ()
            self.known[value] = frozenset(place for place, pattern in hits if pattern.search(text))
        return self.known[value]

    def count(self, values: Iterable[str]) -> int:
        """How many patterns are found in any of the values."""
        return len(frozenset().union(*map(self.found_in, values)))


class Pull:
    """A theme, and the points that it gives."""

    def __init__(self, theme: Theme, rules: Rules) -> None:
        self.classes, self.points = theme.classes, rules.orbit
        self.subjects, self.authors = Patterns(theme.subjects), Patterns(theme.authors)

    def score(self, work: Work) -> float:
        """The points of a work; 0 where nothing but its class speaks for it."""
        points = self.points
        hits = min(self.subjects.count(work.entry.subjects), points.subject_hits_at_most)
        named = self.authors.count(author.name for author in work.first.authors) > 0
        if not hits and not named:
            return 0.0
        in_class = any(class_letters(value) in self.classes for value in work.entry.classes)
        juvenile = points.juvenile_pattern.search(plain("; ".join([*work.entry.subjects, *work.entry.shelves])))
        return (
            points.class_match * in_class
            + points.subject_hit * hits
            + points.named_author * named
            + points.canon_mark * work.canon
            + points.edition * min(work.editions, points.editions_at_most)
            + points.juvenile * bool(juvenile)
        )


@dataclass
class Caps:
    """How many books of an author and of a language are in already."""

    rules: Rules
    authors: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)

    def refusal(self, work: Work) -> str:
        """Why a work cannot come in, or ""."""
        orbit, size = self.rules.orbit, self.rules.sizes.orbit
        if not is_nobody(work, self.rules) and self.authors[work.first.author_key] >= orbit.per_author:
            return "author"
        share = orbit.shares.get(work.language, orbit.other_share)
        return "language" if self.languages[work.language] >= max(1, round(share * size)) else ""

    def add(self, work: Work) -> None:
        """Count a work that came in."""
        self.authors[work.first.author_key] += 1
        self.languages[work.language] += 1


def rank_theme(name: str, theme: Theme, works: Sequence[Work], rules: Rules) -> list[Work]:
    """The works that a theme pulls, the strongest first; ties by hash."""
    pull = Pull(theme, rules)
    scores = {work.book_id: pull.score(work) for work in works}
    pulled = [work for work in works if scores[work.book_id] > 0]
    return sorted(pulled, key=lambda work: (-scores[work.book_id], digest(rules.seed, name, work.book_id)))


def pick_orbit(
    works: Sequence[Work], themes: Mapping[str, Theme], twins: Mapping[str, set[str]], rules: Rules
) -> list[tuple[Work, str]]:
    """The books of the orbit with their themes, in the order in which they came in.

    Raises UserError naming every theme that runs short.
    """
    ranked = {name: rank_theme(name, theme, works, rules) for name, theme in themes.items()}
    queues = {name: iter(queue) for name, queue in ranked.items()}
    needs = share_out(rules.sizes.orbit, list(themes))
    caps, taken = Caps(rules), set[str]()
    picked: list[tuple[Work, str]] = []
    for turn in range(max(needs.values(), default=0)):
        for name in [name for name in themes if needs[name] > turn]:
            work = next((work for work in queues[name] if is_free(work, taken, twins) and not caps.refusal(work)), None)
            if work is not None:
                picked.append((work, name))
                taken.add(work.book_id)
                caps.add(work)
    check_themes(Counter(name for _, name in picked), needs, {name: len(queue) for name, queue in ranked.items()})
    return picked


def is_free(work: Work, taken: set[str], twins: Mapping[str, set[str]]) -> bool:
    """Whether a work is not yet in, in any language."""
    return work.book_id not in taken and taken.isdisjoint(twins.get(work.book_id, ()))


def share_out(size: int, names: Sequence[str]) -> dict[str, int]:
    """How many books each theme gives: the same number, one more from the first ones.

    Example: 5, ["a", "b"] -> {"a": 3, "b": 2}
    """
    counts: dict[str, int] = defaultdict(int)
    for place in range(size):
        counts[names[place % len(names)]] += 1
    return {name: counts[name] for name in names}


def check_themes(found: Mapping[str, int], needs: Mapping[str, int], matching: Mapping[str, int]) -> None:
    """Raise UserError where a theme has fewer books than it needs."""
    short = [
        f"{name} has {found.get(name, 0)} of the {need} books it needs (its rules match {matching[name]})"
        for name, need in needs.items()
        if found.get(name, 0) < need
    ]
    if short:
        raise UserError(
            f"the orbit runs short: theme {'; theme '.join(short)}; widen its subjects and authors in "
            "data/catalogue/orbit_rules.yaml, raise orbit.per_author or its shares in "
            "data/catalogue/selection_rules.yaml, or bring a fuller catalogue"
        )
