"""Prefix trees: several token sequences as one, with what they share at their beginnings held once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SHARED = 32  # tokens that sequences must share before a common row pays for its attention mask


@dataclass
class Tree:
    """Nodes of a prefix tree in an order where parents come first; node 0 is the prefix token.

    `paths` gives for each sequence the node that predicts each of its tokens: the prefix predicts the first.
    """

    tokens: list[int]
    parents: list[int] = field(default_factory=lambda: [0])
    depths: list[int] = field(default_factory=lambda: [0])
    paths: dict[tuple[int, ...], list[int]] = field(default_factory=dict)

    @property
    def branches(self) -> bool:
        """Whether it is more than a chain."""
        return len(self.paths) > 1

    def add(self, ids: tuple[int, ...], shared: int, path: Sequence[int]) -> None:
        """Add a sequence whose first `shared` tokens are those along `path`, the path of the sequence before it."""
        nodes = list(path[: shared + 1])  # `shared` tokens have been said behind the node at place `shared`
        for token in ids[len(nodes) - 1 : -1]:
            self.parents.append(nodes[-1])
            self.depths.append(self.depths[nodes[-1]] + 1)
            self.tokens.append(token)
            nodes.append(len(self.tokens) - 1)
        self.paths[ids] = nodes[: len(ids)]

    def sight(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which nodes each node sees, shape (nodes, nodes): itself and those before it on its own path."""
        seen = np.eye(len(self.tokens), dtype=bool)
        for node in range(1, len(self.tokens)):
            seen[node] |= seen[self.parents[node]]
        return seen


def trees(sequences: Sequence[tuple[int, ...]], prefix: int, most: int) -> list[Tree]:
    """Put distinct sequences that share at least SHARED tokens with their neighbour into one tree of `most` nodes."""
    found: list[Tree] = []
    before: tuple[int, ...] = ()
    for ids in sorted(sequences):
        shared = common(before, ids)
        joins = shared >= SHARED and len(found[-1].tokens) + len(ids) - shared <= most
        if not joins:
            found.append(Tree([prefix]))
        found[-1].add(ids, shared if joins else 0, found[-1].paths[before] if joins else [0])
        before = ids
    return found


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences share at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
