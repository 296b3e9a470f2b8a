"""The scores as a local module of the `evaluate` library, for any model and any texts.

Example:
    score = evaluate.load("stages/evaluate/measures/saturation_score.py", "prediction")
    score.compute(predictions=[610.0], references=[640.0], bytes=[500]) -> {"prediction": 0.06}

Configurations: prediction and forgetting take the bits of each text under the adapter (predictions) and under the base
(references); explanation, order and chain take pairs [bits behind the own context, mean bits behind the other one];
divergence takes each position's log-probabilities (nats) under the adapter and under the base.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

CONTRASTS = ("explanation", "order", "chain")
GAINS = ("prediction", "forgetting")


def gain(adapter: Any, base: Any, size: Any) -> float:
    """Bits per byte saved: (sum of base bits - sum of adapter bits) / bytes."""
    return float((np.sum(base) - np.sum(adapter)) / np.sum(size))


def contrast(adapter: Any, base: Any, size: Any) -> float:
    """Bits per byte that the own context saves over the other one, adapter minus base; rows are [own, other]."""
    saved = [np.sum(np.asarray(pairs)[:, 1] - np.asarray(pairs)[:, 0]) for pairs in (adapter, base)]
    return float((saved[0] - saved[1]) / np.sum(size))


def divergence(adapter: Any, base: Any) -> dict[str, float]:
    """KL(adapter, base), Jensen-Shannon divergence (bits per position) and the share of changed first choices."""
    ours, theirs = np.asarray(adapter, dtype=float), np.asarray(base, dtype=float)
    p, q = np.exp(ours), np.exp(theirs)
    mean = np.log((p + q) / 2)
    kl = (p * (ours - theirs)).sum(-1)
    js = ((p * (ours - mean)).sum(-1) + (q * (theirs - mean)).sum(-1)) / 2
    flips = ours.argmax(-1) != theirs.argmax(-1)
    return {"kl": float(kl.mean() / np.log(2)), "js": float(js.mean() / np.log(2)), "flips": float(flips.mean())}


class SaturationScore(evaluate.Metric):  # type: ignore[misc]
    """One of the six scores, by configuration."""

    def _info(self) -> Any:
        if self.config_name not in (*GAINS, *CONTRASTS, "divergence"):
            valid = ", ".join((*GAINS, *CONTRASTS, "divergence"))
            raise ValueError(f"unknown score {self.config_name!r}; valid are {valid}")
        number = datasets.Value("float64")
        row = number if self.config_name in GAINS else datasets.Sequence(number)
        columns = {"predictions": row, "references": row}
        if self.config_name != "divergence":
            columns["bytes"] = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description="", features=datasets.Features(columns)
        )

    def _compute(self, predictions: Any, references: Any, bytes: Any = None) -> dict[str, float]:
        if self.config_name == "divergence":
            return divergence(predictions, references)
        if self.config_name in CONTRASTS:
            return {self.config_name: contrast(predictions, references, bytes)}
        sign = -1 if self.config_name == "forgetting" else 1
        return {self.config_name: sign * gain(predictions, references, bytes)}
