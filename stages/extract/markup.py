"""(X)HTML and TEI documents -> blocks: headings, paragraphs, verse with its lines, notes apart."""

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lxml import etree

from stages.extract import plain
from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE, Block
from stages.extract.clean import clean_characters, lines_of, one_line
from stages.extract.encoding import decode

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
UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
BACK = {"↩", "↩︎", "↑", "^", "[back]", "[Back]", "←"}
NUMBER = re.compile(r"[\[(]?\d{1,4}[\])]?")
WORD_END = re.compile(r"[^\W\d_]{3,}[.,;:!?\"'”’)\]]*$")
NOTE_MARK = re.compile(r"\W*(?:\d{1,4}|[a-zA-Z]|[*†‡§‖¶]+)\W*")
PRE_WIDTH = 66  # columns at which preformatted text is taken to be wrapped, at least
LONGEST_VERSE = 90  # characters; a longer single line in a poem is prose (an argument, a stage direction)


def blocks_of(content: bytes) -> list[Block]:
    """The blocks of one document, in reading order; [] where nothing in it is text."""
    root = parse(content)
    return [] if root is None else Walker().walk(root)


def parse(content: bytes) -> Any | None:
    """Parse as XML where it is well formed, else as tag soup; entities are never expanded nor fetched."""
    strict = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        return etree.fromstring(content, strict)
    except (etree.XMLSyntaxError, ValueError):
        pass
    text = decode(content if content[:2] in UTF_16 else content.replace(b"\0", b""))
    soup = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, recover=True)
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), soup)
    except (etree.XMLSyntaxError, ValueError):
        return None


@lru_cache(maxsize=4096)
def local_name(tag: str) -> str:
    """A tag in lower case, without its namespace."""
    return tag.rpartition("}")[2].lower()


