"""Scenes written by a larger model behind an OpenAI-compatible endpoint: the arm is then labelled with its name."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template

from stages.reflect.prompts import SYSTEM, Prompt
from stages.reflect.writing import Written, whole_sentences
from stages.shared.endpoint import Answer, Endpoint, EndpointParams, Message, NoAnswer
from stages.shared.keyed import Keyed, key_of
from stages.shared.records import write_json


class LargerWriter:
    """Answers prompts through an endpoint, each twice; what was answered is kept for good and never asked again.

    The key of an answer is the whole request and the seed, but not the address. What gets no answer is an empty text,
    which the filter counts, and is asked again by the next run.
    """

    def __init__(self, params: EndpointParams, count: Callable[[str], int]) -> None:
        self.params, self.count, self.label = params, count, params.model
        self.store = Keyed("writer")

    def write(self, folder: Path, prompts: Sequence[Prompt], *seed: int) -> list[Written]:
        """The answers to prompts; the adapter of `folder` has no part in them."""
        return asyncio.run(self.write_all(prompts, seed))

    async def write_all(self, prompts: Sequence[Prompt], seed: Sequence[int]) -> list[Written]:
        """All answers, at most `parallel` of them under way."""
        free = asyncio.Semaphore(self.params.parallel)
        async with Endpoint(self.params, "reflect") as endpoint:

            async def ask(prompt: Prompt, number: int) -> str:
                async with free:
                    return await self.answer(endpoint, prompt, [*seed, number])

            texts = await asyncio.gather(*(ask(prompt, number) for prompt in prompts for number in (0, 1)))
        both = zip(prompts, texts[::2], texts[1::2], strict=True)
        return [Written(prompt, text, again, self.count(text), 0) for prompt, text, again in both]

    async def answer(self, endpoint: Endpoint, prompt: Prompt, seed: Sequence[int]) -> str:
        """The text of one answer, from the store or asked for and kept; "" where none came."""
        messages = messages_of(prompt)
        key = key_of("reflect", self.params.model, messages, self.params.max_tokens, self.params.temperature, seed)
        if entry := self.store.get(key):
            answer = Answer(**json.loads((entry / "answer.json").read_text(encoding="utf-8")))
        else:
            try:
                answer = await endpoint.ask(messages)
            except NoAnswer:
                return ""
            self.store.put(key, lambda folder: write_json(folder / "answer.json", dataclasses.asdict(answer)))
        return whole_sentences(answer.text)


def messages_of(prompt: Prompt) -> list[Message]:
    """What the endpoint is told for a prompt."""
    system = Template(SYSTEM).substitute(language=prompt.language)
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt.text.strip()}]
