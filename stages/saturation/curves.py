"""Curve families, each linear given its exponents: fitted by generalised least squares over a grid of exponents.

Families of the gain g after n books (parameters counted with the exponents):
constant a; logarithm a + b ln n; power with ceiling a - b n^-c (Hestness et al. 2017); exponential
a - b exp(-n/t); rectified a - b / (d + n^c), flat before its power phase (Lin et al. 2024, eq. 5); broken power
a - b n^-c (1 + (n/k)^4)^(-s/4), two powers meeting at k books (Caballero et al. 2023, eq. 1, one break, fixed
width); free, a line from rung to rung in log n, the refuge from curves that no family describes.
Given the exponents the best a and b are linear (variable projection, Golub and Pereyra 1973), so all grid points and
all samples are fitted in a few matrix products.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, linalg

Basis = Callable[..., list[np.ndarray]]
BREAK_POINTS = 12  # rungs that a broken power needs


@dataclass(frozen=True)
class Family:
    """A family: `grids` of its exponents, `basis(n, *exponents)` the columns whose weights are linear."""

    name: str
    parameters: int
    grids: tuple[np.ndarray, ...]
    basis: Basis
    points: int = 0  # rungs it needs at least, beyond what its parameters need


def ones(n: np.ndarray) -> np.ndarray:
    """The constant column."""
    return np.ones_like(n)


POWERS = np.geomspace(0.05, 3.0, 60)
FAMILIES = (
    Family("constant", 1, (), lambda n: [ones(n)]),
    Family("logarithm", 2, (), lambda n: [ones(n), np.log(n)]),
    Family("power with ceiling", 3, (POWERS,), lambda n, c: [ones(n), n**-c]),
    Family("exponential", 3, (np.geomspace(0.05, 20.0, 80),), lambda n, t: [ones(n), np.exp(-n / t)]),
    Family(
        "rectified", 4, (np.geomspace(0.02, 50.0, 32), np.geomspace(0.1, 3.0, 28)),
        lambda n, d, c: [ones(n), 1 / (d + n**c)],
    ),
    Family(
        "broken power", 5, (np.geomspace(0.05, 2.0, 16), np.geomspace(0.1, 10.0, 20), np.linspace(-1.5, 2.0, 16)),
        lambda n, c, k, s: [ones(n), n**-c * (1 + (n / k) ** 4) ** (-s / 4)], BREAK_POINTS,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """One family fitted to the curve and to samples of it.

    `misfit`: squared distance of the curve from the fit in the metric of the covariance; `aicc` its corrected
    information criterion; `values` (samples, points) the fits of the samples at `at` books; `best` (points,) that
    of the curve itself.
    """

    name: str
    parameters: int
    misfit: float
    aicc: float
    best: np.ndarray
    values: np.ndarray


def corrected(misfit: float, parameters: int, observations: int) -> float:
    """AICc for a known covariance: misfit + 2p + 2p(p+1)/(N-p-1); infinite where N is too small for p.

    Hurvich and Tsai 1989, eq. 5, with -2 log L = misfit up to a constant.
    """
    left = observations - parameters - 1
    if left <= 0:
        return float("inf")
    return misfit + 2 * parameters + 2 * parameters * (parameters + 1) / left


def fit_family(
    family: Family, rungs: np.ndarray, samples: np.ndarray, weights: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit `family` to every row of `samples`, shape (samples, rungs); whitener `weights` W with W'W = V^-1.

    Returns the misfits (samples,) and the fitted values at `at` books, shape (samples, points). Books are measured in
    units of the geometric middle of the rungs, so that one grid serves ladders of any size.
    """
    middle = float(np.exp(np.log(rungs).mean()))
    exponents = (
        np.stack([grid.ravel() for grid in np.meshgrid(*family.grids, indexing="ij")], axis=1)
        if family.grids
        else np.zeros((1, 0))
    )
    columns = [np.array(family.basis(rungs / middle, *point)) for point in exponents]
    design = np.array([column.T for column in columns])  # (grid, rungs, linear)
    whitened = np.einsum("kl,glp->gkp", weights, design)
    basis, _ = np.linalg.qr(whitened)
    target = samples @ weights.T
    explained = np.zeros((len(exponents), len(samples)))
    for column in range(basis.shape[2]):
        explained += (basis[:, :, column] @ target.T) ** 2
    chosen = explained.argmax(axis=0)
    misfit = np.maximum((target**2).sum(axis=1) - explained.max(axis=0), 0.0)
    values = np.empty((len(samples), len(at)))
    for number in np.unique(chosen):
        rows = chosen == number
        solver = np.linalg.pinv(whitened[number], rcond=1e-10)
        there = np.array(family.basis(at / middle, *exponents[number])).T
        values[rows] = target[rows] @ solver.T @ there.T
    return misfit, values


