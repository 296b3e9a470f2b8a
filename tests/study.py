"""A finished study of a few books and a tiny model, made as a person makes it, once for all tests."""

import hashlib
import random
from pathlib import Path
from typing import Any

import pymupdf
import yaml
from conftest import ROOT, new_project, prose, run
from ebooklib import epub

BOOKS = 16


def digest(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder, by its path there."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def own_prose(seed: int) -> list[str]:
    """Paragraphs with names of the book's own among the common words, so that no two books share their text."""
    chance = random.Random(seed)
    names = ["".join(chance.choices("aeilmnorst", k=7)).title() for _ in range(12)]
    return [
        " ".join(f"{word} {chance.choice(names)}" if at % 4 == 3 else word for at, word in enumerate(text.split()))
        for text in prose(seed, 60)
    ]


def write_epub(path: Path, seed: int) -> None:
    book = epub.EpubBook()
    book.set_title(f"The Book of Year {seed}")
    book.add_author(f"Author Number {seed}")
    book.set_language("en")
    paragraphs = "".join(f"<p>{text}</p>" for text in own_prose(seed))
    chapter = epub.EpubHtml(title="One", file_name="one.xhtml", content=f"<h1>One</h1>{paragraphs}")
    book.add_item(chapter)
    book.add_item(epub.EpubNcx())
    book.spine = [chapter]
    epub.write_epub(path, book)


def write_pdf(path: Path, seed: int) -> None:
    document = pymupdf.open()
    document.set_metadata({"title": f"The Book of Year {seed}", "author": f"Author Number {seed}"})
    for text in own_prose(seed):
        document.new_page().insert_textbox((72, 72, 520, 700), text, fontsize=11)
    document.save(path)


def small_params(base: Path) -> dict[str, Any]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["sample"]["enabled"] = False
    params["base"]["source"] = f"path:{base}"
    params["extract"]["min_words"] = 300
    params["scenes"] |= {"min_tokens": 60, "max_tokens": 400}
    params["probe"] |= {"books": {"en": 4}, "share_b": 0.75, "passages_per_book": 2, "control_bytes": 1500}
    params["tiers"] |= {"ladder": [3, 6], "tokens_per_book": 600, "draws": 2}
    params["train"]["rank"] = 2
    params["evaluate"] |= {"chained": 2, "chain_tokens": 8}
    params["saturation"]["samples"] = 200
    return params


def make_study(base: Path, folder: Path) -> None:
    """List and add the books, choose those that are held out, and run the whole pipeline."""
    new_project(folder, small_params(base))
    library = folder / "data/library"
    for seed in range(1, BOOKS + 1):
        (write_pdf if seed % 4 == 0 else write_epub)(
            library / f"book{seed:02d}.{'pdf' if seed % 4 == 0 else 'epub'}", seed
        )
    for name, seed in (("broken.epub", 40), ("locked.pdf", 41)):
        (write_epub if name.endswith("epub") else write_pdf)(library / name, seed)
    own = ["python", "-m", "stages.bookmap", "--add", "data/library", "--language", "en"]
    run(folder, *own)
    (library / "broken.epub").write_bytes(b"PK\x03\x04 no archive")  # what was listed can break afterwards
    locked = pymupdf.open()
    locked.new_page().insert_text((72, 72), "Secret.")
    locked.save(library / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    run(folder, "dvc", "add", "-q", "data/library")
    run(folder, "dvc", "repro", "-q", "extract")
    run(folder, "python", "-m", "stages.probe", "--choose", "6")
    run(folder, "dvc", "repro")
