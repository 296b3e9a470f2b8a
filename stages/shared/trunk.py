"""Training: the trunk of a reading, its checkpoints, and the cool-down that makes a rung's adapter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from stages.shared.errors import UserError
from stages.shared.models import Base, has_bfloat16, told_by_the_system
from stages.shared.plan import Step
from stages.shared.ranks import Ranks


@dataclass(frozen=True)
class Recipe:
    """How a step is taken; all of it belongs to the key of an adapter."""

    rank: int
    alpha: int
    dropout: float
    learning_rate: float
    warmup: int
    clip: float
    weight_decay: float
    precision: str  # float32 or bfloat16 (autocast)


def precision_of(asked: str, device: str) -> str:
    """`auto` is bfloat16 where the processor has it in hardware, float32 elsewhere."""
    if asked != "auto":
        return asked
    return "bfloat16" if has_bfloat16(device) else "float32"


class Trunk:
    """A model that is being trained, with its optimiser; begins with a fresh adapter of `init`.

    `log` holds a row per step taken: step, text tokens so far, learning rate, mean loss in nats per token.
    """

    def __init__(self, base: Base, recipe: Recipe, init: int, ranks: Ranks | None = None) -> None:
        from peft import LoraConfig, get_peft_model

        self.base, self.recipe, self.ranks = base, recipe, ranks or Ranks()
        self.log: list[tuple[float, float, float, float]] = []
        if base.device.type == "cpu":
            base.model.set_attn_implementation("eager")  # its backward pass is the faster one at a scene's length
        hold_weights(base.model, recipe.precision)  # before PEFT, which draws an adapter in the precision of its layer
        torch.manual_seed(init)
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules="all-linear",  # every linear layer but the output head; embeddings are none
            task_type="CAUSAL_LM",
        )
        self.model = get_peft_model(base.model, config)
        self.weights = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )

    @property
    def done(self) -> int:
        """Steps taken."""
        return len(self.log)

    def rate(self, step: int, left: int | None = None, length: int = 1) -> float:
        """The learning rate: linear warm-up, constant, and in a cool-down linear to zero over `length` steps."""
        warm = min(1.0, (step + 1) / max(1, self.recipe.warmup))
        cool = 1.0 if left is None else left / (length + 1)
        return self.recipe.learning_rate * warm * cool

    def take(self, step: Step, rate: float) -> float:
        """Take one optimiser step; returns the mean loss in nats per token."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        try:
            value = self.gradients(step)
        except (MemoryError, RuntimeError) as error:
            refuse_memory(error, step, self.done)
            raise
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.clip))
        if not math.isfinite(value + norm):
            said = f"the loss is {value} and its gradient {norm} at step {self.done}"
            raise UserError(f"{said}; lower train.learning_rate (what was trained before is kept)")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        tokens = sum(map(len, step.tokens)) + (self.log[-1][1] if self.log else 0)
        self.log.append((self.done + 1, tokens, rate, value))
        return value

    def gradients(self, step: Step) -> float:
        """Leave the gradient of the mean loss of a step in the weights; returns that loss.

        With several ranks each runs its share of the texts; the sum over ranks is the loss of the whole step.
        """
        self.model.train()
        texts, total = step.tokens[self.ranks.rank :: self.ranks.world], sum(map(len, step.tokens))
        value = 0.0
        if texts:
            kind = self.base.device.type
            with torch.autocast(kind, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
                loss = batch_loss(self.model, texts, self.base.prefix) * (sum(map(len, texts)) / total)
            loss.backward()  # type: ignore[no-untyped-call]
            value = float(loss.detach())
        return self.ranks.sum_gradients(list(self.weights.values()), value)

    def save(self, folder: Path) -> None:
        """Write weights, optimiser state, generator state and log as one checkpoint."""
        tensors = {f"weight.{name}": weight.detach() for name, weight in self.weights.items()}
        for name, weight in self.weights.items():
            for key, value in self.optimizer.state[weight].items():
                tensors[f"{key}.{name}"] = value
        tensors["generator"] = torch.get_rng_state()
        tensors["log"] = torch.tensor(self.log, dtype=torch.float64).reshape(-1, 4)
        with told_by_the_system():
            save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, folder / "trunk.safetensors")

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint as if it had never been left."""
        tensors = load_file(folder / "trunk.safetensors")
        self.log = [tuple(row) for row in tensors.pop("log").tolist()]
        torch.set_rng_state(tensors.pop("generator"))
        state: dict[Any, dict[str, torch.Tensor]] = {weight: {} for weight in self.weights.values()}
        with torch.no_grad():
            for label, value in tensors.items():
                key, _, name = label.partition(".")
                if key == "weight":
                    self.weights[name].copy_(value)
                else:
                    place = self.base.device if key != "step" else "cpu"
                    state[self.weights[name]][key] = value.to(place)
        self.optimizer.state.clear()
        self.optimizer.state.update({weight: found for weight, found in state.items() if found})

    def release(self) -> None:
        """Take the adapter off the base again; the base's weights stay in the precision of the recipe."""
        self.model.unload()


def hold_weights(model: Any, precision: str) -> None:
    """Hold the frozen weights of the layers that are adapted, all linear ones but the head, in bfloat16 where used so.

    Autocast rounds them to bfloat16 at every use and keeps no copy of what needs no gradient: the products are the
    same, and a fifth of the time of a step is saved.
    """
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    layers = [module for module in linear if module is not model.get_output_embeddings()]
    if precision == "bfloat16":
        for layer in layers:
            layer.weight.data = layer.weight.data.bfloat16()
    elif any(layer.weight.dtype != torch.float32 for layer in layers):
        raise ValueError("this base was trained on in bfloat16; load it anew to train in float32")


def refuse_memory(error: Exception, step: Step, done: int) -> None:
    """Say what a user can do about an error of the allocator; any other error passes."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        size = f"{len(step.tokens)} texts of up to {max(map(len, step.tokens))} tokens"
        remedy = "lower train.batch (what was trained before is kept)"
        raise UserError(f"out of memory at step {done} ({size}); {remedy}") from error


def batch_loss(model: Any, texts: Sequence[Sequence[int]], prefix: int) -> torch.Tensor:
    """Mean negative log-likelihood in nats per token of all texts of a batch, each behind the prefix token.

    The output head runs on the positions that predict a token of a text and on no padding.
    """
    device = model.device
    longest = max(map(len, texts))
    ids = torch.full((len(texts), longest), prefix, device=device)
    targets = torch.full((len(texts), longest), -100, device=device)
    mask = torch.zeros((len(texts), longest), dtype=torch.long, device=device)
    for row, text in enumerate(texts):
        size = len(text)
        ids[row, 1:size] = torch.tensor(text[: size - 1], device=device)
        targets[row, :size] = torch.tensor(text, device=device)
        mask[row, :size] = 1
    causal = model.get_base_model()
    hidden = causal.model(input_ids=ids, attention_mask=mask).last_hidden_state
    kept = targets != -100
    logits = causal.lm_head(hidden[kept])
    return functional.cross_entropy(logits.float(), targets[kept])
