"""A corpus's own saturation, with no model: coverage, richness, rarefaction and extrapolation.

The same formulas serve individuals × species (T individuals, a species' frequency) and books × terms (T books, the
number of books that hold a term). Sources: coverage Good 1953 and Chao and Jost 2012 (Ecology 93, eq. 4a, 12);
Chao1 and Chao2 with their variance Chao 1987 (Biometrics 43); rarefaction and extrapolation Colwell et al. 2012
(J. Plant Ecology 5, eq. 4, 9, 17, 18) and Chao et al. 2014 (Ecological Monographs 84).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

FARTHEST = 2.0  # extrapolation ends at twice the sample


@dataclass(frozen=True)
class Frequencies:
    """How often each species was found: positive integers in `counts`, out of `units` individuals or books."""

    counts: np.ndarray
    units: int

    @property
    def observed(self) -> int:
        """Species found."""
        return len(self.counts)

    def exactly(self, times: int) -> int:
        """Species found exactly so often."""
        return int((self.counts == times).sum())


def unseen_ratio(found: Frequencies) -> float:
    """(T-1) f1 / ((T-1) f1 + 2 f2), with f2 bias-corrected where it is 0: the factor of one more unit."""
    once, twice, units = found.exactly(1), found.exactly(2), found.units
    if not once:
        return 0.0
    if twice:
        return (units - 1) * once / ((units - 1) * once + 2 * twice)
    return (units - 1) * (once - 1) / ((units - 1) * (once - 1) + 2)


def coverage(found: Frequencies) -> float:
    """Share of the next find that belongs to species already seen (Good-Turing, as of Chao and Jost 2012)."""
    return 1 - found.exactly(1) / float(found.counts.sum()) * unseen_ratio(found)


@dataclass(frozen=True)
class Richness:
    """An estimate of all species, seen and unseen, with its standard error and interval."""

    estimate: float
    error: float
    low: float
    high: float


def richness(found: Frequencies, interval: float = 0.95) -> Richness:
    """Chao1 or Chao2, a lower bound of the number of species; its interval is log-normal above those seen."""
    once, twice, share = found.exactly(1), found.exactly(2), (found.units - 1) / found.units
    if twice:
        ratio = once / twice
        unseen = share * once * ratio / 2
        variance = twice * (share / 2 * ratio**2 + share**2 * ratio**3 + share**2 / 4 * ratio**4)
    else:
        unseen = share * once * (once - 1) / 2
        total = found.observed + unseen
        variance = unseen + share**2 * once * (2 * once - 1) ** 2 / 4 - share**2 * once**4 / 4 / max(total, 1)
        variance = max(variance, 0.0)
    if unseen <= 0:
        return Richness(float(found.observed), 0.0, float(found.observed), float(found.observed))
    spread = np.exp(stats.norm.ppf((1 + interval) / 2) * np.sqrt(np.log1p(variance / unseen**2)))
    low, high = found.observed + unseen / spread, found.observed + unseen * spread
    return Richness(found.observed + unseen, float(np.sqrt(variance)), float(low), float(high))


def expected(found: Frequencies, units: float) -> float:
    """Species expected among `units`: rarefied below the sample, extrapolated above it (to FARTHEST times)."""
    size = found.units
    if units <= size:
        return float(found.observed - absent(found.counts, size, units).sum())
    check_reach(found, units)
    unseen = richness(found).estimate - found.observed
    if not unseen:
        return float(found.observed)
    rate = found.exactly(1) / (size * unseen + found.exactly(1))
    return float(found.observed - unseen * np.expm1((units - size) * np.log1p(-rate)))


def expected_coverage(found: Frequencies, units: float) -> float:
    """Coverage expected at `units`, rarefied or extrapolated."""
    size, total = found.units, float(found.counts.sum())
    if units < size:
        left = absent(found.counts, size, units) * size / (size - units)  # C(T-Y, t) / C(T-1, t)
        return float(1 - (found.counts * left).sum() / total)
    check_reach(found, units)
    return float(1 - found.exactly(1) / total * unseen_ratio(found) ** (units - size + 1))


def absent(counts: np.ndarray, size: int, units: float) -> np.ndarray:
    """Probability that a species is absent from `units` of `size`: C(T - Y, t) / C(T, t)."""
    logs = special.gammaln(size - counts + 1.0) - special.gammaln(np.maximum(size - counts - units, -0.5) + 1.0)
    logs = logs - special.gammaln(size + 1.0) + special.gammaln(size - units + 1.0)
    return np.asarray(np.where(size - counts >= units, np.exp(logs), 0.0))


def check_reach(found: Frequencies, units: float) -> None:
    """Nothing is said beyond twice the sample."""
    if units > FARTHEST * found.units:
        raise ValueError(f"{units:g} units lie beyond {FARTHEST:g} times the {found.units} that were read")
