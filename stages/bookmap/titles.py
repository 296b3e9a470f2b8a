"""Titles: what is left of one when volume, edition and subtitle are gone, by which two books are one work."""

import re
from dataclasses import dataclass

from stages.bookmap.rows import plain
from stages.bookmap.rules import TitleRules

WORD = re.compile(r"\w+")
ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
STEM = 5  # letters that a word shares with its kin in other languages: "histoire", "history"


@dataclass(frozen=True)
class Bare:
    """A title without its accidents; `volume` is () for a whole work, (4, 2) for volume 4, part 2."""

    words: tuple[str, ...]
    volume: tuple[int, ...]


class Titles:
    """Reads titles by the rules."""

    def __init__(self, rules: TitleRules) -> None:
        self.rules = rules
        self.numbers = {word: number for number, words in rules.numbers.items() for word in words}
        words = "|".join(sorted(self.numbers, key=len, reverse=True))
        self.volumes = [re.compile(pattern.replace("NUMBERS", words)) for pattern in rules.volume]

    def bare(self, title: str) -> Bare:
        """Take a title apart.

        Example: "The Yoga-Vasishtha, Vol. 4 (of 4), Part 2: Nirvana" -> Bare(("yoga", "vasishtha"), (4, 2))
        """
        text = title.replace("\n", ": ").replace(" $b ", ": ")
        volume, whole = self.take_volume(plain(text))
        head, _ = self.take_edition(self.take_volume(plain(self.rules.subtitle.split(text, maxsplit=1)[0]))[1])
        words = self.words(head)
        if not words or all(word in self.rules.generic for word in words):
            words = self.words(self.take_edition(whole)[0]) or words
        return Bare(words, volume)

    def take_volume(self, text: str) -> tuple[tuple[int, ...], str]:
        """The numbers of a volume and the text in front of them, or behind where nothing is in front."""
        found = sorted((m for pattern in self.volumes for m in pattern.finditer(text)), key=lambda m: m.start())
        if not found:
            return (), text
        numbers = {m.start("n"): self.number(m["n"]) for m in found}
        front = text[: found[0].start()].strip(" ,.:;-—([")
        return tuple(number for number in numbers.values() if number), front or text[found[-1].end() :]

    def front(self, title: str) -> str:
        """What is printed in front of the number of a volume.

        Example: "The Convict Ship, Volume 1 (of 3)" -> "The Convict Ship"
        """
        found = [m.start() for pattern in self.volumes for m in pattern.finditer(title.lower())]
        return title[: min(found, default=len(title))].rstrip(" ,.:;-–—([")

    def number(self, text: str) -> int:
        """The number that digits, Roman numerals or a word mean.

        Example: "12", "xii", "second" -> 12, 12, 2
        """
        word = text.strip(".")
        if word.isdecimal():
            return int(word)
        return self.numbers.get(word) or roman(word)

    def take_edition(self, text: str) -> tuple[str, bool]:
        """The text without the marks of an edition, and whether there were any."""
        bare = text
        for pattern in self.rules.edition:
            bare = pattern.sub(" ", bare)
        return (bare, bare != text) if WORD.search(bare) else (text, False)

    def words(self, text: str) -> tuple[str, ...]:
        """The words of a text without the article in front."""
        words = WORD.findall(text)
        return tuple(words[1:] if len(words) > 1 and words[0] in self.rules.articles else words)

    def stems(self, words: tuple[str, ...]) -> frozenset[str]:
        """The beginnings of the words that say which work it is, whatever the language."""
        return frozenset(word[:STEM] for word in words if len(word) > 3 and word not in self.rules.generic)


def roman(text: str) -> int:
    """The number that a Roman numeral means; 0 for no numeral.

    Example: "xiv" -> 14
    """
    values = [ROMAN.get(letter, 0) for letter in text]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < after else value for value, after in pairs) if all(values) else 0
