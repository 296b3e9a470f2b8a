"""Pick 1-5 scenes from each book, dense and linked, and write them in four forms.

Reads   data/shelf.csv, data/extract/, data/base/, data/catalogue/scene_scales.csv, params.yaml (scenes)
Writes  data/scenes/<book_id>.yaml, data/scenes/accounts.csv
Run     python -m stages.scenes
        python -m stages.scenes --calibrate   measure the shelf and write data/catalogue/scene_scales.csv anew
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from stages.scenes import calibrate, density, pick, scales, shelves
from stages.shared.errors import UserError, run
from stages.shared.keyed import assemble, files_of
from stages.shared.params import Section, load_params
from stages.shared.records import Account, ShelfBook, read_csv, write_csv
from stages.shared.scenefile import read_scenes
from stages.shared.workers import Workers

SHELF, OUT = Path("data/shelf.csv"), Path("data/scenes")


class ScenesParams(Section):
    """Section `scenes` of params.yaml."""

    min_tokens: int = Field(ge=16)
    max_tokens: int = Field(ge=32)
    per_book: int = Field(ge=1, le=5)
    finalists: int = Field(ge=1)
    floor: float = Field(ge=0, le=1)
    likeness: float = Field(gt=0, le=1)
    weights: dict[str, float]

    def rules(self) -> pick.Rules:
        """These params as the picker's rules; raises UserError where they contradict each other."""
        if self.min_tokens >= self.max_tokens:
            raise UserError(f"scenes.min_tokens {self.min_tokens} must be below scenes.max_tokens {self.max_tokens}")
        if self.finalists < self.per_book:
            raise UserError(f"scenes.finalists {self.finalists} must be at least scenes.per_book {self.per_book}")
        if unknown := set(self.weights) - set(density.NAMES):
            names = ", ".join(density.NAMES)
            raise UserError(f"scenes.weights has no feature {', '.join(sorted(unknown))}; features are {names}")
        return pick.Rules(**self.model_dump())


def account(one: ShelfBook, entry: Path | None, failure: str, params: ScenesParams) -> Account:
    """What became of a book: used, or rejected where its worker failed or no passage qualifies."""
    scenes = read_scenes(files_of(entry)[0]) if entry else []
    if not scenes:
        reason = failure or f"no well-formed passage of {params.min_tokens}-{params.max_tokens} tokens"
        return Account(one.book_id, "rejected", reason)
    words, size = sum(scene.words for scene in scenes), sum(scene.bytes for scene in scenes)
    return Account(one.book_id, "used", "", one.language, len(scenes), words, size)


def check(accounts: Sequence[Account]) -> None:
    """Raise UserError where not one book gave a scene."""
    if not any(one.status == "used" for one in accounts):
        reasons = Counter(one.reason for one in accounts).most_common(2)
        told = "; ".join(f"{reason} ({count} books)" for reason, count in reasons)
        raise UserError(f"none of {len(accounts)} books gave a scene: {told}; lower scenes.min_tokens")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.scenes", description="Pick the scenes of every book.")
    parser.add_argument("--calibrate", action="store_true", help=f"measure the shelf and write {scales.TABLE} anew")
    asked = parser.parse_args()
    params, workers = load_params(ScenesParams, "scenes"), load_params(Workers, "workers")
    shelf = [one for one in read_csv(SHELF, ShelfBook) if shelves.text_of(one).exists()]
    tasks = shelves.tasks_of(shelf, params.rules())
    if asked.calibrate:
        print(calibrate.write_table(list(tasks.values()), workers))
        return
    failures = shelves.find_finalists(tasks, workers)
    entries = shelves.write_scenes(tasks, failures)
    accounts = [account(one, entries.get(one.book_id), failures.get(one.book_id, ""), params) for one in shelf]
    check(accounts)
    used = {one.book_id: files_of(entries[one.book_id])[0] for one in accounts if one.status == "used"}
    assemble(OUT, {f"{book_id}.yaml": path for book_id, path in used.items()})
    write_csv(OUT / "accounts.csv", Account, accounts)
    count = sum(one.paragraphs for one in accounts)
    print(f"scenes: {count} scenes from {len(used)} books, {len(accounts) - len(used)} books gave none")


if __name__ == "__main__":
    run(main)
