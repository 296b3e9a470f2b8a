"""Running heads and page numbers: lines at the edges of pages that stand on other pages too."""

import re
from collections import Counter

from stages.extract.lines import Line, Page

RUNNING = 3  # a line that stands at the same height on this many pages is a running head
BAND_SHARE = 0.3  # where this share of the pages have a head, what stands at that height elsewhere is one too
LEAST_PAGES = 10  # in a document with at least so many pages
EDGE = 2  # lines at the top and at the bottom of a page that may be running heads
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|p\.|s\.)\s*)?(?:\d{1,4}|[ivxlc]{1,8})(?:\s*(?:of|/|von)\s*\d{1,4})?[\W_]*", re.IGNORECASE
)


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
