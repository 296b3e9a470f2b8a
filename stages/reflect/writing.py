"""What the adapted model writes: a batch of prompts, each answered twice, kept in the store."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stages.reflect.prompts import Prompt
from stages.reflect.sampler import Drawing, sample
from stages.reflect.settings import SamplingParams
from stages.shared import adapters
from stages.shared.chance import digest
from stages.shared.keyed import Keyed, key_of
from stages.shared.models import Base, has_bfloat16
from stages.shared.passages import STOPS, sentences


@dataclass(frozen=True)
class Written:
    """An answer to a prompt, and a second one to the same prompt, by which the first is judged.

    `tokens` are those of `text`; `ran` those that were run forward for both, the prompt counted once.
    """

    prompt: Prompt
    text: str
    again: str
    tokens: int
    ran: int


class Writer(Protocol):
    """Whoever answers prompts."""

    label: str

    def write(self, folder: Path, prompts: Sequence[Prompt], *seed: int) -> list[Written]:
        """The answers of the adapter of `folder`, where the writer is the adapted model itself."""


class OwnWriter:
    """The saturated model itself, its adapter merged; batches by key."""

    label = "own"

    def __init__(self, shared: Sequence[object], params: SamplingParams, open_base: Callable[[], Base]) -> None:
        self.shared, self.params, self.open_base = [*shared, params.model_dump()], params, open_base
        self.store = Keyed("written")
        self.merged: tuple[Path, Any] | None = None

    def write(self, folder: Path, prompts: Sequence[Prompt], *seed: int) -> list[Written]:
        """The answers to prompts, from the store or sampled now."""
        asked = [dataclasses.asdict(prompt) for prompt in prompts]
        key = key_of(self.shared, adapters.digests(folder), asked, seed)

        def make(out: Path) -> None:
            rows = [json.dumps(row, ensure_ascii=False) for row in self.answers(folder, prompts, seed)]
            (out / "written.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")

        entry = self.store.get_or_put(key, make)
        rows = map(json.loads, (entry / "written.jsonl").read_text(encoding="utf-8").splitlines())
        return [Written(prompt, **row) for prompt, row in zip(prompts, rows, strict=True)]

    def model(self, folder: Path) -> Any:
        """The base with that adapter merged, in bfloat16 where the processor has it: half of the memory to be read."""
        if self.merged is None or self.merged[0] != folder:
            base = self.open_base()
            model = adapters.load(base, folder).eval()
            self.merged = folder, model.bfloat16() if has_bfloat16(base.device.type) else model
        return self.merged[1]

    def answers(self, folder: Path, prompts: Sequence[Prompt], seed: Sequence[int]) -> list[dict[str, Any]]:
        """Both answers to each prompt: text, again, tokens, ran."""
        base, model = self.open_base(), self.model(folder)
        drawing = Drawing(self.params.temperature, self.params.top_p, self.params.max_tokens)
        asked = [base.tokenizer.encode(prompt.text, add_special_tokens=False) for prompt in prompts]
        seeds = [[stream(prompt.name, *seed, number) for number in (0, 1)] for prompt in prompts]
        stops = frozenset(base.tokenizer.all_special_ids)
        found = sample(model, base.prefix, asked, stops, drawing, seeds)
        rows = []
        for ids, both in zip(asked, found, strict=True):
            texts = [whole_sentences(base.tokenizer.decode(one)) for one in both]
            tokens = len(base.tokenizer.encode(texts[0], add_special_tokens=False))
            rows.append({"text": texts[0], "again": texts[1], "tokens": tokens, "ran": len(ids) + sum(map(len, both))})
        return rows


def stream(*parts: object) -> int:
    """The seed of a text's own stream of chance."""
    return int(digest(*parts)[:15], 16)


def whole_sentences(text: str) -> str:
    """A text without what follows its last whole sentence; all of it where it has no end of one.

    Example: "It is so. And then it" -> "It is so."
    """
    pieces = sentences(text.strip())
    ended = [place for place, piece in enumerate(pieces) if piece.rstrip("\"'»”’) \n")[-1:] in STOPS and piece.strip()]
    return "".join(pieces[: ended[-1] + 1] if ended else pieces).strip()
