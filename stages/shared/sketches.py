"""Sketches of whole texts: a few of the letter runs of a book, by which it is known again in another edition.

A sketch keeps the runs whose hash is low (MinHash with a fixed share in place of a fixed number of them: Broder 1997,
Irber et al. 2022), so that of two texts of any length the share of one that stands in the other can be told.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

Sketch = NDArray[np.uint64]  # sorted, distinct; the high half of a run says whether it is kept
Letters = NDArray[np.uint16]
Hashes = NDArray[np.uint32]

PLANE = 1 << 16  # code points of the basic plane; rarer letters are left out
CJK = 0x2E80  # letters from here on say as much as half a word each
RUN, CJK_RUN = 24, 12  # letters of a run
FEW, SPARSE = 256, 1024  # runs kept of a short text; of a long one, one in SPARSE
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, without a pattern
FILE = "sketches.npz"  # among the texts
SAME_TEXT = 0.45  # share of a text from which it is a duplicate of those that hold it
LEAST = 3  # runs in common; fewer are a quotation or chance
OWNERS = 20  # books remembered for one run: what stands in more of them tells none of them


@dataclass(frozen=True)
class Repeat:
    """The share of a text that stands in others, those first that hold the most of it."""

    others: tuple[str, ...]
    share: float

    def __str__(self) -> str:
        more = f" and {len(self.others) - 1} more" if len(self.others) > 1 else ""
        return f"duplicate of {self.others[0]}{more} ({self.share:.0%} of its text)"


def sketch(text: str) -> Sketch:
    """The sketch of a text: 64-bit hashes of some of its letter runs, without case, accents, spaces and punctuation."""
    codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    letters = plain_letters().take(codes)
    letters = np.compress(letters != 0, letters)  # several times faster than letters[letters != 0]
    places = max(0, len(letters) - CJK_RUN + 1)
    letters = np.append(letters, np.zeros(RUN, np.uint16))
    limit = np.uint32(PLANE * PLANE // min(SPARSE, max(1, places // FEW)) - 1)
    eight, sixteen = hashes_of(letters)
    found = [runs_at(letters, sixteen[:places], limit, RUN)]
    if letters.max() >= CJK:
        found.append(runs_at(letters, eight[:places], limit, CJK_RUN))
    runs: Sketch = np.unique(np.concatenate(found))
    return runs


def hashes_of(letters: Letters) -> tuple[Hashes, Hashes]:
    """32-bit hashes of each run of 8 and of each run of 16 letters, joined from those of their halves."""
    eight = joined(joined(joined(letters * np.uint32(0x9E3779B1), 1), 2), 4)
    sixteen = joined(eight, 8)
    return eight * np.uint32(0xC2B2AE35), sixteen * np.uint32(0xC2B2AE35)


def joined(halves: Hashes, reach: int) -> Hashes:
    """The hash of each run of letters whose halves, `reach` letters long, have these hashes."""
    hashes = halves[:-reach] * np.uint32(0x85EBCA6B + 2 * reach)
    hashes += halves[reach:]
    hashes ^= hashes >> np.uint32(15)
    return hashes


def runs_at(letters: Letters, draws: Hashes, limit: np.uint32, length: int) -> Sketch:
    """The hashes of the runs of `length` letters with a low draw: the draw above, a hash of all its letters below.

    A run is as long as its first letter asks for.
    """
    places = np.flatnonzero(draws < limit)
    places = places[(letters[places] >= CJK) == (length == CJK_RUN)]
    weights = np.multiply.accumulate(np.full(length, BASE))
    runs = letters[places[:, None] + np.arange(length)].astype(np.uint64)
    names = (runs * weights).sum(1, dtype=np.uint64) >> np.uint64(32)
    found: Sketch = draws[places].astype(np.uint64) << np.uint64(32) | names
    return found


@lru_cache(maxsize=1)
def plain_letters() -> Letters:
    """For each character of the basic plane its letter without case and accents; 0 for what is no letter."""
    return np.array([plain_letter(chr(code)) for code in range(PLANE)], np.uint16)


def plain_letter(character: str) -> int:
    """A letter without case and accents; 0 for what is no letter.

    Example: "É" -> ord("e")
    """
    if not character.isalpha():
        return 0
    first, *marks = [*normalize("NFD", character.lower())]
    return ord(first if all(map(combining, marks)) and ord(first) < PLANE else character)


def packed(runs: Sketch) -> str:
    """A sketch as text, for JSON."""
    return base64.b64encode(runs.astype("<u8").tobytes()).decode("ascii")


def unpacked(text: str) -> Sketch:
    """The sketch that `packed` wrote."""
    return np.frombuffer(base64.b64decode(text), "<u8").astype(np.uint64)


def write_sketches(path: Path, sketches: Mapping[str, Sketch]) -> None:
    """Write the sketches of books, by name, as arrays of NumPy: the names, the length and the runs of each."""
    lengths = np.array([len(runs) for runs in sketches.values()], np.int64)
    runs = np.concatenate([*sketches.values(), np.empty(0, np.uint64)])
    np.savez(path, books=np.array([*sketches], np.str_), lengths=lengths, runs=runs)


def read_sketches(path: Path) -> dict[str, Sketch]:
    """Read what write_sketches wrote."""
    with np.load(path) as arrays:
        pieces = np.split(arrays["runs"], np.cumsum(arrays["lengths"])[:-1])
        return dict(zip(arrays["books"].tolist(), pieces, strict=False))


def share_of(one: Sketch, other: Sketch) -> float:
    """The share of a text that stands in another, as far as both sketches reach; 0 where it is a quotation's worth."""
    reach = one[: np.searchsorted(one, min(last(one), last(other)), "right")]
    common = np.count_nonzero(among(reach, other))
    return float(common / len(reach)) if common >= LEAST else 0.0


