"""Plan every reading: orders, draws, nested rungs and arms, and the texts each book is read in.

Reads   data/shelf.csv, data/extract/, data/scenes/, data/validate/rejected.csv, data/probe/, data/base/tokenizer.json,
        params.yaml (tiers)
Writes  data/tiers/readings.csv, data/tiers/orders/*.csv, data/tiers/{core,orbit,fractal}.jsonl,
        data/tiers/controls/*.jsonl, data/tiers/accounts.csv, data/ltm_seed_100.yaml
Run     python -m stages.tiers
"""

import csv
import dataclasses
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field

from stages.shared.errors import UserError, run
from stages.shared.models import token_counter
from stages.shared.near import book_features, duplicates, jaccard, shingles
from stages.shared.params import Section, load_params
from stages.shared.records import TIERS, Account, ShelfBook, read_csv, read_paragraphs, write_csv
from stages.shared.scenefile import FORMS, Scene, all_scenes
from stages.tiers import arms, orders

SHELF, TEXTS, SCENES = Path("data/shelf.csv"), Path("data/extract"), Path("data/scenes")
PROBE, REJECTED, BASE = Path("data/probe"), Path("data/validate/rejected.csv"), Path("data/base")
OUT, SEED_100 = Path("data/tiers"), Path("data/ltm_seed_100.yaml")
LOCK = Path("requirements.lock")
SAME_BOOK = 0.2  # share of common long paragraphs from which two books are one text
SAME_TEXT = 0.3  # share of common five-word runs from which two passages are one text


class TiersParams(Section):
    """Section `tiers` of params.yaml."""

    seed: int
    orders: list[str] = Field(min_length=1)
    draws: int = Field(ge=1)
    ladder: list[int] = Field(min_length=1)
    every: bool
    max_books: int | None
    tokens_per_book: int = Field(ge=32)
    forms: list[str] = Field(min_length=1)
    controls: list[str]
    control_draws: int = Field(ge=0)
    random_tokens: list[int] = Field(min_length=2, max_length=2)


def check(params: TiersParams) -> None:
    """Refuse unknown names and impossible ladders before any work."""
    for name, valid in [(params.forms, FORMS), (params.controls, arms.CONTROLS)]:
        if unknown := [one for one in name if one not in valid]:
            raise UserError(f"unknown {unknown[0]!r} in tiers; valid are {', '.join(valid)}")
    if min(params.ladder) < 1:
        raise UserError(f"tiers.ladder has the rung {min(params.ladder)}; a rung is a number of books, at least 1")
    if params.max_books is not None and params.max_books < min(params.ladder):
        raise UserError(f"tiers.max_books {params.max_books} is below the smallest rung {min(params.ladder)}; raise it")


def work_key(title: str, author: str) -> str:
    """A name of the work that editions share: letters of the bare title and of the author's last name."""
    bare = title.casefold().partition(":")[0].partition("(")[0]
    last = author.casefold().replace(",", " ").split()
    return "".join(filter(str.isalnum, bare)) + "/" + (max(last, key=len) if last else "")


def held_out(shelf: Sequence[ShelfBook], scenes: dict[str, list[Scene]]) -> dict[str, str]:
    """Which books may not be read, and why: the probe's own, the same work, or the same text under another name."""
    with (PROBE / "books.csv").open(encoding="utf-8", newline="") as stream:
        probe = {row["book_id"]: work_key(row["title"], row["author"]) for row in csv.DictReader(stream)}
    reasons = dict.fromkeys(probe, "held out for the probe")
    works = {work: book_id for book_id, work in probe.items()}
    readable = [book for book in shelf if book.book_id in scenes or book.book_id in probe]
    readable.sort(key=lambda book: (book.book_id not in probe, book.book_id))
    texts = {
        book.book_id: book_features(p.text for p in read_paragraphs(TEXTS / f"{book.book_id}.jsonl"))
        for book in readable
    }
    twins = duplicates(texts, SAME_BOOK)
    for book in readable:
        if book.book_id in reasons:
            continue
        if twin := works.get(work_key(book.title, book.author)):
            reasons[book.book_id] = f"same work as {twin} of the probe"
        elif twin := twins.get(book.book_id):
            place = " of the probe" if twin in probe else ""
            reasons[book.book_id] = f"same text as {twin}{place}"
    return reasons


def check_leaks(texts: Iterable[arms.Text]) -> None:
    """Stop where a training text repeats a probe item, whatever book it came from."""
    lines = (PROBE / "items.jsonl").read_text(encoding="utf-8").splitlines()
    items = {row["item"]: shingles(row["text"]) for row in map(json.loads, lines)}
    runs = {run for item in items.values() for run in item}
    for one in texts:
        common = shingles(one.text)
        if common & runs:
            for name, item in items.items():
                if jaccard(common, item) >= SAME_TEXT:
                    raise UserError(f"text {one.text_id} repeats probe item {name}; drop its book from the shelf")


@dataclass(frozen=True)
class Plan:
    """What one book order gives: the books in sequence, by order and draw."""

    order: str
    draw: int
    books: list[ShelfBook]


def plans(params: TiersParams, books: Sequence[ShelfBook]) -> list[Plan]:
    """Every order and draw that the books allow; an order that runs short is told, not read."""
    found = []
    for order in params.orders:
        for draw in range(params.draws):
            sequence = orders.ordered(books, order, draw, params.seed)
            if orders.is_short(order, len(sequence)):
                print(f"tiers: order {order} has {len(sequence)} books, it needs {orders.LEAST_BOOKS}; not read")
                break
            found.append(Plan(order, draw, sequence))
    if not found:
        raise UserError(f"no order of tiers.orders has enough books; the shelf has {len(books)} to read")
    return found


