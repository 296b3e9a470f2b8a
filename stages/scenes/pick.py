"""The choice of a book's 1-5 scenes: finalists by text features, then the scenes among them, dense and linked."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stages.scenes.density import density, features
from stages.scenes.halves import Pair, halves
from stages.scenes.scales import Scale, scored
from stages.shared.chance import shuffled
from stages.shared.near import jaccard, shingles
from stages.shared.passages import Passage, byte_lengths, is_well_formed, passages
from stages.shared.records import Paragraph

Measure = Callable[[Sequence[str]], list[int]]
SAMPLE = 40  # paragraphs from which a book's bytes per token are estimated
RIVAL = 5  # passages that a rival lies away, at least


@dataclass(frozen=True)
class Rules:
    """What a scene must be: lengths in tokens of the base, numbers a book, floor of quality, likeness, weights."""

    min_tokens: int
    max_tokens: int
    per_book: int
    finalists: int
    floor: float
    likeness: float
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Candidate:
    """A passage with its features, its scores against its language, and its density."""

    passage: Passage
    features: Mapping[str, float]
    scores: Mapping[str, float]
    density: float
    position: float  # where in the book it begins, 0 to 1


def estimator(paragraphs: Sequence[Paragraph], measure: Measure) -> Measure:
    """A measure that needs no tokenizer: bytes over the bytes per token of some paragraphs chosen by hash.

    Tokenising whole books only to cut them costs more than everything else here; what is picked is counted exactly.
    """
    texts = {str(p.index): p.text for p in paragraphs if p.kind in ("prose", "verse")}
    sample = [texts[index] for index in shuffled(texts, "estimate")[:SAMPLE]]
    rate = sum(byte_lengths(sample)) / max(1, sum(measure(sample)))
    return lambda pieces: [math.ceil(size / rate) for size in byte_lengths(pieces)]


def cut(paragraphs: Sequence[Paragraph], rules: Rules, measure: Measure) -> list[Passage]:
    """All passages of a book of about the length of a scene, well formed or not, in the book's order."""
    return passages(paragraphs, rules.min_tokens, rules.max_tokens, estimator(paragraphs, measure))


def candidates(found: Sequence[Passage], language: str, rules: Rules, scale: Scale) -> list[Candidate]:
    """The well-formed passages of a book with their scores, in the book's order.

    Whole paragraphs stand, and the beginning of a paragraph that is too long for a scene: thought is often written in
    such, and what begins with it is broken no oftener. Its later pieces begin in mid-thought: they stand only where a
    book has not as many others as it may have finalists.
    """
    formed = [passage for passage in found if is_well_formed(passage.text)]
    whole = [passage for passage in formed if passage.part <= 1]
    kept = whole if len(whole) >= rules.finalists else formed
    rows = [features(passage.text, language) for passage in kept]
    last = max((passage.last for passage in found), default=0) or 1
    return [
        Candidate(passage, row, scores, density(scores, rules.weights), round(passage.first / last, 4))
        for passage, row, scores in zip(kept, rows, scored(rows, scale), strict=True)
    ]


def finalists(found: Sequence[Candidate], rules: Rules, measure: Measure) -> list[Candidate]:
    """The candidates that the model is asked about: the densest, spread over the book, of a scene's exact length."""
    apart = 0.5 / rules.finalists
    ranked = sorted(found, key=lambda one: (-one.density, one.passage.first, one.passage.part))
    taken: list[Candidate] = []
    for one in ranked:
        if len(taken) == rules.finalists:
            break
        near = any(abs(one.position - other.position) < apart for other in taken)
        if not near and rules.min_tokens <= measure([one.passage.text])[0] <= rules.max_tokens:
            taken.append(one)
    return taken


def pair_of(one: Passage, found: Sequence[Passage]) -> Pair:
    """A passage in halves, with the first half of another passage at least RIVAL passages away, chosen by hash."""
    order = {passage.place: index for index, passage in enumerate(found)}
    here = order[one.place]
    others = shuffled((name for name, index in order.items() if abs(index - here) >= RIVAL), "rival", one.place)
    first, second = halves(one.text)
    return Pair(first, second, halves(found[order[others[0]]].text)[0] if others else "")


@dataclass(frozen=True)
class Scored:
    """A finalist that the model has read: all its scores, its density with surprisal, and its quality (0 to 1)."""

    candidate: Candidate
    features: Mapping[str, float]
    scores: Mapping[str, float]
    density: float
    quality: float


def judged(some: Sequence[Candidate], bits: Sequence[Mapping[str, float]], rules: Rules, scale: Scale) -> list[Scored]:
    """The finalists with what the model said of them, best first.

    Quality is the weighted mean of all scores, linkage among them: a scene is dense and linked. Where a book has no
    rival to measure linkage against, quality is density.
    """
    found = []
    for one, said, row in zip(some, bits, scored(bits, scale), strict=True):
        scores = {**one.scores, **row}
        dense = density({name: value for name, value in scores.items() if name != "linkage"}, rules.weights)
        quality = density(scores, rules.weights)
        found.append(Scored(one, {**one.features, **said}, scores, dense, quality))
    return sorted(found, key=lambda item: (-item.quality, item.candidate.passage.first, item.candidate.passage.part))


def pick(ranked: Sequence[Scored], rules: Rules) -> tuple[list[Scored], dict[int, str]]:
    """The scenes of a book, best first, and for each finalist that lost (by its rank) the reason.

    The best is always taken; a further one must reach the share `floor` of its quality, lie at least a tenth of the
    book from every scene taken, and share less than `likeness` of its five-word runs with each.
    """
    taken: list[Scored] = []
    lost: dict[int, str] = {}
    for rank, one in enumerate(ranked):
        if reason := why_not(one, taken, rules):
            lost[rank] = reason
        else:
            taken.append(one)
    return taken, lost


def why_not(one: Scored, taken: Sequence[Scored], rules: Rules) -> str:
    """Why a finalist is no scene beside those taken; "" where it is one."""
    if not taken:
        return ""
    if one.quality < rules.floor * taken[0].quality:
        return f"quality {one.quality} is below {rules.floor} of the best"
    for other in taken:
        name = other.candidate.passage.place
        if abs(one.candidate.position - other.candidate.position) < 0.1:
            return f"within a tenth of the book from {name}"
        texts = (one.candidate.passage.text, other.candidate.passage.text)
        if jaccard(*map(shingles, texts)) >= rules.likeness:
            return f"too much like {name}"
    return f"{len(taken)} better ones" if len(taken) == rules.per_book else ""
