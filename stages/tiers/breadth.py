"""Breadth: as many distinct tokens out of half or a quarter of the books. Do more books beat more pages of the same?"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.shared.passages import Passage
from stages.shared.scenefile import Scene
from stages.tiers.arms import Measure, Text, random_passages, scene_texts, shorten

SHARES = {"half_books": 2, "quarter_books": 4}  # arm -> books of the rung for each book that it reads
LEAST = 16  # tokens; no text is cut shorter: what a book lacks below this, the next book reads
EQUAL = 0.02  # share of the real arm's tokens by which an arm of equal tokens may differ


def books_read(arm: str, rung: int) -> int:
    """How many books an arm reads at a rung, at least one.

    Example: books_read("half_books", 45) -> 22; books_read("real", 45) -> 45
    """
    return max(1, rung // SHARES.get(arm, 1))


def parts(sizes: Sequence[int], rungs: Sequence[int], arm: str) -> list[int]:
    """How many tokens each book that an arm reads gives, so that it has the real arm's total at every rung.

    `sizes`: tokens of each book in the real arm, in their order. What the real arm reads between two rungs is
    spread over the books that the arm reads between them, in proportion to their own sizes: about 2 or 4 times
    those. So a book reads the same texts at every rung. Of two rungs with the same books the larger one decides.

    Example: parts([100, 50, 150, 60], [4], "half_books") -> [240, 120]
    """
    ends = {books_read(arm, rung): rung for rung in sorted(rungs)}
    found: list[int] = []
    for read, rung in ends.items():
        wanted, own = sum(sizes[:rung]) - sum(found), sizes[len(found) : read]
        edges = [round(wanted * reached / sum(own)) for reached in itertools.accumulate(own, initial=0)]
        found += [after - before for before, after in itertools.pairwise(edges)]
    return found


@dataclass(frozen=True)
class Supply:
    """What the books have to read, and how it is measured."""

    scenes: Mapping[str, Sequence[Scene]]  # the accepted scenes of each book, best first
    real: Mapping[str, Sequence[Text]]  # what the real arm reads of each book
    forms: Sequence[str]
    texts: Path  # the folder of the books' paragraphs
    limits: tuple[int, int]  # length of a random passage
    seed: int
    measure: Measure
    is_probe: Callable[[str], object]  # whether a text repeats an item of the probe

    def candidates(self, book_id: str) -> Iterator[Text]:
        """The texts of a book: the real arm's, its other accepted scenes, then random passages beside all scenes.

        Random passages are read as they stand, whatever the forms of the scenes. What repeats the probe is left out.
        """
        first = self.real[book_id]
        scenes = scene_texts(self.scenes[book_id], self.forms, self.measure)
        others = (one for one in scenes if one not in first and not self.is_probe(one.text))
        return itertools.chain(first, others, self.passages_beside(self.scenes[book_id]))

    def passages(self, book_id: str) -> Iterator[Passage]:
        """The random passages of a book, those left out that repeat the probe."""
        found = random_passages(book_id, self.texts, self.limits, self.seed, self.measure)
        return (one for one in found if not self.is_probe(one.text))

    def passages_beside(self, scenes: Sequence[Scene]) -> Iterator[Text]:
        """The random passages of a book that share no paragraph with a scene of it."""
        book = scenes[0]
        taken = {index for scene in scenes for index in range(scene.first, scene.last + 1)}
        facts = (book.tier, book.category, book.language)
        for one in self.passages(book.book_id):
            if taken.isdisjoint(range(one.first, one.last + 1)):
                name, tokens = f"{book.book_id}-{one.place}:random_passages", self.measure([one.text])[0]
                yield Text(book.book_id, name, "random_passages", *facts, tokens, one.text)


def unread(candidates: Iterable[Text], read: set[str]) -> Iterator[Text]:
    """The candidates whose words are not in `read` yet; those handed out are added to it."""
    for one in candidates:
        words = " ".join(one.text.split())
        if words not in read:
            read.add(words)
            yield one


def fill(candidates: Iterator[Text], target: int, measure: Measure) -> list[Text]:
    """The first candidates, the last one shortened, until fewer than LEAST of `target` tokens are missing.

    A text that cannot be shortened to a length between LEAST and what is missing is left out.
    """
    taken: list[Text] = []
    missing = target
    while missing >= LEAST and (one := next(candidates, None)):
        if one.tokens > missing:
            one = cut(one, missing, measure)
            if not LEAST <= one.tokens <= missing:
                continue
        taken.append(one)
        missing -= one.tokens
    return taken


def cut(one: Text, tokens: int, measure: Measure) -> Text:
    """The beginning of a text within `tokens`, under a name that says so."""
    text = shorten(one.text, tokens, measure)
    return dataclasses.replace(one, text_id=f"{one.text_id}:cut", text=text, tokens=measure([text])[0])


@dataclass(frozen=True)
class Breadth:
    """What one reading of an arm of this module reads, and what is to be told of it."""

    texts: list[Text]
    short: list[str]  # the books that have too little text for their part
    told: list[str]


def read_breadth(supply: Supply, ids: Sequence[str], rungs: Sequence[int], arm: str) -> Breadth:
    """The texts of the first half or quarter of the books `ids`, with the real arm's tokens at each of `rungs`."""
    sizes = [sum(one.tokens for one in supply.real[book_id]) for book_id in ids]
    texts: list[Text] = []
    short: list[str] = []
    read: set[str] = set()
    missing = 0
    for book_id, part in zip(ids, parts(sizes, rungs, arm), strict=False):  # the arm reads the first books only
        taken = fill(unread(supply.candidates(book_id), read), part + missing, supply.measure)
        missing += part - sum(one.tokens for one in taken)
        texts += taken
        if missing >= LEAST:
            short.append(book_id)
            missing = 0
    return Breadth(texts, short, [*tell_short(short, rungs, arm), *tell_unequal(texts, ids, sizes, rungs, arm)])


def tell_short(short: Sequence[str], rungs: Sequence[int], arm: str) -> Iterator[str]:
    """Count the books that have too little text, three of them by name."""
    if short:
        names = ", ".join([*short[:3], *(["..."] if len(short) > 3 else [])])
        yield f"has {len(short)} of {books_read(arm, max(rungs))} books with too little text for their part: {names}"


def tell_unequal(
    texts: Sequence[Text], ids: Sequence[str], sizes: Sequence[int], rungs: Sequence[int], arm: str
) -> Iterator[str]:
    """Both numbers of tokens at each rung where the arm's differ from the real arm's."""
    for rung in rungs:
        books = set(ids[: books_read(arm, rung)])
        ours, theirs = sum(one.tokens for one in texts if one.book_id in books), sum(sizes[:rung])
        if abs(ours - theirs) > EQUAL * theirs:
            yield f"reads {ours} tokens of {len(books)} books at rung {rung}, the real arm {theirs}: not equal"
