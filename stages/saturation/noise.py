"""Noise of books, of initialisation and of the probe, and joint samples of all cells from them.

Model of the score of draw d at rung n, as a mean over probe books: y_dn = mu_n + e_dn, where e_d is normal with
one variance for all rungs and the correlation rho^|log2(n/m)| between the rungs n and m of a reading; draws are
independent. Errors of probe books are shared by every cell and are resampled jointly. With a flat prior on rho
and 1/variance on the variance, the means have a posterior that is a mixture of t distributions over rho: the
quantiles below are therefore t quantiles with the uncertainty of rho in them (Box and Tiao 1973, ch. 2; Patterson
and Thompson 1971 for the residual likelihood).
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from stages.saturation.gains import Cube, mean_over
from stages.shared.measures import MEASURES

CORRELATIONS = np.linspace(0.0, 0.975, 40)


@dataclass(frozen=True)
class Posterior:
    """What the residuals of the draws say about their noise.

    `weights` over CORRELATIONS; `scales` are the residual sums of squares in that metric; `freedom` their degrees
    of freedom. `freedom` 0 means that no rung has two draws: the noise of draws is unknown.
    """

    weights: np.ndarray
    scales: np.ndarray
    freedom: int

    @property
    def variance(self) -> float:
        """Variance of one draw's score, averaged over the correlation; NaN where it is unknown."""
        return float(self.weights @ self.scales / self.freedom) if self.freedom else float("nan")

    @property
    def correlation(self) -> float:
        """Mean correlation of a reading's errors over one doubling of the books."""
        return float(self.weights @ CORRELATIONS)


def correlation_matrix(rungs: np.ndarray, correlation: float) -> np.ndarray:
    """rho^|log2(n/m)| for all pairs of rungs, shape (rungs, rungs); rho 0 gives the identity."""
    return np.asarray(correlation ** np.abs(np.log2(rungs[:, None] / rungs[None, :])))


def correlation_matrices(rungs: np.ndarray) -> np.ndarray:
    """Those of all CORRELATIONS, shape (correlations, rungs, rungs)."""
    return np.array([correlation_matrix(rungs, value) for value in CORRELATIONS])


def draw_posterior(scores: np.ndarray, rungs: np.ndarray) -> Posterior:
    """Posterior of the noise of draws, pooled over rungs.

    scores: (draws, rungs), NaN where not read; rungs read by one draw only tell nothing and drop out.
    """
    shared = np.isfinite(scores).sum(axis=0) >= 2
    scores, rungs = scores[:, shared], rungs[shared]
    freedom = int(np.isfinite(scores).sum() - shared.sum())
    flat = np.full(len(CORRELATIONS), 1 / len(CORRELATIONS))
    if not freedom or np.nanmax(np.abs(scores - mean_over(scores, 0))) < 1e-15:
        return Posterior(flat, np.zeros(len(CORRELATIONS)), freedom)
    residuals = whole_residuals if np.isfinite(scores).all() else ragged_residuals
    scales, determinants = residuals(scores, rungs)
    weights = special.softmax(-determinants / 2 - freedom / 2 * np.log(scales))
    return Posterior(weights, scales, freedom)


