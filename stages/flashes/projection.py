"""Random projections of gradients: short vectors that keep inner products.

A gradient on all weights of an adapter has millions of numbers. A count sketch adds each, with a random sign, to one
of `width` places: inner products are kept in expectation, with a variance of at most 2 |x|^2 |y|^2 / width, in time
linear in the numbers (Charikar, Chen, Farach-Colton 2002; Weinberger et al. 2009, ICML, lemma 2). That a training
text's gradient, randomly projected, tells by its cosine with the gradient of held-out text whether it will help there
is the finding of TRAK (Park et al. 2023, ICML) and, for LoRA weights, of LESS (Xia et al. 2024, ICML); LESS projects
Adam's steps, here it is the plain gradient.
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float32]]

WIDTH = 8192  # a cosine's standard error is 0.011


def project(gradients: Mapping[str, Vector], seed: int, width: int = WIDTH) -> Vector:
    """The count sketch of the gradients of named weights, shape (width,); the places of a weight hang on its name."""
    found = np.zeros(width)
    for name, gradient in gradients.items():
        chance = np.random.default_rng([seed, crc32(name.encode())])
        draws = chance.integers(0, 2 * width, gradient.size)
        signed = gradient.ravel() * (1.0 - 2.0 * (draws & 1))
        found += np.bincount(draws >> 1, weights=signed, minlength=width)
    return found.astype(np.float32)


def unit(vector: Vector) -> Vector:
    """A vector at length 1; a zero stays one."""
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
