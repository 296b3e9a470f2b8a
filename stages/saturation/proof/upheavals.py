"""Synthetic trajectories with and without an overturn, in the files that the stage evaluate writes.

Kinds: `none`, no overturn; `order`, the steps of the real order fade otherwise than the null's; `jump`, one large step
behind which the gains are what they were; `alone`, an overturn in one seed of three: none of them is an overturn.
`overturn`: in every seed one large step at the same books, behind which other passages gain.
Seeds read the same books in the same order, so most of their noise (SHARED of its variance) is the same.
"""

import csv
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.saturation.overturns import LEAST_INITS, LEAST_NULLS, overturns, read_trunks
from stages.saturation.states import read_head, steps_of

WITHOUT, PLANTED = ("none", "order", "jump", "alone"), "overturn"
SHARED, FADING = 0.8, 0.5
POINTS, EVERY, TOKENS, WIDTH, WORDS, ITEMS = 11, 8, 48, 16, 50, 48


@dataclass(frozen=True)
class Upheaval:
    """One synthetic reading; `step` is where something is planted, `size` by how much that step is larger."""

    kind: str
    step: int
    size: float
    tail: float  # degrees of freedom of the noise of steps: small means heavy tails
    noise: float  # of a passage's gain at a point, in units of the spread of gains


@dataclass(frozen=True)
class Turned:
    """What the instrument found in one reading: how many overturns, and whether one is where it was planted."""

    kind: str
    found: int
    hit: bool


def draw_upheaval(kind: str, rng: np.random.Generator) -> Upheaval:
    """A reading of a kind with sizes from barely to clearly visible."""
    return Upheaval(
        kind, int(rng.integers(2, POINTS - 3)), float(rng.uniform(2.0, 4.0)), float(rng.choice([3.0, 5.0, 30.0])),
        float(rng.uniform(0.1, 0.4)),
    )  # fmt: skip


@dataclass(frozen=True)
class Noise:
    """Noise of the sizes of steps (points - 1,) and of the gains of passages (points, items), of variance about 1."""

    sizes: np.ndarray
    gains: np.ndarray


def draw_noise(tail: float, rng: np.random.Generator) -> Noise:
    """The noise of one order of books, or of one seed."""
    gains = np.cumsum(rng.standard_normal((POINTS, ITEMS)), axis=0) / np.sqrt(POINTS)
    return Noise(rng.standard_t(tail, POINTS - 1), gains)


def mix(one: Noise, other: Noise) -> Noise:
    """SHARED of the variance from one, the rest from the other."""
    left, right = np.sqrt(SHARED), np.sqrt(1 - SHARED)
    return Noise(left * one.sizes + right * other.sizes, left * one.gains + right * other.gains)


def walk(
    one: Upheaval, noise: Noise, fading: float, changed: bool, start: np.ndarray, taste: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """States (points, tokens, width) and bits (points, items) of one trunk; `changed` plants what the kind says.

    Steps fade as places^-fading. `taste` (2, items): which passages gain before an overturn, and which behind it.
    """
    sizes = 0.5 * np.arange(1, POINTS) ** -fading * np.exp(0.1 * noise.sizes)
    if changed and one.kind != "order":
        sizes[one.step] *= one.size
    directions = rng.standard_normal((POINTS - 1, *start.shape))
    states = start + np.concatenate([np.zeros((1, *start.shape)), np.cumsum(sizes[:, None, None] * directions, axis=0)])
    turned = changed and one.kind in ("alone", PLANTED)
    weight = np.arange(POINTS)[:, None] > one.step if turned else np.zeros((POINTS, 1), dtype=bool)
    gains = np.log1p(np.arange(POINTS))[:, None] * (1 + np.where(weight, taste[1], taste[0]))
    gains = gains + one.noise * noise.gains
    return states.astype(np.float16), 100 - gains * (np.arange(POINTS)[:, None] > 0)


def write_upheaval(one: Upheaval, folder: Path, rng: np.random.Generator) -> None:
    """Write the trunks of a reading, and a base that has an output head and nothing else."""
    import torch
    from safetensors.torch import save_file

    head = torch.tensor(rng.standard_normal((WORDS, WIDTH)) / np.sqrt(WIDTH), dtype=torch.float32)
    save_file({"lm_head.weight": head}, folder / "base.safetensors")
    start, taste = rng.standard_normal((TOKENS, WIDTH)), rng.standard_normal((2, ITEMS))
    order, fading = draw_noise(one.tail, rng), float(rng.uniform(0.2, 0.3)) if one.kind == "order" else FADING
    rows = [("real", number) for number in range(LEAST_INITS)] + [("shuffled", n) for n in range(LEAST_NULLS)]
    with (folder / "trunks.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["trajectory", "reading", "kind", "number"])
        for kind, number in rows:
            name = f"{kind}-{number:02d}"
            table.writerow([name, "tiered-real-d0", kind, number])
            changed = kind == "real" and one.kind != "none" and (one.kind != "alone" or not number)
            noise, own = draw_noise(one.tail, rng), fading if kind == "real" else FADING
            noise = mix(order, noise) if kind == "real" else noise
            states, bits = walk(one, noise, own, changed, start, taste, rng)
            np.savez(folder / f"{name}.npz", books=EVERY * np.arange(POINTS), bits=bits, states=states)


def run_upheaval(work: tuple[str, int, int]) -> Turned:
    """Write one reading of a kind (by seed and number), read it back as the stage does, and look for overturns."""
    kind, seed, number = work
    rng = np.random.default_rng([seed, number, 5])
    one = draw_upheaval(kind, rng)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_upheaval(one, folder, rng)
        head = read_head(folder)
        found = overturns(*read_trunks(folder, lambda states: steps_of(head, states)))
    assert found is not None, "the trunks of a reading are as many as the tests need"
    start = EVERY * one.step
    return Turned(kind, len(found.found), any(place.start <= start < place.end for place in found.found))


def alone() -> None:
    """One thread for each process: the matrices are small."""
    import torch

    torch.set_num_threads(1)


def run_upheavals(count: int, seed: int, tell: Callable[[], None]) -> list[Turned]:
    """`count` readings without an overturn, its kinds in turn, and half as many with one."""
    work = [(WITHOUT[number % len(WITHOUT)], seed, number) for number in range(count)]
    work += [(PLANTED, seed, count + number) for number in range(count // 2)]
    found = []
    with ProcessPoolExecutor(os.cpu_count() or 1, initializer=alone) as pool:
        for one in pool.map(run_upheaval, work, chunksize=4):
            found.append(one)
            tell()
    return found
