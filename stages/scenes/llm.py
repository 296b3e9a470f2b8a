"""Section `scenes.llm` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.shared.endpoint import EndpointParams


class LlmParams(EndpointParams):
    """Section `scenes.llm` of params.yaml: who writes the forms, and what that may take."""

    forms: list[Literal["instruction", "qa", "tension"]] = Field(min_length=1)
    attempts: int = Field(ge=1)
    max_missing: float = Field(ge=0, le=1)
    prices: list[float] = Field(min_length=2, max_length=2)
