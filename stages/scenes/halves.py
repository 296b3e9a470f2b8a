"""A passage in two halves: what the base model is asked about. No model is needed to cut them."""

from dataclasses import dataclass

from stages.shared.passages import sentences


@dataclass(frozen=True)
class Pair:
    """A passage in two halves, and the first half of another passage of its book ("" where the book has none)."""

    first: str
    second: str
    rival: str = ""


def halves(text: str) -> tuple[str, str]:
    """Cut a text at the sentence end nearest to its middle, or in the middle where it is one sentence.

    Example: "All is one. But it moves." -> ("All is one. ", "But it moves.")
    """
    ends, size = [], 0
    for piece in sentences(text)[:-1]:
        size += len(piece)
        ends.append(size)
    cut = min(ends, key=lambda end: abs(2 * end - len(text)), default=len(text) // 2)
    return text[:cut], text[cut:]
