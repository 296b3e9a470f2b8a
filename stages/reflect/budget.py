"""Equal tokens and equal compute: what each arm reads in a round, to a token."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stages.reflect.material import Text
from stages.shared.chance import shuffled

FORWARD = 2  # flops per weight and token that a model is run forward on (Kaplan et al. 2020, section 2.1: C = 2N)
# And per weight and token that an adapter is trained on. Kaplan et al. count 6: 2 forward, 2 for the gradients that
# flow through the layers and 2 for those of the weights. A frozen weight has no gradient of its own, which leaves 4.
# Reading is given more by 4 than by 6: what is generated costs it no less than it should.
TRAINED = 4

Piece = tuple[str, tuple[int, ...]]  # name, tokens


def trained_for(forward: int) -> int:
    """Tokens that can be trained on for the compute of `forward` tokens that were run forward; the half is rounded up.

    Example: trained_for(101) -> 51
    """
    return -(-forward * FORWARD // TRAINED)


class Reel:
    """Texts that are read one after another, and from the first again when all are: what `next` and `replay` read.

    `order` gives the order of each pass. A text that a round cuts off is not finished in the next.
    """

    def __init__(self, texts: Sequence[Text], order: Callable[[int], Sequence[Text]]) -> None:
        if not any(one.ids for one in texts):
            raise ValueError("a reel needs a text that has tokens")
        self.texts, self.order, self.begun = texts, order, 0
        self.turning = self.turn()

    def turn(self) -> Iterator[Piece]:
        """The texts of pass after pass, each named by its pass."""
        number = 0
        while True:
            for one in self.order(number):
                self.begun += 1
                yield f"{number}:{one.name}", one.ids
            number += 1

    def take(self, tokens: int) -> list[Piece]:
        """The next texts, exactly `tokens` tokens of them: the last one is cut where it is longer."""
        found: list[Piece] = []
        while tokens:
            name, ids = next(self.turning)
            if ids:
                found.append((name, ids[:tokens]))
                tokens -= len(ids[:tokens])
        return found

    @property
    def passes(self) -> float:
        """How often the texts were read so far, a text that was cut counted whole."""
        return self.begun / len(self.texts)


def in_turn(texts: Sequence[Text], replicate: int, replicates: int) -> Reel:
    """Texts in their own order in every pass: the next books, each replicate beginning at another of them.

    So what a replicate gains holds the choice of the books, as far as there are as many of them.
    """
    first = replicate * len(texts) // replicates
    turned = [*texts[first:], *texts[:first]]
    return Reel(turned, lambda number: turned)


def at_random(texts: Sequence[Text], *seed: object) -> Reel:
    """Texts in another order in every pass, by hash: replay."""
    by_name = {one.name: one for one in texts}
    return Reel(texts, lambda number: [by_name[name] for name in shuffled(by_name, *seed, number)])


@dataclass
class Pool:
    """Written texts that have passed, over all rounds: they accumulate, none is taken away.

    (Gerstgrasser et al. 2024, Is Model Collapse Inevitable?: accumulated beside real data they do not collapse a
    model, in its place they do.)
    """

    texts: dict[str, tuple[int, ...]]
    read: dict[str, int]  # how often each was read

    @classmethod
    def empty(cls) -> "Pool":
        """A pool in which nothing is yet."""
        return cls({}, {})

    def add(self, name: str, ids: tuple[int, ...]) -> None:
        """Put in a text that passed."""
        self.texts[name], self.read[name] = ids, 0

    def take(self, tokens: int, *seed: object) -> list[Piece]:
        """At most `tokens` tokens, each text once: those read least first, by hash among these; the last one is cut."""
        order = sorted(shuffled(self.texts, *seed), key=lambda name: self.read[name])
        found: list[Piece] = []
        for name in order:
            if tokens:
                found.append((f"own:{name}", self.texts[name][:tokens]))
                tokens -= len(found[-1][1])
                self.read[name] += 1
        return found


def mixed(pool: Pool, real: Reel, tokens: int, *seed: object) -> tuple[list[Piece], int]:
    """A round of own thinking of `tokens`: at most half from the pool, the rest real; and how many are its own."""
    own = pool.take(tokens // 2, *seed)
    count = tokens_in(own)
    return [*own, *real.take(tokens - count)], count


def tokens_in(pieces: Sequence[Piece]) -> int:
    """The tokens of some pieces."""
    return sum(len(ids) for _, ids in pieces)
