"""What a model must answer to write a form of a scene, and what makes its answer one: grounded, and in its language."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.scenes.forms import FRAMES
from stages.shared.passages import CLOSERS, STOPS, sentences
from stages.shared.scripts import foreign_script, letters_by_script

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
EDGES = STOPS + CLOSERS + "\u00ab\u201c\u201e\u2018\u300c\u300e ([,;:"
SCRIPT_SHARE = 0.5  # of the letters of what a model wrote, in a script of the book's language


class Unusable(Exception):
    """Why an answer is no form of its scene."""


class Part(BaseModel):
    """Base of the answers and their parts: all fields, no other ones; its schema says nothing that is not checked."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=lambda schema: schema.pop("description"))

    def grounded(self) -> Iterator["Grounded"]:
        """The parts that carry a quote."""
        return (value for _, value in self if isinstance(value, Grounded))

    def own_words(self) -> list[str]:
        """What the model wrote itself."""
        return [value.text if isinstance(value, Grounded) else value for _, value in self]


class Grounded(Part):
    """A text with the sentence of the scene that it rests on."""

    text: str
    quote: str

    def __str__(self) -> str:
        """The text with its quote behind it, where it does not hold it already."""
        return self.text if self.quote in flat(self.text) else f"{self.text}\n\n\u00ab{self.quote}\u00bb"


class Instruction(Part):
    """A task and how it is carried out."""

    instruction: str
    response: Grounded

    def form(self, language: str) -> str:
        """The form as markdown."""
        return f"### {self.instruction}\n\n---\n\n{self.response}"


class Qa(Part):
    """A question and its answer."""

    question: str
    answer: Grounded

    def form(self, language: str) -> dict[str, str]:
        """The form as question and answer."""
        return {"question": self.question, "answer": str(self.answer)}


class Tension(Part):
    """A thesis, its counter-move, and what it becomes."""

    thesis: Grounded
    counter_move: Grounded
    becomes: Grounded

    def form(self, language: str) -> dict[str, str]:
        """The form under its names in the language of the book."""
        names = FRAMES.get(language, FRAMES["en"])[2]
        return dict(zip(names, map(str, self.grounded()), strict=True))


ANSWERS: dict[str, type[Instruction] | type[Qa] | type[Tension]] = {
    "instruction": Instruction,
    "qa": Qa,
    "tension": Tension,
}
SCHEMAS = {form: answer.model_json_schema() for form, answer in ANSWERS.items()}


def read_form(form: str, raw: str, text: str, language: str) -> Any:
    """The form of a scene out of a model's answer, its quotes as they stand in the scene.

    Raises Unusable where the answer is no JSON object of that form, has an empty field, quotes what is no sentence
    of the scene, or is written in another script.
    """
    try:
        answer = ANSWERS[form].model_validate_json(raw[raw.find("{") : raw.rfind("}") + 1])
    except ValidationError:
        raise Unusable(f"no JSON object of the form {form}") from None
    known = runs_of_sentences(text)
    for part in answer.grounded():
        part.quote = find_quote(part.quote, known)
    words = answer.own_words()
    if not all(word.strip() for word in words) or any(map(CONTROL_CHARACTERS.search, words)):
        raise Unusable("an empty text, or control characters")
    if any(foreign_script(letters_by_script(word), language, SCRIPT_SHARE) for word in words):
        raise Unusable("not in the script of the book's language")
    return answer.form(language)


def find_quote(quote: str, known: dict[str, str]) -> str:
    """A quote as it stands in the scene; raises Unusable where it is no whole sentence of it."""
    if bare(quote) not in known:
        raise Unusable("a quote is no sentence of the scene")
    return known[bare(quote)]


def runs_of_sentences(text: str) -> dict[str, str]:
    """Every run of whole sentences of a text, white space normalised, under its bare form."""
    pieces = sentences(text)
    spans = [(first, last) for first in range(len(pieces)) for last in range(first, len(pieces))]
    runs = (flat("".join(pieces[first : last + 1])) for first, last in spans)
    return {bare(run): run for run in runs if bare(run)}


def bare(text: str) -> str:
    """A text without the stops and quotation marks around it, white space normalised."""
    return flat(text).strip(EDGES)


def flat(text: str) -> str:
    """A text with every run of white space as one space."""
    return " ".join(text.split())
