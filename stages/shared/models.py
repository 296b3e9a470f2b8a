"""The base model and its adapters: loading, fingerprints, device and precision."""

import contextlib
import ctypes
import functools
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared.errors import UserError

FACTS = "base.json"


@dataclass(frozen=True)
class Base:
    """The frozen model, its folder, and the facts of base.json."""

    model: Any  # transformers causal language model, float32, on `device`, in evaluation mode
    folder: Path
    facts: dict[str, Any]

    @functools.cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers, loaded when it is first asked for: training does without."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder)

    @property
    def device(self) -> Any:
        """Where the weights lie."""
        return self.model.device

    @property
    def prefix(self) -> int:
        """The token before the first: BOS, or EOS for models that have no BOS."""
        return int(self.facts["prefix"])


def quiet() -> None:
    """Keep transformers from progress bars of its own and from advice on stderr."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextlib.contextmanager
def told_by_the_system() -> Iterator[None]:
    """Turn safetensors' own error about a file into the OSError behind it, such as a full disk."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
        raise


def read_facts(folder: Path) -> dict[str, Any]:
    """Read base.json of a model folder."""
    path = folder / FACTS
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro base`")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "prefix" not in content:
        raise UserError(f"{path} is of an older version; run `dvc repro base`")
    return content


def device() -> str:
    """Where models are run: the GPU where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def keep_memory() -> None:
    """Let the C library keep large blocks that are freed instead of giving them back to the kernel.

    A training step asks for the same hundreds of megabytes again and again; fetching them anew, page by page, took a
    tenth of its time. Numbers are those of glibc's mallopt; other C libraries are left alone.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((-1, -1), (-4, 0), (-8, 1)):  # M_TRIM_THRESHOLD: never; M_MMAP_MAX, M_ARENA_MAX
        mallopt(option, value)


def load_base(folder: Path) -> Base:
    """Load the model of `folder` in float32, on the GPU where there is one."""
    import torch
    from transformers import AutoModelForCausalLM

    from stages.shared.linear import hasten

    quiet()
    keep_memory()
    found = read_facts(folder)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # none is read
    torch.set_num_threads(max(1, os.cpu_count() or 1))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).to(device()).eval()
    return Base(hasten(model), folder, found)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder without importing torch."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@functools.lru_cache(maxsize=1)
def token_counter(folder: Path) -> Callable[[Sequence[str]], list[int]]:
    """A function that counts the tokens of each text of a list, special tokens left out."""
    tokenizer = load_tokenizer(folder)

    def count(texts: Sequence[str]) -> list[int]:
        return [len(one) for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count


def has_bfloat16(place: str) -> bool:
    """Whether matrix products in bfloat16 are done in hardware there (elsewhere they are slower than float32)."""
    import torch

    if place == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
