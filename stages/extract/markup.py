"""(X)HTML and TEI documents -> blocks: headings, paragraphs, verse with its lines, notes apart."""

import contextlib
import html
import re

from stages.extract import plain
from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE, Block
from stages.extract.calm import Cleaner, careful_text, cleaner_of
from stages.extract.clean import clean_characters
from stages.extract.parse import as_written, checked, dialect_of, parse_soup, parse_strict
from stages.extract.tags import BREAK, SOUP, Leaves, Shape, Tag, Unplain, tag_of

BACK = {"↩", "↩︎", "↑", "^", "[back]", "[Back]", "←"}
NUMBER = re.compile(r"[\[(]?\d{1,4}[\])]?")
WORD_END = re.compile(r"[^\W\d_]{3,}[.,;:!?\"'”’)\]]*$")
NOTE_MARK = re.compile(r"\W*(?:\d{1,4}|[a-zA-Z]|[*†‡§‖¶]+)\W*")
PRE_WIDTH = 66  # columns at which preformatted text is taken to be wrapped, at least
LONGEST_VERSE = 90  # characters; a longer single line in a poem is prose (an argument, a stage direction)
ENTITY = re.compile(r"&(#?\w+);")
OWN = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}  # entities that XML itself knows
INLINE = frozenset(
    f"{slash}{name}" for name in "abbr b big cite em i small span strong tt u".split() for slash in ("", "/")
)
BREAKS = {"br/", "br /"}
BETWEEN = re.compile(r"<([^>]*)>")


def blocks_of(content: bytes) -> list[Block]:
    """The blocks of one document, in reading order; [] where nothing in it is text."""
    markup = checked(content)
    if markup is not None:
        with contextlib.suppress(Unplain):
            return Walker(markup, dialect_of(markup), cleaner_of(content, "utf-8")).walk()
    root = parse_strict(content)
    if root is None:
        root = parse_soup(content)
        return [] if root is None else Walker(as_written(root), SOUP).walk()
    encoding = root.getroottree().docinfo.encoding or "utf-8"
    markup = as_written(root)
    return Walker(markup, dialect_of(markup), cleaner_of(content, encoding)).walk()


