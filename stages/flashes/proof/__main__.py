"""Prove the stage on planted truths and planted junk: precision and recall of filter and proof together.

Truths: ten books written for the purpose, whose second volumes join half B of the probe, and ten real texts whose
sister volume is in half B (other passages of the same books where the shelf has no sister). Junk: bad scans, tables,
shuffled words, another script, five of each. Thresholds are those of params.yaml; of each book of the probe
one passage is scored. A few ordinary books past the rung are tested beside them: they count neither as truths nor as
junk.

Reads   what the stage flashes reads, data/extract/, data/tiers/accounts.csv
Writes  metrics/flashes_proof.json, metrics/flashes_proof.csv
Run     python -m stages.flashes.proof
        python -m stages.flashes.proof --every 5    a quick look at a few of them, writing nothing
        python -m stages.flashes.proof --lasting    what is found must last after further books too: twice the time
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.flashes.filter import novelty, sift
from stages.flashes.judgement import judge
from stages.flashes.matching import Kind
from stages.flashes.material import BASE, Excerpt, Passage, cut
from stages.flashes.pairs import design
from stages.flashes.proof.planted import Planted, plant
from stages.flashes.proof.written import works
from stages.flashes.records import FLASH, PASSED, Judged
from stages.flashes.run import Run
from stages.flashes.settings import Flashes
from stages.shared.chance import shuffled
from stages.shared.errors import UserError, run
from stages.shared.models import load_tokenizer
from stages.shared.params import load_params, read_params
from stages.shared.records import write_csv, write_json
from stages.shared.workers import Workers

METRICS = Path("metrics")
GOALS = {"precision": 0.9, "recall": 0.8}


@dataclass(frozen=True)
class Fate:
    """What became of one planted text, or of an ordinary book: `status` is the filter's reason or the proof's word."""

    name: str
    kind: str
    truth: bool
    status: str
    novelty: float
    surprise_z: float
    alignment_z: float
    p: float | None
    q: float | None
    about: str
    moved: str
    moved_effect: float | None


def share(hits: int, of: int) -> dict[str, Any]:
    """A share with its exact 95 % interval (Clopper and Pearson 1934); None where there is nothing to count."""
    from scipy.stats import binomtest

    if not of:
        return {"share": None, "low": None, "high": None, "hits": hits, "of": of}
    bounds = binomtest(hits, of).proportion_ci(0.95, method="exact")
    return {
        "share": round(hits / of, 3),
        "low": round(bounds.low, 3),
        "high": round(bounds.high, 3),
        "hits": hits,
        "of": of,
    }


def figures(fates: Sequence[Fate]) -> dict[str, Any]:
    """Precision and recall, found by kind, and how many ordinary books were held for flashes."""
    planted = [one for one in fates if one.kind != "ordinary"]
    found = [one for one in planted if one.status == FLASH]
    truths = [one for one in planted if one.truth]
    kinds = dict.fromkeys(one.kind for one in fates)
    right = [one for one in found if one.truth and one.moved == one.about]
    return {
        "truths": len(truths),
        "junk": len(planted) - len(truths),
        "precision": share(sum(one.truth for one in found), len(found)),
        "recall": share(sum(one.truth for one in found), len(truths)),
        "moved_what_it_should": share(len(right), sum(one.truth for one in found)),
        "passed_filter": {kind: share(*passed(fates, kind)) for kind in kinds},
        "found": {
            kind: share(sum(one.status == FLASH for one in of_kind(fates, kind)), len(of_kind(fates, kind)))
            for kind in kinds
        },
        "goals": GOALS,
    }


def of_kind(fates: Sequence[Fate], kind: str) -> list[Fate]:
    """The fates of one kind."""
    return [one for one in fates if one.kind == kind]


def passed(fates: Sequence[Fate], kind: str) -> tuple[int, int]:
    """How many of a kind the filter let through, and how many there are."""
    some = of_kind(fates, kind)
    return sum(one.p is not None for one in some), len(some)


class Proof:
    """A run with planted texts among its candidates, and the written second volumes in its probe."""

    def __init__(self, params: Flashes, reading: str, ordinary: int, every: int = 1, lasting: bool = False) -> None:
        self.lasting = lasting
        self.params, self.language = params, read_params()["probe"]["language"]
        self.run = Run(params, reading, self.language, load_params(Workers, "workers"))
        self.tokenizer = load_tokenizer(BASE)
        there = self.run.there
        self.run.there = replace(there, probe_b=[*there.probe_b, *self.second_volumes()])
        self.planted = plant(there, params.seed)[::every] + self.ordinary(ordinary)
        self.excerpts = {one.name: self.excerpt(one) for one in self.planted}

    def second_volumes(self) -> list[Passage]:
        """The passages that the written truths should help to foretell, each a book of the probe."""
        return [
            Passage(f"{one.name}-second", one.name, len(one.second.encode()), self.encode(one.second))
            for one in works()
        ]

    def encode(self, text: str) -> tuple[int, ...]:
        """The tokens of a text."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def ordinary(self, count: int) -> list[Planted]:
        """Books past the rung that nobody chose."""
        there = self.run.there
        past = [one.book_id for one in there.past if one.book_id in there.excerpts and one.language == self.language]
        chosen = shuffled(past, self.params.seed, "ordinary")[:count]
        return [Planted(name, "ordinary", False, "", there.excerpts[name].text) for name in chosen]

    def excerpt(self, one: Planted) -> Excerpt:
        """What is read of a planted text."""
        found = cut(one.name, [one.text], self.tokenizer, self.params.tokens, self.params.piece)
        if one.kind == "ordinary":
            found = self.run.there.excerpts[one.name]
        if not found:
            raise UserError(f"planted text {one.name} has fewer than {self.params.tokens} tokens; lower flashes.tokens")
        return found

    def kinds(self) -> dict[str, Kind]:
        """What planted texts are matched by: the language, and the book they are about."""
        there = self.run.there
        nothing = Kind(self.language, "", "", None)
        return {**there.kinds, **{one.name: there.kinds.get(one.name, nothing) for one in self.planted}}

    def fates(self) -> list[Fate]:
        """Filter and prove all of them."""
        there, kinds = self.run.there, self.kinds()
        past = [one.book_id for one in there.past if one.book_id in there.excerpts]
        among = {name: there.excerpts[name] for name in past}
        read = {one.book_id: there.excerpts[one.book_id] for one in there.read if one.book_id in there.excerpts}
        novel = novelty(texts_of(self.excerpts), texts_of(read))
        sifted = sift(
            self.params,
            self.run.measured({**among, **self.excerpts}),
            {**dict.fromkeys(past, 1.0), **novel},
            kinds,
            past,
        )
        tested = [one.name for one in self.planted if sifted[one.name][0] == PASSED]
        pairs = design(self.params, tested, kinds, past, list(read))
        judged = {one.name: one for one in judge(self.params, self.run.cells(self.excerpts), pairs, self.lasting)[0]}
        return [fate(one, sifted[one.name], novel[one.name], judged.get(one.name)) for one in self.planted]


