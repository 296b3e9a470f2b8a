"""Section `tiers` of params.yaml, and what is refused before any work."""

from pydantic import Field

from stages.shared.errors import UserError
from stages.shared.params import Section
from stages.shared.records import TIERS
from stages.shared.scenefile import FORMS
from stages.tiers import arms, breadth

CONTROLS = (*arms.CONTROLS, *breadth.SHARES)


class TiersParams(Section):
    """Section `tiers` of params.yaml."""

    seed: int
    tiers: list[str] = Field(min_length=1)
    orders: list[str] = Field(min_length=1)
    draws: int = Field(ge=1)
    disjoint: bool
    ladder: list[int] = Field(min_length=1)
    ladders: dict[str, list[int]]
    every: bool
    top_draws: int | None = Field(ge=1)
    max_books: int | None
    tokens_per_book: int = Field(ge=32)
    forms: list[str] = Field(min_length=1)
    controls: list[str]
    control_draws: int = Field(ge=0)
    control_orders: list[str]
    control_rungs: list[int]
    random_tokens: list[int] = Field(min_length=2, max_length=2)


def check(params: TiersParams) -> None:
    """Refuse unknown names and impossible ladders before any work."""
    for name, valid in [(params.tiers, TIERS), (params.forms, FORMS), (params.controls, CONTROLS)]:
        if unknown := [one for one in name if one not in valid]:
            raise UserError(f"unknown {unknown[0]!r} in tiers; valid are {', '.join(valid)}")
    for key, named in (("ladders", list(params.ladders)), ("control_orders", params.control_orders)):
        if strange := [order for order in named if order not in params.orders]:
            raise UserError(f"tiers.{key} names the order {strange[0]!r}; tiers.orders are {', '.join(params.orders)}")
    if empty := [order for order, ladder in params.ladders.items() if not ladder]:
        raise UserError(f"tiers.ladders has no rung for {empty[0]}; name one, or take the order out of it")
    if (least := min([*params.ladder, *(rung for ladder in params.ladders.values() for rung in ladder)])) < 1:
        raise UserError(f"tiers.ladder has the rung {least}; a rung is a number of books, at least 1")
    if params.max_books is not None and params.max_books < min(params.ladder):
        raise UserError(f"tiers.max_books {params.max_books} is below the smallest rung {min(params.ladder)}; raise it")
