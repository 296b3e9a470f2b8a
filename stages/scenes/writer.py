"""The forms of scenes written by an endpoint: every answer is kept in the keyed store, nothing is asked twice.

The key of an answer is the whole request: model, messages (prompt and scene), schema and limits, but not the address.
So a changed prompt, model or scene asks again; a killed run, another address or stricter checks do not.
"""

import asyncio
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Protocol

import yaml

from stages.scenes.answers import SCHEMAS, Unusable, read_form
from stages.scenes.llm import LlmParams
from stages.shared.endpoint import Answer, Message, NoAnswer
from stages.shared.keyed import Keyed, key_of
from stages.shared.progress import Progress
from stages.shared.records import write_json

PROMPTS = yaml.safe_load(Path(__file__).with_name("prompts.yaml").read_text(encoding="utf-8"))
SILENCE = "no answer: "  # begins the reason of a form for which something other than a faulty answer is to blame
ENDINGS = {"length": "cut off at scenes.llm.max_tokens", "content_filter": "the model refused to write it"}


@dataclass(frozen=True)
class Wish:
    """One form that is to be written."""

    scene_id: str
    form: str
    language: str
    text: str


@dataclass(frozen=True)
class Written:
    """What became of a wish: the form, or None and why not; and all answers that were given for it."""

    form: Any
    missing: str
    answers: tuple[Answer, ...]


class Asks(Protocol):
    """Whoever gives an answer to messages, or raises NoAnswer."""

    async def ask(self, messages: Sequence[Message], schema: Any) -> Answer:
        """The answer."""


@dataclass(frozen=True)
class Writer:
    """Writes forms through `asks`, with the answers that the store has."""

    params: LlmParams
    asks: Asks
    store: Keyed

    async def write(self, wish: Wish) -> Written:
        """Ask for a form until an answer can be used, at most `attempts` times; the model is told each fault."""
        messages, given, fault = messages_of(wish), [], ""
        for _ in range(self.params.attempts):
            try:
                given.append(await self.answer(wish, messages))
            except NoAnswer as error:
                return Written(None, f"{SILENCE}{error}", tuple(given))
            try:
                return Written(use(given[-1], wish), "", tuple(given))
            except Unusable as error:
                fault = str(error)
            if not given[-1].text.strip():  # servers refuse an empty message in a conversation
                break
            messages = [*messages, {"role": "assistant", "content": given[-1].text}, correction(fault)]
        return Written(None, fault, tuple(given))

    async def answer(self, wish: Wish, messages: Sequence[Message]) -> Answer:
        """The answer to messages: from the store, or asked for and kept."""
        schema = SCHEMAS[wish.form]
        key = key_of(self.params.model, messages, schema, self.params.max_tokens, self.params.temperature)
        if entry := self.store.get(key):
            return Answer(**json.loads((entry / "answer.json").read_text(encoding="utf-8")))
        answer = await self.asks.ask(messages, schema)
        self.store.put(key, lambda folder: write_json(folder / "answer.json", dataclasses.asdict(answer)))
        return answer

    async def write_all(self, wishes: Iterable[Wish], progress: Progress) -> dict[Wish, Written]:
        """What became of every wish, at most `parallel` of them under way."""
        waiting, found, missing = iter(wishes), dict[Wish, Written](), 0

        async def work() -> None:
            nonlocal missing
            for wish in waiting:
                found[wish] = await self.write(wish)
                missing += found[wish].form is None
                progress.step(note=f"{missing} missing" if missing else "")

        await asyncio.gather(*(work() for _ in range(self.params.parallel)))
        return found


def use(answer: Answer, wish: Wish) -> Any:
    """The form that an answer gives; raises Unusable."""
    if answer.finish in ENDINGS:
        raise Unusable(ENDINGS[answer.finish])
    return read_form(wish.form, answer.text, wish.text, wish.language)


def messages_of(wish: Wish) -> list[Message]:
    """What the model is told for a wish."""
    told = Template(PROMPTS["user"]).substitute(
        task=PROMPTS["tasks"][wish.form], language=wish.language, passage=wish.text
    )
    return [{"role": "system", "content": PROMPTS["system"]}, {"role": "user", "content": told}]


def correction(fault: str) -> Message:
    """What the model is told after an answer that cannot be used."""
    return {"role": "user", "content": Template(PROMPTS["correction"]).substitute(fault=fault)}


def prompt_version(form: str) -> str:
    """Short digest of everything a model is told for a form beside the scene."""
    fixed = (PROMPTS["system"], PROMPTS["user"], PROMPTS["tasks"][form], PROMPTS["correction"])
    return key_of(fixed, SCHEMAS[form])[:12]


def wishes_of(document: dict[str, Any], forms: Sequence[str]) -> Iterator[Wish]:
    """The forms to write of a book's document."""
    for scene in document["scenes"]:
        for form in forms:
            yield Wish(scene["id"], form, document["book"]["language"], scene["forms"]["passage"])
