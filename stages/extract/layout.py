"""Lines on pages -> blocks: running heads out, paragraphs joined across lines and pages, notes and headings told."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE, Block
from stages.extract.clean import join_lines, vocabulary
from stages.extract.direction import runs_to_the_left

RUNNING = 3  # a line that stands at the same height on this many pages is a running head
BAND_SHARE = 0.3  # where this share of the pages have a head, what stands at that height elsewhere is one too
LEAST_PAGES = 10  # in a document with at least so many pages
EDGE = 2  # lines at the top and at the bottom of a page that may be running heads
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|p\.|s\.)\s*)?(?:\d{1,4}|[ivxlc]{1,8})(?:\s*(?:of|/|von)\s*\d{1,4})?[\W_]*", re.IGNORECASE
)
STOPS = frozenset(".!?…:。！？」』।॥؟۔׃")
CLOSERS = "\"'”’»)]›」』"
SMALL = re.compile("[a-z]")
NOTE_START = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§¹²³⁴-⁹]{1,3})[\]).]?\s?\D")


@dataclass(slots=True)
class Line:
    """A line of a page: text, box in points from the top left, size of its main font, whether all is bold.

    Where it starts and ends grows in the direction of writing; `rtl`: most of its letters run from right to left.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool = False
    rtl: bool = field(init=False)
    start: float = field(init=False)
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.rtl = not self.text.isascii() and runs_to_the_left(self.text)
        self.start, self.end = (-self.x1, -self.x0) if self.rtl else (self.x0, self.x1)


@dataclass(frozen=True)
class Page:
    """A page, counted from 1: its height in points, its lines in reading order, whether it shows an image."""

    number: int
    height: float
    lines: list[Line]
    has_image: bool = False


@dataclass(frozen=True)
class Piece:
    """Lines of one page between two gaps, of one size of type."""

    page: int
    lines: list[Line]
    kind: str
    opens: bool = True  # whether it begins a paragraph, as far as its first line tells


def blocks_of(pages: list[Page]) -> list[Block]:
    """The blocks of a document, each with the page on which it begins."""
    pages = without_running_heads(pages)
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return []
    body = body_size(lines)
    words = vocabulary([line.text for line in lines])
    pieces: list[Piece] = []
    for page in pages:
        pieces += pieces_of(page, body, bool(pieces) and is_open_note(pieces[-1]))
    return [block_of(paragraph, words) for paragraph in joined(pieces)]


def body_size(lines: Iterable[Line]) -> float:
    """The size of type of most characters, in points."""
    exact: Counter[float] = Counter()
    for line in lines:
        exact[line.size] += len(line.text)
    counts: Counter[float] = Counter()
    for size, characters in exact.items():
        counts[round(size * 2) / 2] += characters
    return max(counts, key=lambda size: (counts[size], size))


def without_running_heads(pages: list[Page]) -> list[Page]:
    """Take out what repeats at the top or bottom of pages (numbers apart), page numbers, and what else stands there."""
    edges = [edge_lines(page) for page in pages]
    counts = Counter(key for edge in edges for key in {head_key(line) for line in edge})
    heads = [[line for line in edge if is_head(line, counts)] for edge in edges]
    bands = Counter(band for found in heads for band in {height(line) for line in found})
    cleaned = []
    for page, edge, found in zip(pages, edges, heads, strict=True):
        common = [line for line in edge if bands[height(line)] >= BAND_SHARE * len(pages) and len(line.text) <= 80]
        dropped = {id(line) for line in (*found, *(common if len(pages) >= LEAST_PAGES else ()))}
        cleaned.append(Page(page.number, page.height, [line for line in page.lines if id(line) not in dropped]))
    return cleaned


def is_head(line: Line, counts: Counter[tuple[str, int]]) -> bool:
    """Whether a line at the edge of a page is a page number or stands there on other pages too."""
    return counts[head_key(line)] >= RUNNING or bool(PAGE_NUMBER.fullmatch(line.text))


def edge_lines(page: Page) -> list[Line]:
    """The lines nearest to the top and the bottom of a page."""
    ordered = sorted(page.lines, key=lambda line: line.y0)
    top = [line for line in ordered[:EDGE] if line.y0 < 0.2 * page.height]
    return top + [line for line in ordered[EDGE:][-EDGE:] if line.y1 > 0.8 * page.height]


def head_key(line: Line) -> tuple[str, int]:
    """A line without its numbers, and its height on the page in steps of 6 points."""
    text = re.sub(r"\b[ivxlcIVXLC]+\b|\d+", "#", line.text).casefold()
    return text, height(line)


def height(line: Line) -> int:
    """The height of a line on its page, in steps of 6 points."""
    return round(line.y0 / 6)


def ends_sentence(text: str) -> bool:
    """Whether a text ends with a full stop or the like, inside quotes or brackets or not."""
    inner = text.rstrip(CLOSERS)
    return inner[-1:] in STOPS or not STOPS.isdisjoint(text[len(inner) :])


def is_open_note(piece: Piece) -> bool:
    """Whether a piece is a note that goes on on the next page."""
    return piece.kind == NOTE and not ends_sentence(piece.lines[-1].text)


def pieces_of(page: Page, body: float, open_note: bool = False) -> list[Piece]:
    """Cut a page at gaps and changes of size, then into paragraphs; `open_note`: a note of the page before goes on."""
    if not page.lines:
        return []
    leading = leading_of(page.lines)
    edges = margins(page.lines)
    margin = max([line.end for line in page.lines])
    groups: list[list[Line]] = []
    for line in page.lines:
        if groups and follows(groups[-1][-1], line, leading, body):
            groups[-1].append(line)
        else:
            groups.append([line])
    pieces: list[Piece] = []
    in_notes = False
    for i, group in enumerate(groups):
        in_notes = in_notes or begins_notes(group, groups[i:], page, body, open_note)
        kind = NOTE if in_notes else kind_of(group, body, margin)
        if kind == PROSE or kind == NOTE:
            for lines, opens in paragraphs_in(group, edges, body):
                headed = kind == PROSE and is_heading(lines, body)
                pieces.append(Piece(page.number, lines, HEADING if headed else kind, opens))
        else:
            pieces.append(Piece(page.number, group, kind))
    return pieces


