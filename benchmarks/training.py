"""Training: text tokens a second beside TRL, share of the machine's arithmetic, start-up, effect of bfloat16.

Reads   data/base/, data/tiers/, data/probe/, params.yaml (train)
Writes  benchmarks/results.json (rows "training: ...")
Run     python -m benchmarks.training [--short] [--books N] [--rounds N] [--passages N]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import material, parts, peers
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.shared.errors import run

ME = "benchmarks.training"
SIDE = 2048  # of the square matrices whose product gives the machine's rate


def flops_per_token(frozen: int, adapter: int) -> int:
    """Floating-point operations that one token of training needs, with the multiplications of the layers alone.

    `frozen` weights take part in the forward pass and in the gradient of their inputs (2 operations each), those of
    the adapter also in their own gradient: 4 x frozen + 6 x adapter. Attention scores, padding and whatever is
    computed twice are left out, as is usual for a model's own share ("model FLOPs", Chowdhery et al. 2022, PaLM,
    appendix B).

    Example: frozen 10, adapter 1 -> 46
    """
    return 4 * frozen + 6 * adapter


def ours(books: int) -> Answer:
    """One pass of our trunk over the books' scenes; seconds of its steps."""
    from stages.shared import models
    from stages.shared.trunk import Trunk

    steps = material.steps(books)
    trained = Trunk(models.load_base(material.BASE), material.recipe("auto"), 0)
    begin = time.perf_counter()
    for step in steps:
        trained.take(step, trained.rate(trained.done))
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "tokens": material.tokens_of(steps), **sizes(trained)}


def sizes(trained: Any) -> Answer:
    """Weights that tokens are multiplied with: those of the frozen layers and the head, and the adapter's."""
    layers = [module.base_layer for module in trained.model.modules() if hasattr(module, "base_layer")]
    head = trained.model.get_base_model().lm_head
    return {
        "frozen": sum(layer.weight.numel() for layer in [*layers, head]),
        "adapter": sum(weight.numel() for weight in trained.weights.values()),
        "precision": trained.recipe.precision,
    }


def trl(books: int, setting: dict[str, Any]) -> Answer:
    """One pass of TRL's trainer over the same scenes."""
    steps = material.steps(books)
    seconds = peers.trl_seconds(material.read_in(steps), material.read_params(), setting)
    return {"seconds": seconds, "tokens": material.tokens_of(steps)}


