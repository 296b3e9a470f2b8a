"""Scoring: several adapters on the probe's passages, beside the command of lm-eval run once for each.

Reads   data/base/, data/probe/, data/train/
Writes  benchmarks/results.json (rows "scoring: ...")
Run     python -m benchmarks.scoring [--short] [--adapters N] [--passages N] [--rounds N]
"""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import material, parts, peers
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.shared.errors import UserError, run

ME = "benchmarks.scoring"
BATCHES = (1, 4, 8)  # what a user of lm-eval may try on a CPU


def ours(folders: list[str], passages: int) -> Answer:
    """Score all adapters in one process: the base is loaded once, each adapter merged into a copy."""
    return {"bits": material.bits_per_byte(folders, passages)}


def theirs(folder: str, passages: int, batch: int) -> Answer:
    """Score one adapter with lm-eval's command, a task of our passages beside it."""
    with tempfile.TemporaryDirectory() as kept:
        command = peers.harness_command(material.BASE, Path(folder), material.passages(passages), batch, Path(kept))
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": f"{kept}/cache"}
        began = time.perf_counter()
        done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode:
            raise UserError(f"lm-eval ended with code {done.returncode}:\n{done.stderr[-2000:]}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return {"bits": [peers.harness_result(Path(kept))], "seconds": seconds, "command_peak": peak}


def all_of_theirs(folders: list[str], passages: int, batch: int) -> Answer:
    """Run lm-eval once per adapter; seconds of all runs together."""
    found = [parts.run(ME, "theirs", folder=one, passages=passages, batch=batch) for one in folders]
    return {
        "bits": [answer["bits"][0] for answer in found],
        "whole": sum(answer["seconds"] for answer in found),
        "peak": max(answer["command_peak"] for answer in found),
    }


PARTS: dict[str, Part] = {"ours": ours, "theirs": theirs}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure the scoring of several adapters, ours and lm-eval's in turns."""
    folders = material.trained(asked.adapters)
    material.passages(1)
    batch = fastest_batch(folders[0], asked)
    found = parts.rounds(
        asked.rounds,
        {
            "ours": lambda: parts.run(ME, "ours", folders=folders, passages=asked.passages),
            "theirs": lambda: all_of_theirs(folders, asked.passages, batch),
        },
    )
    return figures(found["ours"], found["theirs"], f"lm-eval {peers.version('lm_eval')}, batch_size={batch}", asked)


def fastest_batch(folder: str, asked: argparse.Namespace) -> int:
    """The batch size with which lm-eval is fastest here."""
    sizes = BATCHES[-1:] if asked.short else BATCHES
    tried = {size: parts.run(ME, "theirs", folder=folder, passages=asked.passages, batch=size) for size in sizes}
    return min(tried, key=lambda size: float(tried[size]["seconds"]))


def figures(ours: list[Answer], theirs: list[Answer], peer: str, asked: argparse.Namespace) -> list[Figure]:
    """Seconds and memory of both, the ratio, and how far their results lie apart."""
    what = f"{asked.adapters} adapters on {asked.passages} passages"
    apart = max(abs(a - b) for a, b in zip(ours[0]["bits"], theirs[0]["bits"], strict=True))
    return [
        Figure(f"scoring: {what}", parts.median(ours, "whole"), "s"),
        Figure(f"scoring: {what}", parts.median(theirs, "whole"), "s", peer=peer),
        Figure("scoring: peak memory", parts.median(ours, "peak"), "MB"),
        Figure("scoring: peak memory", parts.median(theirs, "peak"), "MB", peer=peer),
        Figure("scoring: speed, ours over theirs", parts.median_ratio(theirs, ours, "whole"), "times", ">= 3", peer),
        Figure("scoring: largest difference of an adapter", apart, "bits/byte", "< 0.001", peer),
    ]


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, adapters=8, passages=30, rounds=1))
