"""Parts: each measurement runs in a process of its own, so that peak memory and threads are its own."""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import rows, table
from stages.shared.errors import UserError

Answer = dict[str, Any]
Part = Callable[..., Answer]
MARK = "answer of the part: "


def run(module: str, name: str, /, **options: Any) -> Answer:
    """Run one part of `module` in a fresh process.

    Returns what it measured, with `peak` (MB of memory it held at most) and `whole` (seconds from start to end).
    """
    command = [sys.executable, "-W", "ignore", "-m", module, "--part", name, json.dumps(options)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - began
    said = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not said:
        raise UserError(f"{module} {name} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    answer: Answer = json.loads(said[-1].removeprefix(MARK)) | {"whole": whole}
    print(f"{module} {name}: {whole:.1f} s, {answer['peak']:.0f} MB", file=sys.stderr, flush=True)
    return answer


def reply(parts: Mapping[str, Part], name: str, options: str) -> None:
    """The child's side: run the part and print what it measured."""
    answer = parts[name](**json.loads(options))
    answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(MARK + json.dumps(answer), flush=True)


def script(
    parts: Mapping[str, Part], measure: Callable[[argparse.Namespace], list[rows.Figure]], **defaults: int
) -> None:
    """The command line of a benchmark.

    `defaults` are its options with the value of a whole run; `--short` sets those that are not given to the least.
    """
    if sys.argv[1:2] == ["--part"]:
        reply(parts, *sys.argv[2:4])
        return
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes; results.json stays as it is")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, help=f"default {value}")
    asked = parser.parse_args()
    for name, value in defaults.items():
        if getattr(asked, name) is None:
            setattr(asked, name, min(value, 2) if asked.short else value)
    found = rows.stamp(measure(asked))
    if not asked.short:
        rows.write(found)
    print(table.render(found))


def rounds(count: int, sides: Mapping[str, Callable[[], Answer]]) -> dict[str, list[Answer]]:
    """Run every side `count` times, one after the other in each round, so that all share the machine's moods."""
    found: dict[str, list[Answer]] = {name: [] for name in sides}
    for index in range(count):
        for name in list(sides)[:: -1 if index % 2 else 1]:
            found[name].append(sides[name]())
    return found


def median(answers: Sequence[Answer], name: str) -> float:
    """The median of a measured number over rounds."""
    return statistics.median(float(answer[name]) for answer in answers)


def median_ratio(ours: Sequence[Answer], theirs: Sequence[Answer], name: str) -> float:
    """The median over rounds of ours over theirs, both of the same round."""
    return statistics.median(float(a[name]) / float(b[name]) for a, b in zip(ours, theirs, strict=True))