class Walker:
    """Walks a tree once, without recursion, and cuts its text into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.links = self.linked = 0  # links in `parts`, and characters inside them
        self.stanza: list[str] = []
        self.depth = {"heading": 0, "note": 0, "verse": 0, "pre": 0, "link": 0}
        self.tei = False

    def walk(self, root: Any) -> list[Block]:
        """All blocks of the tree below `root`."""
        self.tei = local_name(root.tag).startswith("tei")
        stack: list[tuple[Any, Iterator[Any], list[str]]] = []
        stack.append((root, iter(root), self.enter(root)))
        while stack:
            element, children, marks = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                self.leave(element, marks)
                self.add(element.tail if stack else None)
            elif not isinstance(child.tag, str):
                self.add(entity_text(child))
                self.add(child.tail)
            elif self.drops(child):
                self.add(child.tail)
            else:
                stack.append((child, iter(child), self.enter(child)))
        self.flush()
        self.flush_stanza()
        return self.blocks

    def drops(self, element: Any) -> bool:
        """Whether an element and all in it is no text of the book."""
        tag = local_name(element.tag)
        if tag in DROPPED_TAGS and not (tag == "head" and self.tei):
            return True
        if tag == "img":
            self.add(element.get("alt") if len(element.get("alt") or "") == 1 else None)  # a drop cap
            return True
        if tag == "sup" and NUMBER.fullmatch(text_of(element)) and WORD_END.search(self.before()):
            return True
        if not element.attrib:
            return False
        if element.get("hidden") is not None or element.get("id") in DROPPED_IDS:
            return True
        if types_of(element) & DROPPED_TYPES or classes_of(element) & DROPPED_CLASSES:
            return True
        return tag == "a" and is_note_mark(element, self.before())

    def before(self) -> str:
        """The last characters before the place at hand, "" at the beginning of a paragraph."""
        return self.parts[-1][-20:] if self.parts else ""

    def enter(self, element: Any) -> list[str]:
        """Open an element; returns the states it switched on."""
        tag = local_name(element.tag)
        if self.is_block(tag):
            self.flush()
        elif tag in ("td", "th"):
            self.add(" ")
        elif tag in ("br", "lb"):
            self.parts.append(BREAK)
        marks = self.marks_of(element, tag)
        if "verse" in marks and not self.depth["verse"]:
            self.flush_stanza()
        for mark in marks:
            self.depth[mark] += 1
        self.add(element.text)
        return marks

    def is_block(self, tag: str) -> bool:
        """Whether the element interrupts the paragraph around it."""
        return tag in BLOCKS and (self.tei or tag not in TEI_ONLY)

    def marks_of(self, element: Any, tag: str) -> list[str]:
        """The states that an element switches on for what is in it."""
        marks = []
        if tag in HEADINGS:
            marks.append("heading")
        elif tag == "pre":
            marks.append("pre")
        elif tag == "a" and element.get("href"):
            marks.append("link")
        elif self.tei and tag in ("note", "lg", "l"):
            marks.append("note" if tag == "note" else "verse")
        elif tag == "figcaption":
            marks.append("note")
        if element.attrib and tag in BLOCKS:
            types, classes = types_of(element), classes_of(element)
            if types & NOTE_TYPES or classes & NOTE_CLASSES:
                marks.append("note")
            if types & VERSE_TYPES or classes & VERSE_CLASSES:
                marks.append("verse")
        return marks

    def leave(self, element: Any, marks: list[str]) -> None:
        """Close an element: a block element ends its paragraph, a container of verse lines its stanza."""
        tag = local_name(element.tag)
        if self.is_block(tag):
            self.flush()
        for mark in marks:
            self.depth[mark] -= 1
        if ("verse" in marks and tag not in LINES) or (self.depth["verse"] and tag in ("div", "section", "blockquote")):
            self.flush_stanza_of(element)

    def flush_stanza_of(self, element: Any) -> None:
        """End the stanza with the element that holds its lines; an element of a single line is a line, no stanza."""
        if len(element) > 1 or not self.depth["verse"]:
            self.flush_stanza()

    def add(self, text: str | None) -> None:
        """Add text to the paragraph at hand."""
        if not text:
            return
        if self.depth["pre"]:
            text = text.replace("\n", BREAK)
        self.parts.append(text)
        if self.depth["link"] and (shown := len(text.strip())):
            self.links += 1
            self.linked += shown

    def flush(self) -> None:
        """End the paragraph at hand."""
        if not self.parts:
            return
        raw, links, linked = "".join(self.parts), self.links, self.linked
        self.parts, self.links, self.linked = [], 0, 0
        if self.depth["pre"] and raw.count(BREAK) > 1:
            for block in plain.blocks_of(clean_characters(raw.replace(BREAK, "\n")), PRE_WIDTH):
                self.append(block)
        elif text := clean_breaks(raw):
            self.emit(text, links, min(1.0, linked / len(text)))

    def emit(self, text: str, links: int, linked: float) -> None:
        """Make a block of a paragraph whose forced line breaks are \\n."""
        lines = text.split("\n")
        if self.depth["heading"]:
            self.append(Block(HEADING, " ".join(lines), None, links, linked))
        elif self.depth["note"]:
            self.append(Block(NOTE, " ".join(lines), None, links, linked))
        elif self.depth["verse"] and len(lines) == 1 and len(text) <= LONGEST_VERSE:
            self.stanza.append(text)
        elif len(lines) > 1 and (self.depth["verse"] or is_verse(lines)):
            self.append(Block(VERSE, text, None, links, linked))
        else:
            self.append(Block(PROSE, " ".join(lines), None, links, linked))

    def append(self, block: Block) -> None:
        """Add a block behind the stanza that is still open."""
        self.flush_stanza()
        self.blocks.append(block)

    def flush_stanza(self) -> None:
        """End the stanza at hand: single lines of a poem that follow each other."""
        if self.stanza:
            self.blocks.append(Block(VERSE if len(self.stanza) > 1 else PROSE, "\n".join(self.stanza)))
            self.stanza = []


def clean_breaks(raw: str) -> str:
    """Clean the text of a paragraph; forced breaks become \\n, line ends of the source become spaces."""
    if BREAK not in raw:
        return one_line(clean_characters(raw))
    return "\n".join(lines_of("\n".join(one_line(clean_characters(part)) for part in raw.split(BREAK))))


def is_verse(lines: list[str]) -> bool:
    """Whether lines set apart by forced breaks are verse: at least three, all short."""
    return len(lines) >= 3 and max(map(len, lines)) <= LONGEST_VERSE


def entity_text(node: Any) -> str | None:
    """The character of a named HTML entity; None for comments, instructions and entities of the document's own."""
    if node.tag is not etree.Entity:
        return None
    character = html.unescape(str(node.text))
    return None if character == node.text else character


def types_of(element: Any) -> set[str]:
    """The values of epub:type and role of an element."""
    found = element.get(EPUB_TYPE) or element.get("epub:type") or ""
    role = element.get("role") or ""
    return {value.removeprefix("doc-") for value in f"{found} {role}".lower().split()} if found or role else set()


def classes_of(element: Any) -> set[str]:
    """The classes of an element, in lower case."""
    return set((element.get("class") or "").lower().split())


def text_of(element: Any) -> str:
    """All text in an element, without spaces at its ends."""
    return "".join(str(part) for part in element.itertext()).strip()


def is_note_mark(element: Any, before: str) -> bool:
    """Whether a link is the mark of a note or the way back from one: a short mark, raised, in brackets or at a word."""
    href, text = element.get("href") or "", text_of(element)
    if "#" not in href or len(text) > 8:
        return False
    if text in BACK:
        return True
    parent = element.getparent()
    raised = "sup" in {local_name(child.tag) for child in element} or (
        parent is not None and local_name(parent.tag) == "sup"
    )
    bracketed = text[:1] in set("[({*†‡§")
    attached = bool(NUMBER.fullmatch(text)) and before[-1:] not in set(" \n\v\u00a0-–—([") and bool(before)
    return bool(NOTE_MARK.fullmatch(text)) and (raised or bracketed or attached)
