"""A small finished study written for the page: books in several scripts, curves, and texts that would be script."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from stages.shared.records import Account, Book, ShelfBook, write_csv
from stages.shared.scenefile import load_scenes, write_accepted

HOSTILE = "</script><script>alert('title')</script><img src=x onerror=alert(1)> {{ 7*7 }} <!-- & \" ' ` ${1}"
BOOKS = {  # title, author, language, tier, category, passages
    "own-001": ("The Mirror", "A. Writer", "en", "core", "epic", ["A quiet river keeps its own shadow.", "It turns."]),
    "own-002": ("La fenêtre", "B. Écrivain", "fr", "orbit", "drama", ["La fenêtre a été ouverte à l'aube."]),
    "own-003": ("كتاب الريح", "كاتب", "ar", "fractal", "law", ["قَالَ الرِّيحُ لِلبَحرِ: أَنَا أَحمِلُ اسمَكَ."]),
    "own-004": ("風之書", "某人", "zh", "fractal", "law", ["風對海說：我帶走你的名字。\n海不回答。"]),
    "own-005": (HOSTILE, HOSTILE, "en", "core", "drama", [f"javascript:alert(1) {HOSTILE}\n  indented: - yaml\ttab"]),
}
CURVE = [
    {"books": 10, "used_for_verdict": True, "prediction": 0.02, "prediction_low": 0.01, "prediction_high": 0.03,
     "understanding_prediction": 100.0, "understanding_prediction_low": 100.0, "understanding_prediction_high": 100.0,
     "js": 0.01, "js_low": 0.005, "js_high": 0.02, "coverage": 0.2, "gain_share": 0.5, "gain_share_low": 0.4,
     "gain_share_high": 0.6, "prediction_shuffled_words": "", "prediction_shuffled_words_low": "",
     "prediction_shuffled_words_high": ""},
    {"books": 20, "used_for_verdict": False, "prediction": 0.04, "prediction_low": 0.03, "prediction_high": 0.05,
     "understanding_prediction": 200.0, "understanding_prediction_low": 150.0, "understanding_prediction_high": 300.0,
     "js": 0.03, "js_low": 0.02, "js_high": 0.04, "coverage": 0.3, "gain_share": 1.0, "gain_share_low": 1.0,
     "gain_share_high": 1.0, "prediction_shuffled_words": -0.05, "prediction_shuffled_words_low": -0.06,
     "prediction_shuffled_words_high": -0.04},
]  # fmt: skip
SUMMARY = {"verdict": "not decided", "n_star": None, "books_read": 20, "draws": 2, "inits": 1, "probe_books": 8,
           "probe_authors": 8}  # fmt: skip
REPORT = f"# Layers\n\n> Not decided: one draw.\n\n- read more;\n\n## Books\n\n![](curve.svg)\n\n{HOSTILE} [a](https://b.example)\n"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def scene(book_id: str, number: int, text: str) -> dict[str, Any]:
    """One scene of a book's file."""
    return {
        "id": f"{book_id}-p{number}",
        "kind": ("insight", "paradox")[number % 2],
        "reason": "questions above 92%",
        "place": {"chapter": "Of wind", "paragraphs": [number, number], "page": None},
        "quality": 0.9 - number / 10,
        "density": 0.5,
        "scores": {"questions": 0.92},
        "features": {"questions": 0.25},
        "tokens": 9,
        "words": 7,
        "bytes": len(text.encode()),
        "sha256": digest(text),
        "forms": {
            "passage": text,
            "instruction": f"### Continue.\n\n{text}",
            "qa": {"question": "Why?", "answer": text},
        },
    }


def write_scenes(folder: Path, books: dict[str, Any]) -> None:
    """The file of each book's scenes, and the lines of those that passed the gate: all of them."""
    (folder / "data/scenes").mkdir(parents=True, exist_ok=True)
    for name, (title, author, language, tier, category, texts) in books.items():
        facts = dict(book_id=name, title=title, author=author, language=language, tier=tier, category=category)
        scenes = [scene(name, number, text) for number, text in enumerate(texts)]
        lost = [{"place": "p9", "quality": 0.1, "reason": "quality 0.1 is below"}]
        document = {"schema": 2, "book": facts, "scenes": scenes, "lost": lost}
        (folder / f"data/scenes/{name}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    paths = sorted((folder / "data/scenes").glob("*.yaml"))
    (folder / "data/validate").mkdir(exist_ok=True)
    write_accepted(folder / "data/validate/scenes.jsonl", [scene for path in paths for scene in load_scenes(path)])
    (folder / "data/validate/rejected.csv").write_text("scene_id,book_id,reason\n")


def write_library(folder: Path, books: dict[str, Any]) -> None:
    """Shelf, bookmap and accounts: the last book is rejected, the row of the bookmap has no file."""
    facts = {name: book[:5] for name, book in books.items()}
    shelf = [ShelfBook(name, *five, "own", f"data/library/{name}.epub", "epub", "", 1, "here", "")
             for name, five in facts.items()]  # fmt: skip
    write_csv(folder / "data/shelf.csv", ShelfBook, shelf)
    row = Book("core-001", "Absent", "C. Author", "", "en", "core", "epic", "", "", "", "pg/1/1.epub", "", "user")
    write_csv(folder / "data/ltm_10000_bookmap.csv", Book, [row])
    names = list(books)
    for stage in ("extract", "scenes", "validate", "tiers"):
        accounts = [Account(name, "used", "") for name in names[:-1]]
        if stage == "extract":
            accounts.append(Account(names[-1], "rejected", "encrypted"))
        write_csv(folder / f"data/{stage}/accounts.csv", Account, accounts)
    (folder / "data/probe").mkdir(exist_ok=True)
    (folder / "data/probe/books.csv").write_text(f"book_id\n{names[1]}\n")


def write_metrics(folder: Path) -> None:
    """What `saturation` writes, in short."""
    metrics = folder / "metrics"
    metrics.mkdir(exist_ok=True)
    (metrics / "saturation.json").write_text(json.dumps(SUMMARY))
    (metrics / "bookmap.json").write_text('{"core_missing": 1}')
    (metrics / "ltm_layers_of_saturation.md").write_text(REPORT)
    lines = [",".join(CURVE[0]), *(",".join(str(value) for value in row.values()) for row in CURVE)]
    (metrics / "curve.csv").write_text("\n".join(lines) + "\n")
    (metrics / "poll.csv").write_text("")


def write_project(folder: Path, books: dict[str, Any]) -> Path:
    """A project folder with everything that the page reads."""
    write_scenes(folder, books)
    write_library(folder, books)
    write_metrics(folder)
    return folder