def whole_residuals(scores: np.ndarray, rungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residual squares and log determinants for every correlation, where each draw read every rung."""
    centred = (scores - scores.mean(axis=0)).T
    matrices = correlation_matrices(rungs)
    scales = (centred * np.linalg.solve(matrices, centred[None])).sum(axis=(1, 2))
    return scales, (len(scores) - 1) * np.linalg.slogdet(matrices)[1]


def ragged_residuals(scores: np.ndarray, rungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same where some draws lack some rungs: by contrasts that are free of the rungs' means (REML)."""
    draw, place = np.nonzero(np.isfinite(scores))
    contrasts = linalg.null_space((place[None, :] == np.arange(len(rungs))[:, None]).astype(float))
    values, same = contrasts.T @ scores[draw, place], draw[:, None] == draw[None, :]
    matrices = np.where(same, correlation_matrices(rungs)[:, place][:, :, place], 0.0)
    matrices = contrasts.T @ matrices @ contrasts
    return values @ np.linalg.solve(matrices, values[None, :, None])[:, :, 0].T, np.linalg.slogdet(matrices)[1]


@dataclass(frozen=True)
class Noise:
    """The noise of one cube: standard deviations in the unit of the score, and what samples need.

    `draw` is that of one draw of books with its init(s), `init` that of one init within a draw, `books` that of
    one probe book around the mean curve, `mixed` what is left of book × draw; NaN where nothing tells it.
    `shrink` (rungs, rungs) takes from a deviation by probe books what is book × draw, which `posterior` counts already.
    `scale` (rungs,): what the noise of draws is a multiple of, 1 for gains, the curve itself for a divergence, which
    cannot be negative and whose noise grows with it.
    """

    posterior: Posterior
    draw: float
    init: float
    books: float
    mixed: float
    shrink: np.ndarray
    scale: np.ndarray
    pooled_above_half: bool


def measure_noise(cube: Cube) -> Noise:
    """Estimate the components, draws and inits pooled over the rungs where draws share at most half of their books.

    Where none of those has two draws the other rungs stand in (`pooled_above_half`), where draws overlap more and
    so differ less than independent ones would.
    """
    scale = scale_of(cube)
    scores = cube.by_draw.mean(axis=2) / scale
    twice = np.isfinite(scores).sum(axis=0) >= 2
    pool = cube.apart if (cube.apart & twice).any() else np.ones(len(cube.rungs), dtype=bool)
    posterior = draw_posterior(scores[:, pool], np.array(cube.rungs, dtype=float)[pool])
    mixed = mixed_covariance(cube.by_draw)
    mixed_variance = float(np.diag(mixed)[twice].mean()) if twice.any() else float("nan")
    books = mean_over(cube.by_draw, 0)
    books_variance = float(books.var(axis=1, ddof=1).mean()) if len(cube.books) > 1 else float("nan")
    above = bool(posterior.freedom and not (cube.apart & twice).any())
    spread = np.sqrt([posterior.variance, init_variance(cube, pool), books_variance, mixed_variance])
    draw, init, between, left = (float(value) for value in spread)
    return Noise(posterior, draw, init, between, left, shrinking(books, mixed * overlap(cube)), scale, above)


def scale_of(cube: Cube) -> np.ndarray:
    """The curve where the measure is a divergence and positive at every rung, else ones; shape (rungs,)."""
    curve = cube.curve
    return curve if not MEASURES[cube.measure].base and (curve > 0).all() else np.ones(len(curve))


def init_variance(cube: Cube, pool: np.ndarray) -> float:
    """Variance of a cell's score between inits of the same books, pooled over draws and rungs; NaN where unread."""
    scores = cube.gains.mean(axis=3)[:, :, pool]
    centred = scores - mean_over(scores, 1)[:, None, :]
    count = np.isfinite(scores).sum(axis=1)
    freedom = np.maximum(count - 1, 0).sum()
    return float(np.nansum(centred**2) / freedom) if freedom else float("nan")


def mixed_covariance(gains: np.ndarray) -> np.ndarray:
    """Covariance of book × draw between rungs, shape (rungs, rungs), from gains (draws, rungs, books).

    Zero for pairs of rungs that fewer than two draws share. (The mean square of the interaction in a crossed design
    of draws and books, Searle, Casella and McCulloch 1992, section 4.3, for each pair of rungs.)
    """
    there = np.isfinite(gains[:, :, 0]).astype(float)
    by_book, by_draw = mean_over(gains, 0)[None], gains.mean(axis=2, keepdims=True)
    left = np.nan_to_num(gains - by_book - by_draw + by_book.mean(axis=2, keepdims=True))
    freedom = np.maximum(there.T @ there - 1, 0) * max(gains.shape[2] - 1, 1)
    return np.asarray(np.einsum("dkb,dlb->kl", left, left) / np.maximum(freedom, 1))


def shrinking(books: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """The matrix T with T S T' = (S - mixed)+, S the covariance of books (rungs, books): one less book × draw.

    Along each generalised eigenvector of (mixed, S) the deviation shrinks by sqrt(1 - eigenvalue), to 0 at most.
    """
    size = len(books)
    if books.shape[1] < 2 or not mixed.any():
        return np.eye(size)
    between = np.atleast_2d(np.cov(books))
    between = between + 1e-9 * max(float(np.trace(between)), 1e-18) / size * np.eye(size)
    shares, vectors = linalg.eigh(mixed, between)
    return np.asarray(between @ vectors @ np.diag(np.sqrt(np.clip(1 - shares, 0, 1))) @ vectors.T)


def overlap(cube: Cube) -> np.ndarray:
    """Share of noise that two rungs' means have in common beyond correlation: shared draws / (draws × draws).

    With R draws at every rung all entries are 1/R.
    """
    there = np.isfinite(cube.by_draw[:, :, 0]).astype(float)
    count = there.sum(axis=0)
    return np.asarray(there.T @ there / np.outer(count, count))


def covariance(cube: Cube, noise: Noise) -> np.ndarray:
    """Covariance of the curve's rungs: draws plus probe books, shape (rungs, rungs)."""
    rungs = np.array(cube.rungs, dtype=float)
    books = np.atleast_2d(np.cov(mean_over(cube.by_draw, 0))) / len(cube.books)
    books = noise.shrink @ books @ noise.shrink.T
    if not noise.posterior.freedom:
        return np.asarray(books)
    draws = draws_covariance(noise.posterior, rungs, overlap(cube))
    return np.asarray(draws * np.outer(noise.scale, noise.scale) + books)


@dataclass(frozen=True)
class Resample:
    """Joint resamples of the probe books: `counts` (samples, books) of how often each is drawn.

    `stretch` (samples,) widens each resample so that its quantiles are those of t with books - 1 degrees of
    freedom: sqrt(B / (B - 1)) times sqrt((B - 1) / chi-square).
    """

    books: tuple[str, ...]
    counts: np.ndarray
    stretch: np.ndarray


def resample_books(books: tuple[str, ...], samples: int, rng: np.random.Generator) -> Resample:
    """Draw the books anew `samples` times, with replacement."""
    size = len(books)
    counts = rng.multinomial(size, np.full(size, 1 / size), size=samples)
    freedom = max(size - 1, 1)
    stretch = np.sqrt(size / freedom) * np.sqrt(freedom / rng.chisquare(freedom, size=samples))
    return Resample(books, counts, stretch)


def sample_curves(cube: Cube, noise: Noise, resample: Resample, rng: np.random.Generator) -> np.ndarray:
    """Joint samples of the score at all rungs, shape (samples, rungs), from draws and probe books together."""
    curve = cube.curve
    return np.asarray(
        curve + books_samples(cube, noise, resample) + draw_samples(cube, noise, len(resample.stretch), rng)
    )


def books_samples(cube: Cube, noise: Noise, resample: Resample) -> np.ndarray:
    """Deviations from the curve by the choice of probe books, shape (samples, rungs)."""
    chosen = np.isin(resample.books, cube.books)
    counts = resample.counts[:, chosen].astype(float)
    counts[counts.sum(axis=1) == 0] = 1.0
    by_book = mean_over(cube.by_draw, 0)
    means = counts @ by_book.T / counts.sum(axis=1, keepdims=True)
    return np.asarray((means - by_book.mean(axis=1)) @ noise.shrink.T * resample.stretch[:, None])


def draw_samples(cube: Cube, noise: Noise, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations from the curve by the choice of draws and inits; zero where their noise is unknown."""
    found = posterior_samples(noise.posterior, np.array(cube.rungs, dtype=float), overlap(cube), samples, rng)
    return np.asarray(found * noise.scale)


def posterior_samples(
    posterior: Posterior, rungs: np.ndarray, shared: np.ndarray, samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Noise of the means of draws at `rungs`, shape (samples, rungs): a mixture of t over the correlation.

    shared: as of `overlap`, 1/R everywhere where R draws read every rung.
    """
    found = np.zeros((samples, len(rungs)))
    if not posterior.freedom:
        return found
    which = rng.choice(len(CORRELATIONS), size=samples, p=posterior.weights)
    normal = rng.standard_normal((samples, len(rungs)))
    spread = np.sqrt(posterior.scales[which] / rng.chisquare(posterior.freedom, size=samples))
    factors = np.linalg.cholesky(correlation_matrices(rungs) * shared + 1e-12 * np.eye(len(rungs)))
    for number in np.unique(which):
        rows = which == number
        found[rows] = normal[rows] @ factors[number].T * spread[rows, None]
    return found


def draws_covariance(posterior: Posterior, rungs: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Covariance of the means of draws at `rungs`, averaged over the correlation, shape (rungs, rungs)."""
    mean = np.tensordot(posterior.weights * posterior.scales / posterior.freedom, correlation_matrices(rungs), 1)
    return np.asarray(np.asarray(mean) * shared)
