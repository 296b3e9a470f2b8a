"""(X)HTML and TEI documents -> blocks: headings, paragraphs, verse with its lines, notes apart."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from stages.extract import plain
from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE, Block
from stages.extract.calm import calm_line, careful_line, is_calm
from stages.extract.clean import clean_characters
from stages.extract.encoding import decode
from stages.extract.tags import BREAK, DROPPED_IDS, EPUB_TYPE, Shape, local_name, shape_of

UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
BACK = {"↩", "↩︎", "↑", "^", "[back]", "[Back]", "←"}
NUMBER = re.compile(r"[\[(]?\d{1,4}[\])]?")
WORD_END = re.compile(r"[^\W\d_]{3,}[.,;:!?\"'”’)\]]*$")
NOTE_MARK = re.compile(r"\W*(?:\d{1,4}|[a-zA-Z]|[*†‡§‖¶]+)\W*")
PRE_WIDTH = 66  # columns at which preformatted text is taken to be wrapped, at least
LONGEST_VERSE = 90  # characters; a longer single line in a poem is prose (an argument, a stage direction)
SIGNS = {  # of attributes that matter besides class: what is in the bytes of a document, and what it must go on with
    b"role": re.compile(rb"role\s*="),
    b"hidden": re.compile(rb"hidden\s*="),
    b"toc": re.compile(rb"toc[\"']"),
    b"pg-": re.compile(rb"pg-(?:machine-)?(?:header|footer)[\"']"),
    b"table-of": re.compile(rb"table-of-contents[\"']"),
}


def blocks_of(content: bytes) -> list[Block]:
    """The blocks of one document, in reading order; [] where nothing in it is text."""
    root = parse_strict(content)
    if root is not None:
        calm = is_calm(content, root.getroottree().docinfo.encoding or "utf-8")
        return Walker(calm, is_rich(content)).walk(root)
    root = parse_soup(content)
    return [] if root is None else Walker(calm=False, rich=True).walk(root)


def is_rich(content: bytes) -> bool:
    """Whether elements of a document may have more that matters than tag and class."""
    if b"\0" in content or b":type" in content:
        return True
    return any(sign in content and pattern.search(content) for sign, pattern in SIGNS.items())


def parse_strict(content: bytes) -> Any | None:
    """Parse as XML, None where it is not well formed; entities are never expanded nor fetched."""
    strict = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        return etree.fromstring(content, strict)
    except (etree.XMLSyntaxError, ValueError):
        return None


def parse_soup(content: bytes) -> Any | None:
    """Parse as tag soup; None where nothing can be made of it. Raises Rejected for bytes that are no text."""
    text = decode(content if content[:2] in UTF_16 else content.replace(b"\0", b""))
    soup = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, recover=True)
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), soup)
    except (etree.XMLSyntaxError, ValueError):
        return None


class Walker:
    """Walks a tree once, without recursion, and cuts its text into blocks.

    `calm`: no character of the document needs care; `rich`: more than tag and class of its elements may matter.
    """

    def __init__(self, calm: bool, rich: bool) -> None:
        self.line: Callable[[str], str] = calm_line if calm else careful_line
        self.rich = rich
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.links = self.linked = 0  # links in `parts`, and characters inside them
        self.stanza: list[str] = []
        self.depth = {"heading": 0, "note": 0, "verse": 0, "pre": 0, "link": 0}
        self.states = 0  # states of `depth` that are on, all together
        self.tei = False

    def walk(self, root: Any) -> list[Block]:
        """All blocks of the tree below `root`."""
        self.tei = tei = local_name(root.tag).startswith("tei")
        self.enter(root, self.rich_shape(root))
        self.add(root.text or "")
        stack: list[tuple[Iterator[Any], Any, Shape]] = []
        children = iter(root)
        while True:
            for child in children:
                if not isinstance(child.tag, str):
                    self.add_entity(child)
                else:
                    found = self.rich_shape(child) if self.rich else shape_of(child.tag, tei, child.get("class"))
                    if found.simple and not self.states and not len(child):
                        self.add_block(child.text)
                    elif not (found.dropped or (found.asks and self.drops(child))):
                        if not found.plain:
                            self.enter(child, found)
                        if text := child.text:
                            self.add(text)
                        if len(child):
                            stack.append((children, child, found))
                            children = iter(child)
                            break
                        if not found.plain:
                            self.leave(child, found)
                if tail := child.tail:
                    self.add(tail)
            else:
                if not stack:
                    break
                children, child, found = stack.pop()
                self.leave(child, found)
                if tail := child.tail:
                    self.add(tail)
        self.flush()
        self.flush_stanza()
        return self.blocks

    def rich_shape(self, element: Any) -> Shape:
        """The shape of an element by all its attributes that matter."""
        get = element.get
        types = f"{get(EPUB_TYPE) or get('epub:type') or ''} {get('role') or ''}"
        kept = get("hidden") is None and get("id") not in DROPPED_IDS
        return shape_of(element.tag, self.tei, get("class"), types, kept)

    def drops(self, element: Any) -> bool:
        """Whether an image, a raised text or a link is no text of the book: a picture, the mark of a note."""
        tag = local_name(element.tag)
        if tag == "img":
            alt = element.get("alt") or ""
            if len(alt) == 1:  # a drop cap
                self.add(alt)
            return True
        if tag == "sup":
            return bool(NUMBER.fullmatch(text_of(element)) and WORD_END.search(self.before()))
        return is_note_mark(element, self.before())

    def before(self) -> str:
        """The last characters before the place at hand, "" at the beginning of a paragraph."""
        return self.parts[-1][-20:] if self.parts else ""

    def enter(self, element: Any, shape: Shape) -> None:
        """Open an element: a block element ends the paragraph before it, verse the stanza."""
        if shape.block:
            if self.parts:
                self.flush()
        elif shape.pause:
            self.parts.append(shape.pause)
        if shape.marks or shape.link:
            if "verse" in shape.marks and not self.depth["verse"]:
                self.flush_stanza()
            self.switch(self.marks_of(element, shape), 1)

    def leave(self, element: Any, shape: Shape) -> None:
        """Close an element: a block element ends its paragraph, a container of verse lines its stanza."""
        if shape.block and self.parts:
            self.flush()
        if shape.marks or shape.link:
            self.switch(self.marks_of(element, shape), -1)
        if shape.stanza or (shape.group and self.depth["verse"]):
            self.flush_stanza_of(element)

    def marks_of(self, element: Any, shape: Shape) -> tuple[str, ...]:
        """The states that an element switches on for what is in it."""
        return ("link",) if shape.link and element.get("href") else shape.marks

    def switch(self, marks: tuple[str, ...], step: int) -> None:
        """Switch states on (`step` 1) or off (-1)."""
        for mark in marks:
            self.depth[mark] += step
            self.states += step

    def flush_stanza_of(self, element: Any) -> None:
        """End the stanza with the element that holds its lines; an element of a single line is a line, no stanza."""
        if len(element) > 1 or not self.depth["verse"]:
            self.flush_stanza()

    def add_entity(self, node: Any) -> None:
        """Add the character of a named entity; it may be any, so the lines of the document need care from here on."""
        if text := entity_text(node):
            self.line = careful_line
            self.add(text)

    def add(self, text: str) -> None:
        """Add text to the paragraph at hand, which does not begin with white space."""
        if self.states:
            if self.depth["pre"]:
                text = text.replace("\n", BREAK)
            if self.depth["link"] and (shown := len(text.strip())):
                self.links += 1
                self.linked += shown
        elif not self.parts and text.isspace():
            return
        self.parts.append(text)

    def add_block(self, text: str | None) -> None:
        """Add a paragraph that stands in an element alone."""
        if self.parts:
            self.flush()
        if text and (line := self.line(text) if BREAK not in text else self.lines(text)):
            self.emit(line, 0, 0.0)

    def flush(self) -> None:
        """End the paragraph at hand."""
        if not self.parts:
            return
        raw, links, linked = "".join(self.parts), self.links, self.linked
        self.links = self.linked = 0
        self.parts.clear()
        if self.depth["pre"] and raw.count(BREAK) > 1:
            for block in plain.blocks_of(clean_characters(raw.replace(BREAK, "\n")), PRE_WIDTH):
                self.append(block)
        elif text := self.line(raw) if BREAK not in raw else self.lines(raw):
            self.emit(text, links, min(1.0, linked / len(text)))

    def lines(self, raw: str) -> str:
        """Clean the lines of a paragraph with forced breaks, which become \\n."""
        return "\n".join(filter(None, map(self.line, raw.split(BREAK))))

    def emit(self, text: str, links: int, linked: float) -> None:
        """Make a block of a paragraph whose forced line breaks are \\n."""
        if not self.states and "\n" not in text:
            return self.append(Block(PROSE, text, None, links, linked))
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


def is_verse(lines: list[str]) -> bool:
    """Whether lines set apart by forced breaks are verse: at least three, all short."""
    return len(lines) >= 3 and max(map(len, lines)) <= LONGEST_VERSE


def entity_text(node: Any) -> str | None:
    """The character of a named HTML entity; None for comments, instructions and entities of the document's own."""
    if node.tag is not etree.Entity:
        return None
    character = html.unescape(str(node.text))
    return None if character == node.text else character


def text_of(element: Any) -> str:
    """All text in an element, without spaces at its ends."""
    if not len(element):
        return str(element.text or "").strip()
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