def products(precision: str, seconds: float) -> Answer:
    """The best rate of a large matrix product, operations a second."""
    import torch

    from stages.shared.models import device

    left, right = (torch.randn(SIDE, SIDE, device=device()).to(getattr(torch, precision)) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        float((left @ right)[0, 0])  # waits for a GPU to be done
        best = min(best, time.perf_counter() - begin)
    return {"rate": 2 * SIDE**3 / best}


def start(began: float, kept: str) -> Answer:
    """Run stage `train` itself up to its first step; seconds since the process was asked for."""
    from stages.shared import keyed, trunk
    from stages.train import __main__ as stage
    from stages.train import reading

    def first_step(*_: object) -> float:
        raise FirstStep(time.time() - began)

    for place, name, value in (
        (keyed.Keyed, "get", lambda *_: None),  # nothing has been trained yet
        (reading, "CURVES", Path(kept)),
        (trunk.Trunk, "take", first_step),
    ):
        setattr(place, name, value)
    try:
        stage.main()
    except FirstStep as reached:
        return {"seconds": reached.args[0]}
    raise RuntimeError("stage train took no step")


class FirstStep(BaseException):
    """The first step is about to be taken; no handler of the stage may catch this."""


def short_reading(books: int, precision: str, folder: str) -> Answer:
    """Read the books with a cool-down at the end, and keep the adapter in a folder."""
    from stages.shared import models
    from stages.shared.trunk import Trunk

    found = material.plan([books])
    trained = Trunk(models.load_base(material.BASE), material.recipe(precision), 0)
    begin = time.perf_counter()
    rung = found.rungs[0]
    steps = found.taken(rung)
    for index, step in enumerate(steps):
        left = len(steps) - index if index >= rung.branch else None
        trained.take(step, trained.rate(index, left, len(rung.cooling)))
    trained.model.save_pretrained(folder)
    return {"seconds": time.perf_counter() - begin, "tokens": material.tokens_of(steps)}


def bits(folders: list[str | None], passages: int) -> Answer:
    """Bits per byte of the probe's passages under each adapter."""
    return {"bits": material.bits_per_byte(folders, passages)}


PARTS: dict[str, Part] = {
    "ours": ours,
    "trl": trl,
    "products": products,
    "start": start,
    "read": short_reading,
    "bits": bits,
}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure training beside TRL, in alternating runs on the same scenes."""
    material.need(material.TIERS / "readings.csv", "tiers")
    return [*beside_trl(asked), *start_up(asked), *effect_of_bfloat16(asked)]


def beside_trl(asked: argparse.Namespace) -> list[Figure]:
    """Tokens a second, ratios, memory, and our share of the machine's rate."""
    tries = peers.settings()[: 2 if asked.short else None]
    best = peers.fastest([(one, parts.run(ME, "trl", books=min(asked.books, 20), setting=one)) for one in tries])
    default, better = f"trl {peers.version('trl')}, default", f"trl {peers.version('trl')}, best setting: {named(best)}"
    sides = {
        "": lambda: parts.run(ME, "ours", books=asked.books),
        default: lambda: parts.run(ME, "trl", books=asked.books, setting={}),
        better: lambda: parts.run(ME, "trl", books=asked.books, setting=best),
    }
    found = parts.rounds(asked.rounds, sides)
    figures = [one for peer, answers in found.items() for one in of_side(peer, answers)]
    for peer, goal in ((default, ">= 1.5"), (better, ">= 1.0")):
        ratio = parts.median_ratio(found[peer], found[""], "seconds")
        figures.append(Figure("training: speed, ours over theirs", ratio, "times", goal, peer))
    return [*figures, share(found[""])]


def of_side(peer: str, answers: list[Answer]) -> list[Figure]:
    """Speed and memory of one side."""
    speed = answers[0]["tokens"] / parts.median(answers, "seconds")
    return [
        Figure("training: speed", speed, "text tokens/s", peer=peer),
        Figure("training: peak memory", parts.median(answers, "peak"), "MB", peer=peer),
    ]


def named(setting: dict[str, Any]) -> str:
    """A setting as a reader would type it.

    Example: {"bf16": True, "packing": False} -> "bf16=True packing=False"
    """
    return " ".join(f"{name}={value}" for name, value in setting.items())


def share(answers: list[Answer]) -> Figure:
    """Our share of the rate of large matrix products in the same precision."""
    precision = answers[0]["precision"]
    rate = parts.run(ME, "products", precision=precision, seconds=5)["rate"]
    used = flops_per_token(answers[0]["frozen"], answers[0]["adapter"]) * answers[0]["tokens"]
    value = 100 * used / parts.median(answers, "seconds") / rate
    return Figure(f"training: share of the {precision} matrix rate, {rate / 1e9:.0f} GFLOP/s", value, "%")


def start_up(asked: argparse.Namespace) -> list[Figure]:
    """Seconds from the start of the process to the first step of a reading."""
    with tempfile.TemporaryDirectory() as kept:
        answers = [parts.run(ME, "start", began=time.time(), kept=kept) for _ in range(asked.rounds)]
    return [Figure("training: start of a reading", parts.median(answers, "seconds"), "s", "< 6")]


def effect_of_bfloat16(asked: argparse.Namespace) -> list[Figure]:
    """What bfloat16 changes: the gain on the probe's passages, and the time of a reading."""
    from stages.shared.models import device, has_bfloat16

    if not has_bfloat16(device()):
        return []
    books, precisions = min(asked.books, 20), ("float32", "bfloat16")
    with tempfile.TemporaryDirectory() as kept:
        folders = {name: f"{kept}/{name}" for name in precisions}
        full, half = (
            parts.run(ME, "read", books=books, precision=name, folder=folder) for name, folder in folders.items()
        )
        base, *others = parts.run(ME, "bits", folders=[None, *folders.values()], passages=asked.passages)["bits"]
    what = f"after {books} books"
    return [
        Figure(f"training: gain {what}, float32", base - others[0], "bits/byte"),
        Figure(f"training: gain {what}, bfloat16 minus float32", others[0] - others[1], "bits/byte"),
        Figure(f"training: speed of bfloat16 over float32, {books} books", full["seconds"] / half["seconds"], "times"),
    ]


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, books=40, rounds=3, passages=30))
