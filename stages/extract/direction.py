"""Lines that run from right to left: their characters in the order in which they are read.

MuPDF turns runs of such letters round and leaves the runs as they stand on the page, so that a number or a Latin word
breaks a Hebrew sentence into pieces in the wrong order. Here the places of the characters decide, by the rules of
Unicode's bidirectional algorithm (UAX 9) undone: all is read from the right, but numbers and what lies between Latin
letters from the left.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
KINDS = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N", "ES": "S", "CS": "S", "ET": "T", "NSM": "M"}
FOREIGN = re.compile(r"[LNT][^R]*L[^R]*[LNT]|[LNT][^R]*L|L[^R]*[LNT]|L|T*N+(?:SN+)*T*")
OPENING, CLOSING = re.compile(r"(?<!\S)[(\[](?=\w)"), re.compile(r"(?<!\S)[)\]](?=\w)")
MIRROR = str.maketrans("()[]{}<>«»", ")(][}{><»«")
LAM, ALEFS = "ل", "اأإآٱ"  # written as one glyph
ROW = 0.8  # sizes of type between baselines from which they are two
WIDE_GAP, SPACE = 4.0, 0.2  # sizes of type between pieces of a row: at most; from which they have a space between
NEAR = 0.1  # points between places that are the same one


@dataclass(frozen=True)
class Sign:
    """What stands at one place: a character with its marks, or the characters of one glyph."""

    text: str
    kind: str  # of KINDS, or "o"
    middle: float  # of its box
    base: float  # height of its baseline
    span: dict[str, Any]


Order = list[tuple[Sign, bool]]  # the signs of a line in reading order, and whether each runs to the left


def runs_to_the_left(text: str) -> bool:
    """Whether most letters of a text run from right to left."""
    if not RIGHT_TO_LEFT.search(text):
        return False
    directions = list(map(unicodedata.bidirectional, filter(str.isalpha, text)))
    return (directions.count("R") + directions.count("AL")) * 2 > len(directions)


def in_reading_order(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the blocks of a page, told by characters, as lines told by spans, their characters in reading order.

    Those of a block run from the right where most of its letters do, or where it has such letters and the page runs so.
    """
    page, found = runs_to_the_left("".join(map(block_text, blocks))), list[tuple[dict[str, Any], Order | None]]()
    for block in blocks:
        text, lines = block_text(block), block.get("lines", ())
        if runs_to_the_left(text) or (page and RIGHT_TO_LEFT.search(text)):
            found += [(line, from_the_right(signs_of(line["spans"]))) for line in pieces_joined(lines)]
        else:
            found += [(line, None) for line in lines]
    mirrored = are_mirrored([order for _, order in found if order])
    return [
        line | {"spans": told_by_text(line["spans"]) if order is None else list(regrouped(order, mirrored))}
        for line, order in found
    ]


