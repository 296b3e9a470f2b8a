"""Texts of the sample library as a browser prints them: pages with a running head, a number and justified lines."""

import html
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.sample.catalogue import Work
from stages.sample.epub import RIGHT_TO_LEFT
from stages.sample.texts import Block
from stages.shared.errors import UserError

CHARACTERS = 30_000  # of a work
VERTICAL = ("zh",)  # printed in columns from top to bottom as well
POINTED = ("ar", "he")  # whose texts here have all vowel signs, and are printed without them as well
RECITED = str.maketrans("ٱ", "ا", "ۥۦ")
PAGE = """
@page { size: A5; margin: 20mm; @top-center { content: "%s" } @bottom-center { content: counter(page) } }
body { font: 11px "DejaVu Serif", "Noto Serif CJK SC", "Lohit Devanagari", serif; text-align: justify }
p { margin: 0; text-indent: 1em; white-space: pre-line }
"""


def print_works(works: Sequence[tuple[Work, list[Block]]], folder: Path) -> Iterator[tuple[str, str, Path, str]]:
    """Print the first work of each language; gives how it was printed, its language, the file and the text in it.

    Needs Chromium, and fonts that have the letters (Debian's fonts-dejavu, fonts-noto-cjk, fonts-lohit-deva).
    """
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium")
    if not browser:
        raise UserError("there is no chromium to print with; install Debian's package chromium")
    first: dict[str, tuple[Work, list[Block]]] = {}
    for work, blocks in works:
        first.setdefault(work.language, (work, blocks))
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        for language, (work, blocks) in first.items():
            some = beginning(blocks)
            printings = {"printed": (some, "main { columns: 2 }" if language == "en" else "")}
            if language in VERTICAL:
                printings["printed vertical"] = (some, "body { writing-mode: vertical-rl }")
            if language in POINTED:
                printings["printed unpointed"] = (list(map(unpointed, some)), "")
            for made, (text, style) in printings.items():
                path = folder / f"{work.book_id}-{made.split()[-1]}.pdf"
                page.set_content(page_of(work, text, style))
                page.pdf(path=path, prefer_css_page_size=True)
                yield made, language, path, "\n".join(block.text for block in text)


def unpointed(block: Block) -> Block:
    """A block without vowel signs, accents and small letters of recitation, as most books are printed."""
    text = "".join(sign for sign in unicodedata.normalize("NFC", block.text) if unicodedata.category(sign) != "Mn")
    return Block(block.kind, text.translate(RECITED))


def beginning(blocks: Sequence[Block]) -> list[Block]:
    """The first blocks of a text, some CHARACTERS in all."""
    found, length = [], 0
    for block in blocks:
        if length > CHARACTERS:
            break
        found.append(block)
        length += len(block.text)
    return found


def page_of(work: Work, blocks: Sequence[Block], style: str) -> str:
    """The text as HTML."""
    direction = "rtl" if work.language in RIGHT_TO_LEFT else "ltr"
    tags = ("h2" if block.kind == "heading" else "p" for block in blocks)
    body = "".join(f"<{tag}>{html.escape(block.text)}</{tag}>" for tag, block in zip(tags, blocks, strict=True))
    head = (work.head or work.title).replace('"', "")
    styled = f"<style>{PAGE % head} {style}</style>"
    return f'<html lang="{work.language}" dir="{direction}"><meta charset="utf-8">{styled}<main>{body}</main></html>'