def fit_free(rungs: np.ndarray, samples: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A cubic spline through all rungs in log n (lines below four rungs); NaN outside. Shape (samples, points)."""
    degree = 3 if len(rungs) > 3 else 1
    values = interpolate.make_interp_spline(np.log(rungs), samples.T, k=degree)(np.log(at)).T
    outside = (at < rungs[0] * (1 - 1e-9)) | (at > rungs[-1] * (1 + 1e-9))
    return np.asarray(np.where(outside, np.nan, values))


@dataclass(frozen=True)
class Curves:
    """All families fitted to one curve: `weights` are AICc weights, `tied` those within 2 of the best."""

    at: np.ndarray
    fits: tuple[Fit, ...]
    weights: np.ndarray

    @property
    def tied(self) -> tuple[str, ...]:
        """Names of the families within 2 AICc of the best, best first."""
        scores = np.array([fit.aicc for fit in self.fits])
        return tuple(
            self.fits[place].name for place in np.argsort(scores, kind="stable") if scores[place] <= scores.min() + 2
        )

    @property
    def averaged(self) -> np.ndarray:
        """The curve at `at`, averaged over families by their weights."""
        return np.asarray(self.weights @ np.array([fit.best for fit in self.fits]))

    def samples(self, rng: np.random.Generator) -> np.ndarray:
        """Samples of the curve at `at`: each row from one family, chosen by weight (samples, points)."""
        size = len(self.fits[0].values)
        which = rng.choice(len(self.fits), size=size, p=self.weights)
        return np.array([fit.values for fit in self.fits])[which, np.arange(size)]


def fit_curves(
    rungs: np.ndarray, curve: np.ndarray, samples: np.ndarray, covariance: np.ndarray, observations: int,
    at: np.ndarray, free: bool = True, families: Sequence[Family] = FAMILIES,
) -> Curves:  # fmt: skip
    """Fit every family that the number of observations allows.

    rungs, curve: (rungs,); samples: (samples, rungs) joint samples of the curve; covariance: of the curve's noise;
    observations: cells behind the curve (AICc's N); at: books at which values are wanted.
    """
    ridge = 1e-9 * np.trace(covariance) / len(rungs) + 1e-18
    factor = linalg.cholesky(covariance + ridge * np.eye(len(rungs)), lower=True)
    whitener = linalg.solve_triangular(factor, np.eye(len(rungs)), lower=True)
    stacked = np.vstack([curve, samples])
    fits = []
    for family in families:
        if len(rungs) < max(family.points, family.parameters) or not np.isfinite(
            corrected(0.0, family.parameters, observations)
        ):
            continue
        misfit, values = fit_family(family, rungs, stacked, whitener, at)
        score = corrected(float(misfit[0]), family.parameters, observations)
        fits.append(Fit(family.name, family.parameters, float(misfit[0]), score, values[0], values[1:]))
    score = corrected(0.0, len(rungs), observations)
    if free and np.isfinite(score) and len(rungs) > 1:
        values = fit_free(rungs, stacked, at)
        fits.append(Fit("free", len(rungs), 0.0, score, values[0], values[1:]))
    aicc = np.array([fit.aicc for fit in fits])
    weights = np.exp(-(aicc - aicc.min()) / 2)
    return Curves(at, tuple(fits), weights / weights.sum())
