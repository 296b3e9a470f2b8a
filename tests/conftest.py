"""What several tests need: a tiny real model with its tokenizer, and prose written for the purpose."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.load_profile("project")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parent.parent
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
collect_ignore = [] if BROWSER else ["test_page_browser.py"]  # without a browser the page is held by test_page.py alone
SUBJECTS = (
    "the river|the judge|a quiet mind|the old city|every law|the garden|a promise|the mirror|the sea|memory".split("|")
)
VERBS = "keeps|forgets|answers|divides|carries|measures|outlives|teaches|hides|returns".split("|")
OBJECTS = "its own shadow|what was lost|the first word|a second truth|the long winter|those who doubt|the price".split(
    "|"
)
TURNS = (
    "but never without cost|because nothing else remains|though few have seen it|and yet it changes|as if by law".split(
        "|"
    )
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if not BROWSER:
        terminalreporter.write_line("no browser is here, so tests/test_page_browser.py was left out; install chromium")


def prose(seed: int, paragraphs: int, sentences: int = 6) -> list[str]:
    """Paragraphs of grammatical English sentences, the same for the same seed."""
    chance = random.Random(seed)

    def sentence() -> str:
        words = f"{chance.choice(SUBJECTS)} {chance.choice(VERBS)} {chance.choice(OBJECTS)}, {chance.choice(TURNS)}"
        return f"{words[0].upper()}{words[1:]} in year {chance.choice('one two three four five six'.split())}."

    return [" ".join(sentence() for _ in range(sentences)) for _ in range(paragraphs)]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer Llama of random weights and a byte-level tokenizer: real files, small numbers."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(prose(0, 30), trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def keyed_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyed store of the test's own."""
    folder = tmp_path / "keyed"
    monkeypatch.setenv("LTM_KEYED", str(folder))
    return folder


def run(project: Path, *command: str) -> str:
    """Run a command in a project folder with this environment's programs; returns all it printed."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    environment.pop("LTM_KEYED", None)
    answer = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"
    return answer.stdout + answer.stderr


def new_project(folder: Path, params: dict[str, Any]) -> Path:
    """A fresh copy of this project's pipeline with params of the test's own and an empty library."""
    for name in ("dvc.yaml", "requirements.lock", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data/catalogue", folder / "data/catalogue")
    shutil.copy(ROOT / "data/curation.yaml", folder / "data")
    (folder / "data/library").mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(folder, "dvc", "init", "--no-scm", "-q")
    return folder


@pytest.fixture(scope="session")
def study(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study; copy it to change it."""
    from study import make_study

    folder = tmp_path_factory.mktemp("finished")
    make_study(tiny_base, folder)
    return folder
