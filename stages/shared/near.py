"""Near-duplicates of passages by MinHash (datasketch); whole books are compared by their sketches."""

import re
from collections.abc import Iterable, Mapping

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
WORD = re.compile(r"\w+")


def shingles(text: str, size: int = 5) -> set[str]:
    """The distinct runs of `size` words of a text; of `size` characters where a script does not space its words."""
    words = WORD.findall(text.casefold())
    if len(words) < size or max(map(len, words)) > 40:
        squeezed = "".join(words)
        return {squeezed[i : i + size] for i in range(max(1, len(squeezed) - size + 1))}
    return {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}


def signature(features: Iterable[str]) -> MinHash:
    """The MinHash of a set of features (128 permutations, standard error of the similarity about 0.09)."""
    minhash = MinHash(num_perm=PERMUTATIONS, seed=1)
    minhash.update_batch([feature.encode("utf-8", "surrogatepass") for feature in sorted(features)])
    return minhash


def duplicates(features: Mapping[str, set[str]], threshold: float) -> dict[str, str]:
    """Which items repeat an earlier one (in the mapping's order) with Jaccard similarity of at least `threshold`.

    Returns name -> the earlier name. Candidates come from MinHash LSH; each is confirmed on the sets themselves.
    """
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    found: dict[str, str] = {}
    for name, items in features.items():
        if not items:
            continue
        minhash = signature(items)
        twins = sorted(other for other in index.query(minhash) if jaccard(items, features[other]) >= threshold)
        if twins:
            found[name] = twins[0]
        else:
            index.insert(name, minhash)
    return found


def jaccard(a: set[str], b: set[str]) -> float:
    """Share of common items among all items of two sets."""
    return len(a & b) / len(a | b) if a or b else 0.0
