"""The seed of 100: the scenes that a person sees first, in data/ltm_seed_100.yaml."""

from collections.abc import Mapping, Sequence

from stages.shared.records import TIERS
from stages.shared.scenefile import Scene


def seed_100(scenes: Mapping[str, Sequence[Scene]], ids: Sequence[str]) -> list[dict[str, object]]:
    """The best scene of each core book in the order of the bookmap, then the second best, then orbit, until 100."""
    chosen: list[dict[str, object]] = []
    for tier in TIERS[:2]:
        books = [scenes[book_id] for book_id in ids if book_id in scenes and scenes[book_id][0].tier == tier]
        for rank in range(5):
            chosen += [seed_of(book[rank]) for book in books if len(book) > rank]
    return chosen[:100]


def seed_of(scene: Scene) -> dict[str, object]:
    """One scene of the seed with its book and place."""
    return {
        "scene": scene.scene_id,
        "title": scene.title,
        "author": scene.author,
        "tier": scene.tier,
        "language": scene.language,
        "kind": scene.kind,
        "place": {"chapter": scene.chapter, "paragraphs": [scene.first, scene.last], "page": scene.page},
        "text": scene.text,
    }
