"""The filter as it is applied: to what was written, and to the scenes that are replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.reflect import rules, savings
from stages.reflect.material import Text
from stages.reflect.prompts import GAP
from stages.reflect.settings import FilterParams
from stages.reflect.writing import Written
from stages.shared.chance import shuffled


@dataclass(frozen=True)
class Judged:
    """A written text and what became of it: `reason` is empty where it passed; the scores are NaN where not asked."""

    written: Written
    name: str
    reason: str
    linkage: float
    agreement: float
    ran: int  # tokens that the filter ran through the base for it


class Sieve:
    """The filter of one study: its limits, what was read, and the floor of linkage that read texts set."""

    def __init__(self, texts: Sequence[Text], scale: savings.Scale, limits: FilterParams, seed: int) -> None:
        self.texts, self.scale, self.limits, self.seed = texts, scale, limits, seed
        self.read = rules.read_of({one.name: one.text for one in texts}, limits.copied)
        answers = scale.ask([savings.linkage(one.text, self.rival(one.language, one.name)) for one in texts], "linkage")
        self.linked = {one.name: answer.bits for one, answer in zip(texts, answers, strict=True)}
        self.ran = sum(answer.tokens for answer in answers)
        self.floors = self.floor_by_language()

    def rival(self, language: str, name: str) -> str:
        """A read text of that language (of any, where it has no other), by hash of the name it is a rival to."""
        others = {one.name: one.text for one in self.texts if one.name != name and one.language == language}
        others = others or {one.name: one.text for one in self.texts if one.name != name}
        return others[shuffled(others, self.seed, "rival", name)[0]]

    def floor_by_language(self) -> dict[str, float]:
        """The quantile `linkage` of the linkage of what was read under the base, in each language."""
        found: dict[str, list[float]] = {}
        for one in self.texts:
            found.setdefault(one.language, []).append(self.linked[one.name])
        return {language: float(np.quantile(values, self.limits.linkage)) for language, values in found.items()}

    def replay_reason(self, one: Text) -> str:
        """Why a read text is not replayed. All rules but two: it is what was read, and it was not sampled."""
        form = rules.form_reason(one.text, len(one.ids), one.language, self.limits)
        return form or rules.model_reason(self.linked[one.name], self.floors[one.language], None, self.limits)

    def judge(self, batch: Mapping[str, Written], kept: Mapping[str, str]) -> list[Judged]:
        """What becomes of a batch (name -> written); `kept` are the texts that have passed before.

        The cheap rules come first; the base is asked only about texts that have passed them.
        """
        reasons = {name: self.form(one) for name, one in batch.items()}
        left = {name: one.text for name, one in batch.items() if not reasons[name]}
        reasons |= rules.copy_reasons(left, self.read, kept, self.limits.likeness)
        asked = [name for name in batch if not reasons[name]]
        linkages = self.scale.ask([self.linkage(name, batch[name]) for name in asked], "linkage of what was written")
        agreements = self.scale.ask([self.agreement(name, batch) for name in asked], "agreement of samples")
        found = dict(zip(asked, zip(linkages, agreements, strict=True), strict=True))
        return [self.judged(name, one, reasons[name], found.get(name)) for name, one in batch.items()]

    def form(self, one: Written) -> str:
        """Why a written text fails by its form."""
        return rules.form_reason(one.text, one.tokens, one.prompt.language, self.limits)

    def linkage(self, name: str, one: Written) -> savings.Saving:
        """The question of a written text's linkage."""
        return savings.linkage(one.text, self.rival(one.prompt.language, name))

    def agreement(self, name: str, batch: Mapping[str, Written]) -> savings.Saving:
        """Consistency under resampling: does the second answer to its prompt tell more of a text than another's?

        The other is a second answer to another prompt of its language; a read text where the batch has none.
        """
        one = batch[name]
        others = {
            other: each.again
            for other, each in batch.items()
            if each.again and each.prompt.language == one.prompt.language and each.prompt.scenes != one.prompt.scenes
        }
        first = next(iter(shuffled(others, self.seed, "again", name)), "")
        rival = others[first] if first else self.rival(one.prompt.language, name)
        return savings.Saving(one.text, one.again + GAP, rival + GAP)

    def judged(
        self, name: str, one: Written, reason: str, answers: tuple[savings.Saved, savings.Saved] | None
    ) -> Judged:
        """The judgement of one text from the reason of the cheap rules, or from what the base said of it."""
        if answers is None:
            return Judged(one, name, reason, float("nan"), float("nan"), 0)
        linkage, agreement = (answer.bits for answer in answers)
        floor = self.floors.get(one.prompt.language, min(self.floors.values()))
        reason = rules.model_reason(linkage, floor, agreement, self.limits)
        return Judged(one, name, reason, linkage, agreement, sum(answer.tokens for answer in answers))
