"""EPUB -> blocks: the documents of the spine, in reading order, whatever the package gets wrong."""

import posixpath
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ebooklib import epub
from lxml import etree

from stages.extract import markup
from stages.extract.archive import Archive
from stages.extract.blocks import HEADING, NOTE, Block, Reading, Rejected

CONTAINER = "META-INF/container.xml"
FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
DOCUMENT = re.compile(r"\.(x?html?|xml)$", re.IGNORECASE)
DOCUMENT_TYPES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}


@dataclass(frozen=True)
class Document:
    """A document of the spine: its name inside the archive, and whether it stands beside the main text."""

    name: str
    aside: bool = False


class PackageReader(epub.EpubReader):  # type: ignore[misc]
    """EbookLib's reader of container and package; the documents themselves are read by `Archive`."""

    def __init__(self, archive: Archive) -> None:
        super().__init__("", {"ignore_ncx": True})
        self.archive = archive

    def load(self) -> Any:
        """Load container and package; raises whatever EbookLib meets."""
        self._load_container()
        self._load_opf_file()
        return self.book

    def read_file(self, name: str) -> bytes:
        """Container and package as they are; nothing for all other files, so that none can be missing or too big."""
        if name in (CONTAINER, self.opf_file):
            content = self.archive.read(posixpath.normpath(name))
            if content is None:
                raise KeyError(name)
            return content
        return b""

    def _parse_nav(self, data: bytes, base_path: str, navtype: str = "toc") -> None:
        """Skip the table of contents: it is no text."""

    def _parse_ncx(self, data: bytes) -> None:
        """Skip the old table of contents."""


def read(content: bytes, max_unpacked_mb: int) -> Reading:
    """Read an EPUB from its bytes; raises Rejected."""
    archive = Archive(content, max_unpacked_mb)
    reject_protected(archive)
    documents = documents_of(archive)
    if not documents:
        raise Rejected("no document in its spine nor in its archive")
    blocks: list[Block] = []
    lost = 0
    for document in documents:
        found = read_document(archive, document)
        lost += found is None
        blocks += found or []
    return Reading(blocks, f"{lost} of {len(documents)} documents missing or damaged" if lost else "")


def read_document(archive: Archive, document: Document) -> list[Block] | None:
    """The blocks of a document; None where it is missing, damaged or no text."""
    content = archive.read(document.name)
    if content is None:
        return None
    try:
        blocks = markup.blocks_of(content)
    except Rejected:  # one document without sense does not spoil the book
        return None
    return [as_note(block) for block in blocks] if document.aside else blocks


def as_note(block: Block) -> Block:
    """What stands beside the main text (linear="no") is a note, except its headings."""
    return (
        block if block.kind == HEADING else Block(NOTE, block.text.replace("\n", " "), None, block.links, block.linked)
    )


def documents_of(archive: Archive) -> list[Document]:
    """The documents of the spine by EbookLib; by our own reading of the package where EbookLib gives up."""
    try:
        return spine_by_ebooklib(archive) or spine_by_hand(archive)
    except Rejected:
        raise
    except Exception:  # EbookLib raises anything from KeyError to AttributeError on a package out of order
        return spine_by_hand(archive)


def spine_by_ebooklib(archive: Archive) -> list[Document]:
    """The spine as EbookLib reads it."""
    reader = PackageReader(archive)
    book = reader.load()
    documents = []
    for idref, linear in book.spine:
        item = book.get_item_with_id(idref)
        if item is None or isinstance(item, epub.EpubNav | epub.EpubCoverHtml):
            continue
        if item.media_type in DOCUMENT_TYPES or DOCUMENT.search(item.file_name):
            documents.append(Document(join(reader.opf_dir, item.file_name), linear == "no"))
    return unique(documents)


def spine_by_hand(archive: Archive) -> list[Document]:
    """The spine by plain XML; without one, all documents of the archive in natural order of their names."""
    for name in package_names(archive):
        root = parse_xml(archive.read(name))
        if root is not None and (documents := spine_of(root, posixpath.dirname(name))):
            return unique(documents)
    names = [name for name in archive.zip.namelist() if DOCUMENT.search(name) and not name.startswith("META-INF/")]
    return [Document(name) for name in sorted(dict.fromkeys(names), key=natural)]


def package_names(archive: Archive) -> list[str]:
    """The package files that the container names, then every other .opf of the archive."""
    root = parse_xml(archive.read(CONTAINER))
    named = [] if root is None else [str(path) for path in root.xpath("//*[local-name()='rootfile']/@full-path")]
    others = sorted(name for name in archive.zip.namelist() if name.lower().endswith(".opf"))
    return list(dict.fromkeys([*named, *others]))


def spine_of(root: Any, folder: str) -> list[Document]:
    """The documents of a package's spine; all documents of its manifest where the spine is empty."""
    items = {item.get("id"): item for item in root.xpath("//*[local-name()='manifest']/*[local-name()='item']")}
    order = [(ref.get("idref"), ref.get("linear")) for ref in root.xpath("//*[local-name()='itemref']")]
    documents = []
    for idref, linear in order or [(name, None) for name in items]:
        item = items.get(idref)
        if item is None or "nav" in (item.get("properties") or "").split() or not item.get("href"):
            continue
        if item.get("media-type") in DOCUMENT_TYPES or DOCUMENT.search(urlsplit(item.get("href")).path):
            documents.append(Document(join(folder, unquote(item.get("href"))), linear == "no"))
    return documents


def parse_xml(content: bytes | None) -> Any:
    """Parse XML that may be damaged; None where nothing can be made of it."""
    if not content:
        return None
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def join(folder: str, href: str) -> str:
    """The name inside the archive that `href` means; it cannot lead out of the archive."""
    path = posixpath.normpath(posixpath.join("/", folder, href.partition("#")[0]))
    return path.lstrip("/")


def unique(documents: list[Document]) -> list[Document]:
    """Each document once, where it first stands."""
    return list({document.name: document for document in documents}.values())


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which chapter2 comes before chapter10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def reject_protected(archive: Archive) -> None:
    """Raise Rejected where the book's content (not only its fonts) is encrypted by DRM."""
    root = parse_xml(archive.read("META-INF/encryption.xml"))
    if root is None:
        return
    algorithms = root.xpath("//*[local-name()='EncryptedData']/*[local-name()='EncryptionMethod']/@Algorithm")
    if any(algorithm not in FONT_ALGORITHMS for algorithm in algorithms):
        raise Rejected("protected by DRM; add a copy without it")
