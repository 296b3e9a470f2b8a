"""A block: a piece of text as a reader finds it, before paragraphs are numbered and chapters named."""

from collections.abc import Iterable
from dataclasses import dataclass

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


def initials(blocks: Iterable[Block]) -> str:
    """The first character of each block, so that one search finds those that can begin with what is looked for.

    No block is empty.
    """
    return "".join([block.text[0] for block in blocks])
