"""The fractal: a square-root-stratified sample of everything else, every prefix of which is one too."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from stages.bookmap.orbit import is_free
from stages.bookmap.rules import Rules
from stages.bookmap.twins import is_nobody
from stages.bookmap.works import Work
from stages.shared.chance import digest

AUTHOR_HAS_ENOUGH = "its author has enough books"
SAME_WORK = "the same work as a chosen book"


def rank_works(works: Sequence[Work], rules: Rules) -> list[Work]:
    """All works by (rank in the stratum + 0.5) / (weight x sqrt(size of the stratum)), ties by sha256(seed, id).

    In a stratum the marks of the canon come first. A prefix of n works holds about
    n x weight x sqrt(size) / sum(weight x sqrt(size)) of each stratum, so that small languages,
    classes and centuries are not drowned.
    """
    strata: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        strata[work.stratum(rules)].append(work)
    places = []
    for name, stratum in strata.items():
        weight = rules.fractal.unknown_weight if name.endswith("|unknown") else 1.0
        chances = {work.book_id: digest(rules.seed, work.book_id) for work in stratum}
        ordered = sorted(stratum, key=lambda work: (-work.canon, chances[work.book_id]))
        for rank, work in enumerate(ordered):
            places.append(((rank + 0.5) / (weight * math.sqrt(len(stratum))), chances[work.book_id], work))
    return [work for _, _, work in sorted(places, key=lambda place: place[:2])]


def pick_fractal(
    works: Sequence[Work],
    chosen: Collection[str],
    twins: Mapping[str, set[str]],
    rules: Rules,
    fates: dict[int, str] | None = None,
) -> Iterator[Work]:
    """The works in their order while their author has room and no twin is in; why others are passed goes into `fates`.

    Whoever takes n of them takes what everybody takes first who takes more: any size is nested in any larger one.
    `chosen` holds the ids of the orbit, which are not among `works` and whose twins are passed.
    """
    authors: Counter[str] = Counter()
    taken = set(chosen)
    for work in rank_works(works, rules):
        reason = ""
        if not is_free(work, taken, twins):
            reason = SAME_WORK
        elif not is_nobody(work, rules) and authors[work.first.author_key] >= rules.fractal.per_author:
            reason = AUTHOR_HAS_ENOUGH
        if reason:
            if fates is not None:
                fates.update({file.entry.number: reason for file in work.files})
            continue
        taken.add(work.book_id)
        authors[work.first.author_key] += 1
        yield work
