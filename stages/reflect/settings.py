"""Section `reflect` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.shared.endpoint import EndpointParams
from stages.shared.params import Section


class FilterParams(Section):
    """Section `reflect.filter`: what a text must pass before it is trained on."""

    pool: int = Field(ge=1)
    min_tokens: int = Field(ge=8)
    linkage: float = Field(ge=0, lt=1)
    copied: int = Field(ge=3)
    likeness: float = Field(ge=0.1, le=0.9)  # what MinHash LSH with 128 permutations can find
    distinct: float = Field(ge=0, le=1)
    squeezed: float = Field(ge=0)
    letters: float = Field(ge=0, le=1)
    agreement: float


class SamplingParams(Section):
    """Section `reflect.sampling`: how the writer's next token is drawn."""

    temperature: float = Field(gt=0)
    top_p: float = Field(gt=0, le=1)
    max_tokens: int = Field(ge=8)
    batch: int = Field(ge=2)


class GuardParams(Section):
    """Section `reflect.guard`: beyond which limits own thinking is stopped."""

    diversity: float = Field(ge=0, le=1)
    control: float = Field(gt=0)
    probe_a: float = Field(gt=0)


class ReflectParams(Section):
    """Section `reflect` of params.yaml."""

    reading: str | None
    rung: int | None
    rounds: int = Field(ge=1)
    tokens: int = Field(ge=64)
    replicates: int = Field(ge=3)
    writer: Literal["own", "llm"]
    llm: EndpointParams
    candidates: int = Field(ge=1)
    filter: FilterParams
    sampling: SamplingParams
    guard: GuardParams
    interval: float = Field(gt=0.5, lt=1)
    samples: int = Field(ge=200)
    seed: int
