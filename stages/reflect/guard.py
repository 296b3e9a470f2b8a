"""The collapse guard: what was written, the control text and probe A are watched, and own thinking is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.reflect.rules import distinct_runs
from stages.reflect.settings import GuardParams


@dataclass(frozen=True)
class Guard:
    """The limits, and what was written in round 0, before anything written was read."""

    limits: GuardParams
    first: tuple[str, ...]

    def of_writing(self, texts: Sequence[str], passed: int) -> str:
        """Why what was written in a round may not be read: "" where it may.

        Diversity is that of as many texts of both rounds: a share of distinct runs falls with their number.
        """
        if not passed:
            return f"none of {len(texts)} written texts passed the filter"
        count = min(len(texts), len(self.first))
        before, now = distinct_runs(self.first[:count]), distinct_runs(texts[:count])
        if now < self.limits.diversity * before:
            least = f"{self.limits.diversity:g} of the {before:.3f} of round 0"
            return f"diversity of what was written fell to {now:.3f} (distinct runs of three words), below {least}"
        return ""

    def of_model(self, control: float, probe_a: float) -> str:
        """Why the model may not go on: gains on control text and on probe A over the saturated adapter, bits a byte."""
        if control < -self.limits.control:
            return f"control text takes {-control:.4f} bits a byte more, the limit is {self.limits.control:g}"
        if probe_a < -self.limits.probe_a:
            return f"probe A takes {-probe_a:.4f} bits a byte more, the limit is {self.limits.probe_a:g}"
        return ""
