"""What the gate found: accepted, rejected with reasons, refused files, decisions, and the counts of all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stages.shared.records import TIERS, Account
from stages.shared.scenefile import Scene
from stages.validate.curation import Curated
from stages.validate.suite import Outcome

LOST, DROPPED = "all its scenes failed validation", "all its scenes were dropped by a person"
REFUSED = "its file of scenes is refused: "
STATES = {"pin": "pinned", "drop": "dropped", "replace": "replaced"}


@dataclass(frozen=True)
class Rejection:
    """A scene that is not read and every reason for it; without `scene_id`, the whole file of a book."""

    scene_id: str
    book_id: str
    reason: str


@dataclass(frozen=True)
class State:
    """What became of one entry of data/curation.yaml."""

    scene_id: str
    do: str
    state: str  # pinned, dropped, replaced, or stale
    reason: str  # the person's, or why it is stale


@dataclass(frozen=True)
class Gate:
    """The result of the gate over all scenes."""

    curated: Curated
    refused: Mapping[str, str]  # book -> why its file is not taken
    outcomes: Sequence[Outcome]
    reasons: Mapping[int, Sequence[str]]  # index of a curated scene -> the rules it fails

    @property
    def scenes(self) -> list[Scene]:
        """The scenes that the rules looked at."""
        return self.curated.scenes

    @cached_property
    def accepted(self) -> list[Scene]:
        """The scenes that later stages read."""
        return [scene for row, scene in enumerate(self.scenes) if row not in self.reasons]

    @cached_property
    def failed(self) -> list[Rejection]:
        """The scenes that fail a rule."""
        pairs = [(self.scenes[row], "; ".join(reasons)) for row, reasons in self.reasons.items()]
        return [Rejection(scene.scene_id, scene.book_id, reason) for scene, reason in pairs]

    @cached_property
    def rejected(self) -> list[Rejection]:
        """Everything that is not read: refused files, scenes dropped by a person, scenes that fail a rule."""
        files = [Rejection("", book, REFUSED + reason) for book, reason in self.refused.items()]
        why = {one.decision.scene: one.decision.why for one in self.curated.decisions}
        dropped = [
            Rejection(name, scene.book_id, f"dropped by a person: {why[name]}")
            for name, scene in self.curated.dropped.items()
        ]
        return sorted([*files, *dropped, *self.failed], key=lambda one: (one.book_id, one.scene_id))

    @property
    def decisions(self) -> list[State]:
        """What became of the entries of data/curation.yaml, in their order."""
        rows = [(one.decision, one.stale) for one in self.curated.decisions]
        return [State(one.scene, one.do, "stale" if stale else STATES[one.do], stale or one.why) for one, stale in rows]

    def accounts(self) -> list[Account]:
        """What became of every book that has a file of scenes."""
        kept, lost = by_book(self.accepted), by_book(self.curated.dropped.values()) | by_book(self.scenes)
        failed = by_book(self.scenes)
        reasons = {book: LOST if book in failed else DROPPED for book in lost if book not in kept}
        reasons |= {book: REFUSED + reason for book, reason in self.refused.items()}
        gone = [Account(book, "rejected", reason) for book, reason in reasons.items()]
        return sorted([*map(used, kept.values()), *gone], key=lambda one: one.book_id)

    def summary(self) -> dict[str, Any]:
        """What metrics/validate.json says: counts, decisions, and the share of scenes that pass, by tier and rule."""
        states = Counter(one.state for one in self.decisions)
        return {
            "scenes": len(self.scenes) + len(self.curated.dropped),
            "accepted": len(self.accepted),
            "rejected": len(self.failed),
            "books": len(by_book(self.scenes)),
            "refused_files": len(self.refused),
            "curation": {name: states[name] for name in ("pinned", "dropped", "replaced", "stale")},
            "accepted_share": self.shares(self.reasons),
            "passed": {one.rule.rule: self.shares(one.failed) for one in self.outcomes},
        }

    def shares(self, failed: Iterable[int]) -> dict[str, float]:
        """The share of scenes of each tier that are not among the rows `failed`."""
        lost = Counter(tier_of(self.scenes[row]) for row in failed)
        tiers = Counter(map(tier_of, self.scenes))
        return {tier: round(1 - lost[tier] / tiers[tier], 4) for tier in (*TIERS, "unknown") if tiers[tier]}


def tier_of(scene: Scene) -> str:
    """The tier of a scene, "unknown" where there is no such tier."""
    return scene.tier if scene.tier in TIERS else "unknown"


def by_book(scenes: Iterable[Scene]) -> dict[str, list[Scene]]:
    """The scenes of each book."""
    found: dict[str, list[Scene]] = defaultdict(list)
    for scene in scenes:
        found[scene.book_id].append(scene)
    return dict(found)


def used(scenes: Sequence[Scene]) -> Account:
    """The account of a book by its accepted scenes."""
    words, size = sum(one.words for one in scenes), sum(one.bytes for one in scenes)
    return Account(scenes[0].book_id, "used", "", scenes[0].language, len(scenes), words, size)
