"""The scenes of a whole shelf by key: finalists from workers, then what the model says of them, then a file a book."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from stages.scenes import book, density, forms, halves, linkage, pick, scales
from stages.shared import linear, models, near, passages, prefixes, scoring
from stages.shared.keyed import Keyed, code_digest, file_digest, key_of
from stages.shared.progress import Progress
from stages.shared.records import ShelfBook
from stages.shared.scorebook import Scorebook
from stages.shared.workers import Failure, Workers, map_items

TEXTS, BASE = Path("data/extract"), Path("data/base")
TOKENIZER = BASE / "tokenizer.json"
GROUP = 8  # books whose finalists are held, and asked about, at once
TEXT_CODE = [book, density, halves, pick, scales, near, passages]  # what finalists depend on
MODEL_CODE = [linkage, scoring, prefixes, linear]  # what the model's numbers depend on
MODEL_LIBRARIES = ["torch", "transformers", "tokenizers"]


def text_of(one: ShelfBook) -> Path:
    """Where the paragraphs of a book lie."""
    return TEXTS / f"{one.book_id}.jsonl"


def tasks_of(shelf: Sequence[ShelfBook], rules: pick.Rules) -> dict[str, book.Task]:
    """Key -> what a worker needs for a book; the key holds its text and facts, its language's scale, rules and code."""
    fingerprint = models.read_facts(BASE)["fingerprint"]
    code = code_digest(TEXT_CODE, ["tokenizers", "numpy"])
    shared = [dataclasses.asdict(rules), code, file_digest(TOKENIZER)]
    found = {}
    for one in shelf:
        scale = scales.scale_of(scales.TABLE, one.language, fingerprint)
        markers = {use: sorted(words) for use, words in density.markers().get(one.language, {}).items()}
        key = key_of(file_digest(text_of(one)), book.facts_of(one), scale, markers, shared)
        found[key] = book.Task(one, text_of(one), rules, scale)
    return found


def find_finalists(tasks: Mapping[str, book.Task], workers: Workers) -> dict[str, str]:
    """Let workers find the finalists that the store does not hold; returns book id -> reason of those that failed."""
    store, failures = Keyed("finalists"), {}
    fresh = {key: task for key, task in tasks.items() if store.get(key) is None}
    picker = partial(book.draft_book, tokenizer=TOKENIZER)
    made = map_items(picker, list(fresh.values()), workers.limits, workers, "scenes", ["stages.scenes.book"])
    for key, (task, found) in zip(fresh, made, strict=True):
        if isinstance(found, Failure):
            failures[task.book.book_id] = found.reason
        else:
            store.put(key, partial(book.write_draft, made=found))
    return failures


def write_scenes(tasks: Mapping[str, book.Task], failures: Mapping[str, str]) -> dict[str, Path]:
    """Ask the model about the finalists and write the scenes of each book; returns book id -> entry of the store."""
    drafts, store, model = Keyed("finalists"), Keyed("scenes"), Model(BASE)
    code = code_digest([book, pick, forms, density, scales], ["pyyaml"])
    entries = {}
    with Progress("scenes of", len(tasks), "book") as progress:
        for group in groups({key: task for key, task in tasks.items() if task.book.book_id not in failures}):
            made = {key: book.read_draft(drafts.path(key)) for key in group}
            said = model.ask({key: one.pairs for key, one in made.items()})
            for key, task in group.items():
                content = key_of(key, said[key], code)
                write = partial(write_book, task=task, made=made[key], bits=said[key])
                entries[task.book.book_id] = store.get_or_put(content, write)
                progress.step()
    return entries


def write_book(folder: Path, task: book.Task, made: book.Draft, bits: Sequence[linkage.Numbers]) -> None:
    """Write the scenes of one book into an entry of the store."""
    measure = models.token_counter(BASE)
    book.write_scenes(folder, book.scenes_of(task.book, made, bits, task.rules, task.scale, measure))


def groups(tasks: Mapping[str, book.Task]) -> Iterator[dict[str, book.Task]]:
    """Cut tasks into groups of GROUP books."""
    keys = list(tasks)
    for begin in range(0, len(keys), GROUP):
        yield {key: tasks[key] for key in keys[begin : begin + GROUP]}


class Model:
    """The base and what it has said, by key; it is loaded when something is asked that it has not said before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.book = folder, Scorebook("linkage")
        self.base: models.Base | None = None
        fingerprint = models.read_facts(folder)["fingerprint"]
        half = models.has_bfloat16(models.device())
        self.shared = [fingerprint, half, code_digest(MODEL_CODE, MODEL_LIBRARIES)]

    def ask(self, pairs: Mapping[str, Sequence[halves.Pair]]) -> dict[str, list[linkage.Numbers]]:
        """Surprisal and linkage of the pairs of each book."""
        keys = {name: linkage.keys_of(some, self.shared) for name, some in pairs.items()}
        asked = {key: pair for name in pairs for key, pair in zip(keys[name], pairs[name], strict=True)}
        known = self.book.get(asked)
        missing = {key: pair for key, pair in asked.items() if key not in known}
        if missing:
            self.base = self.base or models.load_base(self.folder)
            linkage.measure(list(missing.values()), list(missing), self.base, self.book)
            known |= self.book.get(missing)
        return {name: [known[key] for key in some] for name, some in keys.items()}
