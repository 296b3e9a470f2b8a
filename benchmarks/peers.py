"""The other side: TRL's trainer and lm-eval's scorer, called as their users call them (requirements-peers.lock)."""

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stages.shared.errors import UserError

BASE = Path("data/base")


def version(name: str) -> str:
    """The installed version of a peer."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"{name} is not installed; run `make .venv/peers`") from None


def settings() -> list[dict[str, Any]]:
    """What a user of TRL may try for speed; the fastest is the best setting of this machine.

    All run without gradient checkpointing, which trades time for memory.
    """
    from stages.shared.models import device, has_bfloat16

    plain = {"gradient_checkpointing": False, "bf16": has_bfloat16(device())}
    by_length = plain | {"train_sampling_strategy": "group_by_length"}
    return [
        by_length,
        by_length | {"model_init_kwargs": {"dtype": "float32", "attn_implementation": "eager"}},
        plain,
        plain | {"padding_free": True, "max_length": None},
        plain | {"packing": True, "max_length": 512, "per_device_train_batch_size": 2},
        *([by_length | {"bf16": False}] if plain["bf16"] else []),
    ]


def fastest(tried: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """The setting whose run took the fewest seconds."""
    return min(tried, key=lambda pair: float(pair[1]["seconds"]))[0]


def trl_seconds(texts: Sequence[str], params: Any, setting: dict[str, Any]) -> float:
    """Seconds of TRL's training loop over `texts`, one pass, with the LoRA of `params` and its batch size.

    The learning rate is held as ours is; nothing is saved or reported. On a CPU TRL asks for `use_cpu`.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(max(1, os.cpu_count() or 1))
    lora = LoraConfig(r=params.rank, lora_alpha=params.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    given = {
        "per_device_train_batch_size": params.batch,
        "learning_rate": params.learning_rate,
        "num_train_epochs": 1,
        "use_cpu": not torch.cuda.is_available(),
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    data = Dataset.from_list([{"text": text} for text in texts])
    with TemporaryDirectory() as out:
        config = SFTConfig(output_dir=out, **given | setting)
        clock = loop_clock()
        SFTTrainer(str(BASE), args=config, train_dataset=data, peft_config=lora, callbacks=[clock]).train()
    return float(clock.seconds)


def loop_clock() -> Any:
    """A callback that times the training loop alone, without loading and tokenising."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Keeps `seconds` between the begin and the end of training."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.begin = time.perf_counter()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.seconds = time.perf_counter() - self.begin

    return Clock()


def harness(base: Path, adapter: Path | None, batch: int = 1, context: int | None = None) -> Any:
    """lm-eval's model of a base with an adapter, in float32 as ours is."""
    if importlib.util.find_spec("lm_eval") is None:
        raise UserError("lm_eval is not installed; run `make .venv/peers`")
    import torch
    from lm_eval.models.huggingface import HFLM

    place = "cuda" if torch.cuda.is_available() else "cpu"
    peft = {"peft": str(adapter)} if adapter else {}
    return HFLM(pretrained=str(base), dtype="float32", device=place, batch_size=batch, max_length=context, **peft)


def harness_bits(model: Any, texts: Sequence[str]) -> list[float]:
    """Bits of each text by lm-eval's rolling log-likelihood."""
    import math

    from lm_eval.api.instance import Instance

    asked = [
        Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=index)
        for index, text in enumerate(texts)
    ]
    return [-float(nats) / math.log(2) for nats in model.loglikelihood_rolling(asked, disable_tqdm=True)]


TASK = """task: passages
dataset_path: json
dataset_kwargs:
  data_files: {{test: {data}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list:
  - metric: bits_per_byte
"""


def harness_command(base: Path, adapter: Path, texts: Sequence[str], batch: int, folder: Path) -> list[str]:
    """lm-eval's own command for bits per byte of `texts` under an adapter; its task is written into `folder`."""
    from stages.shared.models import device

    data = folder / "passages.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    (folder / "passages.yaml").write_text(TASK.format(data=data), encoding="utf-8")
    place = device()
    model = f"pretrained={base.absolute()},peft={adapter.absolute()},dtype=float32"
    return [
        sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", model, "--tasks", "passages",
        "--include_path", str(folder), "--device", place, "--batch_size", str(batch),
        "--output_path", str(folder / "out"),
    ]  # fmt: skip


def harness_result(folder: Path) -> float:
    """Bits per byte in what lm-eval's command has written."""
    (path,) = (folder / "out").rglob("results_*.json")
    return float(json.loads(path.read_text(encoding="utf-8"))["results"]["passages"]["bits_per_byte,none"])
