"""The choice of 1-5 scenes of a book: dense, well formed, spread over the book, no two alike."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stages.scenes.density import density, features, standardize
from stages.shared.chance import shuffled
from stages.shared.near import jaccard, shingles
from stages.shared.passages import Passage, byte_lengths, is_well_formed, passages
from stages.shared.records import Paragraph

Measure = Callable[[Sequence[str]], list[int]]
SAMPLE = 40  # paragraphs from which a book's bytes per token are estimated


@dataclass(frozen=True)
class Candidate:
    """A passage with its standardized features and its density."""

    passage: Passage
    scores: Mapping[str, float]
    density: float
    position: float  # where in the book it begins, 0 to 1


@dataclass(frozen=True)
class Rules:
    """What a scene must be: lengths in tokens of the base, number a book, floor of density, least distance."""

    min_tokens: int
    max_tokens: int
    per_book: int
    floor: float
    likeness: float
    weights: Mapping[str, float]


def estimator(paragraphs: Sequence[Paragraph], measure: Measure) -> Measure:
    """A measure that needs no tokenizer: bytes over the bytes per token of some paragraphs chosen by hash.

    Tokenising whole books only to cut them costs more than everything else here; what is picked is counted exactly.
    """
    texts = {str(p.index): p.text for p in paragraphs if p.kind in ("prose", "verse")}
    sample = [texts[index] for index in shuffled(texts, "estimate")[:SAMPLE]]
    rate = sum(byte_lengths(sample)) / max(1, sum(measure(sample)))
    return lambda pieces: [math.ceil(size / rate) for size in byte_lengths(pieces)]


def candidates(paragraphs: Sequence[Paragraph], language: str, rules: Rules, measure: Measure) -> list[Candidate]:
    """All well-formed passages of a book with their scores against the book's other passages, densest first.

    Scores compare a passage with its own book only, so adding a book moves no scene of another.
    """
    cut = passages(paragraphs, rules.min_tokens, rules.max_tokens, estimator(paragraphs, measure))
    whole = [passage for passage in cut if is_well_formed(passage.text, passage.verse)]
    rows = standardize([features(passage.text, language) for passage in whole])
    last = max((paragraph.index for paragraph in paragraphs), default=0) or 1
    found = [
        Candidate(passage, row, density(row, rules.weights), round(passage.first / last, 4))
        for passage, row in zip(whole, rows, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.density, one.passage.first, one.passage.part))


def pick(ranked: Sequence[Candidate], rules: Rules, measure: Measure) -> tuple[list[Candidate], Candidate | None]:
    """The scenes of a book, densest first, and the best candidate that was not taken.

    Every scene has its length in exact tokens. The densest is always taken; a further one must reach the floor,
    lie at least a tenth of the book from every scene taken, and share less than `likeness` of its five-word runs
    with each.
    """
    taken: list[Candidate] = []
    for one in ranked:
        if len(taken) == rules.per_book or (taken and one.density < rules.floor):
            break
        apart = all(is_apart(one, other, rules) for other in taken)
        if apart and rules.min_tokens <= measure([one.passage.text])[0] <= rules.max_tokens:
            taken.append(one)
    return taken, next((one for one in ranked if one not in taken), None)


def is_apart(one: Candidate, other: Candidate, rules: Rules) -> bool:
    """Whether two candidates are far from each other in the book and in wording."""
    if abs(one.position - other.position) < 0.1:
        return False
    return jaccard(shingles(one.passage.text), shingles(other.passage.text)) < rules.likeness
