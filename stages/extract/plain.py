"""Plain text -> blocks: wrapped lines joined, verse kept, headings told by their place."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from stages.extract.blocks import HEADING, PROSE, VERSE, Block
from stages.extract.clean import CJK_LETTER, join_lines, one_line

NAMED_HEADING = re.compile(
    r"(?:chapter|book|part|canto|section|act|scene|letter|volume|preface|introduction|epilogue|prologue|contents|index"
    r"|kapitel|buch|teil|abschnitt|vorrede|vorwort|einleitung|inhalt|chapitre|livre|partie|capítulo|libro|parte|caput|liber"
    r"|глава|часть|книга|предисловие|том|第[一二三四五六七八九十百千零〇\d]{1,6}[章回卷篇節])\b.{0,70}|[ivxlc]{1,7}\.?|\d{1,3}\.?",
    re.IGNORECASE,
)


CJK_STOPS = set("。！？；，、：」』”’）》…")
LONGEST_WRAP = 120  # columns; nobody wraps text at more, so longer lines are paragraphs
LONGEST_VERSE = 80
NARROW = 55  # columns; lines that stay within are too short for wrapped prose


@dataclass(frozen=True)
class Layout:
    """How the lines of a text end: its width in columns, whether most is verse, whether no line was wrapped at all."""

    width: int
    mostly_verse: bool
    unwrapped: bool


@dataclass(frozen=True)
class Group:
    """Lines between blank lines; `above` counts the blank lines before it, `indent` the spaces of each line."""

    lines: list[str]
    above: int
    indents: list[int]


def blocks_of(text: str, least_width: int = 0) -> list[Block]:
    """Cut a clean text into blocks; it is taken to be wrapped at a column of at least `least_width`."""
    groups = groups_of(text)
    layout = layout_of(groups, least_width)
    blocks = [block for group in groups for block in blocks_of_group(group, layout)]
    return [block for block in blocks if block.text]


def groups_of(text: str) -> list[Group]:
    """Group the lines of a text at its blank lines."""
    groups: list[Group] = []
    lines: list[str] = []
    above = blank = 0
    for raw in [*text.split("\n"), ""]:
        line = raw.rstrip()
        if line:
            if not lines:
                above = blank
            lines.append(line)
            blank = 0
        else:
            blank += 1
            if lines:
                groups.append(
                    Group([" ".join(item.split()) for item in lines], above, [indent_of(item) for item in lines])
                )
                lines = []
    return groups


def indent_of(line: str) -> int:
    """Number of columns before the first character; a tab or an ideographic space counts as several."""
    blank = line[: len(line) - len(line.lstrip())]
    return sum({"\t": 8, "\u3000": 2}.get(character, 1) for character in blank)


def layout_of(groups: list[Group], least_width: int) -> Layout:
    """Find out how the lines of a text end: at a column, or where the author ended them."""
    lines = [line for group in groups for line in group.lines]
    if not lines:
        return Layout(least_width, False, False)
    lengths = sorted(map(len, lines))
    width = max(lengths[int(0.95 * (len(lengths) - 1))], least_width)
    long_groups = [group for group in groups if len(group.lines) >= 4]
    verse = sum(len(group.lines) for group in long_groups if free_share(group, 0) > 0.25)
    mostly_verse = verse > 0.5 * sum(len(group.lines) for group in long_groups)
    cjk = sum(bool(CJK_LETTER.search(line)) for line in lines) > 0.5 * len(lines)
    stopped = sum(line[-1] in CJK_STOPS for line in lines) > 0.4 * len(lines)
    return Layout(width, mostly_verse, width > LONGEST_WRAP or (cjk and stopped))


def free_share(group: Group, width: int) -> float:
    """Share of line ends where the next word had room: 0 for text wrapped at any column, more for verse.

    A line that is wrapped ends because the next word does not fit; so it does not fit in the longest line either.
    `width` is the least room a line is taken to have.
    """
    if len(group.lines) < 2:
        return 0.0
    lengths = [len(line) + indent for line, indent in zip(group.lines, group.indents, strict=True)]
    room = max(width, *lengths)
    words = [len(line.split(" ", 1)[0]) + 1 for line in group.lines[1:]]
    return sum(length + word <= room for length, word in zip(lengths, words, strict=False)) / len(words)


def blocks_of_group(group: Group, layout: Layout) -> list[Block]:
    """The blocks of one group of lines: a heading, a stanza, or one or more paragraphs."""
    text = one_line("\n".join(group.lines))
    if is_heading(group, text):
        return [Block(HEADING, text)]
    if layout.unwrapped and (len(group.lines) == 1 or max(map(len, group.lines)) > LONGEST_VERSE):
        return [Block(PROSE, line) for line in group.lines]
    if is_verse(group, layout):
        return [Block(VERSE, "\n".join(group.lines))]
    return [Block(PROSE, join_lines(lines)) for lines in split_at_indents(group)]


def split_at_indents(group: Group) -> list[list[str]]:
    """Split a group of wrapped lines where a line is set in: the other way to begin a paragraph."""
    if len(group.lines) < 3:
        return [group.lines]
    margin = Counter(group.indents).most_common(1)[0][0]
    starts = [
        i for i, indent in enumerate(group.indents) if indent > margin and (i == 0 or group.indents[i - 1] <= margin)
    ]
    if margin > 0 and group.indents[0] < margin and len(set(group.indents[1:])) == 1:
        return [group.lines]  # a hanging indent
    if not starts or len(starts) > len(group.lines) * 0.7:
        return [group.lines]
    cuts = sorted({0, *starts, len(group.lines)})
    return [group.lines[a:b] for a, b in pairwise(cuts)]


def is_heading(group: Group, text: str) -> bool:
    """Whether a group is a heading: short, set off by blank lines or capitals, and no sentence."""
    if len(text) > 90 or len(group.lines) > 3 or not any(map(str.isalnum, text)):
        return False
    if NAMED_HEADING.fullmatch(text) and not text.endswith((",", ";")):
        return True
    letters = [character for character in text if character.isalpha()]
    if len(letters) > 2 and all(character.isupper() for character in letters):
        return True
    return group.above >= 3 and text[-1] not in ".,;:!?\"'”’»-—–)" and text[0] not in "\"'“‘«—–-("


def is_verse(group: Group, layout: Layout) -> bool:
    """Whether the author set the line ends of a group.

    Verse is told by the room its lines leave, and in scripts with capitals by the capitals they begin with.
    """
    lines = group.lines
    if len(lines) < 2 or max(map(len, lines)) > max(LONGEST_VERSE, layout.width):
        return False
    if layout.unwrapped:
        return True
    capitals = capital_share(lines)
    if len(lines) < 4:
        free = free_share(group, 0 if layout.mostly_verse else layout.width - 4)
        return (layout.mostly_verse and capitals != 0) or (free >= 0.99 and capitals > 0.99)
    free = free_share(group, 0)
    if capitals >= 0.7:
        return free >= (0.1 if layout.mostly_verse else 0.25)
    return free >= (0.2 if layout.mostly_verse else 0.35) and (capitals < 0 or max(map(len, lines)) <= NARROW)


def capital_share(lines: list[str]) -> float:
    """Share of lines that begin with a capital letter; -1 in a script without capitals."""
    firsts = [line.lstrip("\"'“‘«„—–-([¿¡ ")[:1] for line in lines]
    cased = [first for first in firsts if first.upper() != first.lower()]
    return sum(first.isupper() for first in cased) / len(cased) if cased else -1.0
