"""The proof: the saturated adapter with a candidate against the same adapter with a matched placebo, pair by pair.

In a pair both sides read the same company (books that were read before) in the same places; only the book differs.
The placebo is another one in each pair. Company, places and seed hang on the placebo alone, so a placebo is one cell,
whichever candidates it stands against.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.flashes import crew
from stages.flashes.matching import Kind, most_alike
from stages.flashes.material import Excerpt, Passage, Pieces
from stages.flashes.records import Pair
from stages.flashes.settings import Flashes
from stages.flashes.statistics import Array
from stages.shared.chance import fraction, shuffled
from stages.shared.continuation import continuation_key, steps_of
from stages.shared.errors import UserError
from stages.shared.keyed import key_of
from stages.shared.models import read_facts
from stages.shared.plan import Step
from stages.shared.scorebook import Scorebook
from stages.shared.workers import Workers


def design(
    params: Flashes, tested: Sequence[str], kinds: Mapping[str, Kind], placebos: Sequence[str], read: Sequence[str]
) -> list[Pair]:
    """The pairs of each candidate: placebos in the order of likeness, a different one in each pair."""
    there = [name for name in placebos if name not in tested]
    if len(there) < params.pairs:
        raise UserError(
            f"flashes.pairs is {params.pairs}, and {len(there)} books past the rung are left as placebos; "
            "name a lower flashes.rung, or lower flashes.tested"
        )
    pool = {name: kinds[name] for name in there}
    found = []
    for candidate in tested:
        chosen = most_alike(kinds[candidate], pool, params.pairs, params.seed, "placebo")
        for number, placebo in enumerate(chosen):
            company = shuffled(read, params.seed, "company", placebo)[: params.company]
            rest = shuffled([name for name in there if name != placebo], params.seed, "further", placebo)
            found.append(Pair(candidate, number, placebo, tuple(company), tuple(rest[: params.further])))
    return found


class Cells:
    """Bits of the probe's passages after reading on, by key."""

    def __init__(
        self,
        params: Flashes,
        place: crew.Place,
        shared: Sequence[object],
        workers: Workers,
        batch: int,
        pieces: Mapping[str, Pieces],
        passages: Sequence[Passage],
    ) -> None:
        self.params, self.place, self.shared, self.workers, self.batch = params, place, shared, workers, batch
        self.pieces, self.passages, self.book = pieces, passages, Scorebook("flashes")
        self.facts, self.asked = read_facts(place.base), {one.item: one.ids for one in passages}

    def steps(self, book: str | None, pair: Pair | None, further: bool) -> tuple[Step, ...]:
        """The steps of a cell: book and company in places drawn by the pair's placebo, further books behind."""
        if pair is None:
            return ()
        before = self.texts([*([book] if book else []), *pair.company])
        seed = (self.params.seed, "steps", pair.placebo)
        steps = steps_of(before, self.batch, *seed)
        return steps + steps_of(self.texts(pair.further), self.batch, *seed, "further") if further else steps

    def texts(self, books: Sequence[str]) -> dict[str, Sequence[int]]:
        """The pieces of some books, named by their places: the same names, and so the same order, on both sides."""
        return {f"{slot}-{at}": ids for slot, book in enumerate(books) for at, ids in enumerate(self.pieces[book])}

    def score(self, wanted: Sequence[tuple[str | None, Pair | None]], further: bool = False) -> list[Array]:
        """Bits of every passage, shape (items,), of each cell wanted: a book in a pair; (None, None) reads nothing."""
        keys, jobs = [], {}
        for book, pair in wanted:
            steps, seed = self.steps(book, pair, further), seed_of(pair)
            key = key_of(
                continuation_key(self.facts, self.place.adapter, steps, self.place.course, seed),
                {name: list(ids) for name, ids in self.asked.items()}, self.shared,
            )  # fmt: skip
            keys.append(key)
            jobs[key] = crew.Cell(self.place, steps, seed, self.asked)
        known = self.book.get(jobs)
        left = {key: job for key, job in jobs.items() if key not in known}
        folders = (self.book.path.parent, self.place.base, self.place.adapter)
        for key, bits in crew.run_jobs(crew.score, left, self.workers, "flashes: proof", folders):
            self.book.put({key: bits})
            known[key] = bits
        return [np.array([known[key][name] for name in self.asked]) for key in keys]

    def saved(self, pairs: Sequence[Pair], further: bool = False) -> tuple[dict[str, Array], dict[str, Array]]:
        """Bits that each candidate saves over its placebos, and those of its placebos, by candidate: (pairs, items)."""
        asked: list[tuple[str | None, Pair | None]] = [(pair.candidate, pair) for pair in pairs]
        bits = self.score([*asked, *((pair.placebo, pair) for pair in pairs)], further)
        found: dict[str, list[Array]] = {}
        placebos: dict[str, list[Array]] = {}
        for pair, ours, theirs in zip(pairs, bits[: len(pairs)], bits[len(pairs) :], strict=True):
            found.setdefault(pair.candidate, []).append(theirs - ours)
            placebos.setdefault(pair.candidate, []).append(theirs)
        return {name: np.stack(rows) for name, rows in found.items()}, {
            name: np.stack(rows) for name, rows in placebos.items()
        }


def seed_of(pair: Pair | None) -> int:
    """The seed of dropout on both sides of a pair."""
    return int(fraction(pair.placebo) * 2**31) if pair else 0


def pieces_of(excerpts: Mapping[str, Excerpt]) -> dict[str, Pieces]:
    """The pieces of each book."""
    return {name: one.pieces for name, one in excerpts.items()}


def by_component(saved: Array, passages: Sequence[Passage]) -> Array:
    """Bits per byte saved on each book of the probe, and last on all of them, each book counting once.

    Shapes: (pairs, items) -> (pairs, books + 1).
    """
    books = sorted({one.book_id for one in passages})
    columns = []
    for book in books:
        inside = np.array([one.book_id == book for one in passages])
        columns.append(saved[:, inside].sum(axis=1) / sum(one.bytes for one in passages if one.book_id == book))
    return np.column_stack([*columns, np.mean(columns, axis=0)])
