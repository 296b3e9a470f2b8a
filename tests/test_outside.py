"""Bits per byte as EleutherAI's lm-evaluation-harness counts them: same windows, same first token, to 1e-3."""

import copy
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, prose
from peft import LoraConfig, get_peft_model

from benchmarks import peers
from stages import base as base_stage
from stages.shared import adapters, models, scoring

CONTEXT = 1024  # of the tiny base
PARAGRAPHS = [1 + index % 3 for index in range(46)] + [14, 18, 22, 40]  # the last four do not fit into the context
DOCUMENTS = ["\n\n".join(prose(100 + index, count)) for index, count in enumerate(PARAGRAPHS)]


@pytest.fixture(scope="module", autouse=True)
def harness_is_here() -> None:
    assert importlib.util.find_spec("lm_eval"), "lm_eval is not installed; run `make .venv/peers`"


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> models.Base:
    """The tiny base in a folder of its own."""
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(tiny_base, folder, dirs_exist_ok=True)
    (folder / models.FACTS).write_text(json.dumps(base_stage.facts_of(folder, "test", "tiny", "none")))
    found = models.load_base(folder)
    torch.set_num_threads(1)  # threads of so small a model wait longer than they work
    return found


@pytest.fixture(scope="module")
def adapter(base: models.Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random adapter of the tiny base, large enough to change every bit."""
    torch.manual_seed(3)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(copy.deepcopy(base.model), config).save_pretrained(folder)
    return folder


def home(base: models.Base) -> Path:
    return Path(base.model.name_or_path)


def ours(base: models.Base, model: Any, texts: list[str], context: int) -> list[float]:
    """Bits per byte of each text, ours."""
    encoded = [base.tokenizer.encode(text, add_special_tokens=False) for text in texts]
    bits = [scoring.document_bits(model, base.prefix, ids, context) for ids in encoded]
    return [found / len(text.encode()) for found, text in zip(bits, texts, strict=True)]


def theirs(folder: Path, adapter: Path | None, texts: list[str], context: int) -> list[float]:
    """Bits per byte of each text, lm-eval's."""
    bits = peers.harness_bits(peers.harness(folder, adapter, batch=1, context=context), texts)
    return [found / len(text.encode()) for found, text in zip(bits, texts, strict=True)]


def test_four_of_fifty_documents_are_longer_than_the_context(base: models.Base) -> None:
    sizes = [len(base.tokenizer.encode(text, add_special_tokens=False)) for text in DOCUMENTS]
    assert len(sizes) == 50
    assert [size > CONTEXT for size in sizes] == [False] * 46 + [True] * 4
    assert max(sizes) > 2 * CONTEXT


def test_bits_per_byte_of_the_base_equal_the_harness(base: models.Base) -> None:
    expected = theirs(home(base), None, DOCUMENTS, CONTEXT)
    assert ours(base, base.model, DOCUMENTS, CONTEXT) == pytest.approx(expected, abs=1e-3, rel=0)


def test_bits_per_byte_of_an_adapter_equal_the_harness(base: models.Base, adapter: Path) -> None:
    found = ours(base, adapters.load(base, adapter), DOCUMENTS, CONTEXT)
    assert found == pytest.approx(theirs(home(base), adapter, DOCUMENTS, CONTEXT), abs=1e-3, rel=0)
    assert found != pytest.approx(ours(base, base.model, DOCUMENTS, CONTEXT), abs=1e-2)


@pytest.mark.real
@pytest.mark.skipif(not (ROOT / "data/base/base.json").exists(), reason="data/base is not here; run `dvc repro base`")
def test_bits_per_byte_of_the_real_base_equal_the_harness() -> None:
    folder, texts = ROOT / "data/base", DOCUMENTS[:3]  # the longer two do not fit into the context
    found = models.load_base(folder)
    assert ours(found, found.model, texts, 128) == pytest.approx(theirs(folder, None, texts, 128), abs=1e-3, rel=0)
