"""Names of authors as catalogues write them: who wrote the work, when, in which century."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

YEAR = r"-?(?:approximately )?\d{1,4}\??(?: ?B\.?C\.?(?:E\.?)?)?"
AGE = r"\d{1,2}(?:st|nd|rd|th)? century(?: B\.?C\.?(?:E\.?)?)?"
DATES = re.compile(
    rf", ((?:(?:active|approximately|ca\.?|fl\.?|jin shi|ju ren) )*(?:{AGE}(?:-{AGE})?|{YEAR}(?:-(?:{YEAR})?)?))$"
)
ROLE = re.compile(r" *\[([A-Z][^\]]*)\]$")  # "[pseud.]" is part of a name
ACTIVE = re.compile(r"\b(?:active|fl|jin shi|ju ren)\b")
BEFORE_CHRIST = re.compile(r"\bB\.?C")


@dataclass(frozen=True)
class Author:
    """A person or body: `name` without dates, `role` "" for the author."""

    name: str
    dates: str
    role: str


def parse_author(text: str) -> Author:
    """Take a name apart.

    Example: "Grote, George, 1794-1871 [Translator]" -> Author("Grote, George", "1794-1871", "Translator")
    """
    role = ROLE.search(text)
    rest = text[: role.start()] if role else text
    dates = DATES.search(rest)
    name = rest[: dates.start()] if dates else rest
    return Author(name.strip(), dates[1] if dates else "", role[1] if role and role[1] != "Author" else "")


def writers(names: Sequence[str]) -> tuple[Author, ...]:
    """Those without a role; where all have one, the editors and compilers, else the first."""
    authors = [parse_author(name) for name in names]
    makers = [author for author in authors if author.role in ("Editor", "Compiler")]
    return tuple([author for author in authors if not author.role] or makers or authors[:1])


def century(dates: str, after_birth: int) -> str:
    """The century in which somebody with these dates wrote: `after_birth` years after birth, or at death before that.

    Example: "1828-1910" -> "19th"; "428? BCE-348? BCE" -> "ancient(<500)"; "" -> "unknown"
    """
    if "century" in dates:
        number = int(re.findall(r"\d+", dates)[0])
        return century_name(-1 if BEFORE_CHRIST.search(dates) else number)
    birth, death = years(dates)
    if birth is None and death is None:
        return "unknown"
    year = min(value for value in (None if birth is None else birth + after_birth, death) if value is not None)
    return century_name((year + 99) // 100)


def years(dates: str) -> tuple[int | None, int | None]:
    """Birth and death; years before Christ are negative. Of somebody active in a year only that is known.

    Example: "-1919" -> (None, 1919); "428-348 BCE" -> (-428, -348)
    """
    birth, death = (year_of(part) for part in dates.partition("-")[::2])
    if birth and death and death < 0:
        birth = -abs(birth)
    return (None, birth) if ACTIVE.search(dates) else (birth, death)


def year_of(text: str) -> int | None:
    """The year in a part of the dates, or None.

    Example: "348? BCE" -> -348
    """
    found = re.search(r"\d+", text)
    return None if found is None else int(found[0]) * (-1 if BEFORE_CHRIST.search(text) else 1)


def century_name(number: int) -> str:
    """The name of the century `number` (1 = the years 1-100) as the strata of the fractal call it.

    Example: 19 -> "19th"
    """
    if number <= 5:
        return "ancient(<500)"
    if number <= 15:
        return "medieval(500-1500)"
    return {21: "21st"}.get(number, f"{number}th")


def surname(name: str) -> str:
    """The family name of a name in either order.

    Example: "Miller, Jane", "Jane Miller" -> "miller"
    """
    family, comma, _ = name.split(";")[0].partition(",")
    words = re.findall(r"\w+", family.casefold())
    return "" if not words else " ".join(words) if comma else words[-1]
