"""A block: a piece of text as a reader finds it, before paragraphs are numbered and chapters named."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

PROSE, VERSE, HEADING, NOTE = "prose", "verse", "heading", "note"


class Rejected(Exception):
    """A book that cannot be read, for a reason that lies in its file; the message is the reason."""


@dataclass(slots=True)
class Block:
    """A paragraph, stanza, heading or note, clean; the lines of verse are kept as \\n."""

    kind: str
    text: str
    page: int | None = None
    links: int = 0  # links in it
    linked: float = 0.0  # share of its characters that lie in links, 0 to 1


@dataclass(frozen=True)
class Reading:
    """What a reader found in a file: its blocks, and a remark for the account (documents or pages without text)."""

    blocks: list[Block]
    remark: str = ""


class Survey:
    """The texts of blocks seen as one, so that one search finds the blocks that hold what is looked for.

    No block is empty. A word of more than one character may also be found where it stands across two blocks.
    """

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self.texts = [block.text for block in blocks]

    @cached_property
    def whole(self) -> str:
        """All texts, one right behind the other."""
        return "".join(self.texts)

    @cached_property
    def ends(self) -> list[int]:
        """Where each text ends in the whole."""
        return list(accumulate(map(len, self.texts)))

    @cached_property
    def initials(self) -> str:
        """The first character of each text."""
        return "".join([text[0] for text in self.texts])

    def holding(self, *signs: str) -> set[int]:
        """The places of the blocks that hold any of some words; single characters are found fastest."""
        return {place for sign in signs for place in self.places_of(sign)}

    def places_of(self, sign: str) -> Iterator[int]:
        """The places of the blocks in which a word begins."""
        at = self.whole.find(sign)
        while at >= 0:
            place = bisect_right(self.ends, at)
            yield place
            at = self.whole.find(sign, self.ends[place])