def pieces_joined(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines with those joined that stand side by side: word processors set each run of a direction by itself."""
    found: list[dict[str, Any]] = []
    for line in lines:
        if found and are_side_by_side(found[-1], line):
            last = found[-1]
            last["spans"] += [*space_between(last, line), *line["spans"]]
            (a0, b0, a1, b1), (x0, y0, x1, y1) = last["bbox"], line["bbox"]
            last["bbox"], last["latest"] = (min(a0, x0), min(b0, y0), max(a1, x1), max(b1, y1)), line["bbox"]
        else:
            found.append(line | {"spans": list(line["spans"]), "latest": line["bbox"]})
    return found


def are_side_by_side(before: dict[str, Any], line: dict[str, Any]) -> bool:
    """Whether a line stands on the row of the piece before it, close to it."""
    (_, b0, _, b1), (_, y0, _, y1) = before["latest"], line["bbox"]
    if not before["spans"] or min(b1, y1) - max(b0, y0) < 0.5 * min(b1 - b0, y1 - y0):
        return False
    return bool(line["dir"] == before["dir"] and gap_between(before, line) <= WIDE_GAP * before["spans"][-1]["size"])


def gap_between(before: dict[str, Any], line: dict[str, Any]) -> float:
    """Points between a line and the piece before it, on whichever side it is."""
    (a0, _, a1, _), (x0, _, x1, _) = before["latest"], line["bbox"]
    return float(max(x0 - a1, a0 - x1))


def space_between(before: dict[str, Any], line: dict[str, Any]) -> list[dict[str, Any]]:
    """A span of one space where a gap lies between two pieces of a row."""
    if gap_between(before, line) < SPACE * before["spans"][-1]["size"]:
        return []
    (a0, top, a1, bottom), (x0, _, x1, _) = before["latest"], line["bbox"]
    left, right = (a1, x0) if x0 > a1 else (x1, a0)
    base = next((char["origin"][1] for char in before["spans"][-1]["chars"]), bottom)
    space = {"c": " ", "origin": (left, base), "bbox": (left, top, right, bottom), "synthetic": False}
    return [before["spans"][-1] | {"chars": [space]}]


def block_text(block: dict[str, Any]) -> str:
    """The characters of a block, as they were told."""
    return "".join(map(line_text, block.get("lines", ())))


def line_text(line: dict[str, Any]) -> str:
    """The characters of a line, as they were told."""
    return "".join(char["c"] for span in line["spans"] for char in span["chars"])


def signs_of(spans: Iterable[dict[str, Any]]) -> list[Sign]:
    """The signs of a line, as they were told; spaces that MuPDF made where a glyph of several characters lies go.

    It turns the characters of such a glyph round with their run: they are narrow ones before a letter at their place.
    """
    chars = [(char, span) for span in spans for char in span["chars"]]
    narrow = {place_of(char) for char, _ in chars if is_narrow(char)}
    kept = [(c, span) for c, span in chars if not (c["synthetic"] and c["c"] == " " and place_of(c) in narrow)]
    found, before, begun = list[Sign](), list[str](), math.inf
    for (char, span), letter in zip(kept, letters_behind([char for char, _ in kept]), strict=True):
        kind = KINDS.get(unicodedata.bidirectional(char["c"]), "o")
        if letter and char["c"] in ALEFS and is_told_again(char, letter):
            continue
        mine = kind == "M" and abs(char["bbox"][0] - begun) < 3 * NEAR  # set below the letter before it
        led = kind == "M" or (char["c"] in ALEFS and letter and letter["c"] == LAM and not before)
        if led and not mine and letter and is_narrow(char) and is_at(char, letter):
            before.append(char["c"])
        elif kind == "M" and found:
            found[-1] = replace(found[-1], text=found[-1].text + char["c"])
        else:
            middle = (char["bbox"][0] + char["bbox"][2]) / 2
            found.append(Sign("".join([char["c"], *reversed(before)]), kind, middle, char["origin"][1], span))
            before.clear()
            begun = math.inf if is_narrow(char) else char["bbox"][0]
    return found


def letters_behind(chars: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """For each character the next one that is no mark; None behind the last."""
    found, letter = list[dict[str, Any] | None](), None
    for char in reversed(chars):
        found.append(letter)
        letter = letter if unicodedata.combining(char["c"]) else char
    return found[::-1]


def place_of(char: dict[str, Any]) -> float:
    """Where a character begins, in tenths of a point."""
    return round(float(char["bbox"][0]), 1)


def is_narrow(char: dict[str, Any]) -> bool:
    """Whether a character has no width: one of several of a glyph, or a mark."""
    return bool(char["bbox"][2] - char["bbox"][0] < NEAR)


def is_told_again(char: dict[str, Any], letter: dict[str, Any]) -> bool:
    """Whether a character is told with its glyph and again by itself, at the same place without any width."""
    return char["c"] == letter["c"] and is_narrow(char) and is_narrow(letter) and is_at(char, letter)


def is_at(char: dict[str, Any], letter: dict[str, Any]) -> bool:
    """Whether a narrow character lies where a letter begins or ends."""
    return bool(min(abs(char["bbox"][0] - edge) for edge in (letter["bbox"][0], letter["bbox"][2])) < NEAR)


def from_the_right(signs: list[Sign]) -> Order:
    """The order in which the signs of a line are read."""
    found: Order = []
    for row in rows_of(signs):
        row = without_stretches(sorted(row, key=lambda sign: -sign.middle))
        ours = [True] * len(row)
        for other in FOREIGN.finditer("".join(sign.kind for sign in row)):
            place = slice(*other.span())
            row[place], ours[place] = row[place][::-1], [False] * len(row[place])
        found += zip(row, ours, strict=True)
    return found


def without_stretches(row: list[Sign]) -> list[Sign]:
    """A row without the strokes that draw Arabic words out to fill a line: told as some Latin letter within a word."""
    arabic = [unicodedata.bidirectional(sign.text[0]) == "AL" for sign in row]
    drawn = {
        place
        for place in range(1, len(row) - 1)
        if row[place].kind == "L" and len(row[place].text) == 1 and arabic[place - 1] and arabic[place + 1]
    }
    return [sign for place, sign in enumerate(row) if place not in drawn]


def rows_of(signs: Iterable[Sign]) -> Iterator[list[Sign]]:
    """The rows of a line: where marks are stacked high, MuPDF takes two printed lines for one."""
    row: list[Sign] = []
    for sign in signs:
        if row and abs(sign.base - row[0].base) > ROW * sign.span["size"]:
            yield row
            row = []
        row.append(sign)
    if row:
        yield row


def are_mirrored(lines: Iterable[Order]) -> bool:
    """Whether brackets are told as they look, so that what opens in reading order is written as one that closes."""
    texts = ["".join(sign.text if ours else "0" for sign, ours in line) for line in lines]
    return sum(len(CLOSING.findall(text)) - len(OPENING.findall(text)) for text in texts) > 0


def told_by_text(spans: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans as they stand."""
    return [span | {"text": "".join(char["c"] for char in span["chars"])} for span in spans]


def regrouped(signs: Order, mirrored: bool) -> Iterator[dict[str, Any]]:
    """Spans of signs in reading order."""
    for _, group in groupby(signs, key=lambda pair: id(pair[0].span)):
        ones = list(group)
        texts = [sign.text.translate(MIRROR) if mirrored and ours else sign.text for sign, ours in ones]
        yield ones[0][0].span | {"text": "".join(texts)}
