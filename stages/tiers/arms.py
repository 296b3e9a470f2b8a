"""Arms: what is read for each book. `real` reads its scenes; the controls read as many tokens of something else."""

import importlib.metadata
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.shared.chance import digest, shuffled
from stages.shared.errors import UserError
from stages.shared.passages import Passage, is_well_formed, passages
from stages.shared.records import read_paragraphs
from stages.shared.scenefile import Scene, training_text

CONTROLS = ("shuffled_words", "other_prose", "random_passages")
UNSPACED = 20  # mean letters between two spaces from which a script does not space its words
Measure = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Text:
    """One text that is trained on, with what it came from."""

    book_id: str
    text_id: str
    form: str
    tier: str
    category: str
    language: str
    tokens: int
    text: str


def scene_texts(scenes: Sequence[Scene], form_names: Sequence[str], measure: Measure) -> list[Text]:
    """The scenes of one book as texts; with several forms each scene is written in one of those it has, in turn."""
    written = [(one, form) for index, one in enumerate(scenes) for form in turn(one, form_names, index)]
    texts = [training_text(one, form) for one, form in written]
    return [
        Text(one.book_id, f"{one.scene_id}:{form}", form, one.tier, one.category, one.language, tokens, text)
        for (one, form), text, tokens in zip(written, texts, measure(texts), strict=True)
    ]


def turn(scene: Scene, form_names: Sequence[str], index: int) -> list[str]:
    """The form whose turn it is, among those that a scene has; none where it has none of them."""
    own = [name for name in form_names if name in scene.forms]
    return [own[index % len(own)]] if own else []


def real_texts(scenes: Sequence[Scene], form_names: Sequence[str], limit: int, measure: Measure) -> list[Text]:
    """The texts of one book: its scenes, best first, while they fit into `limit` tokens; the best always."""
    chosen: list[Text] = []
    for one in scene_texts(scenes, form_names, measure):
        if not chosen or one.tokens + sum(other.tokens for other in chosen) <= limit:
            chosen.append(one)
    return chosen


def shuffle_words(one: Text, seed: int, measure: Measure) -> Text:
    """The words of a text in an order given by hash: its vocabulary without its sense."""
    words = re.split(r"\s+", one.text.strip())
    if len(words) < 8:  # scripts without spaces: shuffle characters
        words = list(one.text)
    order = shuffled(map(str, range(len(words))), seed, "words", one.text_id)
    joint = " " if " " in one.text else ""
    return replace_text(one, "shuffled_words", joint.join(words[int(index)] for index in order), measure)


def replace_text(one: Text, arm: str, text: str, measure: Measure) -> Text:
    """The same place in the reading with another text."""
    facts = (one.tier, one.category, one.language)
    return Text(one.book_id, f"{one.text_id}:{arm}", arm, *facts, measure([text])[0], text)


def random_passages(
    book_id: str, folder: Path, limits: tuple[int, int], seed: int, measure: Measure
) -> Iterator[Passage]:
    """The well-formed passages of a book, of `limits` units of length, in an order given by hash."""
    paragraphs = read_paragraphs(folder / f"{book_id}.jsonl")
    found = {one.place: one for one in passages(paragraphs, *limits, measure)}
    for place in shuffled(found, seed, "random", book_id):
        if is_well_formed(found[place].text):
            yield found[place]


def random_texts(texts: Sequence[Text], found: Iterable[Passage], measure: Measure) -> list[Text]:
    """As many passages of the same book, instead of its scenes."""
    return [
        replace_text(one, f"random_passages:{passage.place}", passage.text, measure)
        for one, passage in zip(texts, found, strict=False)
    ]


def prose_of_packages(lock: Path) -> list[str]:
    """Paragraphs of the descriptions and licences of the packages pinned in `lock`: prose that is no book.

    Sorted by hash, each once. Reading them runs nothing of the packages; those that are not installed are left out.
    """
    pinned = {line.partition("==")[0].strip().lower() for line in lock.read_text(encoding="utf-8").splitlines()}
    found: dict[str, str] = {}
    for package in importlib.metadata.distributions():
        if package.metadata["Name"].lower() not in pinned:
            continue  # pip and its kin differ from machine to machine
        for text in documents(package):
            for paragraph in re.split(r"\n\s*\n", text):
                flat = " ".join(paragraph.split())
                if len(flat) >= 120 and is_well_formed(flat):
                    found[digest(flat)] = flat
    return [found[key] for key in sorted(found)]


def documents(package: importlib.metadata.Distribution) -> Iterator[str]:
    """The description of a package and its licence files."""
    yield package.metadata.json.get("description", "")  # type: ignore[misc]
    for file in package.files or ():
        if ".dist-info" in str(file) and re.search(r"licen[cs]e|copying|notice", file.name, re.IGNORECASE):
            path = Path(str(package.locate_file(file)))
            if path.is_file():
                yield path.read_text(encoding="utf-8", errors="ignore")


def other_prose(texts: Sequence[Text], lock: Path, measure: Measure) -> list[Text]:
    """For each text as many tokens of the packages' prose, none of it twice: a text begins where the last one ended."""
    prose = prose_of_packages(lock)
    lengths = measure(prose)
    supply = iter(zip(prose, lengths, strict=True))
    result, whole = [], ""
    for one in texts:
        size = measure([whole])[0]
        while size < one.tokens:
            following = next(supply, None)
            if following is None:
                needed = sum(text.tokens for text in texts)
                raise UserError(
                    f"control other_prose needs {needed} tokens, the installed packages have {sum(lengths)}; "
                    "lower tiers.max_books or take it out of tiers.controls"
                )
            whole = f"{whole} {following[0]}".strip()
            size += following[1]
        text = shorten(whole, one.tokens, measure)
        whole = whole[len(text) :].strip()
        result.append(replace_text(one, "other_prose", text, measure))
    return result


def shorten(text: str, tokens: int, measure: Measure) -> str:
    """The first words of a text that stay within `tokens` (found by bisection); the first letters where a script
    does not space its words. At least one of them, however long.
    """
    words = text.split(" ")
    joint = " "
    if len(text) > UNSPACED * len(words):
        words, joint = list(text), ""
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if measure([joint.join(words[:middle])])[0] <= tokens:
            low = middle
        else:
            high = middle - 1
    return joint.join(words[:low])
