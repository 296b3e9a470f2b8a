"""The tiers as others load them: by name with `datasets`, and as what TRL's trainer takes."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stages.shared.records import TIERS, ShelfBook
from stages.shared.scenefile import Scene
from stages.tiers.dataset import as_chat, rights_of, turns

PLAIN = "{% for message in messages %}<s>{{ message['content'] }}</s>{% endfor %}"


def written(**forms: Any) -> Scene:
    facts = ("s-p1", "s", "T", "A", "en", "core", "c", 0, "paradox", 1.0, 1, 1, 1, "", "One", 1, 1, None)
    return Scene(*facts, {"passage": "All.", **forms})


def load(folder: Path, cache: Path, name: str | None = None) -> Any:
    import datasets

    return datasets.load_dataset(str(folder), name, split="train", cache_dir=str(cache))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_datasets_loads_by_default_is_every_text_and_no_control(study: Path, tmp_path: Path) -> None:
    tiers = study / "data/tiers"
    written = [row for tier in TIERS for row in rows_of(tiers / f"{tier}.jsonl")]
    assert load(tiers, tmp_path).to_list() == written
    control = load(tiers, tmp_path, "shuffled_words").to_list()
    assert control == rows_of(tiers / "controls/shuffled_words.jsonl")


def test_the_card_counts_what_is_there_and_names_the_rights_of_every_book(study: Path) -> None:
    tiers = study / "data/tiers"
    books = list(csv.DictReader((tiers / "books.csv").read_text().splitlines()))
    card = (tiers / "README.md").read_text()
    assert all(book["rights"] == "not stated: a file of your own" for book in books)
    assert f"| not stated: a file of your own | {len(books)} |" in card
    assert (
        f"{sum(int(book['texts']) for book in books)} texts, {sum(int(book['tokens']) for book in books)} tok" in card
    )


def test_the_rights_of_a_book_are_those_of_its_source() -> None:
    def shelved(source: str, path: str) -> ShelfBook:
        return ShelfBook("b", "T", "A", "en", "core", "c", source, path, "epub", "0", 1, "here", "")

    assert rights_of(shelved("sample", "data/sample/books/b.epub"), {"b": "Public domain; package p, MIT"}).endswith(
        "MIT"
    )
    assert "Project Gutenberg" in rights_of(shelved("bookmap", "data/library/pg/1/1.epub"), {})
    assert rights_of(shelved("bookmap", "data/library/user/b.epub"), {}).startswith("not stated")


def test_a_form_that_asks_and_answers_is_cut_where_the_answer_begins() -> None:
    scene = written(instruction="### Go on.\n\nA.\n\n---\n\nB.", qa={"question": "Why?", "answer": "C."})
    assert list(turns(scene)) == [("instruction", "### Go on.\n\nA.", "B."), ("qa", "Why?", "C.")]
    assert list(turns(written(qa={"question": "Why?", "answer": ""}))) == []


def test_a_chat_says_what_a_completion_says() -> None:
    chat = as_chat({"text_id": "t", "prompt": "Why?", "completion": "So."})
    assert chat == {
        "text_id": "t",
        "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
    }


@pytest.mark.filterwarnings("ignore")  # what TRL says of its own settings
@pytest.mark.parametrize("name", ["default", "completion", "chat"])
def test_trl_trains_on_it_as_it_is(name: str, study: Path, tiny_base: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.chat_template = PLAIN
    given = {"max_steps": 2, "per_device_train_batch_size": 2, "use_cpu": True, "save_strategy": "no", "bf16": False}
    config = SFTConfig(str(tmp_path / "out"), report_to="none", disable_tqdm=True, logging_steps=1, **given)
    data = load(study / "data/tiers", tmp_path, name)
    trainer = SFTTrainer(str(tiny_base), args=config, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 2
    assert all(0 < loss < 10 for loss in losses)
