"""Seeded choices by hash: adding an item never changes the choice among the others."""

import hashlib
from collections.abc import Iterable


def digest(*parts: object) -> str:
    """Hash `parts`, order and boundaries included, to 64 hex digits (sha256).

    Example: digest("a", "b") != digest("ab")
    """
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    return int(digest(*parts)[:13], 16) / 16**13


def shuffled(items: Iterable[str], *seed: object) -> list[str]:
    """Order distinct `items` by sha256(seed, item): each keeps its place relative to the others."""
    return sorted(items, key=lambda item: (digest(*seed, item), item))
