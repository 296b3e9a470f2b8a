"""Plan every reading: orders, draws, nested rungs and arms, and the texts each book is read in.

Reads   data/shelf.csv, data/extract/, data/validate/scenes.jsonl, data/probe/, data/base/tokenizer.json,
        data/catalogue/sample.yaml, params.yaml (tiers)
Writes  data/tiers/readings.csv, data/tiers/orders/*.csv, data/tiers/{core,orbit,fractal}.jsonl,
        data/tiers/controls/<arm>.jsonl (half_books and quarter_books: <reading>.jsonl), data/tiers/accounts.csv,
        data/tiers/{README.md,books.csv,completion.jsonl,chat.jsonl} (the card; TRL's forms), data/ltm_seed_100.yaml
Run     python -m stages.tiers
"""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stages.shared.commands import command_line
from stages.shared.errors import run
from stages.shared.models import token_counter
from stages.shared.params import load_params
from stages.shared.records import TIERS, Account, ShelfBook, read_csv, write_csv
from stages.shared.scenefile import Scene, accepted_scenes
from stages.shared.sketches import FILE, read_sketches
from stages.tiers import arms, breadth, dataset, held, readings, seed
from stages.tiers.settings import TiersParams, check

SHELF, TEXTS, SCENES = Path("data/shelf.csv"), Path("data/extract"), Path("data/validate/scenes.jsonl")
PROBE, BASE = Path("data/probe"), Path("data/base")
OUT, SEED_100 = Path("data/tiers"), Path("data/ltm_seed_100.yaml")
LOCK, SAMPLE = Path("requirements.lock"), Path("data/catalogue/sample.yaml")


def write_texts(path: Path, texts: Iterable[arms.Text]) -> None:
    """Write texts as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps(dataclasses.asdict(one), ensure_ascii=False) for one in texts)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def control_texts(arm: str, supply: breadth.Supply) -> list[arms.Text]:
    """What a control of all books reads in place of each text of the real arm."""
    flat = [one for book in supply.real.values() for one in book]
    if arm == "shuffled_words":
        return [arms.shuffle_words(one, supply.seed, supply.measure) for one in flat]
    if arm == "other_prose":
        return arms.other_prose(flat, LOCK, supply.measure)
    groups = (arms.random_texts(book, supply.passages(name), supply.measure) for name, book in supply.real.items())
    return [one for group in groups for one in group]


def write_controls(rows: Sequence[tuple[readings.Plan, readings.Reading]], supply: breadth.Supply) -> None:
    """Write what the controls read: a file per arm, or per reading where the arm reads fewer books."""
    for arm in dict.fromkeys(row.arm for _, row in rows if row.arm in arms.CONTROLS):
        write_texts(OUT / "controls" / f"{arm}.jsonl", control_texts(arm, supply))
    for plan, row in rows:
        if row.arm in breadth.SHARES:
            found = breadth.read_breadth(supply, [book.book_id for book in plan.books], row.numbers, row.arm)
            write_texts(OUT / "controls" / f"{row.reading}.jsonl", found.texts)
            for line in found.told:
                print(f"tiers: {row.reading} {line}")


def unwritten(scenes: Mapping[str, Sequence[Scene]], forms: Sequence[str]) -> dict[str, str]:
    """The books none of whose scenes has one of the forms that are read, each with its reason."""
    reason = f"none of its scenes has a form of tiers.forms ({', '.join(forms)})"
    return {book_id: reason for book_id, own in scenes.items() if not any(scene.forms.keys() & forms for scene in own)}


def unread(shelf: Iterable[ShelfBook], tiers: Sequence[str]) -> dict[str, str]:
    """The books of the tiers that are not read, each with its reason."""
    return {book.book_id: f"tier {book.tier} is not in tiers.tiers" for book in shelf if book.tier not in tiers}


def accounts(shelf: Iterable[ShelfBook], reasons: dict[str, str], with_scenes: Iterable[str]) -> list[Account]:
    """What became of every book that has scenes or is held out."""
    known = {*with_scenes, *reasons}
    return [
        Account(b.book_id, "rejected" if b.book_id in reasons else "used", reasons.get(b.book_id, ""), b.language)
        for b in shelf
        if b.book_id in known
    ]


def write_card(
    books: Sequence[ShelfBook], scenes: Mapping[str, Sequence[Scene]], texts: Mapping[str, Sequence[arms.Text]]
) -> None:
    """Write books.csv, the forms that TRL trains on, and the card that says what lies in the folder."""
    rows = dataset.read_books(books, texts, dataset.read_rights(SAMPLE))
    write_csv(OUT / "books.csv", dataset.ReadBook, rows)
    chosen = (pair for book in books for pair in dataset.completions(scenes[book.book_id], texts[book.book_id]))
    dataset.write_dataset(OUT, rows, list(chosen))


def main() -> None:
    params = load_params(TiersParams, "tiers")
    check(params)
    measure = token_counter(BASE)
    shelf, scenes = read_csv(SHELF, ShelfBook), accepted_scenes(SCENES)
    sketches = read_sketches(TEXTS / FILE)
    reasons, items = held.held_out(shelf, scenes, PROBE, sketches), held.read_items(PROBE)
    reasons = unread(shelf, params.tiers) | unwritten(scenes, params.forms) | reasons
    books = [book for book in shelf if book.book_id in scenes and book.book_id not in reasons]
    texts = {
        b.book_id: arms.real_texts(scenes[b.book_id], params.forms, params.tokens_per_book, measure) for b in books
    }
    held.check_leaks((one for book in texts.values() for one in book), items)
    planned = readings.plans(params, books)
    rows = [(plan, row) for plan in planned for row in readings.rows(params, plan)]
    shutil.rmtree(OUT, ignore_errors=True)
    for plan in planned:
        write_csv(OUT / "orders" / f"{plan.order}-d{plan.draw}.csv", ShelfBook, plan.books)
    write_csv(OUT / "readings.csv", readings.Reading, [row for _, row in rows])
    for tier in TIERS:
        write_texts(OUT / f"{tier}.jsonl", (one for b in books if b.tier == tier for one in texts[b.book_id]))
    low, high = params.random_tokens
    supply = breadth.Supply(scenes, texts, params.forms, TEXTS, (low, high), params.seed, measure, items.repeated_by)
    write_controls(rows, supply)
    write_csv(OUT / "accounts.csv", Account, accounts(shelf, reasons, scenes))
    write_card(books, scenes, texts)
    seeds = seed.seed_100({b.book_id: scenes[b.book_id] for b in books}, [b.book_id for b in shelf])
    seed.write_seed(SEED_100, seeds)
    tokens = sum(one.tokens for book in texts.values() for one in book)
    print(f"tiers: {len(books)} books to read, {tokens} tokens, {len(rows)} readings, rungs {rows[0][1].rungs}")


if __name__ == "__main__":
    command_line("tiers", __doc__).parse_args()
    run(main)
