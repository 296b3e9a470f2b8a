"""What the tags, classes and types of (X)HTML and TEI mean for reading."""

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE

XML, TEI, SOUP = "xml", "tei", "soup"  # dialects; in soup a colon is part of a name
NAME = r"[^\s=<>\"'/]+"
ATTRIBUTE = re.compile(rf"\s+({NAME})\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
TAG = re.compile(rf"((?![!?]){NAME})((?:\s+{NAME}\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*/?")
BREAK = "\v"  # a forced line break; line ends of the source are \n and mean nothing

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "head", "hgroup"}
BLOCKS = HEADINGS | set(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
    " header hr html li main menu ol p pre section summary table tbody tfoot thead tr ul"
    " ab argument bibl castitem castlist closer div1 div2 div3 epigraph front item l lg list note opener q quote"
    " signed sp speaker stage text trailer".split()
)
TEI_ONLY = {"ab", "bibl", "item", "l", "list", "note", "q", "quote", "stage", "text", "front", "trailer"}
LINES = {"l"}
GROUPS = {"div", "section", "blockquote"}
PAUSES = {"td": " ", "th": " ", "br": BREAK, "lb": BREAK}
DROPPED_TAGS = set(
    "head script style nav svg audio video canvas iframe object embed template noscript rt rp select textarea button"
    " teiheader fw".split()
)
DROPPED_TYPES = set(
    "backlink colophon copyright-page cover halftitlepage imprint index landmarks loi lot loa lov noteref page-list"
    " pagebreak titlepage toc".split()
)
NOTE_TYPES = set("endnote endnotes footnote footnotes note rearnote rearnotes".split())
VERSE_TYPES = set("z3998:hymn z3998:poem z3998:song z3998:verse".split())
DROPPED_CLASSES = set(
    "fnanchor noteref footnote-ref footnoteref page-number page_number pagebreak pageno pagenum pagenumber"
    " pg-boilerplate programlisting toc tocentry".split()
)
DROPPED_IDS = {"pg-header", "pg-footer", "pg-machine-header", "toc", "table-of-contents"}
NOTE_CLASSES = set(
    "caption endnote endnotes figcaption footnote footnotes tei-list-footnotes tei-notelabel tei-notetext tn tnote"
    " tnotes transnote transnotes".split()
)
VERSE_CLASSES = set("line-block linegroup lg poem poem-container poetry poetry-container stanza verse".split())
SHAPES = 4096  # tags that are remembered


class Unplain(Exception):
    """What stands between < and > is no tag: a comment, an instruction, a section of raw text, half a tag."""


class Shape(NamedTuple):
    """What an element does to the text around it and to the text in it."""

    dropped: bool  # it and all in it is no text of the book
    asks: bool  # whether it is dropped depends on what is in it or before it
    leaf: str  # the kind of block that a text in it is that stands alone in it; "" where more must be known
    plain: bool  # it does nothing at all: the text in it goes on
    block: bool  # it interrupts the paragraph around it
    pause: str  # what stands in its place: a space before a cell, a forced line break
    marks: tuple[str, ...]  # the states that it switches on for what is in it
    stanza: bool  # it holds the lines of a stanza
    group: bool  # it holds the lines of a stanza where it stands in verse


class Tag(NamedTuple):
    """A start tag, or the tag of an empty element, as it stands in the markup."""

    name: str
    shape: Shape
    empty: bool
    end: str  # the end tag that goes with it
    href: str = ""
    alt: str = ""


@lru_cache(maxsize=SHAPES)
def tag_of(source: str, dialect: str) -> Tag | None:
    """The tag whose text between < and > is `source`; None for an end tag.

    Raises Unplain for what is no tag, save in soup, where what can be told of it counts.
    """
    if source.startswith("/"):
        return None
    found = TAG.fullmatch(source)
    if found is None and dialect != SOUP:
        raise Unplain(source[:40])
    name, rest = (found[1], found[2]) if found else (source.split()[0].rstrip("/"), source)
    given = {key: html.unescape(double or single) for key, double, single in ATTRIBUTE.findall(rest)}
    end = f"/{name}"
    name = (name if dialect == SOUP else name.rpartition(":")[2]).lower()
    shape = shape_of(name, dialect == TEI, given)
    return Tag(name, shape, source.endswith("/"), end, given.get("href", ""), given.get("alt", ""))


class Leaves(dict[str, Tag | None]):
    """The tags of one document by their source, those of leaves alone: None for all other tags."""

    def __init__(self, dialect: str) -> None:
        super().__init__({"": None})
        self.dialect = dialect

    def __missing__(self, source: str) -> Tag | None:
        tag = tag_of(source, self.dialect)
        self[source] = leaf = tag if tag is not None and tag.shape.leaf and not tag.empty else None
        return leaf


def shape_of(name: str, tei: bool, given: Mapping[str, str]) -> Shape:
    """The shape of an element by its name and its attributes."""
    words = set(given.get("class", "").lower().split())
    kinds = types_in(" ".join(value for key, value in given.items() if key == "role" or key.endswith(":type")))
    kept = "hidden" not in given and given.get("id") not in DROPPED_IDS
    asks = name in ("img", "sup", "a")
    dropped = name in DROPPED_TAGS and not (name == "head" and tei)
    if name != "img" and (not kept or kinds & DROPPED_TYPES or words & DROPPED_CLASSES):
        dropped = True
    block = name in BLOCKS and (tei or name not in TEI_ONLY)
    pause = "" if block else PAUSES.get(name, "")
    marks = ("link",) if name == "a" and given.get("href") else marks_of(name, tei, words, kinds)
    plain = not (asks or block or pause or marks)
    leaf = "" if dropped or asks or not block else leaf_of(name, marks)
    stanza = "verse" in marks and name not in LINES
    return Shape(dropped, asks, leaf, plain, block, pause, marks, stanza, name in GROUPS)


def marks_of(name: str, tei: bool, classes: set[str], types: set[str]) -> tuple[str, ...]:
    """The states that an element switches on for what is in it."""
    marks = []
    if name in HEADINGS:
        marks.append("heading")
    elif name == "pre":
        marks.append("pre")
    elif tei and name in ("note", "lg", "l"):
        marks.append("note" if name == "note" else "verse")
    elif name == "figcaption":
        marks.append("note")
    if name in BLOCKS:
        marks += ["note"] if types & NOTE_TYPES or classes & NOTE_CLASSES else []
        marks += ["verse"] if types & VERSE_TYPES or classes & VERSE_CLASSES else []
    return tuple(marks)


def leaf_of(name: str, marks: tuple[str, ...]) -> str:
    """The kind of block that an element is made into which holds one text and nothing else."""
    if name in LINES or "pre" in marks:
        return ""
    return next((kind for kind in (HEADING, NOTE, VERSE) if kind in marks), PROSE)


def types_in(types: str) -> set[str]:
    """The single values of epub:type and role.

    Example: "doc-footnote Footnote" -> {"footnote"}
    """
    return {value.removeprefix("doc-") for value in types.lower().split()}
