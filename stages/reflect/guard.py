"""The collapse guard: what was written, the control text and probe A are watched, and own thinking is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.reflect.rules import distinct_runs
from stages.reflect.settings import GuardParams

SENTENCES = {
    "nothing": "none of {value:.0f} written texts passed the filter",
    "diversity": "diversity of what was written is {value:.2f} of that of round 0, the limit is {limit:g}",
    "control": "control text takes {value:.4f} bits a byte more, the limit is {limit:g}",
    "probe_a": "probe A takes {value:.4f} bits a byte more, the limit is {limit:g}",
}


@dataclass(frozen=True)
class Stop:
    """Why own thinking was stopped: nothing passed, diversity, control text or probe A; the value and its limit."""

    kind: str
    value: float
    limit: float

    def __str__(self) -> str:
        return SENTENCES[self.kind].format(value=self.value, limit=self.limit)


@dataclass(frozen=True)
class Guard:
    """The limits, and what was written in round 0, before anything written was read."""

    limits: GuardParams
    first: tuple[str, ...]

    def of_writing(self, texts: Sequence[str], passed: int) -> Stop | None:
        """Why what was written in a round may not be read; None where it may.

        Diversity is that of as many texts of both rounds: a share of distinct runs falls with their number.
        """
        if not passed:
            return Stop("nothing", len(texts), 0)
        count = min(len(texts), len(self.first))
        before, now = distinct_runs(self.first[:count]), distinct_runs(texts[:count])
        if now < self.limits.diversity * before:
            return Stop("diversity", now / before, self.limits.diversity)
        return None

    def of_model(self, control: float, probe_a: float) -> Stop | None:
        """Why the model may not go on: its gains on control text and on probe A, bits a byte; NaN is not watched."""
        for kind, gain, limit in (("control", control, self.limits.control), ("probe_a", probe_a, self.limits.probe_a)):
            if gain < -limit:
                return Stop(kind, -gain, limit)
        return None
