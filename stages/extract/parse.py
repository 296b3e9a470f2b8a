"""The bytes of a document, checked -> its markup as text, in which all tags are balanced."""

import re
from typing import Any
from xml.parsers import expat

from lxml import etree

from stages.extract.calm import UNICODE
from stages.extract.encoding import decode
from stages.extract.tags import TEI, XML

UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
STRICT = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
PROLOG = re.compile(r"\s*(?:<\?xml\s[^>]*\?>)?\s*(?:<!DOCTYPE[^>\[]*>)?\s*")
DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)")
ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")  # the first tag, with its name behind the prefix
NAMESPACED = " "  # makes expat refuse prefixes that are not declared, as lxml does


def checked(content: bytes) -> str | None:
    """The markup of a well-formed document in UTF-8 as it stands; None for any other, which lxml may still read.

    Expat builds no tree, so it tells in a fraction of lxml's time. Entities of the document's own are left to lxml.
    """
    declared = DECLARED.match(content)
    if b"\0" in content or (declared and declared[1].decode("ascii", "replace").lower() not in UNICODE):
        return None
    try:
        text = as_it_stands(content)
        if not ROOT.match(text):
            return None
        expat.ParserCreate("utf-8", NAMESPACED).Parse(content, True)
    except (UnicodeDecodeError, expat.ExpatError):
        return None
    return text


def as_it_stands(content: bytes) -> str:
    """The markup of a well-formed document in UTF-8, from its root element on, with the line ends of XML."""
    text = content.decode("utf-8-sig")
    found = PROLOG.match(text)
    text = text[found.end() :] if found else text
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def as_written(root: Any) -> str:
    """The markup of a parsed document as lxml writes it: nothing but elements and text."""
    etree.strip_elements(root, "script", "style", with_tail=False)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    return str(etree.tostring(root, encoding="unicode", with_tail=False))


def dialect_of(markup: str) -> str:
    """The dialect of a well-formed document by its root element."""
    found = ROOT.match(markup)
    return TEI if found and found[1].lower().startswith("tei") else XML


def parse_strict(content: bytes) -> Any | None:
    """Parse as XML, None where it is not well formed; entities are never expanded nor fetched."""
    try:
        return etree.fromstring(content, STRICT)
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
