"""Readings: which orders are read in which draws, by which arms, and at which rungs."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.shared.errors import UserError
from stages.shared.records import ShelfBook
from stages.tiers import breadth, orders
from stages.tiers.settings import TiersParams


@dataclass(frozen=True)
class Plan:
    """What one book order gives: the books in sequence, by order and draw, and the rungs they allow."""

    order: str
    draw: int
    books: list[ShelfBook]
    ladder: list[int]


@dataclass(frozen=True)
class Reading:
    """One planned trajectory without its init: a row of data/tiers/readings.csv."""

    reading: str
    order: str
    arm: str
    draw: int
    rungs: str  # numbers of books, joined with ";"
    top: int  # 1 where the last rung is every book that the order has
    books: str  # how many books are read at each rung, joined with ";": fewer in half_books and quarter_books

    @property
    def numbers(self) -> list[int]:
        """The rungs as numbers."""
        return [int(rung) for rung in self.rungs.split(";")]


def plans(params: TiersParams, books: Sequence[ShelfBook]) -> list[Plan]:
    """Every order and draw that the books allow; an order that runs short is told, not read."""
    found = []
    for order in params.orders:
        for draw in range(params.draws):
            sequence = orders.ordered(books, order, draw, params.seed, params.disjoint)
            if orders.is_short(order, len(sequence)):
                print(f"tiers: order {order} has {len(sequence)} books, it needs {orders.LEAST_BOOKS}; not read")
                break
            found.append(Plan(order, draw, sequence, ladder_of(params, order, draw, len(sequence))))
    if not found:
        raise UserError(f"no order of tiers.orders has enough books; the shelf has {len(books)} to read")
    check_control_rungs(params.control_rungs, [plan for plan in found if is_controlled(params, plan)])
    return found


def ladder_of(params: TiersParams, order: str, draw: int, available: int) -> list[int]:
    """The rungs of an order and draw, at least one of the order's ladder among them.

    From draw tiers.top_draws on those above half of the books are left out, as long as any is left.
    """
    named = params.ladders.get(order, params.ladder)
    ladder = orders.rungs(available, named, params.every and order not in params.ladders, params.max_books)
    if not ladder or min(named) > available:
        raise UserError(
            f"the smallest rung {min(named)} is larger than the {available} books of order {order}; "
            "add books or lower tiers.ladder"
        )
    whole = params.top_draws is None or draw < params.top_draws
    return ladder if whole else [rung for rung in ladder if 2 * rung <= available] or ladder


def check_control_rungs(named: Sequence[int], planned: Sequence[Plan]) -> None:
    """Refuse a control rung that no order has; tell an order that has none of them."""
    ladder = sorted({rung for plan in planned for rung in plan.ladder})
    if unknown := [rung for rung in named if rung not in ladder]:
        raise UserError(
            f"tiers.control_rungs has {unknown[0]}, the ladder of this shelf is {', '.join(map(str, ladder))}; "
            "name rungs of it, or none for the top rung"
        )
    for order in dict.fromkeys(plan.order for plan in planned if not control_rungs(named, plan.ladder)):
        print(f"tiers: order {order} has no rung of tiers.control_rungs; its controls are not read")


def control_rungs(named: Sequence[int], ladder: Sequence[int]) -> list[int]:
    """The rungs of a ladder at which controls are read: those named, or the top one.

    Example: control_rungs([], [10, 20, 45]) -> [45]
    """
    return [rung for rung in ladder if rung in named] if named else list(ladder[-1:])


def is_controlled(params: TiersParams, plan: Plan) -> bool:
    """Whether controls are read for a plan."""
    return plan.draw < params.control_draws and plan.order in (params.control_orders or params.orders)


def rows(params: TiersParams, plan: Plan) -> list[Reading]:
    """The real reading of a plan, and the controls at their rungs for the first draws."""
    asked = control_rungs(params.control_rungs, plan.ladder)
    controls = params.controls if is_controlled(params, plan) and asked else []
    return [row(plan, "real", plan.ladder), *(row(plan, arm, asked) for arm in controls)]


def row(plan: Plan, arm: str, rungs: Sequence[int]) -> Reading:
    """The reading of a plan by one arm."""
    top = int(rungs[-1] == len(plan.books))
    read = [breadth.books_read(arm, rung) for rung in rungs]
    return Reading(f"{plan.order}-{arm}-d{plan.draw}", plan.order, arm, plan.draw, join(rungs), top, join(read))


def join(ladder: Sequence[int]) -> str:
    """Rungs as one CSV field."""
    return ";".join(map(str, ladder))
