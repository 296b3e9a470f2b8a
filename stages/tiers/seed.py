"""The seed of 100: the scenes that a person reads first, in data/ltm_seed_100.yaml."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import yaml

from stages.shared.records import TIERS
from stages.shared.scenefile import Scene

SCHEMA = 1
SIZE, WIDTH = 100, 100
HEADER = """\
# The scenes to read first: each book gives its best, core before orbit before fractal, then its second, up to {size}.
# One scene: its book, `where` it stands there, `why` it was picked, the text, and `scene`, its id in data/scenes/.
# Here is text of books, so DVC keeps this file and git does not. Pin, drop or correct a scene in data/curation.yaml.
schema: {schema}
scenes:
"""


def seed_100(scenes: Mapping[str, Sequence[Scene]], ids: Sequence[str]) -> list[Scene]:
    """The best scene of each core book in the order of `ids`, of each orbit and fractal book, then the second best ...

    Sorted by tier and by category, categories and books in the order of `ids`.
    """
    books = sorted((scenes[name] for name in ids if scenes.get(name)), key=lambda book: TIERS.index(book[0].tier))
    most = max(map(len, books), default=0)
    chosen = [book[rank] for rank in range(most) for book in books if len(book) > rank][:SIZE]
    shelves = list(dict.fromkeys(shelf_of(book[0]) for book in books))
    order = {name: number for number, name in enumerate(ids)}
    return sorted(chosen, key=lambda one: (TIERS.index(one.tier), shelves.index(shelf_of(one)), order[one.book_id]))


def shelf_of(scene: Scene) -> tuple[str, str]:
    """Tier and category of a scene."""
    return scene.tier, scene.category


def write_seed(path: Path, scenes: Iterable[Scene]) -> None:
    """Write the seed: a heading for each category, a blank line before each scene."""
    pieces = [HEADER.format(size=SIZE, schema=SCHEMA)]
    for (tier, category), group in groupby(scenes, shelf_of):
        pieces.append(f"\n# {tier}: {' '.join(category.split())}\n")
        pieces += ["\n" + shown(one) for one in group]
    path.write_text("".join(pieces) if len(pieces) > 1 else pieces[0].rstrip() + " []\n", encoding="utf-8")


def shown(scene: Scene) -> str:
    """One scene as an item of the list."""
    return yaml.dump([entry(scene)], Dumper=ReadingDumper, sort_keys=False, allow_unicode=True, width=WIDTH)


def entry(scene: Scene) -> dict[str, str]:
    """What the seed says about one scene."""
    return {
        "title": scene.title,
        "author": scene.author,
        "language": scene.language,
        "tier": scene.tier,
        "category": scene.category,
        "where": where(scene),
        "why": why(scene),
        "text": Text(scene.text),
        "scene": scene.scene_id,
    }


def where(scene: Scene) -> str:
    """The place of a scene as a person says it.

    Example: "Book 13, paragraph 594"
    """
    several = scene.first != scene.last
    place = f"paragraphs {scene.first}-{scene.last}" if several else f"paragraph {scene.first}"
    page = f"page {scene.page}" if scene.page else ""
    return ", ".join(filter(None, [scene.chapter, page, place]))


def why(scene: Scene) -> str:
    """Why a scene is here: what the picker says, and whether a person had a say.

    Example: "paradox; contrast +2.5, information +2.5 against this book's median passage"
    """
    picked = f"{scene.kind}; {scene.reason}" if scene.reason else scene.kind
    return f"{scene.curated} by a person; {picked}" if scene.curated else picked


class Text(str):
    """A text to be read as a block."""


class ReadingDumper(yaml.SafeDumper):
    """YAML that shows a Text as a block: verse line by line, prose wrapped."""


def represent_text(dumper: yaml.SafeDumper, text: Text) -> yaml.ScalarNode:
    """A literal block where every line fits (verse), else a folded one, which wraps and reads back the same.

    A few texts do not read back from a block (indented ones, line breaks of other kinds); they stand in quotes.
    """
    block = "|" if all(len(line) <= WIDTH for line in text.split("\n")) else ">"
    plain = yaml.dump(str(text), Dumper=yaml.SafeDumper, default_style=block, allow_unicode=True, width=WIDTH)
    style = block if yaml.safe_load(plain) == text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


ReadingDumper.add_representer(Text, represent_text)
