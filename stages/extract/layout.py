"""Lines on pages -> blocks: running heads out, paragraphs joined across lines and pages, notes and headings told."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from stages.extract.blocks import HEADING, NOTE, PROSE, VERSE, Block
from stages.extract.clean import join_lines, vocabulary
from stages.extract.heads import without_running_heads
from stages.extract.lines import Line, Page

STOPS = frozenset(".!?…:。！？」』।॥؟۔׃")
CLOSERS = "\"'”’»)]›」』"
SMALL = re.compile("[a-z]")
NOTE_START = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§¹²³⁴-⁹]{1,3})[\]).]?\s?\D")


@dataclass(frozen=True)
class Piece:
    """Lines of one page between two gaps, of one size of type."""

    page: int
    lines: list[Line]
    kind: str
    opens: bool = True  # whether it begins a paragraph, as far as its first line tells
    column: int = 0  # of its page, in reading order


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


def ends_sentence(text: str) -> bool:
    """Whether a text ends with a full stop or the like, inside quotes or brackets or not."""
    inner = text.rstrip(CLOSERS)
    return inner[-1:] in STOPS or not STOPS.isdisjoint(text[len(inner) :])


def is_open_note(piece: Piece) -> bool:
    """Whether a piece is a note that goes on on the next page."""
    return piece.kind == NOTE and not ends_sentence(piece.lines[-1].text)


def pieces_of(page: Page, body: float, open_note: bool = False) -> list[Piece]:
    """Cut a page into columns, these at gaps and changes of size, and then into paragraphs.

    `open_note`: a note of the page before goes on.
    """
    pieces: list[Piece] = []
    leading = leading_of(page.lines) if page.lines else 0.0
    for column, lines in enumerate(columns_of(page.lines, leading)):
        goes_on = is_open_note(pieces[-1]) if pieces else open_note
        pieces += pieces_in(lines, page, column, leading, body, goes_on)
    return pieces


def columns_of(lines: list[Line], leading: float) -> list[list[Line]]:
    """Cut the lines of a page where one stands higher than the one before, and begins where the latest ones end."""
    columns: list[list[Line]] = []
    for line in lines:
        if not columns or is_beyond(line, columns[-1], leading):
            columns.append([line])
        else:
            columns[-1].append(line)
    return columns


def is_beyond(line: Line, column: list[Line], leading: float) -> bool:
    """Whether a line stands higher than the last one of a column, and begins where its last lines have ended."""
    return line.y0 < column[-1].y0 - 2 * leading and line.start > max(before.end for before in column[-3:])


def pieces_in(lines: list[Line], page: Page, column: int, leading: float, body: float, open_note: bool) -> list[Piece]:
    """The pieces of one column."""
    edges = margins(lines)
    margin = max([line.end for line in lines])
    groups: list[list[Line]] = []
    for line in lines:
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
            for found, opens in paragraphs_in(group, edges, body):
                headed = kind == PROSE and is_heading(found, body)
                pieces.append(Piece(page.number, found, HEADING if headed else kind, opens, column))
        else:
            pieces.append(Piece(page.number, group, kind, column=column))
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
    text = " ".join([line.text for line in group])
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
    start = min([line.start for line in group])
    width = margin - start
    short = margin - 0.12 * width
    if sum([line.end < short for line in group]) / len(group) < 0.9:
        return False
    cased = [line.text.lstrip("\"'“‘«—–-( ")[:1] for line in group]
    cased = [character for character in cased if character.isalpha() and character.upper() != character.lower()]
    return bool(cased) and sum(map(str.isupper, cased)) >= 0.8 * len(group)


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
    """Join pieces of one paragraph across columns and pages; notes and heads between them come after it."""
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
    """Whether a piece at the top of a column goes on with the last one of the column or the page before."""
    if not 0 < piece.page - before.page <= 2 and not (piece.page == before.page and piece.column > before.column):
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
