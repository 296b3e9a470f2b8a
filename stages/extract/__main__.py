"""Read every book of the shelf: PDF, EPUB and plain text become clean paragraphs, and every failure is counted.

Reads   data/shelf.csv and the books it names
Writes  data/extract/<book_id>.jsonl (records.Paragraph, one a line), data/extract/accounts.csv (records.Account),
        data/extract/sketches.npz (by which a text is known again; shared/sketches.py)
Run     python -m stages.extract
"""

import dataclasses
import importlib.util
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pydantic import Field

from stages.extract.kinship import foreign_language, told
from stages.extract.read import READERS, Request, Text, read_book
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, key_of
from stages.shared.locks import held
from stages.shared.params import Section, load_params
from stages.shared.records import TIERS, Account, Paragraph, ShelfBook, read_csv, write_csv, write_json
from stages.shared.scripts import foreign_script
from stages.shared.sketches import FILE, SAME_TEXT, Sketch, repeats, unpacked, write_sketches
from stages.shared.workers import Failure, Workers, map_items

SHELF = Path("data/shelf.csv")
OUT = Path("data/extract")
READER = (
    "archive blocks boilerplate calm clean conventions direction encoding epub figures heads layout licence lines"
    " markup parse pdf plain read tags text vertical"
)
SHARED = "language scripts sketches"
MODULES = (
    *(f"stages.extract.{name}" for name in READER.split()),
    *(f"stages.shared.{name}" for name in SHARED.split()),
)
LIBRARIES = ("charset-normalizer", "ebooklib", "lxml", "numpy", "py3langid", "pymupdf")
FIGURES = ("paragraphs", "words", "bytes", "letters", "languages", "sketch", "remark", "rejected")  # of a stored entry
TOLD = 5  # rejected books that are named at the end; accounts.csv has all


class Extract(Section):
    """Section `extract` of params.yaml."""

    max_file_mb: int = Field(gt=0)  # a larger file is rejected
    max_unpacked_mb: int = Field(gt=0)  # an EPUB that unpacks to more is rejected
    min_words: int = Field(ge=0)  # a book with fewer words is rejected
    min_script_share: float = Field(ge=0, le=1)  # share of letters in a script of the row's language; below: rejected
    language: Literal["reject", "tell"]  # what becomes of a book in another language than its row's


def main() -> None:
    """Read the shelf and write its texts and accounts."""
    began = time.monotonic()
    params, workers = load_params(Extract, "extract"), load_params(Workers, "workers")
    shelf = read_shelf()
    store, code = Keyed("extract"), readers_digest()
    keys = {book.book_id: key_of_book(book, params, code) for book in shelf if book.status == "here"}
    with held(store.root, key_of("extract", sorted(keys.values())), "reads the same books"):
        fresh = {key: book for book in shelf if (key := keys.get(book.book_id)) and store.get(key) is None}
        lost = read_fresh(fresh, params, workers, store)
    entries = {book_id: store.path(key) for book_id, key in keys.items() if key not in lost}
    figures = {book_id: read_figures(entry) for book_id, entry in entries.items()}
    accounts = [
        account_of(book, figures.get(book.book_id), lost.get(keys.get(book.book_id, "")), params) for book in shelf
    ]
    check(accounts)
    sketches = sketches_of(shelf, accounts, figures)
    accounts = with_duplicates(accounts, sketches)
    publish(accounts, entries, sketches)
    store.trim()
    tell(accounts, len(fresh), time.monotonic() - began)


def read_shelf() -> list[ShelfBook]:
    """The rows of the shelf; raises UserError where it is not there or holds a format that nobody reads."""
    if not SHELF.exists():
        raise UserError(f"{SHELF} is not there; run `dvc repro bookmap` first")
    shelf = read_csv(SHELF, ShelfBook)
    for book in shelf:
        if book.status == "here" and book.format not in READERS:
            formats = ", ".join(READERS)
            raise UserError(f"book {book.book_id} has the format '{book.format}'; formats that can be read: {formats}")
    return shelf


def readers_digest() -> str:
    """The digest of the code that reads books; the modules are found but not imported (their libraries are slow to)."""
    return code_digest([find_module(name) for name in MODULES], LIBRARIES)


def find_module(name: str) -> ModuleType:
    """A module with its file's name, not executed."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    return importlib.util.module_from_spec(spec)


def key_of_book(book: ShelfBook, params: Extract, code: str) -> str:
    """The key of a book's text: its bytes, its format, the params of reading, the code, the form of a paragraph."""
    fields = [field.name for field in dataclasses.fields(Paragraph)]
    return key_of(book.sha256, book.format, params.model_dump(exclude={"min_script_share", "language"}), code, fields)


def read_fresh(fresh: Mapping[str, ShelfBook], params: Extract, workers: Workers, store: Keyed) -> dict[str, str]:
    """Read the books whose text is not in the store and put it there; returns key -> reason for those not stored."""
    lost: dict[str, str] = {}
    requests = [request_of(book, params) for book in fresh.values()]
    preload = sorted({"stages.shared.language", *(READERS[book.format] for book in fresh.values())})
    read = map_items(read_book, requests, workers.limits, workers, "extract", preload)
    for key, (_, text) in zip(fresh, read, strict=True):
        if isinstance(text, Failure):
            lost[key] = text.reason
        elif text.rejected and not text.lasting:
            lost[key] = text.rejected
        else:
            store.put(key, partial(write_text, text))
    return lost


