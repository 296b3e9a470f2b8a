"""Pick 1-5 dense scenes from each book and write them in four forms.

Reads   data/shelf.csv, data/extract/, data/base/tokenizer.json, params.yaml (scenes)
Writes  data/scenes/<book_id>.yaml, data/scenes/accounts.csv
Run     python -m stages.scenes
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from stages.scenes import book, density, forms, pick
from stages.shared import near, passages
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, file_digest, files_of, key_of
from stages.shared.params import Section, load_params
from stages.shared.records import Account, ShelfBook, read_csv, write_csv
from stages.shared.scenefile import read_scenes
from stages.shared.workers import Failure, Workers, map_items

TEXTS, BASE, SHELF, OUT = Path("data/extract"), Path("data/base"), Path("data/shelf.csv"), Path("data/scenes")


class ScenesParams(Section):
    """Section `scenes` of params.yaml."""

    min_tokens: int = Field(ge=16)
    max_tokens: int = Field(ge=32)
    per_book: int = Field(ge=1, le=5)
    floor: float
    likeness: float = Field(gt=0, le=1)
    weights: dict[str, float]

    def rules(self) -> pick.Rules:
        """These params as the picker's rules."""
        if self.min_tokens >= self.max_tokens:
            raise UserError(f"scenes.min_tokens {self.min_tokens} must be below scenes.max_tokens {self.max_tokens}")
        return pick.Rules(**self.model_dump())


def keys_of(shelf: Sequence[ShelfBook], params: ScenesParams) -> dict[str, str]:
    """Key of each book: its text, its facts, these params, the tokenizer and the picker's code."""
    modules = [book, density, forms, pick, near, passages]
    shared = [params.model_dump(), code_digest(modules, ["tokenizers", "pyyaml"]), file_digest(BASE / "tokenizer.json")]
    return {
        one.book_id: key_of(file_digest(TEXTS / f"{one.book_id}.jsonl"), book.facts_of(one), shared) for one in shelf
    }


def account(one: ShelfBook, entry: Path | None, failure: str, params: ScenesParams) -> Account:
    """What became of a book: used, or rejected where its worker failed or no passage qualifies."""
    scenes = read_scenes(files_of(entry)[0]) if entry else []
    if not scenes:
        reason = failure or f"no well-formed passage of {params.min_tokens}-{params.max_tokens} tokens"
        return Account(one.book_id, "rejected", reason)
    words, size = sum(scene.words for scene in scenes), sum(scene.bytes for scene in scenes)
    return Account(one.book_id, "used", "", one.language, len(scenes), words, size)


def main() -> None:
    params, workers = load_params(ScenesParams, "scenes"), load_params(Workers, "workers")
    rules, store = params.rules(), Keyed("scenes")
    shelf = [one for one in read_csv(SHELF, ShelfBook) if (TEXTS / f"{one.book_id}.jsonl").exists()]
    keys = keys_of(shelf, params)
    fresh = [
        book.Task(one, TEXTS / f"{one.book_id}.jsonl", BASE, rules) for one in shelf if not store.get(keys[one.book_id])
    ]
    failures: dict[str, str] = {}
    for task, result in map_items(book.pick_book, fresh, workers.limits, workers, "scenes", ["stages.scenes.book"]):
        if isinstance(result, Failure):
            failures[task.book.book_id] = result.reason
        else:
            store.put(keys[task.book.book_id], partial(book.write_scenes, document=result))
    entries = {book_id: store.path(key) for book_id, key in keys.items() if book_id not in failures}
    accounts = [account(b, entries.get(b.book_id), failures.get(b.book_id, ""), params) for b in shelf]
    used = {one.book_id: files_of(entries[one.book_id])[0] for one in accounts if one.status == "used"}
    if not used:
        reasons = Counter(one.reason for one in accounts).most_common(2)
        told = "; ".join(f"{reason} ({count} books)" for reason, count in reasons)
        raise UserError(f"none of {len(accounts)} books gave a scene: {told}; lower scenes.min_tokens")
    assemble(OUT, {f"{book_id}.yaml": path for book_id, path in used.items()})
    write_csv(OUT / "accounts.csv", Account, accounts)
    count = sum(one.paragraphs for one in accounts)
    print(f"scenes: {count} scenes from {len(used)} books, {len(accounts) - len(used)} books gave none")


if __name__ == "__main__":
    run(main)
