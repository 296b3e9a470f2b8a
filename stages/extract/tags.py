"""What the tags, classes and types of (X)HTML and TEI mean for reading."""

from functools import lru_cache
from typing import NamedTuple

EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
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
SHAPES = 4096  # combinations of tag and attributes that are remembered


class Shape(NamedTuple):
    """What an element does to the text around it and to the text in it."""

    dropped: bool  # it and all in it is no text of the book
    asks: bool  # whether it is dropped depends on what is in it or before it
    link: bool  # it is a link where it has a target
    simple: bool  # it is a paragraph, or holds some, and nothing else
    plain: bool  # it does nothing at all: the text in it goes on
    block: bool  # it interrupts the paragraph around it
    pause: str  # what stands in its place: a space before a cell, a forced line break
    marks: tuple[str, ...]  # the states that it switches on for what is in it
    stanza: bool  # it holds the lines of a stanza
    group: bool  # it holds the lines of a stanza where it stands in verse


@lru_cache(maxsize=SHAPES)
def shape_of(tag: str, tei: bool, classes: str | None, types: str = "", kept: bool = True) -> Shape:
    """The shape of an element by its tag, its class, its epub:type and role; `kept`: its id and `hidden` allow it."""
    name = local_name(tag)
    words, kinds = set((classes or "").lower().split()), types_in(types)
    asks = name in ("img", "sup", "a")
    dropped = name in DROPPED_TAGS and not (name == "head" and tei)
    if name != "img" and (not kept or kinds & DROPPED_TYPES or words & DROPPED_CLASSES):
        dropped = True
    block = name in BLOCKS and (tei or name not in TEI_ONLY)
    pause = "" if block else PAUSES.get(name, "")
    marks = marks_of(name, tei, words, kinds)
    plain = not (asks or block or pause or marks)
    simple = block and not (dropped or asks or marks)
    stanza = "verse" in marks and name not in LINES
    return Shape(dropped, asks, name == "a", simple, plain, block, pause, marks, stanza, name in GROUPS)


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


@lru_cache(maxsize=SHAPES)
def local_name(tag: str) -> str:
    """A tag in lower case, without its namespace."""
    return tag.rpartition("}")[2].lower()


def types_in(types: str) -> set[str]:
    """The single values of epub:type and role.

    Example: "doc-footnote Footnote" -> {"footnote"}
    """
    return {value.removeprefix("doc-") for value in types.lower().split()}
