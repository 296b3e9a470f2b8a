"""Adapters as they are scored: merged into the base, whoever trained them."""

import copy
import json
from pathlib import Path
from typing import Any

from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.models import Base

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def check(folder: Path) -> None:
    """Refuse a folder that holds no PEFT adapter."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f"{folder} has no {name}; name a folder that PEFT's save_pretrained has written")


def digests(folder: Path) -> list[str]:
    """What the scores of an adapter depend on: its weights and its configuration."""
    return [file_digest(folder / WEIGHTS), file_digest(folder / CONFIG)]


def load(base: Base, folder: Path) -> Any:
    """The base with an adapter merged into its weights: it runs at the base's speed.

    Raises UserError for one that was made for another base, or of a kind that has no merged form.
    """
    from peft import PeftModel

    try:
        model = PeftModel.from_pretrained(copy.deepcopy(base.model), folder)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"the adapter {folder} does not fit {base.facts['model']}: {first_line(error)}") from error
    if not hasattr(model.base_model, "merge_and_unload"):
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type")
        raise UserError(f"the adapter {folder} is of kind {kind}, which cannot be merged; score a LoRA or its kin")
    return model.merge_and_unload()


def first_line(error: Exception) -> str:
    """What an error says first, cut to a line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
