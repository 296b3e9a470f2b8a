"""Pages that are set in columns from top to bottom, the first one on the right, turned so that columns are lines.

Browsers print each character of such a page as a line of its own; fonts made for it give whole columns.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

LEAST = 20  # characters of a page that can tell
WIDEST = 2.2  # sizes of type that characters side by side in a column take at most: a number of two digits
GAP = 1.5  # sizes of type that may lie between characters of a column

Piece = dict[str, Any]  # a line as MuPDF has it


def is_vertical(lines: Sequence[Piece]) -> bool:
    """Whether most characters of the lines of a page, as MuPDF tells them, stand one below the other."""
    standing = whole = 0
    for line in lines:
        count = len(text_of(line).strip())
        whole += count
        standing += count if stands(line) else 0
    return standing >= LEAST and standing > whole / 2


def turned(lines: Sequence[Piece], width: float, height: float) -> list[Piece]:
    """The columns of a page as its lines; what runs across it stays above or below, in proportion.

    The page that comes of it is `width` high and `height` wide.
    """
    columns = list[Piece]()
    above, below = list[Piece](), list[Piece]()
    for line in lines:
        if columns and adjoins(columns[-1], line):
            extend(columns[-1], line)
        elif (stands(line) or line["dir"][1] > 0.95) and text_of(line).strip():
            columns.append(line | {"spans": list(line["spans"]), "size": size_of(line)})
        elif line["dir"][0] > 0.95:
            x0, y0, x1, y1 = line["bbox"]
            scaled = line | {
                "bbox": (x0 * height / width, y0 * width / height, x1 * height / width, y1 * width / height)
            }
            (above if y1 < height / 2 else below).append(scaled)
    told = [line | {"wmode": 0, "dir": (1.0, 0.0), "bbox": turned_box(line["bbox"], width)} for line in columns]
    return [*above, *told, *below]


def text_of(line: Piece) -> str:
    """The characters of a line."""
    return "".join(span["text"] for span in line["spans"])


def stands(line: Piece) -> bool:
    """Whether a line is a column, or a single character as wide as it is high."""
    text = text_of(line)
    return line["wmode"] == 1 or (len(text) == 1 and unicodedata.east_asian_width(text) in "WF")


def size_of(line: Piece) -> float:
    """The size of the largest type of a line, in points."""
    return max((span["size"] for span in line["spans"]), default=0.0)


def adjoins(column: Piece, line: Piece) -> bool:
    """Whether a line goes on right below a column, in its middle."""
    (left, _, right, bottom), (x0, y0, x1, _) = column["bbox"], line["bbox"]
    size = column["size"]
    if size_of(line) < 0.7 * size or (x1 - x0 > WIDEST * size and not stands(line)):
        return False
    return bool(abs(x0 + x1 - left - right) < size and -size < y0 - bottom < GAP * size)


def extend(column: Piece, line: Piece) -> None:
    """Add to a column what goes on below it."""
    (a0, b0, a1, b1), (x0, y0, x1, y1) = column["bbox"], line["bbox"]
    column["bbox"] = min(a0, x0), min(b0, y0), max(a1, x1), max(b1, y1)
    column["spans"] += line["spans"]
    column["size"] = max(column["size"], size_of(line))


def turned_box(box: tuple[float, float, float, float], width: float) -> tuple[float, float, float, float]:
    """A box on the page turned to the left."""
    x0, y0, x1, y1 = box
    return y0, width - x1, y1, width - x0