def texts_of(excerpts: Mapping[str, Excerpt]) -> dict[str, str]:
    """The text of each excerpt."""
    return {name: one.text for name, one in excerpts.items()}


def fate(one: Planted, sifted: tuple[str, float, float, float], novel: float, judged: Judged | None) -> Fate:
    """The fate of one planted text."""
    facts = (one.name, one.kind, one.truth, judged.status if judged else sifted[0], novel, sifted[1], sifted[2])
    if not judged:
        return Fate(*facts, None, None, one.about, "", None)
    return Fate(
        *facts, round(judged.p, 5), round(judged.q, 5), one.about, judged.moved, round(judged.moved_effect[0], 5)
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.flashes.proof", description="Prove the stage flashes.")
    parser.add_argument("--reading", default="tiered-real-d0-i0", help="whose rung is examined")
    parser.add_argument("--ordinary", type=int, default=4, help="ordinary books past the rung that are tested too")
    parser.add_argument(
        "--every", type=int, default=1, help="a quick look: every so many-th planted text; writes nothing"
    )
    parser.add_argument("--passages", type=int, default=1, help="of each book of the probe; one, for time")
    parser.add_argument("--lasting", action="store_true", help="what is found must last after further books")
    asked = parser.parse_args()
    params = load_params(Flashes, "flashes").model_copy(update={"passages": asked.passages})
    fates = Proof(params, asked.reading, asked.ordinary, asked.every, asked.lasting).fates()
    told = figures(fates) | {
        "reading": asked.reading,
        "lasting": asked.lasting,
        "params": params.model_dump(exclude={"reading"}),
    }
    if asked.every == 1:
        METRICS.mkdir(exist_ok=True)
        write_csv(METRICS / "flashes_proof.csv", Fate, fates)
        write_json(METRICS / "flashes_proof.json", told)
    for one in fates if asked.every > 1 else []:
        print(one)
    for name in GOALS:
        print(f"{name:10} {told[name]['share']} [{told[name]['low']}, {told[name]['high']}], goal {GOALS[name]}")
    for kind, one in told["found"].items():
        print(f"{kind:10} {one['hits']} of {one['of']} found, {told['passed_filter'][kind]['hits']} passed the filter")


if __name__ == "__main__":
    run(main)
