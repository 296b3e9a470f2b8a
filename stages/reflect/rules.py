"""The rules that a text must pass before it is trained on; each refuses with its reason and the number behind it."""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import category

from stages.reflect.settings import FilterParams
from stages.shared.near import duplicates, shingles
from stages.shared.scripts import foreign_script, letters_by_script

SCRIPT_SHARE = 0.5  # of the letters, in a script of the text's language
# Scripts that do not space their words: Thai to Khmer, kana, CJK. Each of their letters counts as a word.
UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
KINDS = ("empty", "short", "degenerate", "copy", "linkage", "agreement")  # of refusal, in the order they are tried


@dataclass(frozen=True)
class Read:
    """What was read, as the copy rules know it: every run of `size` words, and the shingles of each text."""

    size: int
    runs: frozenset[str]
    features: Mapping[str, set[str]]


def read_of(texts: Mapping[str, str], size: int) -> Read:
    """The runs and shingles of everything read (name -> text)."""
    found = frozenset(run for text in texts.values() for run in runs(text, size))
    return Read(size, found, {name: shingles(text) for name, text in texts.items()})


def words_of(text: str) -> list[str]:
    """The words of a text without case and punctuation; marks belong to their letters.

    Example: "One, two! \u9053\u53ef" -> ["one", "two", "\u9053", "\u53ef"]
    """
    spaced = "".join(sign if category(sign)[0] in "LMN" else " " for sign in text.casefold())
    return UNSPACED.sub(r" \g<0> ", spaced).split()


def runs(text: str, size: int) -> list[str]:
    """Every run of `size` words of a text.

    Example: runs("One, two! Three", 2) -> ["one two", "two three"]
    """
    words = words_of(text)
    return [" ".join(words[at : at + size]) for at in range(len(words) - size + 1)]


def copied_share(text: str, read: Read) -> float:
    """The share of a text's runs that stand in something read; 0 where it is shorter than a run."""
    own = runs(text, read.size)
    return sum(run in read.runs for run in own) / len(own) if own else 0.0


def distinct_share(text: str) -> float:
    """Distinct words among all words of a text; 0 where it has none."""
    words = words_of(text)
    return len(set(words)) / len(words) if words else 0.0


def squeezed(text: str) -> float:
    """Bytes of a text squeezed by zlib (level 9), per character: prose of any script takes 0.5 or more, a loop less."""
    return len(zlib.compress(text.encode(), 9)) / max(1, len(text))


def letter_share(text: str) -> float:
    """Letters and their marks among all signs of a text that are no white space."""
    signs = re.sub(r"\s+", "", text)
    return sum(category(sign)[0] in "LM" for sign in signs) / max(1, len(signs))


def degenerate(text: str, language: str, limits: FilterParams) -> str:
    """Why a text is no prose of its language: "" where it is."""
    if (share := letter_share(text)) < limits.letters:
        return f"degenerate: {share:.0%} of its signs are letters"
    if foreign := foreign_script(letters_by_script(text), language, SCRIPT_SHARE):
        return f"degenerate: {foreign}"
    if (share := distinct_share(text)) < limits.distinct:
        return f"degenerate: {share:.0%} of its words are distinct"
    if (size := squeezed(text)) < limits.squeezed:
        return f"degenerate: zlib squeezes it to {size:.2f} bytes a character"
    return ""


def form_reason(text: str, tokens: int, language: str, limits: FilterParams) -> str:
    """Why a text fails the rules that need neither what was read nor a model: length and form; "" where it passes."""
    if not text.strip():
        return "empty: nothing was written"
    if tokens < limits.min_tokens:
        return f"short: {tokens} tokens"
    return degenerate(text, language, limits)


def copy_reasons(texts: Mapping[str, str], read: Read, kept: Mapping[str, str], likeness: float) -> dict[str, str]:
    """Why texts (name -> text) repeat what was read, or a text that was kept or stands before them.

    Two rules: a run of words in common with anything read, and MinHash likeness of five-word shingles.
    """
    found = {}
    features = {**read.features, **{name: shingles(text) for name, text in {**kept, **texts}.items()}}
    alike = duplicates(features, likeness)
    for name, text in texts.items():
        if share := copied_share(text, read):
            found[name] = f"copy: {share:.0%} of its runs of {read.size} words stand in what was read"
        elif name in alike:
            found[name] = f"copy: it is like {alike[name]}"
    return found


def model_reason(linkage: float, floor: float, agreement: float | None, limits: FilterParams) -> str:
    """Why a text fails by what the base says of it; `agreement` is None for a scene that was read, not sampled."""
    if linkage < floor:
        return f"linkage: {linkage:.3f} bits a byte, the floor is {floor:.3f}"
    if agreement is not None and agreement <= limits.agreement:
        return f"agreement: {agreement:.3f} bits a byte, {limits.agreement:g} is too little"
    return ""


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """How many texts passed, and how many each rule refused.

    Example: ["", "copy: it is like b"] -> {"passed": 1, "empty": 0, ..., "copy": 1, ...}
    """
    kinds = [reason.partition(":")[0] or "passed" for reason in reasons]
    return {kind: kinds.count(kind) for kind in ("passed", *KINDS)}


def distinct_runs(texts: Sequence[str], size: int = 3) -> float:
    """Diversity: distinct runs of `size` words among all of them in all texts; 0 where there is none.

    (distinct-n of Li et al. 2016, A Diversity-Promoting Objective Function, section 5.2, over a set of texts.)
    """
    found = [run for text in texts for run in runs(text, size)]
    return len(set(found)) / len(found) if found else 0.0
