"""Section `flashes` of params.yaml."""

from pydantic import Field

from stages.shared.params import Section


class Flashes(Section):
    """Section `flashes` of params.yaml."""

    reading: str | None
    rung: int | None = Field(ge=1)
    tested: int = Field(ge=1)
    pairs: int = Field(ge=10, le=14)  # all 2^pairs sign flips are counted
    tokens: int = Field(ge=16)
    piece: int = Field(ge=8)
    company: int = Field(ge=0)
    further: int = Field(ge=1)
    passages: int = Field(ge=1)
    learning_rate: float | None = Field(gt=0)
    warmup: int = Field(ge=0)
    cooldown: float = Field(gt=0, le=1)
    novelty: float = Field(ge=0, le=1)
    surprise: float = Field(gt=0)
    alignment: float
    spreads: float = Field(ge=0)
    fdr: float = Field(gt=0, lt=1)
    seed: int
