"""The second pass over the chosen scenes: their forms by a language model, with accounts and a dry run of the cost."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from stages.scenes.book import write_scenes
from stages.scenes.llm import LlmParams
from stages.scenes.writer import SILENCE, Wish, Writer, Written, prompt_version, wishes_of
from stages.shared.endpoint import Answer, Endpoint, Message, NoAnswer
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, file_digest, files_of, key_of
from stages.shared.progress import Progress

EXPECTED = 200  # completion tokens of an answer, as long as the store has none to take the mean of
MILLION = 1_000_000
Measure = Callable[[Sequence[str]], list[int]]


def rewrite(books: Mapping[str, Path], params: LlmParams) -> tuple[dict[str, Path], dict[str, Any]]:
    """The files of scenes `books` (id -> YAML) with the forms of params.forms by the model, and the accounts.

    A form that the model does not give is left out of its scene, which says why; more of them than
    params.max_missing allows raise a UserError.
    """
    found = asyncio.run(write_forms(books, params))
    told = accounts(found, params)
    tell(told, params)
    check_missing(told, params)
    store = Keyed("scenes")
    return {book_id: rewrite_book(path, found, params, store) for book_id, path in books.items()}, told


async def write_forms(books: Mapping[str, Path], params: LlmParams) -> dict[Wish, Written]:
    """What the store, and the endpoint where the store has nothing, give for every form of every scene."""
    wishes = list(all_wishes(books, params))
    async with Endpoint(params, "scenes") as endpoint:
        with Progress("forms", len(wishes), "form") as progress:
            return await Writer(params, endpoint, Keyed("writer")).write_all(wishes, progress)


def all_wishes(books: Mapping[str, Path], params: LlmParams) -> Iterator[Wish]:
    """The forms to write of all books."""
    for path in books.values():
        yield from wishes_of(read_document(path), params.forms)


def read_document(path: Path) -> dict[str, Any]:
    """The YAML document of a book, as the picker wrote it."""
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return document


def rewrite_book(path: Path, found: Mapping[Wish, Written], params: LlmParams, store: Keyed) -> Path:
    """The file of one book with the forms that were written, as an entry of the store."""
    document = read_document(path)
    mine = {(wish.scene_id, wish.form): found[wish] for wish in wishes_of(document, params.forms)}
    for scene in document["scenes"]:
        for form in params.forms:
            put_form(scene, form, mine[scene["id"], form])
    key = key_of(file_digest(path), document)
    return files_of(store.get_or_put(key, partial(write_scenes, document=document)))[0]


def put_form(scene: dict[str, Any], form: str, written: Written) -> None:
    """Put a form into its scene with what wrote it, or take it out and say why it is missing."""
    note: dict[str, str] = {"prompt": prompt_version(form)}
    if written.answers:
        note = {"model": written.answers[-1].model, "endpoint": written.answers[-1].endpoint, **note}
    if written.form is None:
        del scene["forms"][form]
        note["missing"] = written.missing
    else:
        scene["forms"][form] = written.form
    scene.setdefault("written_by", {})[form] = note


def accounts(found: Mapping[Wish, Written], params: LlmParams) -> dict[str, Any]:
    """How many forms were written and why others are missing, by whom, and the tokens of all their answers."""
    answers = [answer for one in found.values() for answer in one.answers]
    gone = Counter(wish.form for wish, one in found.items() if one.form is None)
    total = Counter(wish.form for wish in found)
    return {
        "models": sorted({answer.model for answer in answers}),
        "endpoints": sorted({answer.endpoint for answer in answers}),
        "prompts": {form: prompt_version(form) for form in params.forms},
        "written": {form: total[form] - gone[form] for form in params.forms},
        "missing": {form: gone[form] for form in params.forms},
        "reasons": dict(Counter(one.missing for one in found.values() if one.form is None).most_common()),
        "answers": len(answers),
        "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
        "completion_tokens": sum(answer.completion_tokens for answer in answers),
    }


def tell(told: Mapping[str, Any], params: LlmParams) -> None:
    """Print what was written and what that took, and what is missing and why."""
    written, missing = sum(told["written"].values()), sum(told["missing"].values())
    tokens = (told["prompt_tokens"], told["completion_tokens"])
    print(
        f"scenes: {written} of {written + missing} forms written by {params.model}, in {told['answers']} answers of "
        f"{tokens[0]:,} prompt and {tokens[1]:,} completion tokens{price(tokens, params.prices)}"
    )
    if missing:
        print(f"scenes: {missing} forms are missing: {in_words(told['reasons'])}")
    if any(reason.startswith(SILENCE) for reason in told["reasons"]):
        print("scenes: `dvc repro --force --single-item scenes` asks again where no answer came")


def check_missing(told: Mapping[str, Any], params: LlmParams) -> None:
    """Raise UserError where a larger share of the forms is missing than params.max_missing."""
    missing = sum(told["missing"].values())
    count = missing + sum(told["written"].values())
    if missing > params.max_missing * count:
        raise UserError(
            f"{missing} of {count} forms are missing ({in_words(told['reasons'])}), more than the share "
            f"scenes.llm.max_missing {params.max_missing:g}; try another scenes.llm.model or more scenes.llm.attempts, "
            "or raise it"
        )


def in_words(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons with their counts.

    Example: {"no answer: HTTP 500": 3, "no answer: timed out": 1} -> "3 no answer: HTTP 500, 1 no answer: timed out"
    """
    return ", ".join(f"{count} {reason}" for reason, count in list(reasons.items())[:4])


