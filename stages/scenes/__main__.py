"""Pick 1-5 scenes from each book, dense and linked, and write them in four forms.

Reads   data/shelf.csv, data/extract/, data/base/, data/catalogue/scene_scales.csv, params.yaml (scenes)
Writes  data/scenes/<book_id>.yaml, data/scenes/accounts.csv; with scenes.writer llm also data/scenes/writer.json
Run     python -m stages.scenes
        python -m stages.scenes --cost        say what the forms of scenes.llm would cost; nothing is sent
        python -m stages.scenes --calibrate   measure the shelf and write data/catalogue/scene_scales.csv anew
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.scenes import calibrate, density, pick, scales, shelves
from stages.scenes.llm import LlmParams
from stages.scenes.rewrite import rewrite, tell_cost
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, files_of, key_of, store_root
from stages.shared.locks import held
from stages.shared.models import token_counter
from stages.shared.params import Section, load_params
from stages.shared.records import Account, ShelfBook, read_csv, write_csv, write_json
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
    writer: Literal["rules", "llm"]
    llm: LlmParams

    def rules(self) -> pick.Rules:
        """The params that the choice depends on; raises UserError where they contradict each other."""
        if self.min_tokens >= self.max_tokens:
            raise UserError(f"scenes.min_tokens {self.min_tokens} must be below scenes.max_tokens {self.max_tokens}")
        if self.finalists < self.per_book:
            raise UserError(f"scenes.finalists {self.finalists} must be at least scenes.per_book {self.per_book}")
        if unknown := set(self.weights) - set(density.NAMES):
            names = ", ".join(density.NAMES)
            raise UserError(f"scenes.weights has no feature {', '.join(sorted(unknown))}; features are {names}")
        return pick.Rules(**self.model_dump(exclude={"writer", "llm"}))


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


def parse_arguments() -> argparse.Namespace:
    """The command line; without arguments the stage writes its outputs."""
    parser = command_line("scenes", __doc__)
    parser.add_argument("--calibrate", action="store_true", help=f"measure the shelf and write {scales.TABLE} anew")
    parser.add_argument("--cost", action="store_true", help="say what scenes.llm would cost; sends nothing")
    parser.add_argument(
        "--prices", nargs=2, type=float, metavar=("PROMPT", "COMPLETION"), help="dollars for a million tokens of each"
    )
    return parser.parse_args()


def write_out(used: dict[str, Path], accounts: Sequence[Account], written: dict[str, Any]) -> None:
    """Make the output folder."""
    assemble(OUT, {f"{book_id}.yaml": path for book_id, path in used.items()})
    write_csv(OUT / "accounts.csv", Account, accounts)
    if written:
        write_json(OUT / "writer.json", written)
    Keyed("scenes").trim()
    count = sum(one.paragraphs for one in accounts)
    print(f"scenes: {count} scenes from {len(used)} books, {len(accounts) - len(used)} books gave none")


def main() -> None:
    asked = parse_arguments()
    params, workers = load_params(ScenesParams, "scenes"), load_params(Workers, "workers")
    shelf = [one for one in read_csv(SHELF, ShelfBook) if shelves.text_of(one).exists()]
    tasks = shelves.tasks_of(shelf, params.rules())
    if asked.calibrate:
        print(calibrate.write_table(list(tasks.values()), workers))
        return
    with held(store_root(), key_of("scenes", list(tasks)), "picks the scenes of the same books"):
        failures = shelves.find_finalists(tasks, workers)
        entries = shelves.write_scenes(tasks, failures)
    accounts = [account(one, entries.get(one.book_id), failures.get(one.book_id, ""), params) for one in shelf]
    check(accounts)
    used = {one.book_id: files_of(entries[one.book_id])[0] for one in accounts if one.status == "used"}
    if asked.cost:
        tell_cost(used, params.llm, token_counter(shelves.BASE), asked.prices or params.llm.prices)
        return
    written: dict[str, Any] = {}
    if params.writer == "llm":
        with held(store_root(), key_of("forms", list(tasks)), "has the forms of the same scenes written"):
            used, written = rewrite(used, params.llm)
    write_out(used, accounts, written)


if __name__ == "__main__":
    run(main)
