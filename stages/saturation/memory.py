"""What the base knew of the probe before any reading: its bits per byte, and how far it recites each book."""

from dataclasses import dataclass

import pandas as pd

# Tokens in a row, each the base's own first choice, from which a book counts as known by heart. SmolLM2 has 22-45 %
# of the first choices right on probe passages; even a base with 60 % would get 16 in a row behind one prefix in 3,500
# passages only (0.6 ** 16): a run this long is recall, not skill. What text that is no book gives stands beside it.
LONG_RUN = 16
BY_HEART, NOT_BY_HEART = "known by heart", "not known by heart"


@dataclass(frozen=True)
class Familiar:
    """One probe book before any reading: bits per byte of the base on its passages, and the longest run of tokens
    that the base recites behind a prefix; None where no passage was long enough."""

    book_id: str
    language: str
    rate: float
    run: int | None

    @property
    def stratum(self) -> str:
        """Known by heart or not; empty where no run was measured."""
        return "" if self.run is None else BY_HEART if self.run >= LONG_RUN else NOT_BY_HEART


@dataclass(frozen=True)
class Memory:
    """The probe books of a half by language and bits per byte, and the runs on control text, ascending."""

    books: tuple[Familiar, ...] = ()
    control: tuple[int, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether any book has a run."""
        return any(book.run is not None for book in self.books)

    @property
    def strata(self) -> dict[str, str]:
        """The stratum of each book."""
        return {book.book_id: book.stratum for book in self.books}


def read_memory(items: pd.DataFrame, half: str = "B") -> Memory:
    """Base rates and runs of an items table; a table without rows of the score memory gives no runs."""
    base = items[items["arm"] == "base"]
    scored = base[(base["half"] == half) & (base["stratum"] == "random") & (base["score"] == "prediction")]
    recited = base[base["score"] == "memory"]
    runs = recited.groupby("book_id")["bits"].max().astype(int).to_dict()
    sums = scored.groupby(["language", "book_id"])[["bits", "bytes"]].sum().reset_index()
    books = [
        Familiar(name, language, bits / size, runs.get(name))
        for language, name, bits, size in sums.itertuples(index=False, name=None)
    ]
    control = recited.loc[recited["stratum"] == "control", "bits"].astype(int)
    order = sorted(books, key=lambda book: (book.language, book.rate, book.book_id))
    return Memory(tuple(order), tuple(sorted(control.tolist())))
