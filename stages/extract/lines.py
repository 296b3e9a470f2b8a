"""Lines on a page, as the readers of PDF files tell them."""

from dataclasses import dataclass, field

from stages.extract.direction import runs_to_the_left


@dataclass(slots=True)
class Line:
    """A line of a page: text, box in points from the top left, size of its main font, whether all is bold.

    Where it starts and ends grows in the direction of writing; `rtl`: most of its letters run from right to left.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool = False
    rtl: bool = field(init=False)
    start: float = field(init=False)
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.rtl = not self.text.isascii() and runs_to_the_left(self.text)
        self.start, self.end = (-self.x1, -self.x0) if self.rtl else (self.x0, self.x1)


@dataclass(frozen=True)
class Page:
    """A page, counted from 1: its height in points, its lines in reading order, whether it shows an image."""

    number: int
    height: float
    lines: list[Line]
    has_image: bool = False
