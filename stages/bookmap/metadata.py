"""What a book file says about itself: title, author, language, subjects, Gutenberg's number.

Where a PDF or a text in UTF-8 is silent about its language, its pages are asked.
"""

import contextlib
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from stages.bookmap.rows import LANGUAGE
from stages.bookmap.shelf import suffix_of

LIMIT = 16 << 20  # bytes of a package document that are read
HEAD = 8192  # bytes of a text in which Project Gutenberg's header stands
ASKED = 1 << 20  # bytes of a text that are asked for its language
PAGES = 16  # pages of a PDF that are asked for its language
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
ROLE = "{http://www.idpf.org/2007/opf}role"
GUTENBERG = re.compile(r"gutenberg\.org/(?:ebooks/|files/)?(\d+)|\[e(?:book|text) *#(\d+)\]", re.IGNORECASE)
HEADER = re.compile(r"^(Title|Author|Language): *(.+?) *\r?$", re.MULTILINE)
NAMES = {
    "english": "en",
    "french": "fr",
    "german": "de",
    "finnish": "fi",
    "dutch": "nl",
    "italian": "it",
    "spanish": "es",
    "portuguese": "pt",
    "hungarian": "hu",
    "chinese": "zh",
    "swedish": "sv",
    "greek": "el",
    "greek, ancient": "grc",
    "latin": "la",
    "esperanto": "eo",
    "danish": "da",
    "catalan": "ca",
    "tagalog": "tl",
    "polish": "pl",
    "japanese": "ja",
    "norwegian": "no",
    "russian": "ru",
    "czech": "cs",
    "welsh": "cy",
    "hebrew": "he",
    "icelandic": "is",
    "arabic": "ar",
}


class Broken(Exception):
    """A file that cannot be opened as what its suffix says; the message is the reason."""


@dataclass(frozen=True)
class Facts:
    """What a file says; "" where it is silent."""

    title: str = ""
    author: str = ""  # several are joined with "; "
    language: str = ""
    subjects: tuple[str, ...] = ()
    gutenberg_id: str = ""
    is_guessed: bool = False  # whether the language is that of the text, the file being silent


def read_facts(path: Path) -> Facts:
    """Read the metadata of an EPUB or PDF, or Gutenberg's header of a text; raises Broken."""
    if not path.stat().st_size:
        raise Broken("empty file")
    return {"epub": epub_facts, "pdf": pdf_facts, "txt": text_facts}[suffix_of(path.name)](path)


def epub_facts(path: Path) -> Facts:
    """The Dublin Core of an EPUB; only its container and package are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = package_of(archive)
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, ValueError) as error:
        raise Broken(f"no readable EPUB ({one_line(str(error))})") from None
    if root is None:
        raise Broken("no readable EPUB (it has no package document)")
    found = {name: texts_of(root, name) for name in ("title", "language", "subject", "identifier")}
    return Facts(
        title="".join(found["title"][:1]),
        author="; ".join(dict.fromkeys(creators_of(root))),
        language=code_of(found["language"]),
        subjects=tuple(found["subject"]),
        gutenberg_id=gutenberg_number(" ".join(found["identifier"])),
    )


def package_of(archive: zipfile.ZipFile) -> Any:
    """The root of the package document: the one that the container names, else the first of the archive; or None."""
    container = parse_part(archive, "META-INF/container.xml")
    named = [] if container is None else container.xpath("//*[local-name()='rootfile']/@full-path")
    others = sorted(name for name in archive.namelist() if name.lower().endswith(".opf"))
    roots = (parse_part(archive, str(name)) for name in [*named, *others])
    return next((root for root in roots if root is not None), None)


def parse_part(archive: zipfile.ZipFile, name: str) -> Any:
    """A part of the archive as XML, as far as it can be mended; None where nothing can be made of it."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    try:
        with archive.open(name) as stream:
            return etree.fromstring(stream.read(LIMIT), parser)
    except (KeyError, etree.XMLSyntaxError, ValueError):
        return None


def texts_of(root: Any, name: str) -> list[str]:
    """The texts of a Dublin Core element."""
    texts = (one_line("".join(element.itertext())) for element in root.iter(f"{DUBLIN_CORE}{name}"))
    return [text for text in texts if text]


def creators_of(root: Any) -> list[str]:
    """The creators, those aside that are there in another role than author."""
    roles = {
        str(meta.get("refines", "")).removeprefix("#"): (meta.text or "").strip()
        for meta in root.xpath("//*[local-name()='meta'][@property='role']")
    }
    creators = list(root.iter(f"{DUBLIN_CORE}creator"))
    authors = [one for one in creators if (one.get(ROLE) or roles.get(one.get("id", "?")) or "aut") == "aut"]
    return [name for one in authors or creators if (name := one_line("".join(one.itertext())))]


def pdf_facts(path: Path) -> Facts:
    """The document information of a PDF."""
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    try:
        with pymupdf.open(path, filetype="pdf") as document:
            if document.needs_pass:
                raise Broken("needs a password")
            if not document.page_count:
                raise Broken("no readable PDF (it has no page)")
            found: dict[str, Any] = document.metadata or {}
            language = code_of([document.language or ""])
            guess = "" if language else language_of(text_of_pages(document))
    except (RuntimeError, ValueError) as error:
        raise Broken(f"no readable PDF ({one_line(str(error)).removeprefix('Failed to open file ')})") from None
    title, author = (one_line(found.get(name) or "") for name in ("title", "author"))
    return Facts(title, author, language or guess, is_guessed=bool(guess))


def text_of_pages(document: Any) -> str:
    """The text of some pages from all over a PDF; "" where one of them cannot be read."""
    step = max(1, document.page_count // PAGES)
    with contextlib.suppress(RuntimeError, ValueError):
        return "\n".join(document[page].get_text() for page in range(step // 2, document.page_count, step))
    return ""


def language_of(text: str) -> str:
    """The language of a text where it is clear; imported late, since most files say theirs."""
    from stages.shared.language import main_language

    return main_language(text)


def text_facts(path: Path) -> Facts:
    """What Project Gutenberg's header says at the beginning of a text; any other text is silent."""
    with path.open("rb") as stream:
        content = stream.read(ASKED)
    head = content[:HEAD]
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in head and not wide:
        raise Broken("no text (it holds zero bytes)")
    text = head.decode("utf-16" if wide else "utf-8-sig", "replace")
    header = {name: one_line(value) for name, value in reversed(HEADER.findall(text))}
    language = NAMES.get(header.get("Language", "").lower(), "")
    guess = "" if language or wide else language_of(content.decode("utf-8", "ignore"))
    title, author = header.get("Title", ""), header.get("Author", "")
    return Facts(title, author, language or guess, (), gutenberg_number(text), bool(guess))


def gutenberg_number(text: str) -> str:
    """The number of a Gutenberg book that a text names, or "".

    Example: "http://www.gutenberg.org/1497" -> "1497"
    """
    found = GUTENBERG.search(text)
    return (found[1] or found[2]) if found else ""


def one_line(text: str) -> str:
    """The text without line breaks, doubled spaces and what cannot be written down (lone surrogates)."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").split())


def code_of(languages: Sequence[str]) -> str:
    """The first usable ISO 639 code.

    Example: ["en-GB"] -> "en"
    """
    codes = [re.split(r"[-_]", value.strip().lower())[0] for value in languages]
    return next((code for code in codes if LANGUAGE.fullmatch(code) and code != "und"), "")
