"""The tiers as a dataset that `datasets.load_dataset` opens: its card, its books, and the forms that TRL trains on."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.shared.records import TIERS, ShelfBook
from stages.shared.scenefile import Scene
from stages.tiers.arms import Text

RULE = "\n\n---\n\n"  # between what an instruction gives and what it asks for
UNKNOWN = "not stated: a file of your own"
GUTENBERG = "Public domain in the USA (Project Gutenberg)"
CARD = """\
---
{head}---

# Scenes of {books} books

Dense scenes out of books, as the readings of this study read them: {texts} texts, {tokens} tokens of its base model.
`tiered` orders read the core first, then its orbit, then the fractal.

{counts}

| rights | books |
|---|---|
{rights}

Each book with its rights, its source and what is read of it is a row of `books.csv`. The texts are excerpts of these
books; whoever passes them on answers for the rights of the files they came from.

## Configurations

| name | rows | columns |
|---|---|---|
| `default` | every text in the form it is read in | `book_id`, `text_id`, `form`, `tier`, `category`, `language`, \
`tokens`, `text` |
| {tiers} | those of one tier | the same |
| `completion` | the same scenes as a prompt and what follows it | `book_id`, `text_id`, `form`, `tier`, `category`, \
`language`, `prompt`, `completion` |
| `chat` | the same as messages of a user and an assistant | ..., `messages` |
{controls}
`tokens` counts those of the base model. `default`, `completion` and `chat` are the formats of TRL's trainers
(language modelling, prompt and completion, conversational).

```python
from datasets import load_dataset

load_dataset("data/tiers", split="train")
load_dataset("data/tiers", "chat", split="train")
```

`orders/` and `readings.csv` say in what order which reading takes which books.
"""


@dataclass(frozen=True)
class ReadBook:
    """A row of books.csv: a book that is read, its rights, and how much of it is read."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    source: str
    rights: str
    texts: int
    tokens: int


def read_rights(catalogue: Path) -> dict[str, str]:
    """What is known of the rights of the sample's works, with the licence of the package that carries each."""
    content = yaml.load(catalogue.read_text(encoding="utf-8"), yaml.CSafeLoader)
    carriers = {name: f"package {name}, {package['licence']}" for name, package in content["packages"].items()}
    works = content["works"]
    return {work["book_id"]: f"{work.get('rights', 'Public domain')}; {carriers[work['package']]}" for work in works}


def rights_of(book: ShelfBook, sample: Mapping[str, str]) -> str:
    """The rights of a book as far as its source tells."""
    if book.source == "sample":
        return sample[book.book_id]
    return GUTENBERG if book.path.startswith("data/library/pg/") else UNKNOWN


def read_books(
    books: Sequence[ShelfBook], texts: Mapping[str, Sequence[Text]], sample: Mapping[str, str]
) -> list[ReadBook]:
    """The rows of books.csv."""
    return [
        ReadBook(
            *(b.book_id, b.title, b.author, b.language, b.tier, b.category, b.source, rights_of(b, sample)),
            *(len(texts[b.book_id]), sum(one.tokens for one in texts[b.book_id])),
        )
        for b in books
    ]


def turns(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """The forms of a scene that ask and answer: form, prompt, completion.

    Example: {"qa": {"question": "Why?", "answer": "So."}} -> ("qa", "Why?", "So.")
    """
    instruction, qa = scene.forms.get("instruction"), scene.forms.get("qa")
    if isinstance(instruction, str) and RULE in instruction:
        yield "instruction", *instruction.split(RULE, 1)  # type: ignore[misc]
    if isinstance(qa, Mapping) and qa.get("answer"):
        yield "qa", qa["question"], qa["answer"]


def completions(scenes: Iterable[Scene], texts: Iterable[Text]) -> Iterator[dict[str, Any]]:
    """The scenes that are read, each in every form that asks and answers."""
    chosen = {one.text_id.partition(":")[0] for one in texts}
    for scene in scenes:
        for form, prompt, completion in turns(scene) if scene.scene_id in chosen else ():
            facts = {"book_id": scene.book_id, "text_id": f"{scene.scene_id}:{form}", "form": form}
            facts |= {"tier": scene.tier, "category": scene.category, "language": scene.language}
            yield facts | {"prompt": prompt, "completion": completion}


def as_chat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A completion as the messages of a user and an assistant."""
    said = [("user", row["prompt"]), ("assistant", row["completion"])]
    facts = {name: value for name, value in row.items() if name not in ("prompt", "completion")}
    return facts | {"messages": [{"role": role, "content": text} for role, text in said]}


def write_dataset(folder: Path, books: Sequence[ReadBook], turned: Sequence[Mapping[str, Any]]) -> None:
    """Write completion.jsonl, chat.jsonl and the card beside the texts that lie in `folder`."""
    for name, rows in (("completion", turned), ("chat", map(as_chat, turned))):
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "README.md").write_text(card(folder, books), encoding="utf-8")


def card(folder: Path, books: Sequence[ReadBook]) -> str:
    """The card of the dataset: what `datasets` loads under which name, and sources, counts and rights for people."""
    tiers = [tier for tier in TIERS if (folder / f"{tier}.jsonl").stat().st_size]  # an empty file has no columns
    controls = sorted(path.stem for path in (folder / "controls").glob("*.jsonl"))
    parts = {"default": [f"{tier}.jsonl" for tier in tiers], **{tier: [f"{tier}.jsonl"] for tier in tiers}}
    parts |= {name: [f"{name}.jsonl"] for name in ("completion", "chat") if (folder / f"{name}.jsonl").stat().st_size}
    parts |= {name: [f"controls/{name}.jsonl"] for name in controls}
    configs = [
        {"config_name": name, "data_files": [{"split": "train", "path": files}]} for name, files in parts.items()
    ]
    head = {"language": sorted({book.language for book in books}), "task_categories": ["text-generation"]}
    listed = Counter(book.rights for book in books).most_common()
    return CARD.format(
        head=yaml.safe_dump(head | {"configs": configs}, sort_keys=False),
        books=len(books),
        texts=sum(book.texts for book in books),
        tokens=sum(book.tokens for book in books),
        counts=counts(books),
        rights="\n".join(f"| {name} | {number} |" for name, number in listed),
        tiers=", ".join(f"`{tier}`" for tier in tiers),
        controls="".join(f"| `{name}` | what this control reads instead | as `default` |\n" for name in controls),
    )


def counts(books: Sequence[ReadBook]) -> str:
    """The table of books, texts and tokens by tier and language."""
    rows = ["| tier | language | books | texts | tokens |", "|---|---|---|---|---|"]
    for tier in TIERS:
        for language in sorted({book.language for book in books if book.tier == tier}):
            own = [book for book in books if (book.tier, book.language) == (tier, language)]
            sums = (len(own), sum(book.texts for book in own), sum(book.tokens for book in own))
            rows.append(f"| {tier} | {language} | {sums[0]} | {sums[1]} | {sums[2]} |")
    return "\n".join(rows)
