"""Any two cells compared from their kept hidden states, through the output head they share."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from stages.saturation.overturns import Steps
from stages.saturation.poll import Apart
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, code_digest, key_of
from stages.shared.models import read_facts

HEADS = ("lm_head.weight", "model.embed_tokens.weight", "transformer.wte.weight")


def read_head(folder: Path) -> Any:
    """The output head of the base as a torch module, the embedding where the two are tied."""
    import torch
    from safetensors import safe_open

    from stages.shared.linear import hasten

    for name, path in itertools.product(HEADS, sorted(folder.glob("*.safetensors"))):
        with safe_open(path, framework="pt") as weights:
            if name in weights.keys():
                matrix = weights.get_tensor(name).float()
                head = torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
                head.weight = torch.nn.Parameter(matrix, requires_grad=False)
                return hasten(head)
    raise UserError(f"{folder} has no output head named {' or '.join(HEADS)}; run `dvc repro base`")


def comparer(states: Path, base: Path) -> Apart:
    """A function of two cells' names that gives the Jensen-Shannon divergence of each scored token, bits.

    The head is read at the first call, and torch with it.
    """
    heads: list[Any] = []

    def apart(one: str, other: str) -> np.ndarray:
        from stages.shared.scoring import divergence

        if not heads:
            heads.append(read_head(base))
        blocks = []
        for name in (one, other):
            path = states / f"{name}.npz"
            if not path.exists():
                raise UserError(f"{path} is missing; run `dvc repro evaluate`")
            blocks.append(np.load(path)["states"])
        return np.asarray(divergence((heads[0], heads[0]), *blocks).js)

    return apart


def steps_of(head: Any, states: np.ndarray) -> np.ndarray:
    """Mean Jensen-Shannon divergence, bits per token, of each point from the next: (points, tokens, width) -> steps."""
    from stages.shared.scoring import divergence

    pairs = itertools.pairwise(states)
    return np.array([divergence((head, head), behind, before).js.mean() for before, behind in pairs])


def stepper(base: Path) -> Steps:
    """The same as a function of states alone that keeps what it has worked out: a null has hundreds of steps."""
    heads: list[Any] = []

    def steps(states: np.ndarray) -> np.ndarray:
        from stages.shared import linear, scoring

        def write(out: Path) -> None:
            if not heads:
                heads.append(read_head(base))
            np.save(out / "steps.npy", steps_of(heads[0], states))

        digest = hashlib.sha256(np.ascontiguousarray(states).tobytes()).hexdigest()
        key = key_of(read_facts(base)["fingerprint"], code_digest([scoring, linear], ["torch"]), states.shape, digest)
        found: np.ndarray = np.load(Keyed("steps").get_or_put(key, write) / "steps.npy")
        return found

    return steps