def price(tokens: tuple[float, float], prices: Sequence[float]) -> str:
    """The price of prompt and completion tokens, as it is told; nothing where no prices are given.

    Example: price((1_000_000, 500_000), [0.15, 0.60]) -> ", $0.45"
    """
    dollars = sum(count * rate for count, rate in zip(tokens, prices, strict=True)) / MILLION
    return f", ${dollars:,.2f}" if any(prices) else ""


@dataclass
class Rehearsal:
    """Stands in for the endpoint in a dry run: counts what it would be asked and answers nothing."""

    measure: Measure
    sizes: list[int] = field(default_factory=list)  # prompt tokens of each request

    async def ask(self, messages: Sequence[Message], schema: Any) -> Answer:
        """Count the prompt."""
        self.sizes.append(sum(self.measure([message["content"] for message in messages])))
        raise NoAnswer("nobody was asked")


def tell_cost(books: Mapping[str, Path], params: LlmParams, measure: Measure, prices: Sequence[float]) -> None:
    """Print how many requests and tokens writing the forms would take, and their price; sends nothing."""
    wishes, rehearsal = list(all_wishes(books, params)), Rehearsal(measure)
    with Progress("forms", len(wishes), "form") as progress:
        found = asyncio.run(Writer(params, rehearsal, Keyed("writer")).write_all(wishes, progress))
    known = [answer.completion_tokens for one in found.values() for answer in one.answers]
    each = min(params.max_tokens, round(sum(known) / len(known)) if any(known) else EXPECTED)
    count, prompt, times = len(rehearsal.sizes), sum(rehearsal.sizes), params.attempts
    most = count * params.max_tokens
    ceiling = (times * prompt + most * times * (times - 1) // 2, times * most)  # a prompt holds the answers before it
    print(
        f"scenes: {len(wishes)} forms of {len({wish.scene_id for wish in wishes})} scenes by {params.model}; "
        f"{len(known)} answers are in the store, {count} requests are to be sent to {params.base_url}"
    )
    print(
        f"scenes: about {prompt:,} prompt tokens, counted with the base's tokenizer, and {count * each:,} completion "
        f"tokens, {each} an answer{price((prompt, count * each), prices)}"
    )
    print(
        f"scenes: at most {ceiling[0]:,} and {ceiling[1]:,}, where every form takes {times} answers of "
        f"{params.max_tokens} tokens{price(ceiling, prices)}"
    )
