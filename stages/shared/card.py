"""The folder of a rung's adapter: PEFT files, the books it has read, and a card that says how it was made."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.shared.models import told_by_the_system
from stages.shared.records import ShelfBook, write_csv, write_json


def write_adapter(
    model: Any,
    facts: Mapping[str, Any],
    books: Sequence[ShelfBook],
    log: Sequence[tuple[float, float, float, float]],
    folder: Path,
) -> None:
    """Write an adapter that `PeftModel.from_pretrained` loads; beside it card, facts, book list and steps."""
    write_weights(model, folder)
    write_csv(folder / "books.csv", ShelfBook, books)
    write_json(folder / "reading.json", dict(facts))
    with (folder / "steps.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["step", "tokens", "rate", "loss"])
        rows.writerows([int(step), int(tokens), f"{rate:.6g}", f"{loss:.5f}"] for step, tokens, rate, loss in log)
    (folder / "README.md").write_text(card(facts), encoding="utf-8")


def write_weights(model: Any, folder: Path) -> None:
    """Write the adapter of a model as PEFT does, with a configuration that is the same in every run."""
    with told_by_the_system():
        model.save_pretrained(folder)
    config = folder / "adapter_config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    content["target_modules"] = sorted(content["target_modules"])
    content["base_model_name_or_path"] = "data/base"
    write_json(config, dict(sorted(content.items())))


def card(facts: Mapping[str, Any]) -> str:
    """The model card in Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        "---\nbase_model: data/base\nlibrary_name: peft\ntags:\n- lora\n---\n\n"
        f"# {facts['order']}, {facts['arm']}, draw {facts['draw']}, init {facts['init']}: rung {facts['rung']}\n\n"
        "A LoRA adapter trained in one pass over the books of `books.csv`, in that order.\n\n"
        f"| | |\n|---|---|\n{rows}\n"
    )