def readings(params: TiersParams, plan: Plan) -> list[orders.Reading]:
    """The real reading of a plan, and the controls at its top rung for the first draws."""
    ladder = orders.rungs(len(plan.books), params.ladder, params.every, params.max_books)
    if not ladder or (min(params.ladder) > len(plan.books)):
        raise UserError(
            f"the smallest rung {min(params.ladder)} is larger than the {len(plan.books)} books of order {plan.order}; "
            "add books or lower tiers.ladder"
        )
    top = int(ladder[-1] == len(plan.books))
    rows = [orders.Reading(f"{plan.order}-real-d{plan.draw}", plan.order, "real", plan.draw, join(ladder), top)]
    if plan.draw < params.control_draws:
        rows += [
            orders.Reading(f"{plan.order}-{arm}-d{plan.draw}", plan.order, arm, plan.draw, join(ladder[-1:]), top)
            for arm in params.controls
        ]
    return rows


def join(ladder: Sequence[int]) -> str:
    """Rungs as one CSV field."""
    return ";".join(map(str, ladder))


def seed_100(scenes: dict[str, list[Scene]], ids: Sequence[str]) -> list[dict[str, object]]:
    """The best scene of each core book in the order of the bookmap, then the second best, then orbit, until 100."""
    chosen: list[dict[str, object]] = []
    for tier in TIERS[:2]:
        books = [scenes[book_id] for book_id in ids if book_id in scenes and scenes[book_id][0].tier == tier]
        for rank in range(5):
            for scene in (book[rank] for book in books if len(book) > rank):
                place = {"chapter": scene.chapter, "paragraphs": [scene.first, scene.last], "page": scene.page}
                facts = {"scene": scene.scene_id, "title": scene.title, "author": scene.author, "tier": scene.tier}
                chosen.append(
                    {**facts, "language": scene.language, "kind": scene.kind, "place": place, "text": scene.text}
                )
    return chosen[:100]


def write_texts(path: Path, texts: Iterable[arms.Text]) -> None:
    """Write texts as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps(dataclasses.asdict(one), ensure_ascii=False) for one in texts)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def write_controls(params: TiersParams, texts: dict[str, list[arms.Text]], measure: arms.Measure) -> None:
    """Write what each control reads for each book."""
    flat = [one for book in texts.values() for one in book]
    low, high = params.random_tokens
    for arm in params.controls if params.control_draws else ():
        if arm == "shuffled_words":
            found = [arms.shuffle_words(one, params.seed, measure) for one in flat]
        elif arm == "other_prose":
            found = arms.other_prose(flat, LOCK, measure)
        else:
            groups = (arms.random_texts(book, TEXTS, (low, high), params.seed, measure) for book in texts.values())
            found = [one for group in groups for one in group]
        write_texts(OUT / "controls" / f"{arm}.jsonl", found)


def accepted_scenes() -> dict[str, list[Scene]]:
    """The scenes of each book that validation did not reject, densest first."""
    with REJECTED.open(encoding="utf-8", newline="") as stream:
        rejected = {row["scene_id"] for row in csv.DictReader(stream)}
    found: dict[str, list[Scene]] = {}
    for scene in all_scenes(SCENES):
        if scene.scene_id not in rejected:
            found.setdefault(scene.book_id, []).append(scene)
    return found


def main() -> None:
    params = load_params(TiersParams, "tiers")
    check(params)
    measure = token_counter(BASE)
    shelf, scenes = read_csv(SHELF, ShelfBook), accepted_scenes()
    reasons = held_out(shelf, scenes)
    books = [book for book in shelf if book.book_id in scenes and book.book_id not in reasons]
    texts = {
        b.book_id: arms.real_texts(scenes[b.book_id], params.forms, params.tokens_per_book, measure) for b in books
    }
    check_leaks(one for book in texts.values() for one in book)
    shutil.rmtree(OUT, ignore_errors=True)
    planned = plans(params, books)
    for plan in planned:
        write_csv(OUT / "orders" / f"{plan.order}-d{plan.draw}.csv", ShelfBook, plan.books)
    rows = [row for plan in planned for row in readings(params, plan)]
    write_csv(OUT / "readings.csv", orders.Reading, rows)
    for tier in TIERS:
        write_texts(OUT / f"{tier}.jsonl", (one for b in books if b.tier == tier for one in texts[b.book_id]))
    write_controls(params, texts, measure)
    accounts = [
        Account(b.book_id, "rejected" if b.book_id in reasons else "used", reasons.get(b.book_id, ""), b.language)
        for b in shelf
        if b.book_id in scenes or b.book_id in reasons
    ]
    write_csv(OUT / "accounts.csv", Account, accounts)
    seeds = seed_100({b.book_id: scenes[b.book_id] for b in books}, [b.book_id for b in shelf])
    SEED_100.write_text(yaml.safe_dump(seeds, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
    tokens = sum(one.tokens for book in texts.values() for one in book)
    print(f"tiers: {len(books)} books to read, {tokens} tokens, {len(rows)} readings, rungs {rows[0].rungs}")


if __name__ == "__main__":
    run(main)