def leading_of(lines: list[Line]) -> float:
    """The usual distance between the tops of two lines, in points."""
    steps = [b.y0 - a.y0 for a, b in pairwise(lines) if 0 < b.y0 - a.y0 < 4 * a.size]
    return statistics.median(steps) if steps else 1.2 * lines[0].size


def follows(before: Line, line: Line, leading: float, body: float) -> bool:
    """Whether a line belongs to the same piece as the one before it."""
    if abs(line.size - before.size) > 0.12 * body or before.bold != line.bold:
        return False
    return -0.5 * leading < line.y0 - before.y0 <= max(1.4 * leading, 1.4 * line.size)


def begins_notes(group: list[Line], rest: list[list[Line]], page: Page, body: float, open_note: bool) -> bool:
    """Whether the notes of a page begin here: small type to the foot of the page, after a mark."""
    if group[0].y0 <= 0.3 * page.height or not (open_note or NOTE_START.match(group[0].text)):
        return False
    return all(line.size <= 0.93 * body for lines in rest for line in lines)


def kind_of(group: list[Line], body: float, margin: float) -> str:
    """Prose, verse or heading."""
    if is_heading(group, body):
        return HEADING
    return VERSE if is_verse(group, margin) else PROSE


def is_heading(group: list[Line], body: float) -> bool:
    """Whether lines are a heading: large type, or one or two short lines in capitals or bold."""
    text = " ".join(line.text for line in group)
    if len(text) > 200 or not any(map(str.isalpha, text)):
        return False
    if min(line.size for line in group) >= 1.12 * body:
        return True
    if len(group) > 2 or len(text) > 100:
        return False
    return is_capitals(text) or (all(line.bold for line in group) and not text.endswith((",", ";")))


def is_capitals(text: str) -> bool:
    """Whether a text has a word, and all its letters are capitals."""
    if SMALL.search(text) or not re.search(r"[^\W\d_]{3}", text):
        return False
    letters = [character for character in text if character.isalpha()]
    return any(map(str.isupper, letters)) and not any(map(str.islower, letters))


def is_verse(group: list[Line], margin: float) -> bool:
    """Whether lines end well before the margin and begin with capitals: the author set their ends."""
    if len(group) < 3:
        return False
    start = min(line.start for line in group)
    width = margin - start
    short = sum(line.end < margin - 0.12 * width for line in group) / len(group)
    cased = [line.text.lstrip("\"'“‘«—–-( ")[:1] for line in group]
    cased = [character for character in cased if character.isalpha() and character.upper() != character.lower()]
    if not cased:
        return False
    return short >= 0.9 and sum(character.isupper() for character in cased) >= 0.8 * len(group)


def paragraphs_in(group: list[Line], edges: tuple[float, float], body: float) -> list[tuple[list[Line], bool]]:
    """Cut a piece into paragraphs at indents and after short last lines; tells whether each begins one."""
    left, right = edges
    narrow, wide, full = 0.6 * body, 6 * body, right - 0.1 * (right - left)
    paragraphs: list[tuple[list[Line], bool]] = []
    for line in group:
        opens = narrow < line.start - left < wide
        if not paragraphs:
            paragraphs.append(([line], opens))
            continue
        lines = paragraphs[-1][0]
        before = lines[-1]
        step, short = line.start - before.start, before.end < full
        set_in = narrow < step < wide and (short or ends_sentence(before.text))
        set_out = len(lines) > 1 and -step > narrow
        if set_in or set_out or (short and ends_sentence(before.text)):
            paragraphs.append(([line], True))
        else:
            lines.append(line)
    return paragraphs


def margins(lines: list[Line]) -> tuple[float, float]:
    """Where most lines start and where the longest end."""
    starts = Counter([round(line.start) for line in lines])
    ends = sorted([line.end for line in lines])
    return float(max(starts, key=lambda start: (starts[start], -start))), ends[int(0.9 * (len(ends) - 1))]


def joined(pieces: list[Piece]) -> list[list[Piece]]:
    """Join pieces of one paragraph across pages; notes and heads between them come after it."""
    paragraphs: list[list[Piece]] = []
    latest: dict[str, list[Piece]] = {}
    for piece in pieces:
        before = latest.get(piece.kind)
        if before is not None and goes_on(before[-1], piece):
            before.append(piece)
            continue
        paragraphs.append([piece])
        if piece.kind in (PROSE, NOTE):
            latest[piece.kind] = paragraphs[-1]
        else:
            latest.clear()
    return paragraphs


def goes_on(before: Piece, piece: Piece) -> bool:
    """Whether a piece at the top of a page goes on with the last one of the page before."""
    if not 0 < piece.page - before.page <= 2:
        return False
    last, first = before.lines[-1].text, piece.lines[0].text
    if piece.kind == NOTE and NOTE_START.match(first):
        return False
    if ends_sentence(last):
        return first[:1].islower()
    return not piece.opens or first[:1].islower()


def block_of(paragraph: list[Piece], words: Counter[str]) -> Block:
    """The block of a paragraph, on the page of its first piece."""
    first = paragraph[0]
    lines = [line.text for piece in paragraph for line in piece.lines]
    if first.kind == VERSE:
        return Block(VERSE, "\n".join(lines), first.page)
    return Block(first.kind, join_lines(lines, words), first.page)