def request_of(book: ShelfBook, params: Extract) -> Request:
    """What a worker needs to read a book."""
    paths = tuple(Path(path).absolute() for path in book.path.split(";"))
    limits = (params.max_file_mb, params.max_unpacked_mb, params.min_words)
    return Request(book.book_id, paths, book.format, book.sha256, *limits)


def write_text(text: Text, folder: Path) -> None:
    """Write an entry of the store: the account's figures, and the paragraphs of a book that was read."""
    figures = {name: getattr(text, name) for name in FIGURES}
    write_json(folder / "figures.json", figures)
    if not text.rejected:
        (folder / "paragraphs.jsonl").write_bytes(text.lines)


def read_figures(entry: Path) -> dict[str, Any]:
    """The figures of an entry of the store, as write_text wrote them."""
    figures: dict[str, Any] = json.loads((entry / "figures.json").read_text(encoding="utf-8"))
    return figures


def account_of(book: ShelfBook, figures: Mapping[str, Any] | None, lost: str | None, params: Extract) -> Account:
    """What became of a book of the shelf: read, rejected or missing."""
    if lost is not None:
        return Account(book.book_id, "rejected", lost, book.language)
    if figures is None:
        return Account(book.book_id, book.status, book.reason, book.language)
    if figures["rejected"]:
        return Account(book.book_id, "rejected", figures["rejected"], book.language)
    detected = told(figures["languages"])
    wrong = foreign_language(figures["languages"], book.language)
    script = foreign_script(figures["letters"], book.language, params.min_script_share)
    if script or (wrong and params.language == "reject"):
        return Account(book.book_id, "rejected", script or wrong, book.language, detected=detected)
    counts = {name: figures[name] for name in ("paragraphs", "words", "bytes")}
    remark = joined(figures["remark"], wrong)
    return Account(book.book_id, "read", remark, book.language, **counts, detected=detected)


def joined(*remarks: str) -> str:
    """The remarks that say something, in one."""
    return "; ".join(filter(None, remarks))


def sketches_of(
    shelf: Sequence[ShelfBook], accounts: Sequence[Account], figures: Mapping[str, Mapping[str, Any]]
) -> dict[str, Sketch]:
    """The sketches of the books that were read, by tier and id: of two that hold the same text the first one counts."""
    read = {account.book_id for account in accounts if account.status == "read"}
    books = sorted((TIERS.index(book.tier), book.book_id) for book in shelf if book.book_id in read)
    return {book_id: unpacked(figures[book_id]["sketch"]) for _, book_id in books}


def with_duplicates(accounts: Sequence[Account], sketches: Mapping[str, Sketch]) -> list[Account]:
    """The accounts, those of books that repeat others with a remark; `tiers`, which knows the probe, rejects them."""
    found = repeats(sketches, SAME_TEXT)
    return [
        dataclasses.replace(one, reason=joined(one.reason, str(found[one.book_id]))) if one.book_id in found else one
        for one in accounts
    ]


def check(accounts: Sequence[Account]) -> None:
    """Raise UserError where not one book was read."""
    if any(account.status == "read" for account in accounts):
        return
    reasons = Counter(account.reason or account.status for account in accounts).most_common(3)
    told = "; ".join(f"{count} x {reason}" for reason, count in reasons) or "the shelf is empty"
    raise UserError(f"none of {len(accounts)} books could be read: {told}. Add books that can, then run again")


def publish(accounts: Sequence[Account], entries: Mapping[str, Path], sketches: Mapping[str, Sketch]) -> None:
    """Make the output folder: the text of each book that was read, the sketches of these, and the accounts of all."""
    with tempfile.TemporaryDirectory() as folder:
        table, marks = Path(folder) / "accounts.csv", Path(folder) / FILE
        write_csv(table, Account, accounts)
        write_sketches(marks, sketches)
        texts = {f"{book_id}.jsonl": entries[book_id] / "paragraphs.jsonl" for book_id in sketches}
        assemble(OUT, {table.name: table, marks.name: marks, **texts})


def tell(accounts: Sequence[Account], fresh: int, seconds: float) -> None:
    """Print what became of the books."""
    counts = Counter(account.status for account in accounts)
    words = sum(account.words for account in accounts)
    print(
        f"extract: {counts['read']} books read ({fresh} of them now), {counts['rejected']} rejected,"
        f" {counts['missing']} missing, {words:,} words, {seconds:.1f} s"
    )
    rejected = [account for account in accounts if account.status == "rejected"]
    for account in rejected[:TOLD]:
        print(f"  {account.book_id} rejected: {account.reason}")
    if len(rejected) > TOLD:
        print(f"  and {len(rejected) - TOLD} more; all are in {OUT / 'accounts.csv'}")


if __name__ == "__main__":
    command_line("extract", __doc__).parse_args()
    run(main)