def last(runs: Sketch) -> int:
    """The highest hash of a sketch, up to which it holds all that it would hold of any text."""
    return int(runs[-1]) if len(runs) else 0


def among(runs: Sketch, others: Sketch) -> NDArray[np.bool_]:
    """Which runs are among the sorted others."""
    if not len(others):
        return np.zeros(len(runs), np.bool_)
    places = np.minimum(np.searchsorted(others, runs), len(others) - 1)
    found: NDArray[np.bool_] = others[places] == runs
    return found


def repeats(sketches: Mapping[str, Sketch], least: float) -> dict[str, Repeat]:
    """The texts of which at least the share `least` stands in earlier ones (in the mapping's order).

    What repeats others is not held against later texts. Time and memory are linear in the runs of all sketches.
    """
    common = shared_runs(sketches.values())
    owners: dict[int, list[str]] = {}
    found: dict[str, Repeat] = {}
    for name, runs in sketches.items():
        mine = runs[among(runs, common)].tolist()
        repeat = repeat_of(runs, [owners.get(run, []) for run in mine], mine, sketches)
        if repeat and repeat.share >= least:
            found[name] = repeat
            continue
        for run in mine:
            if len(known := owners.setdefault(run, [])) < OWNERS:
                known.append(name)
    return found


def shared_runs(sketches: Iterable[Sketch]) -> Sketch:
    """The runs that two sketches or more hold, sorted: nearly all runs stand in one book alone."""
    runs = np.sort(np.concatenate([*sketches, np.empty(0, np.uint64)]))
    return np.unique(runs[1:][runs[1:] == runs[:-1]])


def repeat_of(
    runs: Sketch, owners: Sequence[Sequence[str]], mine: Sequence[int], sketches: Mapping[str, Sketch]
) -> Repeat | None:
    """What of a text stands in others, given the `owners` of those of its runs, `mine`, that any other text holds."""
    counts = Counter(name for names in owners for name in names)
    others = {name for name, count in counts.items() if count >= LEAST}
    if not others:
        return None
    limit = min(last(runs), *(last(sketches[name]) for name in others))
    told = sum(run <= limit and not others.isdisjoint(names) for run, names in zip(mine, owners, strict=True))
    ranked = tuple(sorted(others, key=lambda name: (-counts[name], name)))
    return Repeat(ranked, told / int(np.searchsorted(runs, limit, "right"))) if told >= LEAST else None


def overlaps(sketches: Mapping[str, Sketch], held: Mapping[str, Sketch], least: float) -> dict[str, str]:
    """The texts that share at least `least` of themselves, or of a held text, with it: text -> held text."""
    every = np.unique(np.concatenate([*held.values(), np.empty(0, np.uint64)]))
    near = {name: runs for name, runs in sketches.items() if np.count_nonzero(among(runs, every)) >= LEAST}
    found = {}
    for name, runs in near.items():
        shares = {other: max(share_of(runs, theirs), share_of(theirs, runs)) for other, theirs in held.items()}
        most = min(shares, key=lambda other: (-shares[other], other))
        if shares[most] >= least:
            found[name] = most
    return found