class Walker:
    """Walks through the markup of a document once, tag by tag, and cuts its text into blocks.

    `clean` is the least cleaning that its texts need. The markup is that of a document which a parser has accepted, so
    its tags are balanced. Raises Unplain where it holds more than tags and text.
    """

    def __init__(self, markup: str, dialect: str, clean: Cleaner = careful_text) -> None:
        pieces = BETWEEN.split(markup)  # text, tag, text, tag ... text
        if not BREAKS.isdisjoint(pieces[1::2]):
            pieces = BETWEEN.split(markup.replace("<br/>", BREAK).replace("<br />", BREAK))
        self.tags, self.texts = pieces[1::2], pieces[2::2]  # tags, and the text behind each
        self.last = len(self.tags)
        self.tags += ("", "")  # so that a look ahead needs no care
        self.dialect, self.entities = dialect, "&" in markup
        self.clean = clean
        self.leaves = Leaves(dialect)
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.links = self.linked = 0  # links in `parts`, and characters inside them
        self.stanza: list[str] = []
        self.depth = {"heading": 0, "note": 0, "verse": 0, "pre": 0, "link": 0}
        self.states = 0  # states of `depth` that are on, all together
        self.counts = self.entities  # whether text is more than what is appended to `parts`
        self.open: list[tuple[Tag, int]] = []  # the elements around the place at hand, and where they begin

    def walk(self) -> list[Block]:
        """All blocks of the document."""
        tags, texts, dialect, elements, parts = self.tags, self.texts, self.dialect, self.open, self.parts
        at = 0
        while at < self.last:
            tag = tag_of(tags[at], dialect)
            if tag is None:
                tag, begin = elements.pop()
                if not tag.shape.plain:
                    self.leave(tag.shape, begin)
            elif (shape := tag.shape).leaf and not self.states and (beyond := self.add_run(at)) > at:
                at = beyond - 1
            elif tag.empty and shape.pause and not shape.dropped:
                parts.append(shape.pause)
            elif shape.dropped or (shape.asks and self.drops(tag, at)):
                at = self.end_of(at)
            else:
                if not shape.plain:
                    self.enter(shape)
                if not tag.empty:
                    elements.append((tag, at))
                elif shape.block or shape.marks:
                    self.leave(shape, at)
            if not (text := texts[at]):
                pass
            elif parts and not self.counts:
                parts.append(text)
            elif parts or self.states or not text.isspace():
                self.add(text)
            at += 1
        self.flush()
        self.flush_stanza()
        return self.blocks

    def end_of(self, at: int) -> int:
        """Where the element ends that begins at the tag `at`."""
        depth = 0
        while True:
            tag = tag_of(self.tags[at], self.dialect)
            depth += -1 if tag is None else not tag.empty
            if depth <= 0:
                return at
            at += 1

    def inside(self, begin: int) -> tuple[str, list[str]]:
        """The text in the element that begins at a tag, without spaces at its ends, and the names of its children."""
        end, depth = self.end_of(begin), 0
        names = ["br"] * self.texts[begin].count(BREAK)
        for at in range(begin + 1, end):
            tag = tag_of(self.tags[at], self.dialect)
            if tag is not None and depth == 0:
                names.append(tag.name)
            depth += -1 if tag is None else not tag.empty
            if depth == 0:
                names += ["br"] * self.texts[at].count(BREAK)
        return self.spelt("".join(self.texts[begin:end]).replace(BREAK, "")).strip(), names

    def drops(self, tag: Tag, at: int) -> bool:
        """Whether an image, a raised text or a link is no text of the book: a picture, the mark of a note."""
        if tag.name == "img":
            if len(tag.alt) == 1:  # a drop cap
                self.add(tag.alt)
            return True
        if tag.name == "sup":
            return bool(WORD_END.search(self.before()) and NUMBER.fullmatch(self.inside(at)[0]))
        if "#" not in tag.href:
            return False
        text, names = self.inside(at)
        raised = "sup" in names or bool(self.open and self.open[-1][0].name == "sup")
        return is_note_mark(text, raised, self.before())

    def before(self) -> str:
        """The last characters before the place at hand, "" at the beginning of a paragraph."""
        return self.parts[-1][-20:] if self.parts else ""

    def enter(self, shape: Shape) -> None:
        """Open an element: a block element ends the paragraph before it, verse the stanza."""
        if shape.block:
            if self.parts:
                self.flush()
        elif shape.pause:
            self.parts.append(shape.pause)
        if shape.marks:
            if "verse" in shape.marks and not self.depth["verse"]:
                self.flush_stanza()
            self.switch(shape.marks, 1)

    def leave(self, shape: Shape, begin: int) -> None:
        """Close an element: a block element ends its paragraph, a container of verse lines its stanza."""
        if shape.block and self.parts:
            self.flush()
        if shape.marks:
            self.switch(shape.marks, -1)
        if self.stanza and (shape.stanza or (shape.group and self.depth["verse"])):
            if not self.depth["verse"] or len(self.inside(begin)[1]) > 1:  # one of a single line is a line, no stanza
                self.flush_stanza()

    def switch(self, marks: tuple[str, ...], step: int) -> None:
        """Switch states on (`step` 1) or off (-1)."""
        for mark in marks:
            self.depth[mark] += step
            self.states += step
        self.counts = self.entities or self.depth["pre"] > 0 or self.depth["link"] > 0

    def add(self, text: str) -> None:
        """Add text to the paragraph at hand, which does not begin with white space."""
        if self.entities and "&" in text:
            text = self.spelt(text)
        if self.states:
            if self.depth["link"]:
                shown = [len(line) for line in map(str.strip, text.split(BREAK)) if line]
                self.links += len(shown)
                self.linked += sum(shown)
            if self.depth["pre"]:
                text = text.replace("\n", BREAK)
        elif not self.parts and text.isspace():
            return
        self.parts.append(text)

    def add_run(self, at: int) -> int:
        """Add the paragraphs that follow each other from the tag `at` on, outside of any state, each an element's all.

        Returns one past the last tag of the last of them; `at` where there is none.
        """
        tags, texts, leaves = self.tags, self.texts, self.leaves
        begin, found = at, list[Block]()
        while leaf := leaves[tags[at]]:
            close = at + 1
            if tags[close] == leaf.end:
                text = texts[at]
            elif (close := self.behind_inline(close)) and tags[close] == leaf.end:
                text = "".join(texts[at:close])
            else:
                break
            if line := self.clean(self.spelt(text) if self.entities and "&" in text else text):
                found.append(paragraph_of(line, leaf.shape.leaf))
            at = close + 1
            if (rest := texts[close]) and not rest.isspace():
                break
        if at > begin and self.parts:
            self.flush()
        if found:
            self.flush_stanza()
            self.blocks += found
        return at

    def behind_inline(self, at: int) -> int:
        """The first place from `at` on whose tag is not one of plain emphasis."""
        while self.tags[at] in INLINE:
            at += 1
        return at

    def spelt(self, text: str) -> str:
        """A text with its entities as characters; from one that is not XML's own on, the lines need care."""
        if any(name not in OWN for name in ENTITY.findall(text)):
            self.clean = careful_text
        return ENTITY.sub(character_of, text)

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
        elif text := self.clean(raw):
            self.emit(text, links, min(1.0, linked / len(text)))

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


def paragraph_of(text: str, kind: str) -> Block:
    """The block of a text that is all of an element of some kind; its forced line breaks are \\n."""
    if "\n" not in text:
        return Block(PROSE if kind == VERSE else kind, text)
    if kind == VERSE or (kind == PROSE and is_verse(text.split("\n"))):
        return Block(VERSE, text)
    return Block(kind, text.replace("\n", " "))


def is_verse(lines: list[str]) -> bool:
    """Whether lines set apart by forced breaks are verse: at least three, all short."""
    return len(lines) >= 3 and max(map(len, lines)) <= LONGEST_VERSE


def is_note_mark(text: str, raised: bool, before: str) -> bool:
    """Whether a link to a place is the mark of a note or the way back: short, raised, in brackets or at a word."""
    if len(text) > 8:
        return False
    if text in BACK:
        return True
    bracketed = text[:1] in set("[({*†‡§")
    attached = bool(NUMBER.fullmatch(text)) and before[-1:] not in set(" \n\v\u00a0-–—([") and bool(before)
    return bool(NOTE_MARK.fullmatch(text)) and (raised or bracketed or attached)


def character_of(entity: re.Match[str]) -> str:
    """The character of an entity; nothing for an entity of the document's own."""
    character = html.unescape(entity[0])
    return "" if character == entity[0] else character
