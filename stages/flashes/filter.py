"""The filter: novelty, surprise and alignment of every book past the rung, at a cost linear in books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from datasketch import MinHash, MinHashLSHForest

from stages.flashes import crew
from stages.flashes.matching import Kind, standardised
from stages.flashes.material import Excerpt, Material, Passage
from stages.flashes.projection import Vector, unit
from stages.flashes.records import PASSED, Candidate
from stages.flashes.settings import Flashes
from stages.shared.keyed import Keyed, key_of
from stages.shared.near import PERMUTATIONS, shingles, signature
from stages.shared.workers import Workers

RUN = 2  # words of a run by which texts are likened: two texts on one matter share some, two editions most
NEAREST = 10  # read books among which the most alike is looked for


@dataclass(frozen=True)
class Measured:
    """What the model says of some excerpts."""

    surprise: dict[str, float]
    alignment: dict[str, float]


class Gradients:
    """Gradients by key: what one excerpt gives hangs on it, the adapter and the code, on no other book."""

    def __init__(self, place: crew.Place, shared: Sequence[object], workers: Workers, seed: int) -> None:
        self.place, self.shared, self.workers, self.seed = place, shared, workers, seed
        self.store = Keyed("gradients")

    def read(self, pieces: Mapping[str, tuple[tuple[int, ...], ...]]) -> dict[str, tuple[float, Vector]]:
        """Bits and projected gradient of each text, by its name; what the store lacks is measured now."""
        keys = {name: key_of(self.shared, self.seed, [list(one) for one in some]) for name, some in pieces.items()}
        jobs = {
            keys[name]: crew.Gradient(self.place, some, self.seed)
            for name, some in pieces.items()
            if self.store.get(keys[name]) is None
        }
        folders = (self.store.root, self.place.base, self.place.adapter)
        for key, (bits, vector) in crew.run_jobs(crew.measure, jobs, self.workers, "flashes: filter", folders):
            self.store.put(key, partial(crew.write_vector, bits=bits, vector=vector))
        return {name: crew.read_vector(self.store.path(key)) for name, key in keys.items()}


def direction(gradients: Gradients, passages: Sequence[Passage]) -> Vector:
    """The mean of the unit gradients of the probe's books: each book counts once, however long its passages are."""
    books: dict[str, list[tuple[int, ...]]] = {}
    for passage in passages:
        books.setdefault(passage.book_id, []).append(passage.ids)
    found = gradients.read({name: tuple(ids) for name, ids in books.items()})
    mean: Vector = np.mean([unit(vector) for _, vector in found.values()], axis=0)
    return mean


def measure(gradients: Gradients, towards: Vector, excerpts: Mapping[str, Excerpt]) -> Measured:
    """Surprise and alignment of excerpts, rounded, so that no ranking hangs on a last digit."""
    found = gradients.read({name: one.pieces for name, one in excerpts.items()})
    surprise = {name: round(bits / excerpts[name].bytes, 3) for name, (bits, _) in found.items()}
    alignment = {name: round(float(unit(vector) @ towards), 4) for name, (_, vector) in found.items()}
    return Measured(surprise, alignment)


def novelty(texts: Mapping[str, str], read: Mapping[str, str]) -> dict[str, float]:
    """1 minus the Jaccard similarity of each text's two-word runs with those of the most alike text that was read.

    Both are MinHash signatures; the nearest are found in an LSH forest (Bawa, Condie, Ganesan 2005), so a text is not
    compared with all that was read.
    """
    forest, known = MinHashLSHForest(num_perm=PERMUTATIONS), {name: signed(text) for name, text in read.items()}
    for name, signature_of in sorted(known.items()):
        forest.add(name, signature_of)
    forest.index()
    found = {}
    for name, text in texts.items():
        mine = signed(text)
        near = [mine.jaccard(known[other]) for other in forest.query(mine, NEAREST)]
        found[name] = round(1.0 - max(near, default=0.0), 3)
    return found


def signed(text: str) -> MinHash:
    """The signature of a text's runs of words."""
    return signature(shingles(text, RUN))


def refusal(params: Flashes, novel: float, surprising: float, aligned: float) -> str:
    """Why a book is no candidate, or that it passed; the bounds are set before anything is proved.

    What is far more surprising than any matched book is a bad scan, a table, a script that nobody has read.
    """
    if novel < params.novelty:
        return f"novelty {novel:.2f} is below {params.novelty:g}"
    if surprising > params.surprise:
        return f"surprise {surprising:.1f} is above {params.surprise:g}"
    if aligned < params.alignment:
        return f"alignment {aligned:.1f} is below {params.alignment:g}"
    return PASSED


def sift(
    params: Flashes,
    found: Measured,
    novel: Mapping[str, float],
    kinds: Mapping[str, Kind],
    among: Sequence[str],
) -> dict[str, tuple[str, float, float, float]]:
    """Status, both standardised scores and their sum of each text; matched books are those of `among`."""
    surprise, alignment = (standardised(values, kinds, among) for values in (found.surprise, found.alignment))
    return {
        name: (
            refusal(params, novel[name], surprise[name], alignment[name]),
            surprise[name],
            alignment[name],
            round(surprise[name] + alignment[name], 3),
        )
        for name in found.surprise
    }


def candidates(params: Flashes, there: Material, found: Measured) -> list[Candidate]:
    """Every book past the rung: those that passed first, the highest score in front; then all others by id."""
    ids = [book.book_id for book in there.past if book.book_id in there.excerpts]
    read = {book.book_id: there.excerpts[book.book_id].text for book in there.read if book.book_id in there.excerpts}
    novel = novelty({name: there.excerpts[name].text for name in ids}, read)
    sifted = sift(params, found, novel, there.kinds, ids)
    rows = []
    for book in there.past:
        facts = (book.book_id, book.title, book.author, book.language, book.tier, book.category)
        if book.book_id not in sifted:
            rows.append(Candidate(*facts, status=f"its scenes have fewer than {params.tokens} tokens"))
            continue
        name, (status, surprise, alignment, score) = book.book_id, sifted[book.book_id]
        rows.append(
            Candidate(
                *facts, status, novel[name], found.surprise[name], surprise, found.alignment[name], alignment, score
            )
        )
    return sorted(rows, key=lambda row: (row.status != PASSED, -(row.score or 0.0), row.book_id))
