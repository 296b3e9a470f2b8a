"""Section `saturation` of params.yaml: what the verdict is about, fixed before the run."""

from typing import Annotated, Literal

from pydantic import Field

from stages.shared.params import Section

Share = Annotated[float, Field(gt=0.5, lt=1.0)]


class Registered(Section):
    """What a study's plan says of a run: written into params.yaml by `make study`."""

    study: str
    commit: str  # of studies/<study>/plan.yaml as of the first run
    date: str  # of that commit
    departures: list[str]  # what was run otherwise


class Saturation(Section):
    """The verdict's score, order and arm, its practical effect, and how intervals are drawn."""

    epsilon: Annotated[float, Field(gt=0)]  # points of understanding per doubling of the books
    score: Literal["prediction", "explanation", "chain"]  # whose plateau is judged
    order: str
    arm: str
    interval: Share  # coverage of two-sided intervals; the verdict's one-sided bounds stay at 95 %
    samples: Annotated[int, Field(ge=200)]  # joint samples of all cells behind every interval
    seed: int
    half: Literal["A", "B"] = "B"  # of the probe that is looked at; A is for choosing, and nothing is decided on it
    min_probe_books: Annotated[int, Field(ge=8)]  # in half B; fewer: not decided by rule
    min_probe_authors: Annotated[int, Field(ge=8)]
    plan: Registered | None = None
