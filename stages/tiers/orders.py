"""Orders, draws and rungs: which books are read in which sequence, by hash, each size inside the next."""

from collections.abc import Sequence

from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.records import TIERS, ShelfBook

LEAST_BOOKS = 20  # books that a theme or topic needs to be an order of its own


def ordered(books: Sequence[ShelfBook], order: str, draw: int, seed: int, disjoint: bool = False) -> list[ShelfBook]:
    """The books of an order in the sequence of a draw.

    tiered: core, then orbit, then fractal, shuffled inside each; shuffled: no tiers;
    theme-X: core and orbit, then the fractal books of category X; topic-X: only books of category X, tiered.
    A book keeps its place relative to the others when one is added. With `disjoint` an odd draw is the one before it
    read backwards, within each tier where there are tiers: up to half of the books they have none in common.
    """
    kind, _, category = order.partition("-")
    by_id = {book.book_id: book for book in books}
    backwards = disjoint and draw % 2 == 1
    names = shuffled(by_id, seed, draw - 1 if backwards else draw)
    drawn = [by_id[name] for name in (names[::-1] if backwards else names)]
    if kind == "shuffled" and not category:
        return drawn
    tiers = {tier: [book for book in drawn if book.tier == tier] for tier in TIERS}
    if kind == "tiered" and not category:
        return [book for tier in TIERS for book in tiers[tier]]
    if kind == "theme" and category:
        inside = [book for book in tiers["fractal"] if book.category == category]
        return [*tiers["core"], *tiers["orbit"], *inside]
    if kind == "topic" and category:
        return [book for tier in TIERS for book in tiers[tier] if book.category == category]
    raise UserError(
        f"unknown order {order!r} in tiers.orders; valid are tiered, shuffled, theme-CATEGORY, topic-CATEGORY"
    )


def rungs(available: int, ladder: Sequence[int], every: bool, max_books: int | None) -> list[int]:
    """The rungs that `available` books allow: those of the ladder, and with `every` all available as the top.

    Example: rungs(45, [10, 20, 50], True, None) -> [10, 20, 45]
    """
    limit = available if max_books is None else min(available, max_books)
    fitting = sorted({rung for rung in ladder if rung <= limit})
    return sorted({*fitting, limit}) if every or limit == max_books else fitting


def is_short(order: str, available: int) -> bool:
    """Whether a theme or topic has too few books to be read as an order of its own."""
    return order.partition("-")[0] in ("theme", "topic") and available < LEAST_BOOKS
