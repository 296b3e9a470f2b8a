"""One run: the models, the material, the filter's gradients and the proof's cells, put together from params."""

from collections.abc import Sequence
from typing import Any

from stages.flashes import crew, pairs, projection
from stages.flashes.filter import Gradients, Measured, candidates, direction, measure
from stages.flashes.material import BASE, Material, read_material
from stages.flashes.pairs import Cells
from stages.flashes.records import COVERAGE, FADED, FLASH, PASSED, Candidate, Judged, Pair
from stages.flashes.settings import Flashes
from stages.shared import adapters, card, continuation, linear, models, plan, prefixes, scoring, trunk
from stages.shared.errors import UserError
from stages.shared.keyed import code_digest
from stages.shared.workers import Workers

LIBRARIES = ["torch", "transformers", "peft", "numpy"]
CODE = [crew, continuation, trunk, plan, card, models, linear, adapters, scoring, prefixes]


class Run:
    """A reading's rung under examination."""

    def __init__(self, params: Flashes, reading: str, language: str, workers: Workers) -> None:
        self.params = params
        self.there: Material = read_material(params, reading, language)
        self.place = crew.Place(BASE.absolute(), self.there.adapter.absolute(), course_of(params, self.there.facts))
        self.base: dict[str, Any] = models.read_facts(BASE)
        self.workers = crew.sized(workers, self.base["parameters"])

    def gradients(self) -> Gradients:
        """The filter's gradients."""
        code = code_digest([crew, projection, trunk, models, linear], LIBRARIES)
        shared = [self.base["fingerprint"], adapters.digests(self.there.adapter), code]
        return Gradients(self.place, shared, self.workers, self.params.seed)

    def measured(self, excerpts: dict[str, Any]) -> Measured:
        """Surprise and alignment of excerpts."""
        gradients = self.gradients()
        return measure(gradients, direction(gradients, self.there.probe_a), excerpts)

    def filtered(self) -> list[Candidate]:
        """Every book past the rung with the filter's scores."""
        wanted = {book.book_id: self.there.excerpts.get(book.book_id) for book in self.there.past}
        excerpts = {name: one for name, one in wanted.items() if one}
        if not excerpts:
            raise UserError(
                f"no book past rung {self.there.facts['rung']} has {self.params.tokens} tokens of scenes; "
                "name a lower flashes.rung, or lower flashes.tokens"
            )
        return candidates(self.params, self.there, self.measured(excerpts))

    def pairs(self, tested: Sequence[str]) -> list[Pair]:
        """The design of the proof."""
        if not tested:
            raise UserError(
                "no book past the rung passed the filter; lower flashes.novelty or flashes.alignment, "
                "or raise flashes.surprise"
            )
        known = self.there.excerpts
        past = [book.book_id for book in self.there.past if book.book_id in known]
        read = [book.book_id for book in self.there.read if book.book_id in known]
        return pairs.design(self.params, tested, self.there.kinds, past, read)

    def cells(self, more: dict[str, Any] | None = None) -> Cells:
        """The proof's cells; `more` are excerpts of books that stand on no shelf."""
        known = pairs.pieces_of(dict(self.there.excerpts) | (more or {}))
        code = code_digest(CODE, LIBRARIES)
        batch = int(self.there.facts["batch"])
        return Cells(self.params, self.place, [code], self.workers, batch, known, self.there.probe_b)


def summary(params: Flashes, there: Material, rows: Sequence[Candidate], judged: Sequence[Judged], least: float) -> Any:
    """metrics/flashes.json of a run."""
    return {
        "run": True,
        "reading": params.reading,
        "rung": there.facts["rung"],
        "books_read": len(there.read),
        "books_past": len(there.past),
        "passed_filter": sum(row.status == PASSED for row in rows),
        "tested": len(judged),
        "pairs": params.pairs,
        "probe_books": len({one.book_id for one in there.probe_b}),
        "passages": len(there.probe_b),
        "flashes": sum(one.status == FLASH for one in judged),
        "faded": sum(one.status == FADED for one in judged),
        "fdr": params.fdr,
        "spreads": params.spreads,
        "least_p": round(0.5**params.pairs, 6),
        "found_80": None if least != least else round(least, 5),  # nan: none is found
        "coverage": COVERAGE,
    }


def course_of(params: Flashes, facts: Any) -> continuation.Course:
    """How the adapter reads on: as it was trained, but for what params say."""
    rate = params.learning_rate or facts["learning_rate"]
    return continuation.Course(continuation.recipe_of(facts, learning_rate=rate, warmup=params.warmup), params.cooldown)
